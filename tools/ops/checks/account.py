"""Checks of the account: settings of table, bucket, sign-in client and alarms, the OpenAI key, and the models' ends."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, date, datetime
from typing import Any

import httpx

from tools.local.openai.server import API_KEY as STAND_IN_KEY
from tools.ops.doctor import Check, FailedError, Target, UnknownError, WarningError
from tools.stack.settings import Setting, read_settings
from tools.stack.template import read_template

WARNING_DAYS = 90


async def table(target: Target) -> str:
    """The table has the template's keys, index, expiry, backups, encryption and stream."""
    return _agreed(target, [each for each in await _settings(target) if each.name.startswith("table")])


async def bucket(target: Target) -> str:
    """The bucket is private and encrypted, and deletes uploads that no message refers to."""
    return _agreed(target, [each for each in await _settings(target) if each.name.startswith("bucket")])


async def _settings(target: Target) -> tuple[Setting, ...]:
    def read() -> tuple[Setting, ...]:
        with closing(target.client("dynamodb")) as dynamodb, closing(target.client("s3")) as s3:
            names = target.outputs["TableName"], target.outputs["BucketName"]
            return read_settings(dynamodb, s3, read_template(), *names, target.parameters.get("KmsKeyArn", ""))

    return await asyncio.to_thread(read)


def _agreed(target: Target, settings: list[Setting]) -> str:
    if wrong := [f"{each.name} is {each.found}, not {each.wanted}" for each in settings if not each.agrees]:
        raise FailedError("; ".join(wrong))
    found = ", ".join(each.name.partition(" ")[2] for each in settings)
    by_hand = [each.name.partition(" ")[2] for each in settings if each.by_api and target.local]
    return (
        f"{found} (set by API, because the local CloudFormation ignores them: {', '.join(by_hand)})"
        if by_hand
        else found
    )


async def sign_in_client(target: Target) -> str:
    """Sign-in redirects to the site."""

    def read() -> dict[str, Any]:
        with closing(target.client("cognito-idp")) as cognito:
            ids = {"UserPoolId": target.outputs["UserPoolId"], "ClientId": target.outputs["UserPoolClientId"]}
            return cognito.describe_user_pool_client(**ids)["UserPoolClient"]

    client = await asyncio.to_thread(read)
    wanted = target.origin if target.local else target.outputs["SiteUrl"]
    if f"{wanted}/" not in client.get("CallbackURLs", []):
        raise FailedError(f"it redirects to {', '.join(client.get('CallbackURLs', []))}, not to {wanted}/")
    if client.get("ClientSecret"):
        raise FailedError("the client has a secret, which a browser cannot protect")
    return f"authorization code with PKCE, redirects to {wanted}/"


async def openai_key(target: Target) -> str:
    """OpenAI accepts the secret's key and offers the model."""
    model = target.parameters.get("OpenAIModel", "")
    status, _ = await _model(target, model, await _key(target))
    if status != 200:
        raise FailedError(f"OpenAI returns {status} for the model {model}")
    return f"OpenAI accepts the key and offers {model}"


async def models(target: Target) -> str:
    """No model of the stack shuts down within 90 days, by `shutdown_date` of `GET /v1/models/{model}`."""
    if endpoint := target.parameters.get("OpenAIBaseUrl"):
        raise UnknownError(f"the models of {endpoint} have no published end", "ask the operator of this endpoint")
    key, today = await _key(target), datetime.now(UTC).date()
    faults: list[str] = []
    soon: list[str] = []
    names = models_of(target.parameters)
    for name in names:
        status, described = await _model(target, name, key)
        if status == 404:
            faults.append(f"{name} does not exist (any longer)")
        elif status != 200:
            raise UnknownError(f"OpenAI returns {status} for {name}", "mend the row “OpenAI key” first")
        elif ends := described.get("shutdown_date"):
            days = (date.fromisoformat(ends) - today).days
            if days < WARNING_DAYS:
                soon.append(f"{name} shuts down on {ends}, in {days} days")
    if faults:
        raise FailedError("; ".join([*faults, *soon]))
    if soon:
        raise WarningError("; ".join(soon))
    return f"no shutdown within {WARNING_DAYS} days: {', '.join(names)}"


def models_of(parameters: Mapping[str, str]) -> list[str]:
    """Return the models that a stack with these parameters asks for: the default, the menu's, and dictation's."""
    menu = [entry.partition("=")[0].strip() for entry in parameters.get("OpenAIModels", "").split(",")]
    names = [parameters.get("OpenAIModel", ""), *menu, parameters.get("TranscriptionModel", "")]
    return list(dict.fromkeys(name for name in names if name))


async def _key(target: Target) -> str:
    """Return the stack's OpenAI key. Raises FailedError without one, UnknownError for the local stand-in's."""

    def read() -> str:
        with closing(target.client("secretsmanager")) as secrets:
            try:
                return secrets.get_secret_value(SecretId=target.outputs["OpenAISecretArn"])["SecretString"]
            except secrets.exceptions.ResourceNotFoundException:
                raise FailedError("the secret has no value") from None

    key = await asyncio.to_thread(read)
    if target.local and key == STAND_IN_KEY:  # a real key is in the function's environment only
        key = os.environ.get("OPENAI_API_KEY", "")
        if not key:
            raise UnknownError("this shell has no OpenAI key to try", "OPENAI_API_KEY=sk-… make doctor")
    return key


async def _model(target: Target, name: str, key: str) -> tuple[int, dict[str, Any]]:
    async with httpx.AsyncClient(timeout=20) as http:
        endpoint = (target.parameters.get("OpenAIBaseUrl") or target.openai).rstrip("/")
        answer = await http.get(f"{endpoint}/models/{name}", headers={"authorization": f"Bearer {key}"})
    return answer.status_code, answer.json() if answer.status_code == 200 else {}


async def alarms(target: Target) -> str:
    """Alarms reach a confirmed e-mail address."""
    email = target.parameters.get("AlarmEmail", "")
    if not email:
        raise UnknownError(
            "AlarmEmail is not set, so alarms appear in the console only", "set AlarmEmail=… in samconfig.toml"
        )

    def read() -> list[dict[str, Any]]:
        with closing(target.client("sns")) as sns:
            pages = sns.get_paginator("list_subscriptions").paginate()  # of the whole account, 100 per page
            return [each for page in pages for each in page["Subscriptions"] if each["Endpoint"] == email]

    found = await asyncio.to_thread(read)
    if not any(each["SubscriptionArn"].startswith("arn:") for each in found):
        raise FailedError(f"{email} has not confirmed the subscription")
    return f"{email} has confirmed the subscription"


CHECKS = (
    Check(
        "table",
        table,
        "deploy again; if the index differs, restore into a new table (docs/operate/accidents.md)",
    ),
    Check("bucket", bucket, "deploy again: make deploy ENV=…"),
    Check("sign-in client", sign_in_client, "make deploy ENV=… sets SiteOrigin to the site's origin"),
    Check(
        "OpenAI key",
        openai_key,
        "aws secretsmanager put-secret-value --secret-id <output OpenAISecretArn> --secret-string sk-…",
    ),
    Check(
        "models",
        models,
        "choose a successor (https://developers.openai.com/api/docs/deprecations): make deploy ENV=… "
        'PARAMS="OpenAIModel=… OpenAIModels=… TranscriptionModel=…"',
    ),
    Check("alarm e-mail", alarms, "confirm the subscription in the e-mail from AWS Notifications"),
)
