"""A long answer costs time in proportion to its length, and leaves time for typing.

    python -m pytest tests/browser/test_long_answers.py -s        # prints the measurement
    LONG_ANSWER="12000 19 4" python -m pytest …                   # words, seconds, slowdown of the CPU

Durations depend on the machine's load, so the test compares the first half of an answer with the second one.
"""

from __future__ import annotations

import os
import statistics
from pathlib import Path

import pytest
from playwright.async_api import CDPSession, expect

from tests.browser.conftest import Enter, House

ANSWER = Path(__file__).with_name("long_answer.js")
WORK = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")


async def work_so_far(cdp: CDPSession) -> float:
    """Return the seconds that the page has spent in scripts, style and layout."""
    metrics = (await cdp.send("Performance.getMetrics"))["metrics"]
    return sum(each["value"] for each in metrics if each["name"] in WORK)


@pytest.mark.parametrize("wiring", ["plain"])
@pytest.mark.feature("page-streaming")
@pytest.mark.scenario("a long answer stays quick to the end")
async def test_second_half_of_a_long_answer_costs_no_more_than_the_first(
    house: House, enter: Enter, wiring: str
) -> None:
    words, seconds, slowdown = map(int, os.environ.get("LONG_ANSWER", "5000 8 1").split())
    visitor = await enter(wiring, viewport={"width": 375, "height": 700})
    await visitor.page.add_init_script(path=ANSWER)
    await visitor.sign_in(house.person())
    cdp = await visitor.page.context.new_cdp_session(visitor.page)
    await cdp.send("Performance.enable")
    await cdp.send("Emulation.setCPUThrottlingRate", {"rate": slowdown})
    await visitor.run(f"prepareLongAnswer({words}, {seconds})")

    begun = await work_so_far(cdp)
    await visitor.submit("Long")
    # A search by role reads the whole answer: it must not count as the page's work.
    await visitor.run("longTasks = []; typeSlowly(document.querySelector('textarea'))")
    await visitor.page.wait_for_timeout(seconds * 500)
    half = await work_so_far(cdp)
    stop = visitor.page.locator("button[aria-label=Stop]")  # a draft shows Send during the answer, too
    await expect(stop).to_have_count(0, timeout=seconds * 10_000)
    whole = await work_so_far(cdp)

    tasks = await visitor.run("longTasks")
    typing = await visitor.run("typingDelays")
    shown = len((await visitor.answer.text_content() or "").split())
    print(
        f"\n{shown} words in {seconds} s, CPU / {slowdown}: work {half - begun:.2f} s, then {whole - half:.2f} s; "
        f"{len(tasks)} long tasks, the longest {max(tasks, default=0)} ms; "
        f"typing: median {statistics.median(typing):.0f}, longest {max(typing)} ms"
    )
    assert shown > 0.8 * words
    assert whole - half < 2.5 * (half - begun)  # quadratic work would be three times as much, and all of it grows
