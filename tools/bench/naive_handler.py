"""The chat function as one would write it at first: everything imported at the top, every client made at once.

`tools.bench.cold_start` puts this file into a copy of the built function. With the initialisation type of provisioned
concurrency, which the benchmark sets, `chat_api.handler` builds its assistant at once, too.
"""

import agents
import boto3
import openai

from chat_api.handler import handler

CLIENTS = [boto3.client(name) for name in ("dynamodb", "s3", "secretsmanager")]  # pyright: ignore[reportUnknownMemberType]
IMPORTED = (agents, openai)

__all__ = ["handler"]
