"""DynamoDB's expressions, built from named pieces.

update(assign={"body": body}, keep={"ord": order}, remove=["overflow"])
→ SET #body = :body, #ord = if_not_exists(#ord, :ord) REMOVE #overflow

condition                       holds when
ALIVE                           the thread exists, is no tombstone and has not expired
ABSENT                          no such record
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

Attributes = dict[str, dict[str, Any]]

ABSENT = "attribute_not_exists(pk)"
PRESENT = "attribute_exists(pk)"
UNEXPIRED = "(attribute_not_exists(expires_at) OR expires_at > :now)"
ALIVE = f"attribute_exists(pk) AND attribute_not_exists(deleted_at) AND {UNEXPIRED}"


def text(value: str) -> dict[str, Any]:
    return {"S": value}


def number(value: int) -> dict[str, Any]:
    return {"N": str(value)}


def seconds(at: datetime) -> dict[str, Any]:
    """Return an instant as TTL wants it: whole seconds since 1970."""
    return number(int(at.timestamp()))


def update(
    assign: Attributes, keep: Attributes | None = None, remove: Iterable[str] = (), values: Attributes | None = None
) -> dict[str, Any]:
    """Return an update's expression, names and values.

    `assign` overwrites, `keep` sets only what is absent, `remove` drops; `values` are those of the condition.
    """
    keep = keep or {}
    clauses = [f"#{name} = :{name}" for name in assign]
    clauses += [f"#{name} = if_not_exists(#{name}, :{name})" for name in keep]
    removed = list(remove)
    expression = " ".join(
        f"{verb} {', '.join(parts)}"
        for verb, parts in (("SET", clauses), ("REMOVE", [f"#{name}" for name in removed]))
        if parts
    )
    return {
        "UpdateExpression": expression,
        "ExpressionAttributeNames": {f"#{name}": name for name in [*assign, *keep, *removed]},
        **given({f":{name}": value for name, value in (assign | keep).items()} | (values or {})),
    }


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameter for an expression's values; DynamoDB refuses an empty one."""
    return {"ExpressionAttributeValues": dict(values)} if values else {}
