"""What each fault means for the client, in words: what it sees, what is stored, what is tried again."""

from __future__ import annotations

MEANINGS = {
    "nothing": "What the others are compared with. An answer that nobody waits for is made and stored to its end.",
    "process killed": (
        "The stream breaks. The message is stored before the model is asked, so it is there; the words that were seen "
        "are not. Killed before its response began it is a 502, and the client's next POST may get a 409 that names "
        "the thread: the dead process holds the turn's claim. Then the message may not be stored, and has to be sent "
        "as a new turn."
    ),
    "process frozen": "As killed, but the client learns it only when Lambda's timeout ends the process.",
    "DynamoDB throttled": "Nothing but time: every request is tried up to eight times.",
    "DynamoDB slow": "Nothing but time: a turn makes some round trips before its first word.",
    "DynamoDB failing": "Nothing. A write whose answer was lost is sent again and taken for done: no item is doubled.",
    "DynamoDB down": (
        "A 503 before anything is stored. The client's next POST finds the turn unclaimed and is let in once the table "
        "is back. Meanwhile every request is tried eight times by the function, and every POST six times by its client."
    ),
    "S3 failing": "Files come through after retries; a message whose file cannot be verified is refused whole.",
    "model failing": "OpenAI's SDK asks again; after that an error event offers a retry. The message is stored.",
    "model slow": "A turn that has no time left ends with what was said so far, stored, and the offer of a retry.",
    "model cut": "An error event offers a retry. The message is stored, the words that were seen are not.",
    "model silent": "As slow: the turn ends before Lambda would end the process, and what was seen is stored.",
    "keys out of reach": "Processes that have the keys go on with them for an hour; new ones let nobody in (503).",
    "clock skew": "A 401, unless the token holds within five seconds of leeway.",
    "turn sent three times": "It is carried out once; the other two POSTs are a 409 that names the thread.",
    "slow readers": "Nothing: the function waits for its reader.",
    "clients leave": "The answer is made and stored to its end: Lambda never learns that a client has gone.",
    "stops": "The stream ends, and what was seen is stored, to the letter.",
}
