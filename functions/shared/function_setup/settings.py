"""Read a function's settings once, from the environment; invalid settings stop the start.

class Settings(BaseSettings): …
settings = read_settings(Settings)
"""

from __future__ import annotations

from typing import Literal, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class SettingsError(Exception):
    """Invalid settings; the message has one line per fault."""


class FunctionSettings(BaseSettings):
    """Environment variables that every function has. An empty variable counts as unset."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True)

    log_level: Literal["DEBUG", "INFO", "WARN", "ERROR"] = "INFO"


S = TypeVar("S", bound=FunctionSettings)


def read_settings(model: type[S]) -> S:
    """Return the settings of this process.

    Raises SettingsError with one line per fault. The lines do not quote values, because one may be a secret.
    """
    try:
        return model()
    except ValidationError as error:
        faults = [
            f"{'.'.join(str(part) for part in fault['loc']).upper() or 'environment'}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        ]
        raise SettingsError("invalid settings:\n  " + "\n  ".join(faults)) from None
