"""Pages: how many records to ask for, and what ChatKit's Page says about them. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from chatkit.types import Page


class _Identified(Protocol):
    id: str


T = TypeVar("T", bound=_Identified)

MAX_PAGE = 1_000
"""ChatKit.js asks for 9999 threads; what is left out of a page is on the next one."""


def page_size(limit: int) -> int:
    """Return how many records a page holds; one more is read, to know whether there are more."""
    return max(0, min(limit, MAX_PAGE))


def make_page(entries: Sequence[T], *, more: bool) -> Page[T]:
    """Return a page; `after` is its last id, and None on the last page, as in ChatKit's reference store."""
    return Page(data=list(entries), has_more=more, after=entries[-1].id if more and entries else None)


def is_forward(order: str) -> bool:
    """Return the direction of "asc" or "desc". Raises ValueError for anything else."""
    if order not in ("asc", "desc"):
        raise ValueError(f"order is {order!r}, neither 'asc' nor 'desc'")
    return order == "asc"
