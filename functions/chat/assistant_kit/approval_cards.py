"""The card of an approval, and the words in which the model learns about it.

    card_item(approval, fields, speech)          # a thread item: what will happen, Approve, Deny, the exact arguments
    told(approval)                               # for the model: what was asked, decided and done

Every text of a card comes from code or from the record: the author's words, the arguments, the decision. The model
chooses arguments only, and a card shows these exactly on demand.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from chatkit.types import WidgetItem
from chatkit.widgets import DynamicWidgetRoot

from chat_api.assistant import Approval
from languages import Speech

KEY = "approval:"
"""The start of a card's `key`."""
SHOWN_CHARS = 600
"""Of an outcome on its card; the record has more."""
JOINERS = "\u200c\u200d"
"""Invisible, but part of Persian words and of emoji."""
TOLD_CHARS = 4_000
"""Of an outcome, or of arguments, for the model."""


def exact(arguments: str) -> str:
    """Return canonical JSON whose characters that hide, reverse or break text are escapes."""
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in arguments)


def plain(text: str) -> str:
    """Return a text as one line without characters that hide or reverse text: arguments may be part of it."""
    return "".join(c for c in " ".join(text.split()) if c.isprintable() or c in JOINERS)


def is_card(item: WidgetItem) -> bool:
    """Return whether an item is the card of an approval."""
    return str(getattr(item.widget, "key", None) or "").startswith(KEY)


def with_card(item: WidgetItem, approval: Approval, speech: Speech, *, details: bool = False) -> WidgetItem:
    """Return the card's item in the state of its record."""
    return item.model_copy(update={"widget": card(approval, speech, details=details), "copy_text": _copy(approval)})


def card_item(approval: Approval, fields: dict[str, Any], speech: Speech) -> WidgetItem:
    """Return a new item with the card; `fields` are those of `items.item_fields`."""
    return WidgetItem(**fields, widget=card(approval, speech), copy_text=_copy(approval))


def card(approval: Approval, speech: Speech, *, details: bool = False) -> DynamicWidgetRoot:
    """Return the card of an approval in its present state."""
    asked = approval.asked
    payload = {"id": asked.approval_id, "digest": asked.digest}
    children: list[dict[str, Any]] = [
        {"type": "Title", "value": _heading(approval, speech), "size": "sm"},
        {"type": "Text", "value": asked.words},
        *({"type": "Caption", "value": line} for line in _facts(approval, speech)),
    ]
    if details:
        children.append({"type": "Text", "value": f"{asked.tool} {exact(asked.arguments)}", "size": "xs"})
    if approval.status == "pending":
        children.append(_form(payload, speech, details=details, always=bool(asked.allows)))
    elif approval.status in ("begun", "unknown"):
        children.append(_button(speech("Check"), "approval.check", payload))
    return DynamicWidgetRoot.model_validate(
        {"type": "Card", "key": KEY + asked.approval_id, "size": "md", "children": children}
    )


def _form(payload: dict[str, Any], speech: Speech, *, details: bool, always: bool) -> dict[str, Any]:
    buttons = [
        _button(speech("Approve"), "approval.approve", payload, style="primary"),
        {"type": "Button", "label": speech("Deny"), "submit": True, "style": "secondary"},
    ]
    if not details:
        buttons.append(_button(speech("Details"), "approval.details", payload, variant="ghost"))
    if always:
        buttons.insert(1, _button(speech("Always allow"), "approval.always", payload, style="secondary"))
    return {
        "type": "Form",
        "id": "decision",
        "onSubmitAction": {"type": "approval.deny", "payload": payload},
        "children": [
            {"type": "Label", "value": speech("Reason, if you deny (optional)"), "fieldName": "reason"},
            {"type": "Input", "name": "reason"},
            {"type": "Row", "gap": 2, "children": buttons},
        ],
    }


def _button(label: str, action: str, payload: dict[str, Any], **options: str) -> dict[str, Any]:
    return {"type": "Button", "label": label, "onClickAction": {"type": action, "payload": payload}, **options}


def _is_covered(approval: Approval) -> bool:
    """Return whether an allowance covered the call, so that its user was not asked about it."""
    return bool(approval.allowance) and not approval.is_granting


def _heading(approval: Approval, speech: Speech) -> str:
    if _is_covered(approval):
        return _covered_heading(approval, speech)
    match approval.status:
        case "pending":
            return speech("Your approval is needed")
        case "begun":
            return speech("Approved; the outcome is not known yet")
        case "done":
            return speech("Approved and done")
        case "failed":
            return speech("Approved, but it failed")
        case "unknown":
            return speech("Approved; the outcome is unknown")
        case "denied":
            return speech("Denied; nothing was done")
        case "expired":
            return speech("Expired; nothing was done")


def _covered_heading(approval: Approval, speech: Speech) -> str:
    match approval.status:
        case "done":
            return speech("Always allowed, and done")
        case "failed":
            return speech("Always allowed, but it failed")
        case "unknown":
            return speech("Always allowed; the outcome is unknown")
        case _:
            return speech("Always allowed; the outcome is not known yet")


def _facts(approval: Approval, speech: Speech) -> list[str]:
    lines: list[str] = []
    if approval.status == "pending":
        lines.append(speech("You can decide until {time}.", time=_time(approval.asked.until, speech)))
    if approval.status == "pending" and approval.asked.allows:
        lines.append(speech("“Always allow” covers from now on: {calls}", calls=approval.asked.allows))
    if approval.decided_at and _is_covered(approval):
        time = _time(approval.decided_at, speech)
        lines.append(
            speech("Not asked on {time}, because you always allow: {calls}", time=time, calls=approval.asked.allows)
        )
    elif approval.decided_at:
        lines.append(speech("You decided this on {time}.", time=_time(approval.decided_at, speech)))
    if approval.is_granting:
        lines.append(
            speech(
                "From then on always allowed: {calls}. You can revoke this at any time.", calls=approval.asked.allows
            )
        )
    if approval.reason:
        lines.append(speech("Reason: {reason}", reason=approval.reason))
    if approval.status == "unknown":
        lines.append(
            speech("The server stopped before it knew. It is never repeated by itself: look whether it was done.")
        )
    if approval.outcome:
        lines.append(plain(approval.outcome)[:SHOWN_CHARS])
    return lines


def _time(at: datetime, speech: Speech) -> str:
    at = at.astimezone(UTC)
    return f"{speech.date(at.date())}, {at:%H:%M} UTC"


def _copy(approval: Approval) -> str:
    return f"{approval.asked.words} ({approval.status})"


def told(approval: Approval) -> tuple[str, str]:
    """Return our own words about an approval for the model, and its data as JSON."""
    asked = approval.asked
    data: dict[str, Any] = {"tool": asked.tool, "arguments": _cut(asked.arguments)}
    if approval.reason:
        data["reason"] = approval.reason
    if approval.outcome:
        data["outcome"] = _cut(approval.outcome)
    if approval.allowance:
        data["always allowed by the user"] = asked.allows
    if asked.siblings:
        data["other tools of that response returned"] = _cut(asked.siblings)
    states = _COVERED if _is_covered(approval) else _STATES
    return f"[Approval {asked.approval_id}] {states[approval.status]}", json.dumps(data, ensure_ascii=False)


_STATES = {
    "pending": (
        "The user was asked to allow this call of a tool. It is not decided, and the call has not run. "
        "Do not say that it was done, and do not call the tool again for the same purpose."
    ),
    "begun": "The user approved this call. It was started, and its outcome is not known yet. Do not call it again.",
    "done": "The user approved this call, and it was carried out, once. Do not call it again. Its outcome is below.",
    "failed": "The user approved this call, and it failed. Its outcome is below.",
    "unknown": (
        "The user approved this call. The server stopped before its outcome was known: it may or may not have been "
        "carried out. Say so, and do not call it again unless the user asks for it."
    ),
    "denied": "The user denied this call, and it has not run. Do not call it again unless the user asks for it.",
    "expired": "The user did not decide about this call in time, and it has not run.",
}

_COVERED = _STATES | {
    "begun": "The user always allows such calls. It was started, and its outcome is not known yet.",
    "done": (
        "The user always allows such calls, and was not asked. It was carried out, once. Do not call it again for the "
        "same purpose. Its outcome is below."
    ),
    "failed": "The user always allows such calls. It was started without a question and failed. Its outcome is below.",
    "unknown": (
        "The user always allows such calls. The server stopped before the outcome of this one was known: it may or may "
        "not have been carried out. Say so, and do not call it again unless the user asks for it."
    ),
}


def _cut(text: str) -> str:
    return text if len(text) <= TOLD_CHARS else f"{text[:TOLD_CHARS]} [cut]"
