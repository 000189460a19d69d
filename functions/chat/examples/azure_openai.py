"""An assistant on Azure OpenAI, with its Chat Completions. ASSISTANT=examples.azure_openai:build

    OPENAI_BASE_URL=https://<resource>.openai.azure.com/openai/v1/ OPENAI_MODEL=<deployment> OPENAI_API_KEY=<key>

Azure's v1 endpoint takes the `openai` client as it is; `OPENAI_MODEL` is the name of your deployment. Three things
differ from OpenAI, and `examples/plain_openai.py` handles the first two: the first chunk has the filter's results and
no choices, chunks of the asynchronous filter have no delta, and a refused prompt is a 400 with the code
`content_filter`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from chatkit.errors import CustomStreamError
from chatkit.types import ThreadMetadata
from openai import BadRequestError

from chat_api.assistant import AssistantSettings, Turn
from examples.plain_openai import PlainOpenAI

FILTERED = "The content filter does not allow this conversation. Please start a new one, and write it differently."


class AzureOpenAI(PlainOpenAI):
    async def _answer(self, thread: ThreadMetadata, turn: Turn) -> AsyncIterator[str]:
        try:
            async for delta in super()._answer(thread, turn):
                yield delta
        except CustomStreamError as error:
            if isinstance(error.__cause__, BadRequestError) and error.__cause__.code == "content_filter":
                raise CustomStreamError(FILTERED, allow_retry=False) from error.__cause__
            raise


def build(settings: AssistantSettings) -> AzureOpenAI:
    if not settings.openai_base_url:
        raise ValueError("set OPENAI_BASE_URL=https://<resource>.openai.azure.com/openai/v1/")
    return AzureOpenAI(settings)
