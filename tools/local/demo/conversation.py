"""`make demo`: one conversation through the whole stack, with a check and a time for each step.

The last line of the output is one JSON object with the figures. A failed check ends the run with exit code 1. The steps
are Spendo's; an assistant of app/ or of the shell's ASSISTANT gets those that any assistant passes.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Coroutine
from itertools import chain
from typing import Any, TypeVar

import httpx
from rich.console import Console

from tools.app.folder import App, AppError
from tools.client.chatkit import ChatKitClient, RefusedError, add_message, create_thread, get_thread
from tools.client.sign_in import PASSWORD, Tokens, create_user, sign_in
from tools.local.demo.answer import Answer, DemoError, ask, ask_well, expect, milliseconds
from tools.local.demo.attach import DeadTurn, attach
from tools.local.demo.features import feature_steps
from tools.local.demo.guards import guard_steps
from tools.local.files import PDF, PNG
from tools.local.stack import Stack, running_stack
from tools.stack.operator import DeploymentError

Result = TypeVar("Result")

SAMPLE = "coach.assistant:build"
GREETING = "Hello"

QUESTION = "How much did I spend on groceries?"
FOLLOW_UP = "What did I just ask you?"
SLACK_SECONDS = 0.25
"""Limit for the median delay between the model sending a delta and the client receiving it."""


def completed(answer: Answer) -> set[str]:
    """Return the ids of the completed items, the user's message included."""
    return {each.event["item"]["id"] for each in answer.received if each.event["type"] == "thread.item.done"}


class Demo:
    """The steps of the demo and the figures that they collect."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._number = 0
        self.figures: dict[str, float | int | bool | None] = {"ok": False}

    async def run(self) -> bool:
        """Run all steps. Return True when all checks passed."""
        started = time.perf_counter()
        try:
            async with running_stack(self._detail, app=App.read(), shell=os.environ) as stack:
                self._done("the stack is running", started)
                for warning in stack.settings.warnings:
                    self._detail(f"! {warning}")
                name = stack.aws.chat_environment["ASSISTANT"]
                await (self._conversation(stack) if name == SAMPLE else self._of_another(stack, name))
        except (AppError, DeploymentError, DemoError, RefusedError, httpx.HTTPError, RuntimeError, OSError) as error:
            self._console.print(f"[red]✗ {type(error).__name__}: {error}[/red]", highlight=False, soft_wrap=True)
        else:
            self.figures["ok"] = True
        print(json.dumps(self.figures))
        return bool(self.figures["ok"])

    async def _conversation(self, stack: Stack) -> None:
        ana, bob, cleo = await self._step("three users sign in (RS256 access tokens of the pool)", self._users(stack))
        await self._step("a cold start: bootstrap, handler, GET /chatkit", self._cold_start(stack))
        async with ChatKitClient(stack.url, ana.access_token) as client:
            await self._step(
                "the page opens, and the process loads the assistant in the background", self._open(stack, client)
            )
            answer = await self._step(f"“{QUESTION}”, streamed", self._first_turn(stack, client))
            await stack.new_process()
            await self._step(
                "a new process returns the whole conversation, then loads the assistant",
                self._history(stack, client, answer),
            )
            await self._step("a follow-up question uses the history", self._follow_up(client, answer))
            dead = await self._killed(stack, client)
            await self._step("files: register, PUT, send; the wrong size is rejected", self._files(client, answer))
            second = sign_in(stack.aws, "ana@example.com", PASSWORD)
            async with ChatKitClient(stack.url, second.access_token) as again:
                await self._features(stack, client, answer, again, cleo)
            if dead is not None:
                name = "the conversation of the killed process has the text so far, marked as interrupted"
                self._detail(await self._step(name, dead.look()))
        async with ChatKitClient(stack.url, bob.access_token) as stranger:
            await self._step("another user gets 404", self._stranger(stranger, answer))

    async def _features(
        self, stack: Stack, client: ChatKitClient, answer: Answer, again: ChatKitClient, cleo: Tokens
    ) -> None:
        features = feature_steps(stack, client, answer.thread_id, again)
        for name, step in chain(features, guard_steps(stack, client, cleo)):
            if detail := await self._step(name, step):
                self._detail(detail)

    async def _of_another(self, stack: Stack, name: str) -> None:
        """Run the steps that an assistant of any kind passes: it answers, the answer is stored, and is private."""
        ana, bob, _ = await self._step("three users sign in (RS256 access tokens of the pool)", self._users(stack))
        await self._step("a cold start: bootstrap, handler, GET /chatkit", self._cold_start(stack))
        async with ChatKitClient(stack.url, ana.access_token) as client:
            await self._step(f"{name} answers “{GREETING}”", self._greeting(client))
            answer = await self._step(f"{name} answers again in the same process", self._greeting(client))
            await stack.new_process()
            await self._step("a new process returns the whole conversation", self._stored(client, answer))
        async with ChatKitClient(stack.url, bob.access_token) as stranger:
            await self._step("another user gets 404", self._stranger(stranger, answer))

    async def _greeting(self, client: ChatKitClient) -> Answer:
        answer = await ask_well(client, create_thread(GREETING))
        expect(len(completed(answer)) > 1, "a completed item of the assistant (ThreadItemDoneEvent)")
        self.figures["total_ms"] = milliseconds(answer.received[-1].at - answer.sent_at)
        return answer

    async def _stored(self, client: ChatKitClient, answer: Answer) -> None:
        thread = await client.call(get_thread(answer.thread_id))
        stored = {item["id"] for item in thread["items"]["data"]}
        expect(completed(answer) <= stored, "every completed item in the history")

    async def _users(self, stack: Stack) -> list[Tokens]:
        names = ("ana@example.com", "bob@example.com", "cleo@example.com")
        for name in names:
            create_user(stack.aws, name, PASSWORD)
        return [sign_in(stack.aws, name, PASSWORD) for name in names]

    async def _cold_start(self, stack: Stack) -> None:
        started = time.perf_counter()
        async with httpx.AsyncClient(timeout=60) as http:
            answer = await http.get(f"{stack.url}/chatkit")
        self.figures["cold_start_ms"] = milliseconds(time.perf_counter() - started)
        expect(answer.json() == {"status": "ok"}, f'{{"status": "ok"}}, not {answer.text}')

    async def _open(self, stack: Stack, client: ChatKitClient) -> None:
        """Send the page's first request and wait for the background work that follows its response.

        The first message then finds a loaded assistant, like the message of a user who opened the page seconds ago.
        """
        options = await client.composer()
        expect("attachments" in options, f"the limits of files, not {options}")
        await stack.idle()

    async def _first_turn(self, stack: Stack, client: ChatKitClient) -> Answer:
        earlier = 0 if stack.model is None else len(stack.model.requests)
        answer = await ask_well(client, create_thread(QUESTION))
        expect(answer.types[0] == "thread.created", f"thread.created first, not {answer.types[:3]}")
        expect(len(answer.deltas) > 5, f"an answer in more than 5 pieces, not {len(answer.deltas)}")
        self.figures["time_to_first_token_ms"] = milliseconds(answer.deltas[0].at - answer.sent_at)
        self._detail(f"the first token arrived {self.figures['time_to_first_token_ms']} ms after the message")
        self.figures["added_first_token_ms"] = None
        self.figures["total_ms"] = milliseconds(answer.received[-1].at - answer.sent_at)
        self.figures["events"] = len(answer.received)
        if stack.model is not None:
            self._compare_clocks(answer, list(stack.model.requests)[earlier:])
        return answer

    def _compare_clocks(self, answer: Answer, requests: list[Any]) -> None:
        sent = [at for request in requests for at in request.delta_times]
        expect(len(sent) == len(answer.deltas), f"all {len(sent)} deltas of the model, not {len(answer.deltas)}")
        late = [received.at - at for received, at in zip(answer.deltas, sent, strict=True)]
        middle = sorted(late)[len(late) // 2]
        expect(middle < SLACK_SECONDS, f"deltas within {SLACK_SECONDS} s after the model sent them, not {middle:.3f} s")
        added = requests[0].received_at - answer.sent_at + late[0]
        self.figures["added_first_token_ms"] = milliseconds(added)
        self._detail(f"{len(sent)} deltas one by one, each {milliseconds(middle)} ms (median) after the model sent it")

    async def _history(self, stack: Stack, client: ChatKitClient, answer: Answer) -> None:
        thread = await client.call(get_thread(answer.thread_id))
        texts = [part["text"] for item in thread["items"]["data"] for part in item.get("content", [])]
        expect(QUESTION in texts, f"the question in the history, not {texts}")
        expect(answer.text in texts, "the exact answer in the history")
        await stack.idle()

    async def _follow_up(self, client: ChatKitClient, answer: Answer) -> None:
        follow_up = await ask_well(client, add_message(answer.thread_id, FOLLOW_UP))
        expect("groceries" in follow_up.text.lower(), f"an answer that mentions the question, not {follow_up.text!r}")

    async def _killed(self, stack: Stack, client: ChatKitClient) -> DeadTurn | None:
        """Kill the process of an answer, and attach to another answer while the first is not known to be dead."""
        if stack.model is None:
            return None
        dead = DeadTurn(stack, client)
        self._detail(await self._step("a process is killed in the middle of its answer", dead.kill()))
        name = "an answer whose reader is cut off: another process shows it at once, then streams the rest"
        self._detail(await self._step(name, attach(stack, client, self.figures)))
        return dead

    async def _files(self, client: ChatKitClient, answer: Answer) -> None:
        wrong = await client.register("receipt.png", "image/png", len(PNG))
        status = await client.put(wrong, PNG + b"more than was registered")
        expect(status == 403, f"403 for a PUT of the wrong size, not {status}")
        image = await client.upload("receipt.png", "image/png", PNG)
        paper = await client.upload("statement.pdf", "application/pdf", PDF)
        question = add_message(answer.thread_id, "What is in these files?", (image["id"], paper["id"]))
        seen = await ask_well(client, question)
        message = next(r.event["item"] for r in seen.received if r.event["type"] == "thread.item.done")
        names = [attachment["name"] for attachment in message["attachments"]]
        expect(names == ["receipt.png", "statement.pdf"], f"both files in the stored message, not {names}")
        expect("upload_descriptor" not in json.dumps(message), "no upload descriptor in the stored message")

    async def _stranger(self, stranger: ChatKitClient, answer: Answer) -> None:
        for request in (get_thread(answer.thread_id), add_message(answer.thread_id, "hello")):
            try:
                await (ask(stranger, request) if "input" in request["params"] else stranger.call(request))
            except RefusedError as error:
                expect(error.status == 404, f"404, not {error.status}")
            else:
                raise DemoError(f"expected 404 for {request['type']} of another user's thread")

    async def _step(self, name: str, step: Coroutine[Any, Any, Result]) -> Result:
        started = time.perf_counter()
        result = await step
        self._done(name, started)
        return result

    def _done(self, name: str, started: float) -> None:
        self._number += 1
        seconds = time.perf_counter() - started
        self._console.print(
            f"[green]✓[/green] {self._number} · {name} [dim]{seconds:.2f} s[/dim]", highlight=False, soft_wrap=True
        )

    def _detail(self, text: str) -> None:
        self._console.print(f"    [dim]{text}[/dim]", highlight=False, soft_wrap=True)
