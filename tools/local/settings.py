"""The settings of a local run: values of the shell and of app/app.toml, the origin of each, and warnings.

    settings = LocalSettings.read(template, os.environ, app)
    settings.parameters      # all parameters of template.yaml, for the local CloudFormation
    settings.environment     # further variables of the chat function: the model's endpoint and key
    settings.lines(), settings.warnings

A variable of the README's table has precedence over app/app.toml, and that over template.yaml. The shell's variables
become parameters, so the local function gets each value in the same way as a deployed one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chat_api.settings import Settings
from tools.app.folder import App, settable
from tools.local.openai.server import API_KEY
from tools.stack.operator import DeploymentError
from tools.stack.parameters import Origin, Value, effective, parse, values_of
from tools.stack.template import Template

KEY = "OPENAI_API_KEY"
ENDPOINT = "OPENAI_BASE_URL"
ENDPOINT_PARAMETER = "OpenAIBaseUrl"
FURTHER = frozenset({KEY, "SHOW_ERRORS", "OPENAI_AGENTS_DISABLE_TRACING"})
"""Variables without a parameter that a local function takes from the shell."""
OF_THE_STACK = {name.upper() for name in Settings.model_fields} | {"LAMBDA_STREAMING_ENTRY"}
SIMILAR = 0.85


@dataclass(frozen=True)
class LocalSettings:
    """The settings of one run."""

    values: tuple[Value, ...]
    variables: Mapping[str, str]
    """Parameters by the variable of the chat function that has their value."""
    environment: Mapping[str, str]
    warnings: tuple[str, ...]

    @classmethod
    def read(
        cls, template: Template, shell: Mapping[str, str], app: App | None = None, site_origin: str | None = None
    ) -> LocalSettings:
        """Return the settings. Raises DeploymentError or AppError for a value that cannot work."""
        variables = {name: each for name, each in settable(template).items() if name.isupper()}
        given, emptied = _given(template, variables, shell)
        origin = {"SiteOrigin": site_origin} if site_origin else dict[str, str]()
        _refuse_other_endpoints(shell, app)
        of_app = app.parameters(template) if app else {}
        params = parse(shell.get("PARAMS", ""))
        values = effective(template, None, {}, params, of_app, {**given, **origin})
        environment = _model(values_of(values)[ENDPOINT_PARAMETER], template, shell)
        environment |= {name: shell[name] for name in FURTHER - {KEY} if name in shell}
        known = {*variables, *FURTHER, *(app.environment if app else ()), *(app.secrets if app else ())}
        return cls(tuple(values), variables, environment, (*emptied, *_unused(shell, known)))

    @property
    def parameters(self) -> dict[str, str]:
        return values_of(self.values)

    @property
    def uses_local_model(self) -> bool:
        """Whether neither an endpoint nor a key was given."""
        return KEY not in self.environment

    def of(self, variable: str) -> Value:
        """Return the value of a variable of the chat function."""
        return next(each for each in self.values if each.name == self.variables[variable])

    def chosen(self) -> dict[str, str]:
        """Return the variables whose value is not the template's default."""
        found = {name: self.of(name) for name in self.variables}
        return {name: each.value for name, each in found.items() if each.origin is not Origin.TEMPLATE}

    def lines(self) -> Iterator[str]:
        """Yield the effective settings: one line for each chosen value, and one for all defaults."""
        defaults: list[str] = []
        for name in self.variables:
            value, origin = self.of(name).value, self.of(name).origin
            if origin is not Origin.TEMPLATE:
                yield f"{name}={value or '(empty)'}  ({origin})"
            elif value and not (name == ENDPOINT and self.uses_local_model):
                defaults.append(f"{name}={value}")
        yield f"defaults: {' '.join(defaults)}"


def _given(
    template: Template, variables: Mapping[str, str], shell: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Return the shell's parameters, and a warning for each variable that is empty and therefore counts as unset."""
    given: dict[str, str] = {}
    warnings: list[str] = []
    for name, parameter in variables.items():
        if name not in shell:
            continue
        pattern = template["Parameters"][parameter].get("AllowedPattern", "")
        allowed = template["Parameters"][parameter].get("AllowedValues", [""])
        if shell[name] or name == ENDPOINT or ("" in allowed and re.fullmatch(pattern, "")):
            given[parameter] = shell[name]
        else:
            warnings.append(f"{name} is empty in your shell and counts as unset")
    return given, warnings


def _model(endpoint: str, template: Template, shell: Mapping[str, str]) -> dict[str, str]:
    """Return the model's variables: none for the local model, a stand-in key for an endpoint without a key."""
    key = shell.get(KEY, "").strip()
    if endpoint != template["Parameters"][ENDPOINT_PARAMETER]["Default"]:
        return {ENDPOINT: endpoint, KEY: key or API_KEY}
    return {KEY: key} if key else {}


def _refuse_other_endpoints(shell: Mapping[str, str], app: App | None) -> None:
    """Raise DeploymentError for an address under a name that no one reads: its requests would go to OpenAI."""
    own = app.environment.keys() | app.secrets.keys() if app else set[str]()
    for name, value in shell.items():
        names_openai = name.upper().startswith("OPENAI_") or _similar(name, [ENDPOINT])
        if names_openai and name != ENDPOINT and name not in own and re.match(r"https?://", value):
            raise DeploymentError(
                f"{name}={value} is not a setting, and requests for it would go elsewhere: the endpoint is {ENDPOINT}"
            )


def _unused(shell: Mapping[str, str], known: set[str]) -> Iterator[str]:
    for name in sorted(shell.keys() - known):
        if name in OF_THE_STACK:
            yield f"{name} is set in your shell and not used: the local stack has its own value"
        elif name.startswith("OPENAI_"):
            yield f"{name} is set in your shell and not used: it is not a setting of the function"
        elif close := _similar(name, sorted(known | OF_THE_STACK)):
            yield f"{name} is set in your shell and not used: did you mean {close}?"


def _similar(name: str, known: list[str]) -> str | None:
    close: list[Any] = difflib.get_close_matches(name.upper(), known, n=1, cutoff=SIMILAR)
    return close[0] if close else None
