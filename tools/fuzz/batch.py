"""A batch of cases against one site and the rules that they break, for the fuzzer's workers and CI.

result = run_batch(site, [Case.made(1, number) for number in range(25)])
result.failures                        # [] or the failed cases, shrunk
"""

from __future__ import annotations

import faulthandler
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tools.fuzz.cases import Case
from tools.fuzz.recorded import Recorded
from tools.fuzz.shrink import shrunk
from tools.fuzz.site import Site, is_of
from tools.fuzz.verdict import faults_of, moved_wrongly, named_in
from tools.local.function.payload import HttpResponse

HANG_SECONDS = 60
GOOD = Recorded(
    "good",
    "POST",
    "/chatkit",
    (("content-type", "application/json"),),
    {"type": "threads.get_by_id", "params": {"thread_id": "~own.thread~"}},
)


@dataclass(frozen=True)
class Failure:
    """A case and the rules that it broke."""

    case: Case
    faults: list[str]


@dataclass
class Result:
    """Outcomes and failures of a batch."""

    outcomes: Counter[str] = field(default_factory=Counter[str])
    failures: list[Failure] = field(default_factory=list[Failure])

    def add(self, other: Result) -> None:
        self.outcomes += other.outcomes
        self.failures += other.failures


def examine(site: Site, request: Recorded, named: set[str] | None = None) -> tuple[HttpResponse, list[str]]:
    """Send a request as ana and return the response and the broken rules.

    `named` contains bob's secrets that ana's earlier requests contained and may have stored; the function extends it.
    """
    sent = request.to(site.ana, site.bob, ("x-auth-token", site.tokens["ana"]))
    site.log.take()
    started = time.process_time()  # by the clock, a busy machine would break the rule
    try:
        answer = site.send(sent)
    except Exception as error:  # the adapter failed: a function error on Lambda
        return HttpResponse(502), [f"the handler raised {type(error).__name__}"]
    seconds = time.process_time() - started
    named = named if named is not None else set()
    hidden = [each for each in site.bob.secrets if each not in named]
    named |= named_in(sent, hidden)
    return answer, faults_of(sent, answer, site.log.take(), seconds, hidden)


def run_batch(site: Site, cases: Sequence[Case], guard: bool = False) -> Result:
    """Run the cases one after the other, then check the stored data. `guard` ends a process that hangs."""
    result, named = Result(), set[str]()
    for case in cases:
        if guard:
            faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
        answer, faults = examine(site, case.request, named)
        result.outcomes[_outcome(answer)] += 1
        if faults:
            result.failures.append(Failure(case, faults))
    if guard:
        faulthandler.cancel_dump_traceback_later()
    left = _left_behind(site)
    if left and cases:
        result.failures.append(Failure(cases[-1], left))
    result.failures = [_smallest(site, failure) for failure in result.failures]
    return result


def _outcome(answer: HttpResponse) -> str:
    if not dict(answer.headers).get("content-type", "").startswith("text/event-stream"):
        return str(answer.status)
    return f"{answer.status} stream" + (", error event" if b'"type":"error"' in answer.body else "")


def _left_behind(site: Site) -> list[str]:
    """Restore the site. Return wrong changes of stored data, and faults if a good request fails afterwards."""
    faults = moved_wrongly(site.clients.dump())
    faults += [f"{kind}: {place}" for place, kind in site.restore().items() if not is_of("ana", place)]
    answer, wrong = examine(site, GOOD)
    if answer.status != 200 or site.ana.mark.encode() not in answer.body:
        wrong.append(f"a good request gets {answer.status} afterwards")
    return faults + wrong


def _smallest(site: Site, failure: Failure) -> Failure:
    def still_fails(request: Recorded) -> bool:
        site.restore()
        return bool({*examine(site, request)[1]} & {*failure.faults})

    smallest = shrunk(failure.case, still_fails)
    site.restore()
    return Failure(smallest, failure.faults)
