"""Deployment of template.yaml into a running MiniStack, with environment and credentials for the functions.

    with MiniStack.start() as aws:
        stack = deploy(aws)
        stack.chat_environment    # TABLE_NAME, BUCKET_NAME, COGNITO_… from the template
        stack.chat_credentials    # a session of the chat function's role, so its policy applies as on AWS

CloudFormation deploys the template, including the SAM transform. Only its local code paths are replaced first, as
`sam package` does, because the local Function URL runs the code from the source tree. Four things differ from AWS:

- the services' APIs apply the settings that MiniStack ignores (`tools.stack.settings`), and every setting is read back;
- the bucket policy `TlsOnly` is removed and reported, because MiniStack enforces it and the loopback server has no TLS;
- `COGNITO_JWKS_URL` points to this machine (tokens keep AWS's issuer), and `AWS_ENDPOINT_URL` is added;
- the janitor's event source mapping is disabled, because MiniStack would run the placeholder code; the local poller
  invokes the real janitor.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tools.app.folder import App, extended
from tools.local.ministack import MiniStack
from tools.stack.clients import REGION, Credentials
from tools.stack.description import describe
from tools.stack.settings import Setting, apply_dropped_settings, read_settings
from tools.stack.template import Template, packaged, read_template

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.client import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef

STACK_NAME = "chatkit"
ARTIFACTS = ("local-artifacts", "placeholder.zip")
TEMPLATE_KEY = "template.json"
DEPLOY_LIMIT_SECONDS = 60
SESSION_SECONDS = 12 * 3600


class StackError(Exception):
    """The local stack differs from the template; `reasons` has one line per fault."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("the local stack differs from template.yaml:\n  " + "\n  ".join(reasons))
        self.reasons = reasons


@dataclass(frozen=True)
class LocalStack:
    """The deployed stack: physical names, and environment and credentials of each function."""

    endpoint: str
    table: str
    bucket: str
    stream_arn: str
    user_pool_id: str
    client_id: str
    issuer: str
    jwks_url: str
    redirect_uri: str
    secret_arn: str
    chat_timeout_seconds: int
    chat_memory_mb: int
    chat_environment: Mapping[str, str]
    chat_credentials: Credentials
    janitor_environment: Mapping[str, str]
    janitor_credentials: Credentials
    settings_read_back: tuple[Setting, ...]


def deploy(
    aws: MiniStack,
    parameters: Mapping[str, str] | None = None,
    openai_api_key: str | None = None,
    app: App | None = None,
) -> LocalStack:
    """Create or update the stack, extended by `app`, and return it. `openai_api_key` becomes the secret's value.

    Raises StackError when CloudFormation fails or when a setting that was read back differs from the template.
    """
    template = extended(read_template(), app)
    _provision(aws, template, parameters or {})
    return adopt(aws, template, openai_api_key=openai_api_key)


def adopt(
    aws: MiniStack, template: Template, stack_name: str = STACK_NAME, openai_api_key: str | None = None
) -> LocalStack:
    """Complete a stack that CloudFormation has created, with any client, and return it. Raises StackError."""
    outputs = outputs_of(aws, stack_name)
    settings = settle(aws, template, outputs["TableName"], outputs["BucketName"])
    if wrong := [f"{row.name}: {row.found}, template: {row.wanted}" for row in settings if not row.agrees]:
        raise StackError(wrong)
    _lift_tls_only(aws, outputs["BucketName"])
    if openai_api_key:
        with closing(aws.client("secretsmanager")) as secrets:
            secrets.put_secret_value(SecretId=outputs["OpenAISecretArn"], SecretString=openai_api_key)
    return _describe(aws, template, stack_name, outputs, (*settings, _TLS_LIFTED))


def outputs_of(aws: MiniStack, stack_name: str = STACK_NAME) -> dict[str, str]:
    """Return the outputs of a stack by name."""
    with closing(aws.client("cloudformation")) as client:
        return dict(describe(client, stack_name).outputs)


def settle(aws: MiniStack, template: Template, table: str, bucket: str) -> tuple[Setting, ...]:
    """Apply the settings that CloudFormation ignored and return all settings as read back from the services."""
    with closing(aws.client("dynamodb")) as dynamodb, closing(aws.client("s3")) as s3:
        apply_dropped_settings(dynamodb, s3, template, table, bucket)
        return read_settings(dynamodb, s3, template, table, bucket)


_TLS_LIFTED = Setting("bucket policy TlsOnly", "removed: loopback has no TLS", "removed: loopback has no TLS", True)


# --- CloudFormation ---------------------------------------------------------------------------------------------------


def _provision(aws: MiniStack, template: Template, parameters: Mapping[str, str]) -> None:
    bucket, key = ARTIFACTS
    with closing(aws.client("s3")) as s3:
        with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket=bucket, Key=key, Body=_empty_zip())
        # In the bucket, as `sam deploy` does: a request takes templates up to 51,200 bytes only.
        s3.put_object(Bucket=bucket, Key=TEMPLATE_KEY, Body=json.dumps(packaged(template, bucket, key)).encode())
    with closing(aws.client("cloudformation")) as client:
        _create_or_update(client, f"{aws.endpoint}/{bucket}/{TEMPLATE_KEY}", parameters)
        _wait(client)


def _create_or_update(client: CloudFormationClient, url: str, parameters: Mapping[str, str]) -> None:
    values: list[ParameterTypeDef] = [
        {"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()
    ]
    try:
        client.create_stack(
            StackName=STACK_NAME,
            TemplateURL=url,
            Parameters=values,
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
    except client.exceptions.AlreadyExistsException:
        try:
            client.update_stack(
                StackName=STACK_NAME,
                TemplateURL=url,
                Parameters=values,
                Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            )
        except ClientError as error:
            if "No updates" not in str(error):
                raise


def _wait(client: CloudFormationClient) -> None:
    limit = time.monotonic() + DEPLOY_LIMIT_SECONDS
    while time.monotonic() < limit:
        status = describe(client, STACK_NAME).status
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return
        if not status.endswith("IN_PROGRESS"):
            raise StackError([status, *_failures(client)])
        time.sleep(0.05)
    raise StackError([f"CloudFormation did not finish within {DEPLOY_LIMIT_SECONDS} s"])


def _failures(client: CloudFormationClient) -> list[str]:
    return [
        f"{event.get('LogicalResourceId')}: {event.get('ResourceStatusReason')}"
        for event in client.describe_stack_events(StackName=STACK_NAME)["StackEvents"]
        if "FAILED" in event.get("ResourceStatus", "")
    ]


def _empty_zip() -> bytes:
    content = io.BytesIO()
    zipfile.ZipFile(content, "w").close()
    return content.getvalue()


# --- the functions' environment ---------------------------------------------------------------------------------------


def _lift_tls_only(aws: MiniStack, bucket: str) -> None:
    with closing(aws.client("s3")) as s3:
        s3.delete_bucket_policy(Bucket=bucket)


def _describe(
    aws: MiniStack, template: Template, stack_name: str, outputs: Mapping[str, str], settings: tuple[Setting, ...]
) -> LocalStack:
    pool, client_id = outputs["UserPoolId"], outputs["UserPoolClientId"]
    jwks_url = f"{aws.endpoint}/{pool}/.well-known/jwks.json"
    on_this_machine = {"AWS_ENDPOINT_URL": aws.endpoint, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
    functions = {name: _configuration(aws, stack_name, name) for name in ("ChatFunction", "JanitorFunction")}
    chat, janitor = (
        {**configuration["Environment"]["Variables"], **logging_variables(template, name)}
        for name, configuration in functions.items()
    )
    with closing(aws.client("cognito-idp")) as cognito:
        client = cognito.describe_user_pool_client(UserPoolId=pool, ClientId=client_id)["UserPoolClient"]
    return LocalStack(
        endpoint=aws.endpoint,
        table=outputs["TableName"],
        bucket=outputs["BucketName"],
        stream_arn=outputs["TableStreamArn"],
        user_pool_id=pool,
        client_id=client_id,
        issuer=chat["COGNITO_ISSUER"],
        jwks_url=jwks_url,
        redirect_uri=client["CallbackURLs"][0],
        secret_arn=outputs["OpenAISecretArn"],
        chat_timeout_seconds=functions["ChatFunction"]["Timeout"],
        chat_memory_mb=functions["ChatFunction"]["MemorySize"],
        chat_environment={**chat, "COGNITO_JWKS_URL": jwks_url, **on_this_machine},
        chat_credentials=_assume(aws, outputs["ChatRoleArn"], "chat"),
        janitor_environment={**janitor, **on_this_machine},
        janitor_credentials=_assume(aws, outputs["JanitorRoleArn"], "janitor"),
        settings_read_back=settings,
    )


def logging_variables(template: Template, function: str) -> dict[str, str]:
    """Return the variables that Lambda sets because of a function's LoggingConfig.

    https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
    """
    config: dict[str, str] = template["Resources"][function]["Properties"]["LoggingConfig"]
    return {"AWS_LAMBDA_LOG_FORMAT": config["LogFormat"], "AWS_LAMBDA_LOG_LEVEL": config["ApplicationLogLevel"]}


def _configuration(aws: MiniStack, stack_name: str, logical_id: str) -> Mapping[str, Any]:
    """Return a deployed function's configuration, and disable its event sources."""
    with closing(aws.client("cloudformation")) as client:
        resource = client.describe_stack_resource(StackName=stack_name, LogicalResourceId=logical_id)
    name = resource["StackResourceDetail"]["PhysicalResourceId"]
    with closing(aws.client("lambda")) as client:
        mappings = client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
        for mapping in mappings:
            client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        return client.get_function_configuration(FunctionName=name)


def _assume(aws: MiniStack, role_arn: str, session: str) -> Credentials:
    with closing(aws.client("sts")) as sts:
        key = sts.assume_role(RoleArn=role_arn, RoleSessionName=session, DurationSeconds=SESSION_SECONDS)["Credentials"]
    return Credentials(key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"])
