"""Steps of the demo for the coach's features: cards, workflows, client tools, forms, pictures, dictation.

for name, step in feature_steps(stack, client, thread_id):
    detail = await step
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from typing import Any

import httpx

from tools.client.chatkit import (
    ChatKitClient,
    act,
    add_form_answers,
    add_message,
    add_tool_output,
    create_thread,
    get_thread,
    transcribe,
)
from tools.local.chat.rendering import decisions_of
from tools.local.demo.answer import ask_well, expect
from tools.local.openai.transcription import spoken
from tools.local.stack import Stack

Step = tuple[str, Coroutine[Any, Any, str | None]]
SPEECH = "What are my balances?"


def feature_steps(stack: Stack, client: ChatKitClient, thread_id: str, again: ChatKitClient) -> Iterator[Step]:
    """Yield each step with its name. A step returns a detail to print, or None."""
    features = Features(client, thread_id)
    yield "an approval: asked, a new process, approved by another sign-in, done once", features.approval(stack, again)
    yield "a card: the balances, also as text", features.card()
    yield "an analysis as a workflow of steps", features.analysis()
    yield "a budget: a form, its action, the stored card", features.budget()
    yield "a form whose answers become a plan", features.form()
    yield "a client tool: the page answers and the turn continues", features.client_tool()
    yield "a picture: partial images first, the result in S3", features.picture()
    if stack.model is not None:  # the local model finds the text in the bytes; OpenAI would need real speech
        yield "dictation", features.dictation()


class Features:
    """The steps, all in one conversation."""

    def __init__(self, client: ChatKitClient, thread_id: str) -> None:
        self._client = client
        self._thread_id = thread_id

    async def card(self) -> str:
        answer = await ask_well(self._client, add_message(self._thread_id, "What are my balances?"))
        rows = answer.item("widget")["copy_text"].splitlines()
        amounts = [row.split(": ")[1] for row in rows]
        expect(len(amounts) == 4, f"three accounts and a total on the card, not {rows}")
        expect(all(amount in answer.text for amount in amounts), f"{amounts} in the answer {answer.text!r}")
        return " · ".join(rows)

    async def analysis(self) -> str:
        answer = await ask_well(self._client, add_message(self._thread_id, "Analyze my spending of the last 6 months"))
        tasks = answer.item("workflow")["workflow"]["tasks"]
        expect({task["status_indicator"] for task in tasks} == {"complete"}, f"every step complete, not {tasks}")
        return " · ".join(task["title"] for task in tasks)

    async def budget(self) -> str:
        form = (await ask_well(self._client, add_message(self._thread_id, "Set a budget for dining"))).item("widget")
        payload = {**form["widget"]["confirm"]["action"]["payload"], "amount": "400"}
        saved = await ask_well(self._client, act(self._thread_id, form["id"], "budget.save", payload))
        expect("thread.item.replaced" in saved.types, f"a card that replaces the form, not {saved.types}")
        thread = await self._client.call(get_thread(self._thread_id))
        (card,) = (item for item in thread["items"]["data"] if item["id"] == form["id"])
        expect("$400.00" in str(card["widget"]), "the stored card with the budget")
        return "$400.00 for dining"

    async def form(self) -> str:
        question = await ask_well(self._client, add_message(self._thread_id, "I am saving for a boat"))
        form = question.item("structured_input")
        answers = {"amount": "5000", "horizon": "12 months"}
        plan = await ask_well(self._client, add_form_answers(self._thread_id, form["id"], answers))
        expect("$416.67" in plan.text, f"$5,000.00 in twelve parts, not {plan.text!r}")
        return plan.text

    async def client_tool(self) -> str:
        first = await ask_well(self._client, add_message(self._thread_id, "Open my budgets"))
        call = first.item("client_tool_call")
        expect(call["name"] == "open_page", f"open_page, not {call['name']}")
        resumed = await ask_well(self._client, add_tool_output(self._thread_id, {"opened": call["arguments"]["page"]}))
        expect(resumed.text, "an answer to the tool's output")
        return f"{call['name']}({call['arguments']['page']}) → “{resumed.text}”"

    async def picture(self) -> str:
        answer = await ask_well(self._client, add_message(self._thread_id, "Draw a picture of my boat"))
        updates = [
            r.event for r in answer.received if r.event.get("update", {}).get("type") == "generated_image.updated"
        ]
        image = answer.item("generated_image")["image"]
        async with httpx.AsyncClient(timeout=30) as browser:
            shown = await browser.get(image["url"])
        expect(shown.status_code == 200, f"200 for the picture's URL, not {shown.status_code}")
        expect(shown.content.startswith(b"\x89PNG"), "a PNG behind the picture's URL")
        return f"{len(updates)} partial images, then {len(shown.content)} bytes from a signed URL"

    async def approval(self, stack: Stack, again: ChatKitClient) -> str:
        """Ask on one sign-in; replace the process; approve twice on another one."""
        asked = await ask_well(self._client, create_thread("Move $200 to savings"))
        card = asked.item("widget")
        before = await self._client.overview()
        await stack.new_process()
        payload = decisions_of(card["widget"])["approval.approve"]["payload"]
        done = await ask_well(again, act(asked.thread_id, card["id"], "approval.approve", payload))
        late = await ask_well(again, act(asked.thread_id, card["id"], "approval.approve", payload))
        after = await again.overview()
        moved = [new["cents"] - old["cents"] for new, old in zip(after["accounts"], before["accounts"], strict=True)]
        expect(sorted(moved) == [-20_000, 0, 20_000], f"$200.00 moved once, not {moved}")
        expect("notice" in late.types, f"a notice on the second click, not {late.types}")
        thread = await again.call(get_thread(asked.thread_id))
        (decided,) = (item for item in thread["items"]["data"] if item["id"] == card["id"])
        facts = [each["value"] for each in decided["widget"]["children"] if each["type"] == "Caption"]
        expect("You decided this on" in facts[0], f"who decided and when, not {facts}")
        return f"“{done.text}” {facts[0]} The second click changed nothing"

    async def dictation(self) -> str:
        heard = await self._client.call(transcribe(spoken(SPEECH), "audio/webm;codecs=opus"))
        expect(heard["text"] == SPEECH, f"{SPEECH!r}, not {heard['text']!r}")
        return f"“{heard['text']}”"
