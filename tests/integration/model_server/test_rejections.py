"""One rejected input does not break a conversation: the model refuses what OpenAI refuses, wherever it is."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from chatkit.errors import CustomStreamError
from chatkit.types import FileAttachment, HiddenContextItem, ImageAttachment, ThreadStreamEvent

from assistant_kit import failures, rejections
from coach.accounts_table import AccountsTable
from coach.agent import CoachAgent
from tests.fakes.accounts import accounts_table
from tests.fakes.turn import Conversation
from tests.integration.model_server.test_coach import agent_of, run, text_of
from tools.local.files import PNG
from tools.local.openai.server import ModelServer


@pytest.fixture(scope="module")
def accounts() -> Iterator[AccountsTable]:
    with accounts_table() as table:
        yield table


@pytest.fixture
async def coach(model: ModelServer, accounts: AccountsTable) -> AsyncIterator[CoachAgent]:
    agent = agent_of(model, accounts)
    yield agent
    await agent.close()


BAD, GOOD = PNG[: len(PNG) // 2], PNG


class Thread(Conversation):
    """A conversation whose images have the bytes of `images`, by id."""

    def __init__(self) -> None:
        super().__init__()
        self.images: dict[str, bytes] = {}

    def turn(self) -> Any:
        turn = super().turn()

        async def content(attachment: Any) -> Any:
            data = base64.b64encode(self.images[attachment.id]).decode()
            return {"type": "input_image", "image_url": f"data:image/png;base64,{data}", "detail": "auto"}

        turn.attachment_content = content
        return turn

    async def send(self, coach: CoachAgent, text: str, **images: bytes) -> list[ThreadStreamEvent]:
        """Send a message with images, and store the answer as ChatKit does."""
        self.images |= images
        files = [image(name) for name in images]
        message = await self.say(text, files)
        events: list[ThreadStreamEvent] = []
        async for event in coach.respond(self.thread, message, self.turn()):
            events.append(event)
            if event.type == "thread.item.done":
                await self.store.add_thread_item(self.thread.id, event.item, self.context)
        return events


def image(name: str) -> FileAttachment | ImageAttachment:
    return ImageAttachment.model_validate(
        {"id": name, "name": f"{name}.png", "mime_type": "image/png", "preview_url": "https://example.com/x"}
    )


def notices(events: list[ThreadStreamEvent]) -> list[str]:
    return [event.message for event in events if event.type == "notice"]


def sent(model: ModelServer) -> str:
    """Return the texts of the input of the last request."""
    return str(model.requests[-1].body["input"])


@pytest.mark.feature("rejected-content")
@pytest.mark.promise("B6")
class TestFiles:
    async def test_a_rejected_image_is_left_out_and_the_turn_is_answered(
        self, coach: CoachAgent, model: ModelServer
    ) -> None:
        talk = Thread()
        events = await talk.send(coach, "What is this?", bad=BAD)
        assert text_of(events)
        assert notices(events) == [rejections.FILES_NOTICE]
        assert rejections.FILE_LEFT_OUT in sent(model)

    async def test_later_turns_are_accepted_at_once(self, coach: CoachAgent, model: ModelServer) -> None:
        talk = Thread()
        await talk.send(coach, "What is this?", bad=BAD)
        before = len(model.requests)
        events = await talk.send(coach, "hello?")
        assert text_of(events)
        assert notices(events) == []
        assert [request.status for request in list(model.requests)[before:]] == [200]
        assert rejections.FILE_LEFT_OUT in sent(model)

    async def test_good_images_of_other_messages_stay(self, coach: CoachAgent, model: ModelServer) -> None:
        talk = Thread()
        await talk.send(coach, "Look", good=GOOD)
        await talk.send(coach, "What is this?", bad=BAD)
        assert base64.b64encode(GOOD).decode() in sent(model)
        assert sent(model).count("input_image") == 1

    async def test_an_image_that_was_stored_before_is_found_in_the_history(
        self, coach: CoachAgent, model: ModelServer
    ) -> None:
        talk = Thread()
        talk.images = {"old": BAD}
        await talk.say("an old message", [image("old")])
        await talk.answer("an old answer")
        assert text_of(await talk.send(coach, "Look", good=GOOD))
        assert text_of(await talk.send(coach, "hello?"))
        assert rejections.FILE_LEFT_OUT in sent(model)


@pytest.mark.promise("B6")
class TestTexts:
    async def test_a_flagged_message_fails_once_and_is_left_out(self, coach: CoachAgent, model: ModelServer) -> None:
        talk = Conversation()
        await run(coach, talk, "My first question")
        with pytest.raises(CustomStreamError) as caught:
            await run(coach, talk, "please simulate rejected")
        assert caught.value.message == failures.REFUSED
        assert "You asked: “My first question”" in text_of(await run(coach, talk, "What did I just ask?")) or (
            rejections.MESSAGE_LEFT_OUT in sent(model)
        )
        assert "simulate rejected" not in sent(model)

    async def test_a_flagged_message_of_the_history_does_not_fail_the_newest(
        self, coach: CoachAgent, model: ModelServer
    ) -> None:
        talk = Conversation()
        await talk.say("please simulate rejected")
        await talk.answer("an old answer")
        events = await run(coach, talk, "hello?")
        assert text_of(events)
        assert notices(events) == [rejections.HISTORY_NOTICE]
        before = len(model.requests)
        assert text_of(await run(coach, talk, "and now?"))
        assert [request.status for request in list(model.requests)[before:]] == [200]
        assert rejections.HISTORY_LEFT_OUT in sent(model)

    @pytest.mark.parametrize(
        "text", ["simulate error 429", "simulate error 500", "simulate context", "simulate error 401"]
    )
    async def test_other_failures_leave_nothing_out(self, coach: CoachAgent, text: str) -> None:
        talk = Conversation()
        await run(coach, talk, "hello")
        with pytest.raises(CustomStreamError):
            await run(coach, talk, text)
        assert not [item for item in await talk.items() if isinstance(item, HiddenContextItem)]

    async def test_the_model_does_not_see_the_list(self, coach: CoachAgent, model: ModelServer) -> None:
        talk = Conversation()
        with pytest.raises(CustomStreamError):
            await run(coach, talk, "please simulate rejected")
        await run(coach, talk, "hello")
        assert rejections.KEY not in sent(model)
