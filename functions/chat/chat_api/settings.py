"""The function's settings, read once from the environment; a wrong one stops the start and names every fault."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class SettingsError(Exception):
    """The environment does not describe a function that can run; the message lists every fault."""


class AttachmentSettings(BaseModel):
    """Limits of users' files, for example `ATTACHMENTS={"max_image_mb": 5}`; megabytes of 1 000 000 bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_per_message: int = Field(default=10, ge=1, le=50)
    max_image_mb: int = Field(default=20, ge=1, le=50)
    max_pdf_mb: int = Field(default=50, ge=1, le=50)
    max_text_mb: int = Field(default=10, ge=1, le=50)
    large_files_by_url: bool = True
    """Give the model a presigned URL of what is too large to go inline; a local bucket's is never given."""


class LimitSettings(BaseModel):
    """How much is allowed, for example `LIMITS={"turns_per_minute": 5, "turns_per_day": null}`; null: no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    turns_per_minute: int | None = Field(default=20, ge=1)
    turns_per_day: int | None = Field(default=500, ge=1)
    uploads_per_minute: int | None = Field(default=30, ge=1)
    uploads_per_day: int | None = Field(default=500, ge=1)
    transcriptions_per_minute: int | None = Field(default=20, ge=1)
    transcriptions_per_day: int | None = Field(default=500, ge=1)
    all_turns_per_day: int | None = Field(default=20_000, ge=1)
    """Of all users together: what a day can cost at most."""
    all_tokens_per_day: int | None = Field(default=None, ge=1)
    """Input and output of all users together, as far as the assistant reports them."""


class Settings(BaseSettings):
    """Environment variables of the chat function; `template.yaml` sets each of them (a test compares both)."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True)

    table_name: str
    bucket_name: str
    cognito_issuer: HttpUrl
    cognito_jwks_url: HttpUrl
    cognito_client_id: str
    required_group: str | None = None
    assistant: str = "coach.assistant:build"
    assistant_table: str | None = None
    openai_model: str = "gpt-5.1"
    openai_api_key: SecretStr | None = None
    openai_secret_arn: str | None = None
    openai_base_url: str | None = None
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = ()
    attachments: AttachmentSettings = AttachmentSettings()
    limits: LimitSettings = LimitSettings()
    workflow_id: str | None = None
    retention_days: int | None = Field(default=None, ge=1)
    lambda_streaming_entry: Literal["function-url", "rest-api"] = "function-url"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
        return (
            tuple(origin.strip() for origin in value.split(",") if origin.strip()) if isinstance(value, str) else value
        )

    @model_validator(mode="after")
    def _needs_a_key(self) -> Settings:
        if self.openai_api_key is None and self.openai_secret_arn is None:
            raise ValueError("set OPENAI_SECRET_ARN (deployed) or OPENAI_API_KEY (on a laptop)")
        return self

    @property
    def issuer(self) -> str:
        """The issuer exactly as tokens state it: without the slash that URL parsing may add."""
        return str(self.cognito_issuer).rstrip("/")


def read_settings() -> Settings:
    """Return the settings of this process.

    Raises SettingsError with one line per fault; values are not quoted, a secret may be among them.
    """
    try:
        return Settings()  # pyright: ignore[reportCallIssue]
    except ValidationError as error:
        faults = [
            f"{'.'.join(str(part) for part in fault['loc']).upper() or 'environment'}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        ]
        raise SettingsError("bad settings:\n  " + "\n  ".join(faults)) from None
