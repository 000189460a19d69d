"""Read a function's settings once, from the environment; invalid settings stop the start.

class Settings(BaseSettings): …
settings = read_settings(Settings)
"""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings

S = TypeVar("S", bound=BaseSettings)


class SettingsError(Exception):
    """Invalid settings; the message has one line per fault."""


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
