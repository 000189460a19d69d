"""The naive variant of the chat function: all imports and clients at the top.

`tools.bench.cold_start` copies this file into a build of the function. The benchmark sets the initialization type of
provisioned concurrency, so that `chat_api.handler` builds its assistant at the start, too.
"""

import agents
import boto3
import openai

from chat_api.handler import handler

CLIENTS = [boto3.client(name) for name in ("dynamodb", "s3", "secretsmanager")]  # pyright: ignore[reportUnknownMemberType]
IMPORTED = (agents, openai)

__all__ = ["handler"]
