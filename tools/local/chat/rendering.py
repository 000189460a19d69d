"""Text for a terminal from ChatKit's events and items.

text_of(event)                     # "" when there is nothing to show
ask_questions(form, console.input) # a form's answers, one question at a time
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tools.client.chatkit import Event

DECIDE = "/yes approves it · /no REASON denies it · /details shows the exact arguments"
ALWAYS = " · /always allows such calls from now on"
SHOWN_TEXTS = ("Title", "Caption", "Text", "Markdown")


def text_of(event: Event) -> str:
    """Return the lines for an event, except for deltas of the answer's text."""
    match event:
        case {"type": "progress_update", "text": text}:
            return f"… {text}"
        case {"type": "notice", "message": message}:
            return f"! {message}"
        case {"type": "client_effect", "name": name, "data": data}:
            return f"[the page: {name} {_arguments(data)}]"
        case {"type": "thread.updated", "thread": {"title": str(title)}}:
            return f"[title: {title}]"
        case {"type": "thread.item.done" | "thread.item.replaced", "item": item}:
            return item_text(item)
        case {"type": "error"}:
            retry = " You can try again." if event.get("allow_retry") else ""
            return f"{event.get('message') or 'The answer failed.'}{retry}"
        case _:
            return ""


def item_text(item: Event) -> str:
    """Return the lines for a complete item, except for the text of a message."""
    match item:
        case {"type": "widget", "widget": widget}:
            decisions = decisions_of(widget)
            always = ALWAYS if "approval.always" in decisions else ""
            commands = [DECIDE + always] if decisions else _buttons(widget)
            return "\n".join(f"│ {line}" for line in [*_lines(widget), *_fields(widget), *commands])
        case {"type": "workflow", "workflow": {"tasks": tasks}}:
            return "\n".join(f"✓ {task.get('title') or task.get('content', '')}" for task in tasks)
        case {"type": "generated_image", "image": {"url": url}}:
            return f"[picture: {url}]"
        case {"type": "client_tool_call", "status": "pending", "name": name, "arguments": arguments}:
            return f"[the page: {name} {_arguments(arguments)}]"
        case {"type": "assistant_message", "content": content}:
            notes = [note["source"] for part in content for note in part.get("annotations", [])]
            return "\n".join(f"[source: {source['title']} {source.get('url', '')}]" for source in notes)
        case _:
            return ""


def ask_questions(form: Event, read_answer: Callable[[str], str]) -> dict[str, str]:
    """Ask each question of a form and return the answers by question id, without empty ones."""
    answers = {question["id"]: read_answer(_question(question)) for question in form["inputs"]}
    return {name: value for name, value in answers.items() if value}


@dataclass(frozen=True)
class Button:
    """A place of a card that can be pressed."""

    label: str
    action: Event


def buttons_of(widget: Event) -> list[Button]:
    """Return what can be pressed on a card: buttons, rows of a list, and a card's own confirm and cancel."""
    found: list[Button] = []
    for name in ("confirm", "cancel"):
        own: Event = widget.get(name) or {}
        if own:
            found.append(Button(str(own.get("label") or name), own["action"]))
    for name in ("onClickAction", "onSubmitAction", "onChangeAction"):
        action: Event = widget.get(name) or {}
        if action:
            found.append(Button(_label(widget), action))
    return [*found, *(button for child in _children(widget) for button in buttons_of(child))]


def decisions_of(widget: Event) -> dict[str, Event]:
    """Return the actions of a card that asks for an approval, by type; empty for any other card, or a decided one."""
    actions = {str(button.action["type"]): button.action for button in buttons_of(widget)}
    return actions if "approval.approve" in actions else {}


def _label(widget: Event) -> str:
    texts = [str(widget[name]) for name in ("label", "value", "title", "name") if isinstance(widget.get(name), str)]
    return texts[0] if texts else " ".join(_lines(widget)) or str(widget.get("type"))


def _buttons(widget: Event) -> list[str]:
    return [f"[{number}] {button.label}: /press {number}" for number, button in enumerate(buttons_of(widget), 1)]


def fields_of(widget: Event) -> list[Event]:
    """Return the input fields of a card."""
    if widget.get("type") == "Input":
        return [widget]
    return [field for child in _children(widget) for field in fields_of(child)]


def _question(question: Event) -> str:
    options = " / ".join(option["value"] for option in question.get("options", []))
    return f"{question['question']}{f' ({options})' if options else ''} "


def _lines(widget: Event) -> list[str]:
    """Return a card's texts; a row is one line."""
    if widget.get("type") == "Row":
        return ["  ".join(line for child in _children(widget) for line in _lines(child))]
    if widget.get("type") == "Chart":
        return [f"{bar['label']}  {bar['dollars']:,.2f}" for bar in widget["data"]]
    if widget.get("type") in SHOWN_TEXTS:
        return str(widget["value"]).splitlines()
    return [line for child in _children(widget) for line in _lines(child)]


def _fields(widget: Event) -> list[str]:
    return [f"{field['name']}: /save VALUE" for field in fields_of(widget)] if widget.get("confirm") else []


def _children(widget: Event) -> list[Event]:
    children: Event | list[Event] = widget.get("children") or []
    return [children] if isinstance(children, dict) else children


def _arguments(data: Any) -> str:
    return " ".join(f"{name}={value}" for name, value in data.items())
