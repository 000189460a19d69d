"""The Lambda function `chat_api.handler.handler`: the composition root and the only module that creates clients.

Everything is set up once per process, before its first invocation and before a SnapStart snapshot, except the parts
that most requests do not need: the clients of S3, Secrets Manager and OpenAI are created on first use, and `warmup.py`
loads the model dependencies with the first turn or after the first response.

Do not decorate `handler`: with streaming it returns before the app has run.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from function_setup.lean_imports import LeanImports

lean_imports = LeanImports(os.environ.get("LEAN_IMPORTS") != "off")
with lean_imports.handler():  # before the imports that it makes cheaper
    from botocore.config import Config
    from snapshot_restore_py import register_after_restore, register_before_snapshot

    from attachments_s3 import Kind, ModelLimits, Policy, S3AttachmentStore, s3_config
    from chat_api.app import create_app
    from chat_api.assistant import (
        AssistantSettings,
        Environment,
        ModelOption,
        SupportsClose,
    )
    from chat_api.attach.producer import BACKOFF
    from chat_api.context import RequestContext
    from chat_api.factory import build_assistant, package_of
    from chat_api.hosted import HostedMode
    from chat_api.identity import TokenVerifier
    from chat_api.server import AssistantServer
    from chat_api.settings import Settings
    from chat_api.telemetry import PACKAGES, Metrics
    from chat_api.turn import Timing
    from chat_api.warmup import AssistantSecrets, StoredSecret, Warmup
    from function_setup import ClientSession, LazyClient, configure_logs, read_settings
    from lambda_streaming import StreamingMangum
    from store_dynamo import CLIENT_CONFIG, Backoff, DynamoStore, S3Bucket

MB = 1_000_000
logger = logging.getLogger("chat_api.handler")
SECRETS_CONFIG = Config(connect_timeout=2, read_timeout=3, retries={"mode": "standard", "max_attempts": 3})


def build(settings: Settings) -> StreamingMangum:
    """Return the function's handler."""
    if not settings.uses_openai:  # the Agents SDK sends traces with the conversation to OpenAI, whatever the endpoint
        os.environ.setdefault("OPENAI_AGENTS_DISABLE_TRACING", "1")
    session = ClientSession()
    dynamodb = session.client("dynamodb", CLIENT_CONFIG)
    s3 = session.client("s3", s3_config())
    secrets = session.client("secretsmanager", SECRETS_CONFIG)
    dynamodb.get()  # created now, because every request needs it
    files = _files(settings, s3)
    key = _api_key(settings, secrets)
    own = StoredSecret(settings.app_secret_arn, secrets) if settings.app_secret_arn else None
    assistant = build_assistant(
        settings.assistant,
        AssistantSettings(
            settings.openai_model,
            settings.openai_base_url,
            key,
            settings.assistant_table,
            dynamodb,
            env=Environment(os.environ),
            secret=AssistantSecrets(os.environ, own),
            models=tuple(ModelOption(id=name, label=label) for name, label in settings.openai_models),
            transcription_model=settings.transcription_model,
            reasoning_effort=settings.reasoning_effort,
        ),
    )
    server = AssistantServer(
        _store(settings, dynamodb, s3, files),
        files,
        assistant,
        timing=Timing(journal=settings.journal_seconds),
        limits=settings.limits_in_effect,
        model_limits=ModelLimits(file_urls=settings.attachments.large_files_by_url),
        on_turn=Metrics(settings.metrics_namespace).turn,
        show_errors=settings.show_errors,
        loading=lean_imports.loading,
        lease_store=_store(settings, dynamodb, s3, files, BACKOFF),
    )
    verifier = TokenVerifier(
        settings.issuer, settings.cognito_client_id, str(settings.cognito_jwks_url), settings.required_group
    )
    stored = [each for each in (key, own) if isinstance(each, StoredSecret)]
    warmup = Warmup(server.load, verifier, (dynamodb, s3, secrets), stored, at_init=settings.load == "init")
    openai_client = LazyClient(lambda: _openai_client(settings, key))
    hosted = HostedMode(settings.workflow_id, openai_client) if settings.workflow_id else None  # pyright: ignore[reportArgumentType]

    async def close() -> None:
        if isinstance(assistant, SupportsClose):
            await assistant.close()
        if openai_client.created is not None:
            await openai_client.close()

    app = create_app(server, verifier, settings.allowed_origins, hosted, on_start=[warmup.start], on_stop=[close])
    mangum = StreamingMangum(app)
    register_before_snapshot(warmup.before_snapshot)
    register_after_restore(lambda: mangum.loop.run_until_complete(warmup.after_restore()))
    return mangum


def _files(settings: Settings, s3: Any) -> S3AttachmentStore[RequestContext]:
    limits = settings.attachments
    sizes = {
        Kind.IMAGE: limits.max_image_mb,
        Kind.PDF: limits.max_pdf_mb,
        Kind.OFFICE: limits.max_office_mb,
        Kind.TEXT: limits.max_text_mb,
    }
    max_bytes = {**Policy().max_bytes, **{kind: size * MB for kind, size in sizes.items()}}
    policy = Policy(max_bytes=max_bytes, max_per_message=limits.max_per_message)
    on_event = Metrics(settings.metrics_namespace).attachment
    return S3AttachmentStore(bucket=settings.bucket_name, client=s3, user_of=_user, policy=policy, on_event=on_event)


def _store(
    settings: Settings,
    dynamodb: Any,
    s3: Any,
    files: S3AttachmentStore[RequestContext],
    backoff: Backoff | None = None,
) -> DynamoStore[RequestContext]:
    return DynamoStore(
        table=settings.table_name,
        client=dynamodb,
        user_of=_user,
        overflow=S3Bucket(settings.bucket_name, s3),
        after_read=files.sign_urls,
        before_write=files.strip_urls,
        retention=timedelta(days=settings.retention_days) if settings.retention_days else None,
        by_activity=settings.thread_order == "activity",
        backoff=backoff,
    )


def _openai_client(settings: Settings, key: Callable[[], Awaitable[str]]) -> Any:
    import openai  # half a second; only hosted mode needs it here

    return openai.AsyncOpenAI(api_key=key, base_url=settings.openai_base_url)


def _user(context: RequestContext) -> str:
    return context.user_id


def _api_key(settings: Settings, secrets: Any) -> Callable[[], Awaitable[str]]:
    if settings.openai_api_key is None:
        assert settings.openai_secret_arn is not None  # validated by Settings
        return StoredSecret(settings.openai_secret_arn, secrets)
    key = settings.openai_api_key.get_secret_value()

    async def from_environment() -> str:
        return key

    return from_environment


settings = read_settings(Settings)
own_packages = (*PACKAGES, package_of(settings.assistant))
configure_logs("chat_api", settings.log_level, own_packages, details=settings.show_errors)
try:
    handler = build(settings)
except BaseException:  # Lambda reports neither the cause nor its frames
    logger.exception("the function does not start")
    raise
