"""Settings of the chat function.

settings = read_settings(Settings)          # function_setup; from the environment, every fault listed
"""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from function_setup import FunctionSettings


class AttachmentSettings(BaseModel):
    """Limits of uploaded files, for example `ATTACHMENTS={"max_image_mb": 5}`; a megabyte is 1,000,000 bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_per_message: int = Field(default=10, ge=1, le=50)
    max_image_mb: int = Field(default=20, ge=1, le=50)
    max_pdf_mb: int = Field(default=50, ge=1, le=50)
    max_office_mb: int = Field(default=20, ge=1, le=50)
    max_text_mb: int = Field(default=10, ge=1, le=50)
    large_files_by_url: bool = True
    """Pass files that are too large for inline input as presigned URLs; never applies to a local bucket."""


class LimitSettings(BaseModel):
    """Limits, for example `LIMITS={"turns_per_minute": 5, "turns_per_day": null}`; null disables a limit.

    A limit per minute is a bucket that refills: a user may use it at once, then one each `60 s / limit`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests_per_minute: int | None = Field(default=120, ge=1)
    """Every request with a token, also those that only read; two pages that load every minute send about 20."""
    turns_at_once: int | None = Field(default=3, ge=1, le=8)
    """Requests of one user that run the assistant at the same time: turns, widget actions, and dictation."""
    user_tokens_per_day: int | None = Field(default=5_000_000, ge=1)
    """Input and output tokens of one user, as the assistant reports them: 500 turns of 10,000 tokens."""
    turns_per_minute: int | None = Field(default=20, ge=1)
    turns_per_day: int | None = Field(default=500, ge=1)
    actions_per_minute: int | None = Field(default=60, ge=1)
    """Synchronous widget actions and changes of the overview; actions that stream are turns."""
    actions_per_day: int | None = Field(default=1_000, ge=1)
    uploads_per_minute: int | None = Field(default=30, ge=1)
    uploads_per_day: int | None = Field(default=500, ge=1)
    searches_per_minute: int | None = Field(default=60, ge=1)
    searches_per_day: int | None = Field(default=2_000, ge=1)
    reports_per_minute: int | None = Field(default=10, ge=1)
    """Errors of the page; it sends at most five in a visit."""
    reports_per_day: int | None = Field(default=100, ge=1)
    transcriptions_per_minute: int | None = Field(default=20, ge=1)
    transcriptions_per_day: int | None = Field(default=500, ge=1)
    all_turns_per_day: int | None = Field(default=20_000, ge=1)
    """Turns and actions of all users together; bounds the cost of a day."""
    all_tokens_per_day: int | None = Field(default=None, ge=1)
    """Input and output tokens of all users together, as reported by the assistant."""
    all_turns_at_once: int | None = Field(default=None, ge=1)
    """Processes that may run the assistant; None: what RESERVED_CONCURRENCY leaves for it, else no limit."""


ORIGIN = re.compile(
    r"(https://[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*|http://(localhost|127\.0\.0\.1))"
    r"(:[1-9][0-9]{0,4})?"
)
"""An origin as a browser sends it; the template's parameter has the same pattern. A page over HTTP is accepted on this
machine only, because whoever changes it on the way gets its tokens."""


ADDRESS = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*)?")
"""A base URL of a model endpoint; the template's parameter has the same pattern."""


class Settings(FunctionSettings):
    """Environment variables of the chat function; `template.yaml` sets each of them (a test compares both)."""

    table_name: str
    bucket_name: str
    cognito_issuer: HttpUrl
    cognito_jwks_url: HttpUrl
    cognito_client_id: str
    required_group: str | None = None
    assistant: str = "coach.assistant:build"
    assistant_table: str | None = None
    openai_model: str = "gpt-6.1-terra"
    openai_models: Annotated[tuple[tuple[str, str], ...], NoDecode] = ()
    """The composer's menu of models, as names and labels: `gpt-6.1-sol=GPT-6.1 Sol,gpt-6-luna`."""
    transcription_model: str = "gpt-transcribe"
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    """The effort of models that think; None leaves it to them. A model that refuses the value is asked without it."""
    openai_api_key: SecretStr | None = None
    openai_secret_arn: str | None = None
    openai_base_url: str | None = None
    show_errors: bool = False
    """Put the text of exceptions into error events and logs; only `make dev` sets it, because it can quote users."""
    app_secret_arn: str | None = None
    """The secret with the values of [secrets] in app/app.toml; `tools.app.folder` adds it to the template."""
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = ()
    attachments: AttachmentSettings = AttachmentSettings()
    limits: LimitSettings = LimitSettings()
    reserved_concurrency: int | None = Field(default=None, ge=1)
    workflow_id: str | None = None
    retention_days: int | None = Field(default=None, ge=1)
    thread_order: Literal["created", "activity"] = "created"
    """Order of the history: by creation, as ChatKit expects it, or by last message."""
    journal_seconds: float = Field(default=1.0, ge=0, le=10)
    """The interval at which a running answer is written to its journal; 0 turns the journal off."""
    metrics_namespace: str = "ChatKit"
    load: Literal["first-answer", "init"] = "first-answer"
    """When an on-demand process loads the Agents SDK and the assistant's dependencies, unless a turn comes first."""
    lean_imports: Literal["on", "off"] = "on"
    """Cheaper imports at a cold start; the handler reads it before it imports this module."""

    @field_validator("openai_models", mode="before")
    @classmethod
    def _split_models(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        named = [entry.strip().partition("=") for entry in value.split(",") if entry.strip()]
        return tuple((name.strip(), label.strip() or name.strip()) for name, _, label in named)

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
        return (
            tuple(origin.strip() for origin in value.split(",") if origin.strip()) if isinstance(value, str) else value
        )

    @field_validator("allowed_origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        if not all(ORIGIN.fullmatch(origin) for origin in origins):
            raise ValueError(
                "must be origins like https://app.example.com, with commas between them; * and null would "
                "let any page use a user's token"
            )
        return origins

    @field_validator("openai_base_url")
    @classmethod
    def _check_address(cls, address: str | None) -> str | None:
        if address is not None and not ADDRESS.fullmatch(address):
            raise ValueError("must be an address such as https://models.example.com/v1")
        return address

    @model_validator(mode="after")
    def _require_a_key(self) -> Settings:
        if self.openai_api_key is None and self.openai_secret_arn is None:
            raise ValueError("set OPENAI_SECRET_ARN (deployed) or OPENAI_API_KEY (local)")
        return self

    @property
    def limits_in_effect(self) -> LimitSettings:
        """The limits, with a fifth of the reserved processes left to requests that do not run the assistant."""
        reserved = self.reserved_concurrency
        if reserved is None or self.limits.all_turns_at_once is not None:
            return self.limits
        turns = max(1, reserved - max(1, reserved // 5))
        return self.limits.model_copy(update={"all_turns_at_once": turns})

    @property
    def uses_openai(self) -> bool:
        """Whether model requests go to OpenAI itself, in any of its regions."""
        host = urlsplit(self.openai_base_url or "https://api.openai.com").hostname or ""
        return host == "openai.com" or host.endswith(".openai.com")

    @property
    def issuer(self) -> str:
        """The issuer exactly as in tokens: without the trailing slash that URL parsing may add."""
        return str(self.cognito_issuer).rstrip("/")
