"""The adopter's folder `app/` as data, and the template that it extends.

    app = App.read()                        # None without the folder; AppError lists every fault
    app.parameters(template)                # {"Assistant": "app.assistant:build", …}
    extended(template, app)                 # with its variables, its rights and its secret

| file | content |
|---|---|
| `assistant.py` | the assistant; modules and data next to it are shipped too |
| `app.toml` | `[settings]`, `[environment]`, `[secrets]` and `[aws]` |
| `iam.json` | further statements for the function's role, a list or a policy document |
| `requirements.txt` | further packages |

Nothing else in the repository is edited to bring an assistant, so a merge of a newer version never touches the folder.
"""

from __future__ import annotations

import copy
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from tools import ROOT

PACKAGE = "app"
FACTORY = "app.assistant:build"
TABLES = {"settings", "environment", "secrets", "aws"}
AWS_KEYS = {"services", "real"}
STATEMENT_KEYS = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
STAGES = {"dev", "prod"}
MAX_ENVIRONMENT_BYTES = 3000
"""Lambda allows 4 KB for all variables of a function; the template's own need about 1 KB."""
SECRET_VARIABLE = "APP_SECRET_ARN"
NOT_SHIPPED = ("test_*.py", "conftest.py", "*.pyc", "Makefile")
NOT_SHIPPED_AT_TOP = ("app.toml", "iam.json", "requirements*", "README.md", "web", "local.json")
NEVER_REAL = {"dynamodb", "s3", "secretsmanager", "cognito-idp", "lambda", "logs", "sts"}
"""Services that the stack itself uses, whose clients would leave the local AWS as well."""
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{1,60}")
_RESERVED = re.compile(r"AWS_.*|LAMBDA_.*|TZ|PATH|LANG|PYTHON.*|LD_.*|_.*")
_SERVICE = re.compile(r"[a-z][a-z0-9-]*")

Template = dict[str, Any]


class AppError(Exception):
    """The folder `app/` cannot be used; the message has one line per fault."""


@dataclass(frozen=True)
class App:
    """The folder's settings, variables, secrets, AWS services and rights."""

    folder: Path
    settings: Mapping[str, str]
    """Settings of the README by variable, or parameters of template.yaml by name."""
    environment: Mapping[str, str | Mapping[str, str]]
    """The assistant's own variables: a value, or one for each stage."""
    secrets: Mapping[str, str]
    """Names of secrets, with descriptions."""
    services: tuple[str, ...] = ()
    """AWS services beyond the template's whose descriptions are shipped."""
    real: tuple[str, ...] = ()
    """AWS services that the local stack forwards to AWS."""
    statements: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def read(cls, root: Path = ROOT) -> App | None:
        """Return the folder of the repository at `root`, or None if there is none. Raises AppError."""
        folder = root / PACKAGE
        if not any(folder.glob("*.py")) and not (folder / "app.toml").exists():
            return None
        faults: list[str] = []
        tables = _toml(folder / "app.toml", faults)
        aws = tables.get("aws", {})
        app = cls(
            folder,
            {"ASSISTANT": FACTORY, **{name: _text(value) for name, value in tables.get("settings", {}).items()}},
            {name: _by_stage(value) for name, value in tables.get("environment", {}).items()},
            {name: str(value) for name, value in tables.get("secrets", {}).items()},
            tuple(dict.fromkeys((*aws.get("services", ()), *aws.get("real", ())))),
            tuple(aws.get("real", ())),
            tuple(_statements(folder / "iam.json", faults)),
        )
        faults += app._faults()
        if faults:
            raise AppError("app/ cannot be used:\n  " + "\n  ".join(faults))
        return app

    @property
    def requirements(self) -> Path:
        return self.folder / "requirements.txt"

    @property
    def module(self) -> str:
        """The module of the factory."""
        return self.settings["ASSISTANT"].partition(":")[0]

    def variables(self, stage: str) -> dict[str, str]:
        """Return the variables of `[environment]` for a stage."""
        return {name: each if isinstance(each, str) else each[stage] for name, each in self.environment.items()}

    def from_shell(self, shell: Mapping[str, str]) -> dict[str, str]:
        """Return the folder's variables and secrets that a shell has; they have precedence on this machine."""
        return {name: shell[name] for name in (*self.environment, *self.secrets) if name in shell}

    def shipped(self) -> list[Path]:
        """Return the files that belong into the function, relative to the folder."""
        found: list[Path] = []
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder)
            hidden = any(part.startswith(".") or part == "__pycache__" for part in name.parts)
            top = any(Path(name.parts[0]).match(pattern) for pattern in NOT_SHIPPED_AT_TOP)
            if path.is_file() and not hidden and not top and not any(name.match(each) for each in NOT_SHIPPED):
                found.append(name)
        return found

    def parameters(self, template: Template) -> dict[str, str]:
        """Return the values of `[settings]` by template parameter. Raises AppError for a setting that has none."""
        known = settable(template)
        if unknown := [name for name in self.settings if name not in known]:
            raise AppError(
                f"app/app.toml: [settings] {', '.join(unknown)}: not a setting. Settings are "
                f"{', '.join(sorted(name for name in known if name.isupper()))}, and the parameters of template.yaml; "
                "variables of your own belong into [environment]"
            )
        return {known[name]: value for name, value in self.settings.items()}

    def _faults(self) -> Iterator[str]:
        for table, names in (("environment", self.environment), ("secrets", self.secrets)):
            for name in names:
                if not _VARIABLE.fullmatch(name) or _RESERVED.fullmatch(name):
                    yield (
                        f"app.toml: [{table}] {name}: use capitals, digits and underscores, and a name that neither "
                        "Lambda nor the template has, for example SHOP_URL"
                    )
        for name in self.environment.keys() & self.secrets.keys():
            yield f"app.toml: {name} is in [environment] and in [secrets]: keep one"
        size = len(json.dumps(dict(self.environment)))
        if size > MAX_ENVIRONMENT_BYTES:
            yield (
                f"app.toml: [environment] has {size} bytes, Lambda allows about {MAX_ENVIRONMENT_BYTES}: move texts "
                "into a file in app/"
            )
        for name in NEVER_REAL & set(self.real):
            yield f"app.toml: [aws] {name} cannot be real, because the stack itself uses it: remove it from `real`"
        for name in self.services:
            if not _SERVICE.fullmatch(name):
                yield f"app.toml: [aws] {name}: use boto3's name of the service, for example bedrock-runtime"


def settable(template: Template) -> dict[str, str]:
    """Return the parameters by their own name, and by the variable of the chat function that has their value."""
    parameters: dict[str, Any] = template["Parameters"]
    variables: dict[str, Any] = template["Resources"]["ChatFunction"]["Properties"]["Environment"]["Variables"]
    by_variable: dict[str, str] = {
        name: value["Ref"]
        for name, value in variables.items()
        if isinstance(value, dict) and cast("dict[str, Any]", value).get("Ref") in parameters
    }
    return {**{name: name for name in parameters}, **by_variable}


def extended(template: Template, app: App | None) -> Template:
    """Return a copy of the template with the folder's variables, rights, and secret."""
    if app is None:
        return template
    result = copy.deepcopy(template)
    resources = result["Resources"]
    variables = resources["ChatFunction"]["Properties"]["Environment"]["Variables"]
    if taken := sorted((app.environment.keys() | app.secrets.keys()) & variables.keys()):
        raise AppError(f"app/app.toml: {', '.join(taken)}: a variable of template.yaml; put it into [settings]")
    variables |= {name: _value(value) for name, value in app.environment.items()}
    statements = [dict(each) for each in app.statements]
    if app.secrets:
        resources["AppSecret"] = _secret(resources["OpenAISecret"], app.secrets)
        arn = {"Fn::GetAtt": ["AppSecret", "Id"]}
        variables[SECRET_VARIABLE] = arn
        statements.append(
            {"Sid": "AppSecret", "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": arn}
        )
        result["Outputs"]["AppSecretArn"] = {
            "Description": "Secret of the assistant: one JSON object with " + ", ".join(app.secrets),
            "Value": arn,
        }
    if statements:
        resources["AppAccess"] = {
            "Type": "AWS::IAM::Policy",
            "Properties": {
                "PolicyName": "app",
                "Roles": [{"Ref": "ChatRole"}],
                "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
            },
        }
    return result


def _secret(pattern: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return a secret like the OpenAI key's. Its content is set by the operator and kept like that of the other."""
    result = copy.deepcopy(dict(pattern))
    result["Properties"]["Description"] = {"Fn::Sub": f"{', '.join(names)} of the assistant in ${{AWS::StackName}}"}
    return result


def _value(value: str | Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return value
    return {"Fn::If": ["IsProd", value["prod"], value["dev"]]}


# --- reading ----------------------------------------------------------------------------------------------------------


def _toml(path: Path, faults: list[str]) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        tables = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        faults.append(f"{path.name}: {error}")
        return {}
    for name in sorted(tables.keys() - TABLES):
        faults.append(f"{path.name}: [{name}] is unknown: use {', '.join(f'[{each}]' for each in sorted(TABLES))}")
    for name in sorted(tables.keys() & TABLES):
        if not isinstance(tables[name], dict):
            faults.append(f"{path.name}: {name} must be a table: write [{name}]")
            tables[name] = {}
    for name, value in list(tables.get("aws", {}).items()):
        if name not in AWS_KEYS:
            faults.append(f"{path.name}: [aws] {name} is unknown: use {', '.join(sorted(AWS_KEYS))}")
        elif not isinstance(value, list) or not all(isinstance(each, str) for each in cast("list[object]", value)):
            faults.append(f'{path.name}: [aws] {name} must be a list, for example {name} = ["bedrock-runtime"]')
            tables["aws"][name] = []
    return {name: table for name, table in tables.items() if name in TABLES}


def _text(value: object) -> str:
    """Return a value of TOML as text: tables and lists as JSON, because LIMITS and ATTACHMENTS are JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, default=str)


def _by_stage(value: object) -> str | dict[str, str]:
    if isinstance(value, dict) and (stages := cast("dict[str, object]", value)).keys() == STAGES:
        return {stage: _text(each) for stage, each in stages.items()}
    return _text(cast("object", value))


def _statements(path: Path, faults: list[str]) -> Sequence[dict[str, Any]]:
    if not path.exists():
        return ()
    try:
        content: Any = json.loads(path.read_text())
    except ValueError as error:
        faults.append(f"{path.name}: {error}")
        return ()
    if isinstance(content, dict):
        content = cast("dict[str, Any]", content).get("Statement")
    found: Any = [content] if isinstance(content, dict) else content
    if not isinstance(found, list):
        faults.append(f"{path.name}: must be a list of IAM statements")
        return ()
    statements = [cast("dict[str, Any]", each) if isinstance(each, dict) else {} for each in cast("list[Any]", found)]
    for number, each in enumerate(statements, start=1):
        faults += [f"{path.name}: statement {number} {fault}" for fault in _statement_faults(each)]
    return statements


def _statement_faults(statement: Mapping[str, Any]) -> Iterator[str]:
    keys = set(statement)
    if unknown := sorted(keys - STATEMENT_KEYS):
        yield f"has {', '.join(unknown)}, which a policy of a role cannot have"
    if statement.get("Effect") not in ("Allow", "Deny"):
        yield 'needs "Effect": "Allow" (or "Deny")'
    if not keys & {"Action", "NotAction"}:
        yield 'needs "Action", for example "bedrock:InvokeModelWithResponseStream"'
    if not keys & {"Resource", "NotResource"}:
        yield 'needs "Resource", the ARNs that it applies to'
