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
import openai
from botocore.config import Config

from attachments_s3 import Kind, ModelLimits, Policy, S3AttachmentStore, s3_config
from chat_api.admission import Admission
from chat_api.app import create_app
from chat_api.assistant import Assistant, AssistantSettings, Closing, load_factory
from chat_api.context import RequestContext
from chat_api.hosted import HostedMode
from chat_api.identity import TokenVerifier, VerifierUnavailableError
from chat_api.limits import Limits
from chat_api.logs import configure_logs
from chat_api.message_files import MessageFiles
from chat_api.metrics import count_attachment, count_turn
from chat_api.openai_key import OpenAIKey
from chat_api.records import Records
from chat_api.request_checks import RequestChecks
from chat_api.server import AssistantServer, Guards
from chat_api.settings import AttachmentSettings, Settings, read_settings
from lambda_streaming import StreamingMangum
from store_dynamo import CLIENT_CONFIG, DynamoStore, OverflowBucket
from store_dynamo.feedback import DynamoFeedback
from store_dynamo.rates import DynamoRates
from store_dynamo.turns import DynamoTurns

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
    assistant = load_factory(settings.assistant)(
        AssistantSettings(
            settings.openai_model,
            settings.openai_base_url,
            _api_key(settings),
            settings.assistant_table,
            dynamodb,
        )
    )
    records = _records(settings, dynamodb, store)
    server = AssistantServer(
        store,
        files,
        assistant,
        _guards(settings, store, files, assistant, records),
        records,
        model_limits=ModelLimits(file_urls=settings.attachments.large_files_by_url),
        on_turn=count_turn,
    )
    hosted = _hosted(settings)
    verifier = TokenVerifier(
        settings.issuer, settings.cognito_client_id, str(settings.cognito_jwks_url), settings.required_group
    )

    async def warm() -> None:
        try:
            await verifier.warm()
        except VerifierUnavailableError:
            logger.exception("starting without the user pool's keys; they are fetched with the first request")

    async def close() -> None:
        if isinstance(assistant, Closing):
            await assistant.close()
        if hosted is not None:
            await hosted.close()

    return StreamingMangum(
        create_app(server, verifier, files.policy, settings.allowed_origins, hosted, on_start=[warm], on_stop=[close])
    )


def _records(settings: Settings, dynamodb: Any, store: DynamoStore[RequestContext]) -> Records:
    turns = DynamoTurns[RequestContext](table=settings.table_name, client=dynamodb, user_of=_user)
    rates = DynamoRates[RequestContext](table=settings.table_name, client=dynamodb, user_of=_user)
    feedback = DynamoFeedback[RequestContext](table=settings.table_name, client=dynamodb, user_of=_user)
    return Records(turns, rates, feedback, titles=store)


def _guards(
    settings: Settings,
    store: DynamoStore[RequestContext],
    files: S3AttachmentStore[RequestContext],
    assistant: Assistant,
    records: Records,
) -> Guards:
    limits = Limits(records.rates, settings.limits)
    message_files = MessageFiles(store, files)
    checks = RequestChecks(store, message_files, assistant)
    return Guards(Admission(checks, limits, records.turns, message_files), limits)


def _hosted(settings: Settings) -> HostedMode | None:
    if settings.workflow_id is None:
        return None
    client = openai.AsyncOpenAI(api_key=_api_key(settings), base_url=settings.openai_base_url)
    return HostedMode(settings.workflow_id, client)


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
