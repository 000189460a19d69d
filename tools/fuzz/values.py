"""Unexpected values: strings, ids, JSON values, headers."""

from __future__ import annotations

from random import Random
from typing import Any

RAW = "\x01raw:{}\x01"
"""A marker that becomes bare text in the encoded JSON, which JSON libraries cannot produce."""
RAW_VALUES = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-1e999",
    "9" * 400,
    "0x10",
    "01",
    "-",
    "'a'",
    "undefined",
    "{,}",
)

STRINGS = (
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ud800",
    "\udfff\ud800",
    "\u202e\u2066",
    "\ufeff",
    "\u2028\u2029",
    "𝕬👩‍👩‍👧‍👦é",
    "e\u0301" * 200,
    "data: {}\n\nevent: x\n\n",
    "\r\n\r\n: keep-alive\n",
    "../../../etc/passwd",
    "%00%2e%2e%2f",
    "' OR 1=1 --",
    "${jndi:ldap://x}",
    "{{7*7}}{0.__class__}%s%n",
    "<script>alert(1)</script>",
    "true",
    "null",
    "1e999",
    "-0",
    "9" * 40,
    "2026-02-30T25:61:61Z",
    "attachment:generated/whole",
    "https://[::1",
    "x" * 513,
    "ü" * 200,
    "line\n" * 400,
    "approval.approve",
    "approval.always",
    "approval.deny",
    "approval.check",
    "approval.details",
    "approval.",
)
IDS = (
    "~other.thread~",
    "~other.message~",
    "~other.answer~",
    "~other.card~",
    "~other.file~",
    "~other.sent_file~",
    "~other.turn~",
    "~own.thread~",
    "~own.form~",
    "~own.card~",
    "~own.file~",
    "~own.sent_file~",
    "~own.gone_thread~",
    "~own.gone_item~",
    "~own.gone_file~",
    "~other.asked~",
    "~other.asked_digest~",
    "~other.asked_card~",
    "~own.asked~",
    "~own.asked_digest~",
    "~own.denied~",
    "~own.denied_card~",
    "~own.thread~#ITEM#~own.message~",
    "~own.thread~#",
    "~own.thread~%23",
    "~own.thread~/../~other.thread~",
    "USER#bob",
    "bob#THREAD#~other.thread~",
    "../bob/~other.file~",
    "THREAD#",
    "#",
    "%",
    ".",
    "..",
    "*",
    "thr_",
    "0",
)
NUMBERS = (0, -1, 1, 2**31, -(2**31), 2**53 + 1, 2**63, -(2**63) - 1, 10**30, 0.5, -0.0, 1e-320, 1.7e308)
HEADER_VALUES = (
    "",
    " ",
    ",",
    ";;;",
    "é" * 20,
    "\xff\xfe",
    "\x7f",
    "a" * 10_000,
    "q=0.1;q=0.9",
    "\x00",
    "Bearer",
    "=?utf-8?q?x?=",
    "bytes=0-1",
    "-1",
    "1e9",
)
HEADER_NAMES = (
    "accept-language",
    "accept",
    "accept-encoding",
    "content-encoding",
    "content-length",
    "transfer-encoding",
    "content-type",
    "authorization",
    "x-auth-token",
    "x-turn-id",
    "x-amz-content-sha256",
    "x-request-id",
    "x-forwarded-for",
    "x-http-method-override",
    "chatkit-frame-instance-id",
    "cookie",
    "expect",
    "host",
    "origin",
    "range",
    "if-match",
    "x" * 300,
    "é",
)
CONTENT_TYPES = (
    "",
    "text/plain",
    "text/html; charset=utf-16",
    "application/json; charset=latin-1",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "multipart/form-data; boundary=" + "b" * 300,
    "multipart/form-data; boundary=é",
    'multipart/form-data; boundary="----file',
    "multipart/mixed; boundary=----file",
    "application/octet-stream",
    "a/b/c",
    ";",
)
METHODS = ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "post", "FOO")
TARGETS = (
    "/",
    "/chatkit/",
    "//chatkit",
    "/chatkit?",
    "/chatkit?a=%ff&a=%00&b",
    "/chatkit/../chatkit",
    "/chatkit/%2e%2e/chatkit",
    "/chatkit/entities?q=" + "%F0%9F%98%80" * 400,
    "/chatkit/entities?q=%ff%fe&q=2",
    "/chatkit/entities?" + "q=1&" * 300,
    "/chatkit/turns//cancel",
    "/chatkit/turns/~other.turn~/cancel",
    "/chatkit/turns/~other.turn~%23/cancel",
    "/chatkit/turns/..%2f..%2fx/cancel",
    "/chatkit/turns/" + "t" * 65 + "/cancel",
    "/chatkit/turns/t%0d%0aset-cookie:x=1/cancel",
    "/chatkit/turns//events",
    "/chatkit/turns/~other.turn~/events",
    "/chatkit/turns/~own.turn~/events?after=-1",
    "/chatkit/turns/~own.turn~/events?after=1&after=" + "9" * 400,
    "/chatkit/turns/~own.turn~/events?after=%d9%a3",
    "/chatkit/turns/~own.tool_turn~/tools/~other.call~",
    "/chatkit/turns/~other.tool_turn~/tools/~other.call~",
    "/chatkit/turns/~own.tool_turn~/tools/%2f%23",
    "/chatkit/attachments/~other.file~",
    "/chatkit/allowances/~other.allowance~/revoke",
    "/chatkit/allowances/%2e%2e%2f~own.allowance~/revoke",
    "/chatkit/session?user=bob",
    "/openapi.json",
    "/docs",
    "/chatkit%00",
    "/chatkit\xff",
    "/" + "a" * 3000,
)
REQUESTS = (
    "threads.create",
    "threads.explode",
    "THREADS.LIST",
    "threads.list ",
    "",
    "__proto__",
    "items.feedback",
    "threads.delete",
    "t" * 5000,
)


def string(rng: Random) -> str:
    """Return a string. One in sixteen is long, one in two hundred has the length of a maximal body."""
    if rng.random() < 1 / 200:
        return rng.choice(("x", "é", "\x00", "\\")) * 1_000_000
    if rng.random() < 1 / 16:
        return rng.choice(("x", "\u202e", '"', " ")) * rng.choice((1_000, 30_000, 100_001))
    return rng.choice(STRINGS)


def identifier(rng: Random) -> str:
    """Return a value to replace an id."""
    return rng.choice(IDS) if rng.random() < 0.7 else string(rng)


def nested(rng: Random) -> Any:
    """Return nested lists or objects, some deeper than parsers accept."""
    depth, kind = rng.choice((3, 60, 150, 260, 900)), rng.random()
    value: Any = 1
    for _ in range(depth):
        value = [value] if kind < 0.5 else {"a": value}
    return value


def scalar(rng: Random) -> Any:
    """Return a JSON scalar, or text that is not JSON."""
    kind = rng.randrange(9)
    if kind < 3:
        return string(rng)
    if kind < 5:
        return identifier(rng)
    if kind < 7:
        return rng.choice(NUMBERS)
    if kind == 7:
        return RAW.format(rng.choice(RAW_VALUES))
    return rng.choice((None, True, False))


def value(rng: Random) -> Any:
    """Return any value, flat or nested."""
    kind = rng.randrange(12)
    if kind < 9:
        return scalar(rng)
    if kind == 9:
        return nested(rng)
    if kind == 10:
        return [scalar(rng) for _ in range(rng.choice((0, 1, 3, 60)))]
    return {string(rng)[:2000]: scalar(rng) for _ in range(rng.choice((0, 1, 5)))}
