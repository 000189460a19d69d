"""The operator of a stack: region, profile and account, the same for every command; and AWS's errors as one line.

    with explained():
        select(environment.options)     # samconfig.toml's region and profile, else the shell's, else the profile's
        operator = identify()
        operator.account, operator.region

`select` writes the choice into this process's environment, which boto3, the SAM CLI and the AWS CLI all read.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping, MutableMapping
from contextlib import closing, contextmanager
from dataclasses import dataclass

import botocore.session
from botocore import exceptions
from botocore.config import Config

from function_setup.clients import ClientSession

REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")
"""In order of precedence, as in AWS CLI v2. boto3 reads the second one only."""
BEFORE_PROFILE = ("AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""Variables that botocore prefers to AWS_PROFILE."""
PROBE = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2})
"""Finds out within seconds that AWS cannot be reached."""


class DeploymentError(Exception):
    """A command cannot continue. The message names the problem and the remedy in one line."""


@dataclass(frozen=True)
class Operator:
    """The identity and the region that every command uses; `source` names the setting that chose the region."""

    account: str
    arn: str
    region: str
    source: str


def select(options: Mapping[str, str], environ: MutableMapping[str, str] = os.environ) -> str:
    """Set region and profile for this process and its children; return the source of the region.

    `options` are an environment's settings in samconfig.toml. Its profile replaces keys in the shell, as it does in the
    SAM CLI, and its region replaces the shell's. Raises DeploymentError when no setting names a region.
    """
    if profile := options.get("profile"):
        for name in BEFORE_PROFILE:
            environ.pop(name, None)
        environ["AWS_PROFILE"] = profile
    region, source = _region(options, environ)
    for name in REGION_VARIABLES:
        environ[name] = region
    return source


def _region(options: Mapping[str, str], environ: Mapping[str, str]) -> tuple[str, str]:
    if region := options.get("region"):
        return region, "samconfig.toml"
    for name in REGION_VARIABLES:
        if region := environ.get(name):
            return region, name
    profile = environ.get("AWS_DEFAULT_PROFILE") or environ.get("AWS_PROFILE")
    if region := botocore.session.Session(profile=profile).get_config_variable("region"):  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # fmt: skip
        return str(region), f"profile {profile or 'default'}"  # pyright: ignore[reportUnknownArgumentType]
    raise DeploymentError(
        'no AWS region is set: add `region = "eu-west-1"` to the environment in samconfig.toml, or set AWS_REGION, '
        "or run `aws configure`"
    )


def identify(source: str = "") -> Operator:
    """Return the account and identity of the selected credentials. Raises botocore's errors; see `explained`."""
    with closing(ClientSession().client("sts", PROBE)) as sts:
        identity = sts.get_caller_identity()
        return Operator(identity["Account"], identity["Arn"], sts.meta.region_name, source)


# --- errors -----------------------------------------------------------------------------------------------------------

_SIGN_IN_AGAIN = "sign in again (`aws sso login` or `aws login`), or renew the keys of your shell"
_NO_CREDENTIALS = "no AWS credentials were found: run `aws configure` or `aws sso login`, or set AWS_PROFILE"
_NO_NETWORK = "AWS cannot be reached: check the network, the proxy, and the region's name"
_BY_CLASS: tuple[tuple[type[Exception], str], ...] = (
    (exceptions.NoCredentialsError, _NO_CREDENTIALS),
    (exceptions.PartialCredentialsError, _NO_CREDENTIALS),
    (exceptions.CredentialRetrievalError, f"your credentials cannot be loaded: {_SIGN_IN_AGAIN}"),
    (exceptions.SSOError, f"your sign-in has expired: {_SIGN_IN_AGAIN}"),
    (exceptions.LoginError, f"your sign-in has expired: {_SIGN_IN_AGAIN}"),
    (exceptions.TokenRetrievalError, f"your sign-in has expired: {_SIGN_IN_AGAIN}"),
    (
        exceptions.ProfileNotFound,
        "the profile does not exist: see `aws configure list-profiles`, and AWS_PROFILE or `profile` in samconfig.toml",
    ),
    (exceptions.InvalidRegionError, "the region is not one of AWS: correct AWS_REGION, or `region` in samconfig.toml"),
    (exceptions.NoRegionError, "set AWS_REGION, or `region` in samconfig.toml"),
    (exceptions.ConfigParseError, "the AWS configuration file cannot be read: correct it"),
    (exceptions.HTTPClientError, _NO_NETWORK),
    (exceptions.ConnectionError, _NO_NETWORK),
)
_BY_CODE = {
    **dict.fromkeys(
        ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"),
        f"your credentials have expired: {_SIGN_IN_AGAIN}",
    ),
    **dict.fromkeys(
        ("InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "AuthFailure"),
        f"AWS does not know your access key: {_SIGN_IN_AGAIN}",
    ),
    **dict.fromkeys(
        ("SignatureDoesNotMatch", "IncompleteSignature"),
        "AWS rejects your secret key: correct it, and check this machine's clock",
    ),
    **dict.fromkeys(
        ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"),
        "your identity lacks a permission: docs/operate/deploy-role.json lists those that are required",
    ),
}


@contextmanager
def explained() -> Generator[None]:
    """Turn an error of AWS or of its configuration into a DeploymentError of one line."""
    try:
        yield
    except exceptions.ClientError as error:
        raise DeploymentError(_of_aws(error)) from error
    except exceptions.BotoCoreError as error:
        raise DeploymentError(_of_botocore(error)) from error


def _of_aws(error: exceptions.ClientError) -> str:
    details = error.response.get("Error", {})
    message = " ".join(details.get("Message", "").split())
    advice = _BY_CODE.get(details.get("Code", ""))
    return f"{advice} ({message})" if advice else f"AWS rejected {error.operation_name}: {message}"


def _of_botocore(error: exceptions.BotoCoreError) -> str:
    text = " ".join(str(error).split())
    advice = next((advice for kind, advice in _BY_CLASS if isinstance(error, kind)), None)
    return f"{advice} ({text})" if advice else text
