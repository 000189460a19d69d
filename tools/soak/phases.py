"""The faults of a run, one after the other: what is broken, and what the users do meanwhile."""

from __future__ import annotations

from tools.soak.faults import Phase, aws_fault, lose_keys, model_fault, quick_model, skew
from tools.soak.proxy import Deed, Fault, dynamodb, model, s3
from tools.soak.take import Manner
from tools.soak.user import EVERYDAY

BROKEN = (Deed.FAIL, Deed.HANG_UP, Deed.LOSE)

PHASES = (
    Phase(
        "nothing",
        "everyday use: stops, clients that leave, files, renames, deletions",
        weights=EVERYDAY,
        undisturbed=True,
    ),
    Phase(
        "process killed",
        "SIGKILL to a busy process, one a second",
        every_second=lambda ring: ring.processes.kill_one_busy(),
    ),
    Phase(
        "process frozen",
        "SIGSTOP to a busy process, one a second, until Lambda's timeout (8 s) ends it",
        every_second=lambda ring: ring.processes.freeze_one_busy(),
    ),
    Phase(
        "DynamoDB throttled",
        "20 % of the requests: ThrottlingException",
        begin=aws_fault(Fault((Deed.THROTTLE,), dynamodb, 0.2)),
    ),
    Phase("DynamoDB slow", "every request 0.3 s later", begin=aws_fault(Fault((Deed.DELAY,), dynamodb, seconds=0.3))),
    Phase(
        "DynamoDB failing",
        "5 % of the requests: 500, no answer, or carried out and the answer lost",
        begin=aws_fault(Fault(BROKEN, dynamodb, 0.05)),
    ),
    Phase("DynamoDB down", "every request for 8 s: 500", begin=aws_fault(Fault((Deed.FAIL,), dynamodb))),
    Phase(
        "S3 failing",
        "30 % of the requests: SlowDown, no answer, or carried out and the answer lost",
        begin=aws_fault(Fault(BROKEN, s3, 0.3)),
        weights={"file": 5.0, "follow": 1.0, "read": 1.0},
    ),
    Phase(
        "model failing",
        "50 % of the requests: 429 or 500",
        begin=model_fault(Fault((Deed.THROTTLE, Deed.FAIL), model, 0.5)),
    ),
    Phase(
        "model slow",
        "first word 1.5 s later, 0.15 s a word; a turn may take 4 s of the 8",
        begin=model_fault(Fault((Deed.DELAY,), model, seconds=1.5), 0.15),
    ),
    Phase("model cut", "40 % of the streams end early", begin=model_fault(Fault((Deed.CUT,), model, 0.4))),
    Phase(
        "model silent",
        "40 % of the streams say nothing more, the connection stays",
        begin=model_fault(Fault((Deed.SILENCE,), model, 0.4)),
    ),
    Phase("keys out of reach", "the JWKS address hangs up, and half of the processes are new", begin=lose_keys),
    Phase(
        "clock skew",
        "tokens that are over, or of in an hour",
        begin=skew,
        weights={"skewed": 4.0, "follow": 2.0},
        undisturbed=True,
    ),
    Phase(
        "turn sent three times", "three POSTs at once with one x-turn-id", manner=Manner(at_once=3), undisturbed=True
    ),
    Phase(
        "slow readers",
        "4 KB of receive buffer, 10 ms an event, 200 to 300 words",
        begin=quick_model,
        manner=Manner(seconds_per_event=0.01, receive_bytes=4096),
        words=(200, 300),
        weights={"new": 1.0, "follow": 4.0},
        undisturbed=True,
    ),
    Phase(
        "clients leave",
        "the connection closed after 1 to 25 words",
        weights={"leave": 4.0, "new": 2.0, "read": 1.0},
        undisturbed=True,
    ),
    Phase("stops", "cancel after 1 to 25 words", weights={"stop": 4.0, "read": 1.0, "new": 1.0}, undisturbed=True),
)
