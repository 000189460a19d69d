"""Features of the project and the tests that show them. `python -m tests.features` writes docs/evidence/features.md.

    @pytest.mark.feature("threads.create")
    async def test_…

A marker on a test or on a class of tests names one of FEATURES. A feature without a test, a marker that names none, and
a table that is out of date fail `tests/unit/test_features.py`.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

TESTS = Path(__file__).parent
TABLE = TESTS.parent / "docs" / "evidence" / "features.md"

REQUESTS = {
    "threads.create": "A new conversation: its thread, the stored message, the streamed answer",
    "threads.add_user_message": "The next message of a conversation",
    "threads.add_client_tool_output": "The result of the page's tool; the turn resumes",
    "threads.add_structured_input": "A form's answers; the turn resumes",
    "threads.retry_after_item": "A second answer to a message",
    "threads.custom_action": "A widget's action, answered by a stream",
    "threads.sync_custom_action": "A widget's action, answered at once",
    "threads.get_by_id": "One conversation with its items",
    "threads.list": "The user's conversations, by pages",
    "threads.update": "A user's own title",
    "threads.delete": "A conversation is gone at once",
    "items.list": "A conversation's items, by pages, without hidden ones",
    "items.feedback": "Thumbs up or down, for one's own items",
    "attachments.create": "A file is registered; the answer says where to PUT it",
    "attachments.delete": "A file that was not sent is removed",
    "input.transcribe": "Dictation",
}

SEED = {
    "endpoint": "One endpoint for the whole protocol, and a health check (steps 3, 4)",
    "store": "Every method of ChatKit's store (step 2)",
    "approvals": "Tools that wait for the approval of their user",
    "allowances": "Calls within bounds that the user always allows, listed and revocable",
    "own-ids": "Ids of our own instead of ChatKit's (customizing ID generation)",
    "user-identification": "The user comes from a verified token, never from the body (step 3.5)",
    "isolation": "Another user's data behaves as if it did not exist (step 3.5)",
    "hosted-session": "A client secret for a hosted workflow (step 5.5)",
    "cors": "A frontend on another origin (step 6)",
    "direct-upload": "Attachments: one multipart request",
    "two-phase-upload": "Attachments: register, then PUT",
    "previews": "Attachments: previews by URLs that expire",
    "file-open": "Attachments: own sent files are opened or downloaded",
    "page-images": "Images are shown large, in a dialog",
    "attachment-access": "Attachments: other users' files cannot be read, sent or removed",
    "attachment-input": "Attachments: their form as model input",
    "client-tools": "The model calls a tool of the page and continues with its result",
    "agents-sdk": "An answer by the Agents SDK, tools included",
    "item-converter": "Thread items of all kinds as the model's input",
    "widgets": "Cards from templates, as a tool's answer",
    "widget-streaming": "A card that changes after it was shown",
    "thread-metadata": "Data of a thread that the client does not see",
    "titles": "Conversations get a title by themselves",
    "progress": "A long-running tool reports its progress",
    "server-context": "The request's context reaches the assistant and its tools",
    "recipes": "One short, runnable file per feature, from a tool to the assistant's own table",
    "bring-your-own": "Another assistant is one file and one setting (code reusability)",
}

MORE = {
    "deploy.live": "Every change of code, layers, parameters and settings reaches the version that serves",
    "deploy.parameters": "Parameters on the command line, checked before the build; `make params` shows their origin",
    "deploy.operator": "Your account, region and profile for every command; each fault is one line with its remedy",
    "real-aws": "AWS services that the local stack forwards to AWS with the developer's credentials",
    "upgrade": "A fork merges a newer version without conflicts",
    "new-app": "`make new` creates app/, the only folder that an adopter edits",
    "accounts": "The user's accounts and transactions, in a table of their own",
    "spending": "Spending by category over a period, with a chart",
    "balances": "Balances of all accounts, with a card",
    "analysis": "A long analysis: workflow with tasks",
    "reasoning": "The model's thoughts as a workflow",
    "budgets": "A budget: form, action, stored, card updated",
    "goals": "Questions about a goal as a form, and a plan by its answers",
    "client-effects": "Something happens in the page, without an answer",
    "generated-images": "A generated picture, partial versions first, stored in S3",
    "transcription": "Speech to text by the model",
    "mentions": "Things to @-mention, resolved for the model by the server",
    "composer": "The composer offers what the server allows: models, tools, dictation, mentions, files",
    "overview": "The user's money in a panel next to the chat",
    "quoted-text": "The text that a message refers to",
    "hidden-context": "Context for the model that the client does not see",
    "annotations": "Sources under an answer",
    "inference-options": "The user chooses model and tool, among those allowed",
    "history": "The newest part of the conversation, in order, within a budget",
    "model-failures": "Each failure of the model has its message, and the thread stays usable",
    "thread-status": "Locked and closed conversations take no messages",
    "edit-message": "A message is edited in its place and answered again",
    "feedback": "Feedback that is there after a reload, with a reason, and can be withdrawn",
    "one-turn-per-thread": "A second turn in a conversation while one runs: refused with the ids of both",
    "running-answers": "A running answer after a reload, in other tabs and devices, and across broken connections",
    "client-tools-once": "A client tool runs in one of the tabs that read its turn",
    "interrupted": "An answer whose model failed: the text so far stays, with a note and a retry",
    "takeover": "An answer whose process died: the next look stores the text so far, with a note and a retry",
    "unsent-message": "A message whose process died before it was stored: the client is told to send it again",
    "stop": "A stopped answer: the model is stopped, and the partial answer is kept",
    "deadline": "A turn ends before Lambda ends it",
    "rate-limits": "Limits per user and a budget for all",
    "localisation": "Refusals, limits, cards and menus in the user's language",
    "field-bounds": "Each field that a client sends has a bound, checked before anything expensive",
    "untrusted-text": "Files, quotations, mentions and answers stay data for the model, whatever they contain",
    "moderation": "An assistant's check of the user's texts and of its own answers",
    "malware-scan": "A scanner between the upload of a file and its acceptance",
    "one-turn-once": "The same request arriving twice is carried out once",
    "keep-alive": "A silent stream stays open",
    "slow-reader": "A reader that stops taking holds up nothing: its response ends early, the turn goes on",
    "journal": "The events of a running answer are written down once a second, for other readers and processes",
    "fenced-turns": "A process that was paused and replaced writes nothing when it wakes up",
    "reader-left": "A reader that leaves, or whose connection breaks, stops nothing: the answer is stored",
    "usage-metrics": "Tokens and times of a turn are counted",
    "single-sign-on": "Sign-in with the company's provider by SAML or OpenID Connect, groups included",
    "allowed-domains": "Only addresses of given domains register or come from the provider",
    "second-factors": "A required second factor, passkeys, and lives of tokens, by parameters",
    "failed-stacks": "A stack in any state is explained, cleared, and destroyed after its name was typed",
    "rollback": "The previous version of the function serves again",
    "logs": "The log of a deployed or the local stack, by request and level",
    "page-on-deployed-stack": "The page from its sources with a deployed backend",
    "model-lifecycle": "Models are settings, the doctor announces a shutdown, and a vanished model is replaced",
    "rejected-content": "A file or a text that the model rejects is left out, and the conversation goes on",
    "endpoints": "Examples for Chat Completions endpoints (Ollama, vLLM), Azure OpenAI, Amazon Bedrock, the Agents SDK",
    "local-settings": "Every setting works in the shell, as a parameter, in samconfig.toml and in app/",
    "visible-errors": "make dev shows an assistant's errors with its own frames, and reloads it on change",
    "local-model": "Without a key: a local model that calls any tool of any assistant",
    "openai-compatible": "Another endpoint that speaks OpenAI's protocols",
    "round-trips": "Three round trips to the table before the first word",
    "lean-imports": "A cold start loads less: no MCP unless it is used, no garbage collection, models when used",
    "when-to-load": "The model's libraries load after the first answer or before it, by a setting",
    "model-client": "A client that sends plain JSON without a walk along its types, in the same bytes",
    "strict-chat-completions": "A conversation as input for strict Chat Completions endpoints",
    "careless-assistants": "Mistakes of an assistant that lose no content: items never done, empty, or out of order",
    "invocation-ends": "An invocation ends within a second of its turn, whatever tasks ChatKit leaves behind",
    "late-tool-results": "A client tool's result reaches its call even if notes or messages follow it",
    "clean-titles": "Titles without thoughts and markup, none for a message without words",
}

PAGE = {
    "page-sign-in": "Sign-in by code and PKCE, renewal, the end of a session, sign-out",
    "page-streaming": "Words appear as they come",
    "page-history": "A conversation outlives a reload, and is found again",
    "page-official": "ChatKit's own component, with a stand-in behind its CDN's address",
    "page-plain": "A chat of our own where ChatKit's script is blocked",
    "search": "Own conversations are found by words in titles and messages",
    "page-reports": "Errors of the page reach the operator's log: sampled, limited, without any text",
    "panel-changes": "Budgets and goals are changed in the panel, without a turn",
    "goals": "Goals are saved, shown with the months that are left, and removed",
    "page-commands": "ChatKit's / menu and the page's header find conversations",
    "page-panel-chat": "A click on a figure of the panel asks the assistant about it",
    "page-panel": "The panel of the user's money follows the assistant's actions",
    "page-trouble": "Offline, limits, missing configuration: shown clearly, and hidden again afterwards",
    "page-policy": "Foreign scripts, pictures, frames and addresses are blocked",
    "page-looks": "Light and dark, desktop and phone, nothing serious found by axe",
}

GROUPS: Mapping[str, Mapping[str, str]] = {
    "ChatKit's request types": REQUESTS,
    "The seed's features": SEED,
    "More": MORE,
    "The page in a browser": PAGE,
}
FEATURES = {name: text for group in GROUPS.values() for name, text in group.items()}


def shown() -> dict[str, list[str]]:
    """Return the tests of each feature that a marker names, known or not, as pytest would name them."""
    tests: dict[str, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("*.py")):
        place = path.relative_to(TESTS.parent).as_posix()
        for name, feature in _marked(ast.parse(path.read_text())):
            tests[feature].append(f"{place}::{name}")
    return dict(tests)


def _marked(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the name and the feature of each marked class and test."""
    for node in module.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from ((node.name, feature) for feature in _features(node))
        if isinstance(node, ast.ClassDef):
            for test in node.body:
                if isinstance(test, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield from ((f"{node.name}::{test.name}", feature) for feature in _features(test))


def _features(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for decorator in node.decorator_list:
        for call in ast.walk(decorator):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "feature":
                for argument in call.args:
                    assert isinstance(argument, ast.Constant), f"a feature is named literally, line {node.lineno}"
                    yield str(argument.value)


def table() -> str:
    """Return docs/evidence/features.md."""
    tests = shown()
    lines = ["# Features and the tests that show them", "", "Made by `python -m tests.features`; do not edit.", ""]
    for group, features in GROUPS.items():
        lines += [f"## {group}", "", "| feature | what it is | shown by |", "|---|---|---|"]
        for name, text in features.items():
            links = "<br>".join(_link(test) for test in tests.get(name, []))
            lines.append(f"| `{name}` | {text} | {links} |")
        lines.append("")
    return "\n".join(lines)


def _link(test: str) -> str:
    path, _, name = test.partition("::")
    return f"[{path.removeprefix('tests/')}](../../{path}) `{name}`"


if __name__ == "__main__":
    TABLE.write_text(table())
