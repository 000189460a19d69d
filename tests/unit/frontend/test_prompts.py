"""Start-screen prompts: with the local model too, each calls a tool, the same one in every language."""

from __future__ import annotations

import re

from agents import FunctionTool

from coach.tools import TOOLS
from tools import ROOT
from tools.local.openai.request import Request
from tools.local.openai.responses import FunctionCall
from tools.local.openai.rules import tool_calls

BRAND = (ROOT / "frontend" / "src" / "brand.ts").read_text()
PROMPTS = re.findall(r'\bprompt:\s*"([^"]+)"', BRAND)
OFFERED = [
    {"type": "function", "name": tool.name, "parameters": tool.params_json_schema}
    for tool in TOOLS
    if isinstance(tool, FunctionTool)
]


def call(prompt: str) -> tuple[str, object]:
    """Return the tool that the local model calls and its arguments, except a goal's text, which is translated."""
    outputs = tool_calls(Request.read({"input": prompt, "tools": OFFERED}))
    assert outputs, f"no tool for {prompt!r}"
    (output,) = outputs
    assert isinstance(output, FunctionCall)
    return output.name, {name: value for name, value in output.arguments.items() if name != "goal"}


def test_every_prompt_calls_a_tool_the_same_in_every_language() -> None:
    half = len(PROMPTS) // 2
    english, german = [call(prompt) for prompt in PROMPTS[:half]], [call(prompt) for prompt in PROMPTS[half:]]

    assert english == german
    assert [name for name, _ in english] == ["balances", "spending_by_category", "set_budget", "ask_about_goal"]
