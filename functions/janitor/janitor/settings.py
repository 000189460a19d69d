"""Settings of the janitor.

settings = read_settings(Settings)          # function_setup; from the environment, every fault listed
"""

from __future__ import annotations

from function_setup import FunctionSettings


class Settings(FunctionSettings):
    """Environment variables of the janitor; `template.yaml` sets each of them (a test compares both)."""

    table_name: str
    bucket_name: str
