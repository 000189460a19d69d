"""The Lambda function: `chat_api.handler.handler`. The composition root, and the only place that builds clients.

All of it happens once per process, before its first invocation (and before a SnapStart snapshot). Nothing may decorate
`handler`: with streaming it returns before the app has run.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import boto3
from botocore.config import Config

from attachments_s3 import Kind, ModelLimits, Policy, S3AttachmentStore, s3_config
from chat_api.admission import Admission
from chat_api.app import create_app
from chat_api.assistant import AssistantSettings, Closing, load_factory
from chat_api.context import RequestContext
from chat_api.identity import TokenVerifier, VerifierUnavailableError
from chat_api.logs import configure_logs
from chat_api.message_files import MessageFiles
from chat_api.metrics import count_attachment
from chat_api.openai_key import OpenAIKey
from chat_api.server import AssistantServer
from chat_api.settings import AttachmentSettings, Settings, read_settings
from lambda_streaming import StreamingMangum
from store_dynamo import CLIENT_CONFIG, DynamoStore, OverflowBucket

logger = logging.getLogger("chat_api.handler")

MB = 1_000_000
SECRETS_CONFIG = Config(connect_timeout=2, read_timeout=3, retries={"mode": "standard", "max_attempts": 3})


def build(settings: Settings) -> StreamingMangum:
    """Return the handler of a function with these settings."""
    s3 = _client("s3", s3_config())
    files = S3AttachmentStore[RequestContext](
        bucket=settings.bucket_name,
        client=s3,
        user_of=_user,
        policy=_policy(settings.attachments),
        on_event=count_attachment,
    )
    dynamodb = _client("dynamodb", CLIENT_CONFIG)
    store = DynamoStore[RequestContext](
        table=settings.table_name,
        client=dynamodb,
        user_of=_user,
        overflow=OverflowBucket(settings.bucket_name, s3),
        present=files.present,
        conceal=files.conceal,
        retention=timedelta(days=settings.retention_days) if settings.retention_days else None,
    )
    message_files = MessageFiles(store, files)
    assistant = load_factory(settings.assistant)(
        AssistantSettings(
            settings.openai_model,
            settings.openai_base_url,
            _api_key(settings),
            settings.assistant_table,
            dynamodb,
        )
    )
    server = AssistantServer(
        store,
        files,
        assistant,
        Admission(store, message_files),
        ModelLimits(file_urls=settings.attachments.large_files_by_url),
    )
    verifier = TokenVerifier(settings.issuer, settings.cognito_client_id, str(settings.cognito_jwks_url))

    async def warm() -> None:
        try:
            await verifier.warm()
        except VerifierUnavailableError:
            logger.exception("starting without the user pool's keys; they are fetched with the first request")

    async def close() -> None:
        if isinstance(assistant, Closing):
            await assistant.close()

    return StreamingMangum(
        create_app(server, verifier, files.policy, settings.allowed_origins, on_start=[warm], on_stop=[close])
    )


def _client(service: str, config: Config) -> Any:
    return boto3.client(service, config=config)  # pyright: ignore[reportCallIssue, reportArgumentType, reportUnknownMemberType, reportUnknownVariableType]  # fmt: skip


def _user(context: RequestContext) -> str:
    return context.user_id


def _policy(limits: AttachmentSettings) -> Policy:
    sizes = {Kind.IMAGE: limits.max_image_mb, Kind.PDF: limits.max_pdf_mb, Kind.TEXT: limits.max_text_mb}
    max_bytes = {**Policy().max_bytes, **{kind: size * MB for kind, size in sizes.items()}}
    return Policy(max_bytes=max_bytes, max_per_message=limits.max_per_message)


def _api_key(settings: Settings) -> Callable[[], Awaitable[str]]:
    if settings.openai_api_key is None:
        assert settings.openai_secret_arn is not None  # Settings saw to it
        return OpenAIKey(settings.openai_secret_arn, _client("secretsmanager", SECRETS_CONFIG))
    key = settings.openai_api_key.get_secret_value()

    async def from_environment() -> str:
        return key

    return from_environment


settings = read_settings()
configure_logs(settings.log_level)
handler = build(settings)
