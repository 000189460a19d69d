"""An assistant on Azure OpenAI, with its Chat Completions. ASSISTANT=examples.azure_openai:build

    OPENAI_BASE_URL=https://<resource>.openai.azure.com/openai/v1/ OPENAI_MODEL=<deployment> OPENAI_API_KEY=<key>

Azure's v1 endpoint takes the `openai` client as it is; `OPENAI_MODEL` is the name of your deployment. Three things
differ from OpenAI, and `examples/plain_openai.py` handles them: the first chunk has the filter's results but no choice,
chunks of the asynchronous filter have no delta, and a refused prompt is a 400 with the code `content_filter`, after
which the prompt is left out of the conversation.
"""

from __future__ import annotations

from chat_api.assistant import AssistantSettings
from examples.plain_openai import PlainOpenAI


def build(settings: AssistantSettings) -> PlainOpenAI:
    if not settings.openai_base_url:
        raise ValueError("set OPENAI_BASE_URL=https://<resource>.openai.azure.com/openai/v1/")
    return PlainOpenAI(settings)
