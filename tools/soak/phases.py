"""The phases of a fault run: each fault, its effect on users, and the users' habits meanwhile."""

from __future__ import annotations

from tools.soak.faults import Phase, aws_fault, lose_keys, model_fault, quick_model, skew
from tools.soak.habits import EVERYDAY
from tools.soak.proxy import Deed, Fault, dynamodb, model, s3
from tools.soak.take import Manner

BROKEN = (Deed.FAIL, Deed.HANG_UP, Deed.LOSE)

PHASES = (
    Phase(
        "no fault",
        "everyday use: stops, disconnects, files, renames, deletions",
        "The baseline for the others. An answer whose client has disconnected is completed and stored.",
        weights=EVERYDAY,
        undisturbed=True,
    ),
    Phase(
        "process killed",
        "SIGKILL to a busy process, one per second",
        "The stream breaks, and the client goes on with the turn's events until they say that the process is dead. The "
        "next request for the thread stores the text so far, up to the last second. If the process dies before its "
        "response starts, the client gets a 502, and its next POST may get a 409 with the thread's id, because the "
        "dead process holds the turn's claim. In that case the message may be missing, and the user must send it "
        "again as a new turn.",
        every_second=lambda ring: ring.processes.kill_one_busy(),
        words=(60, 200),
    ),
    Phase(
        "process frozen",
        "SIGSTOP to a busy process, one per second, until Lambda's timeout (8 s) ends it",
        "As for a killed process, but the client notices only when Lambda's timeout ends the process.",
        every_second=lambda ring: ring.processes.freeze_one_busy(),
        words=(60, 200),
    ),
    Phase(
        "DynamoDB throttled",
        "20 % of the requests: ThrottlingException",
        "Delays only. The function tries every request up to eight times.",
        begin=aws_fault(Fault((Deed.THROTTLE,), dynamodb, 0.2)),
    ),
    Phase(
        "DynamoDB slow",
        "every request 0.3 s later",
        "Delays only. A turn makes several round trips before its first word.",
        begin=aws_fault(Fault((Deed.DELAY,), dynamodb, seconds=0.3)),
    ),
    Phase(
        "DynamoDB failing",
        "5 % of the requests: 500, no response, or executed with the response lost",
        "None. The function repeats a write whose response was lost and recognizes its own first attempt, so no item "
        "is duplicated.",
        begin=aws_fault(Fault(BROKEN, dynamodb, 0.05)),
    ),
    Phase(
        "DynamoDB down",
        "every request for 8 s: 500",
        "A 503 before anything is stored. Once the table is available again, the client's next POST succeeds, because "
        "the turn has no claim. During the outage the function tries every request eight times, and the client every "
        "POST six times.",
        begin=aws_fault(Fault((Deed.FAIL,), dynamodb)),
    ),
    Phase(
        "S3 failing",
        "30 % of the requests: SlowDown, no response, or executed with the response lost",
        "Files are accepted after retries. A message is rejected as a whole if one of its files cannot be verified.",
        begin=aws_fault(Fault(BROKEN, s3, 0.3)),
        weights={"file": 5.0, "follow": 1.0, "read": 1.0},
    ),
    Phase(
        "model failing",
        "50 % of the requests: 429 or 500",
        "OpenAI's SDK retries; if that fails, an error event offers a retry. The message is stored.",
        begin=model_fault(Fault((Deed.THROTTLE, Deed.FAIL), model, 0.5)),
    ),
    Phase(
        "model slow",
        "first word 1.5 s later, 0.15 s per word; a turn may take 4 of the 8 s",
        "A turn at its deadline ends with the text so far, which is stored, and offers a retry.",
        begin=model_fault(Fault((Deed.DELAY,), model, seconds=1.5), 0.15),
    ),
    Phase(
        "model cut",
        "40 % of the streams end early",
        "An error event offers a retry. The message and the text so far are stored.",
        begin=model_fault(Fault((Deed.CUT,), model, 0.4)),
    ),
    Phase(
        "model silent",
        "40 % of the streams stop sending, with the connection open",
        "As for a slow model: the turn ends before Lambda's timeout, and the text so far is stored.",
        begin=model_fault(Fault((Deed.SILENCE,), model, 0.4)),
    ),
    Phase(
        "JWKS unreachable",
        "the JWKS address closes connections, and half of the processes are new",
        "Processes with cached keys continue for a day; new ones reject everyone with 503.",
        begin=lose_keys,
    ),
    Phase(
        "clock skew",
        "expired tokens, and tokens issued an hour in the future",
        "A 401, unless the token is valid within five seconds of leeway.",
        begin=skew,
        weights={"skewed": 4.0, "follow": 2.0},
        undisturbed=True,
    ),
    Phase(
        "turn sent three times",
        "three simultaneous POSTs with one x-turn-id",
        "The turn runs once; the other two POSTs get a 409 with the thread's id.",
        manner=Manner(at_once=3),
        undisturbed=True,
    ),
    Phase(
        "slow readers",
        "4 KB of receive buffer, 10 ms per event, 200 to 300 words",
        "None. The response of a reader that is too far behind ends, and it goes on with the turn's events.",
        begin=quick_model,
        manner=Manner(seconds_per_event=0.01, receive_bytes=4096),
        words=(200, 300),
        weights={"new": 1.0, "follow": 4.0},
        undisturbed=True,
    ),
    Phase(
        "clients disconnect",
        "the connection closed after 1 to 25 words",
        "The answer is completed and stored.",
        weights={"leave": 4.0, "new": 2.0, "read": 1.0},
        undisturbed=True,
    ),
    Phase(
        "stops",
        "cancel after 1 to 25 words",
        "The stream ends, and exactly the text that the user saw is stored.",
        weights={"stop": 4.0, "read": 1.0, "new": 1.0},
        undisturbed=True,
    ),
    Phase(
        "readers come and go",
        "reloads, tunnels and second tabs after 1 to 25 words",
        "None. Each reader sees the text so far and the rest.",
        weights={"refresh": 3.0, "tunnel": 3.0, "second_tab": 3.0, "new": 1.0},
        undisturbed=True,
    ),
)

SLEEPING = Phase(
    "process asleep",
    "SIGSTOP to a busy process, four at once, and SIGCONT after 25 s; Lambda's timeout is 60 s",
    "After 21 s of silence, the clients load their thread: the text so far is stored, and the thread is free. The "
    "process writes nothing more when it wakes up.",
    every_second=lambda ring: ring.processes.put_to_sleep(seconds=25, at_once=4),
    manner=Manner(silence_seconds=21),
    words=(100, 300),
)
"""A phase of its own run, because Lambda's timeout must be longer than the sleep."""

RELOADING = Phase(
    "reloads",
    "reloads after 1 to 25 words, while enough processes are free",
    "None. The text so far appears within a second.",
    weights={"refresh": 1.0},
    undisturbed=True,
)
"""A phase of its own run, because its times are those of readers and not of a crowded machine."""
