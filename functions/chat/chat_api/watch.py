"""Who gives the order to stop a turn: its deadline, or its user through the turn's record (promises H5, H6).

    async with watch(stop, turns, context, timing):
        …

Lambda never learns that a client has gone, and the cancel request runs in another process. So the turn looks at its
own record: one strongly consistent read, of 1 unit, every 0.4 s. At $0.125 per million units, a million answers of 20
seconds cost 6 dollars.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from chat_api.context import RequestContext
from chat_api.records import Turns
from chat_api.stopping import Stop, StopReason
from chat_api.timing import Timing
from store_dynamo.errors import StoreError

logger = logging.getLogger("chat_api.watch")


@asynccontextmanager
async def watch(stop: Stop, turns: Turns, context: RequestContext, timing: Timing) -> AsyncGenerator[None]:
    """Stop the turn inside when its user asks for it, and before Lambda would kill it."""
    deadline = asyncio.get_running_loop().call_later(timing.left(context.deadline), stop.order, StopReason.DEADLINE)
    poll = asyncio.create_task(_poll(stop, turns, context, timing.cancel_poll))
    try:
        yield
    finally:
        deadline.cancel()
        poll.cancel()
        await asyncio.wait({poll})


async def _poll(stop: Stop, turns: Turns, context: RequestContext, interval_seconds: float) -> None:
    while stop.reason is None:
        try:
            if await turns.is_cancelled(context.turn_id, context):
                stop.order(StopReason.USER)
        except StoreError:
            logger.exception("cannot see whether the turn was cancelled; looking again")
        await asyncio.sleep(interval_seconds)
