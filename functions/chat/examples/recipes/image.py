"""A generated image: partial versions appear first; the last one is stored in S3. AgentAssistant has the converter."""

from __future__ import annotations

from agents import ImageGenerationTool
from openai.types.responses.tool_param import ImageGeneration

from assistant_kit.items import PARTIAL_IMAGES
from chat_api.assistant import Assistant, AssistantSettings
from examples.recipes.agent import AgentAssistant

PICTURES = ImageGeneration(type="image_generation", partial_images=PARTIAL_IMAGES, quality="low")


def build(settings: AssistantSettings) -> Assistant:
    return AgentAssistant(settings, tools=[ImageGenerationTool(PICTURES)])
