"""What an operator sees in the account: settings of table, bucket, sign-in client and alarms, and the OpenAI key."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import Any

import httpx

from tools.local.openai.server import API_KEY as STAND_IN_KEY
from tools.ops.doctor import Check, FailedError, Stack, UnknownError
from tools.stack.settings import Setting, read_settings
from tools.stack.template import read_template


async def table(stack: Stack) -> str:
    """The table has the template's keys, index, expiry, backups, encryption and stream."""
    return _agreed(stack, [each for each in await _settings(stack) if each.name.startswith("table")])


async def bucket(stack: Stack) -> str:
    """The bucket is closed, encrypted and forgets what was never sent."""
    return _agreed(stack, [each for each in await _settings(stack) if each.name.startswith("bucket")])


async def _settings(stack: Stack) -> tuple[Setting, ...]:
    def read() -> tuple[Setting, ...]:
        with closing(stack.client("dynamodb")) as dynamodb, closing(stack.client("s3")) as s3:
            outputs = stack.outputs
            return read_settings(dynamodb, s3, read_template(), outputs["TableName"], outputs["BucketName"])

    return await asyncio.to_thread(read)


def _agreed(stack: Stack, settings: list[Setting]) -> str:
    if wrong := [f"{each.name}: {each.found}, not {each.wanted}" for each in settings if not each.agrees]:
        raise FailedError("; ".join(wrong))
    found = ", ".join(each.name.partition(" ")[2] for each in settings)
    by_hand = [each.name.partition(" ")[2] for each in settings if each.by_api and stack.local]
    return (
        f"{found} (set by API, because the local CloudFormation drops them: {', '.join(by_hand)})" if by_hand else found
    )


async def sign_in_client(stack: Stack) -> str:
    """Sign-in returns to the site."""

    def read() -> dict[str, Any]:
        with closing(stack.client("cognito-idp")) as cognito:
            ids = {"UserPoolId": stack.outputs["UserPoolId"], "ClientId": stack.outputs["UserPoolClientId"]}
            return cognito.describe_user_pool_client(**ids)["UserPoolClient"]

    client = await asyncio.to_thread(read)
    wanted = stack.origin if stack.local else stack.outputs["SiteUrl"]
    if f"{wanted}/" not in client.get("CallbackURLs", []):
        raise FailedError(f"it returns to {', '.join(client.get('CallbackURLs', []))}, not to {wanted}/")
    if client.get("ClientSecret"):
        raise FailedError("the client has a secret, which a browser cannot keep")
    return f"code with PKCE, back to {wanted}/"


async def openai_key(stack: Stack) -> str:
    """OpenAI takes the key in the secret, and has the model."""

    def read() -> str:
        with closing(stack.client("secretsmanager")) as secrets:
            try:
                return secrets.get_secret_value(SecretId=stack.outputs["OpenAISecretArn"])["SecretString"]
            except secrets.exceptions.ResourceNotFoundException:
                raise FailedError("the secret is empty") from None

    key = await asyncio.to_thread(read)
    if stack.local and key == STAND_IN_KEY:
        raise UnknownError("the model is the stand-in, tools/local/openai/server.py", "OPENAI_API_KEY=sk-… make dev")
    model = stack.parameters.get("OpenAIModel", "")
    async with httpx.AsyncClient(timeout=20) as http:
        answer = await http.get(f"{stack.openai}/models/{model}", headers={"authorization": f"Bearer {key}"})
    if answer.status_code != 200:
        raise FailedError(f"OpenAI answered {answer.status_code} for {model}")
    return f"OpenAI takes the key and has {model}"


async def alarms(stack: Stack) -> str:
    """Somebody is told of an alarm."""
    email = stack.parameters.get("AlarmEmail", "")
    if not email:
        raise UnknownError("no AlarmEmail: alarms are in the console only", "AlarmEmail=… in samconfig.toml")

    def read() -> list[dict[str, Any]]:
        with closing(stack.client("sns")) as sns:
            return [each for each in sns.list_subscriptions()["Subscriptions"] if each["Endpoint"] == email]

    found = await asyncio.to_thread(read)
    if not any(each["SubscriptionArn"].startswith("arn:") for each in found):
        raise FailedError(f"{email} has not confirmed")
    return f"{email} has confirmed"


CHECKS = (
    Check(
        "table", table, "deploy template.yaml again; an index cannot be changed: docs/operate/operations.md, restore"
    ),
    Check("bucket", bucket, "deploy template.yaml again"),
    Check("sign-in client", sign_in_client, "make deploy ENV=… sets SiteOrigin to the site's own origin"),
    Check(
        "OpenAI key",
        openai_key,
        "aws secretsmanager put-secret-value --secret-id <output OpenAISecretArn> --secret-string sk-…",
    ),
    Check("alarms reach somebody", alarms, "open the confirmation mail of AWS Notifications"),
)
