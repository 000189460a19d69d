"""Users of the local Cognito pool and their sign-in with the browser's flow: authorization code with PKCE.

    create_user(stack, "ana@example.com", PASSWORD)
    tokens = sign_in(stack, "ana@example.com", PASSWORD)
    headers = {"x-auth-token": tokens.access_token}

MiniStack serves Cognito's endpoints on its port: `/oauth2/authorize` returns the sign-in form, `/login` accepts it and
redirects with a code, `/oauth2/token` exchanges the code and the verifier for tokens. The local client allows the same
authentication flows as the deployed one.
https://docs.aws.amazon.com/cognito/latest/developerguide/using-pkce-in-authorization-code.html
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs, urlencode, urlsplit

from tools.stack.clients import local_client

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp.client import CognitoIdentityProviderClient

PASSWORD = "Correct-Horse-7-Battery"
"""The password of every user that the tools and tests create in a local pool."""
SCOPES = "openid email profile"
TIMEOUT_SECONDS = 10
_HIDDEN_FIELD = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


class SignInError(Exception):
    """The pool did not sign the user in."""


@dataclass(frozen=True)
class Tokens:
    """Response of Cognito's token endpoint; `expires_in` in seconds."""

    access_token: str
    id_token: str
    refresh_token: str
    expires_in: int


class SignInPage(Protocol):
    """Address of a pool's sign-in page and the client that uses it; a LocalStack is one."""

    @property
    def endpoint(self) -> str: ...
    @property
    def client_id(self) -> str: ...
    @property
    def redirect_uri(self) -> str: ...


class UserPool(Protocol):
    """A pool that holds users; a LocalStack is one."""

    @property
    def endpoint(self) -> str: ...
    @property
    def user_pool_id(self) -> str: ...


def create_user(stack: UserPool, username: str, password: str, groups: Iterable[str] = ()) -> None:
    """Create a confirmed user, or set the password of an existing one; `username` is an email address."""
    with closing(pool_client(stack)) as cognito:
        with suppress(cognito.exceptions.UsernameExistsException):
            cognito.admin_create_user(
                UserPoolId=stack.user_pool_id,
                Username=username,
                UserAttributes=[
                    {"Name": "email", "Value": username},
                    {"Name": "email_verified", "Value": "true"},
                ],
                MessageAction="SUPPRESS",
            )
        cognito.admin_set_user_password(
            UserPoolId=stack.user_pool_id, Username=username, Password=password, Permanent=True
        )
        for group in groups:
            _ensure_group(cognito, stack.user_pool_id, group)
            cognito.admin_add_user_to_group(UserPoolId=stack.user_pool_id, Username=username, GroupName=group)


def sign_in(stack: SignInPage, username: str, password: str) -> Tokens:
    """Sign in as a browser does. Raises SignInError when the pool rejects the credentials."""
    verifier = secrets.token_urlsafe(48)
    state = secrets.token_urlsafe(16)
    query = urlencode(
        {
            "response_type": "code",
            "client_id": stack.client_id,
            "redirect_uri": stack.redirect_uri,
            "scope": SCOPES,
            "state": state,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
    )
    _, form, _ = _request(f"{stack.endpoint}/oauth2/authorize?{query}")
    fields = {**dict(_HIDDEN_FIELD.findall(form)), "username": username, "password": password}
    status, _, location = _request(f"{stack.endpoint}/login", fields)
    answer = parse_qs(urlsplit(location).query)
    if status != 302 or "code" not in answer:
        raise SignInError(f"sign-in of {username} failed with status {status}")
    if answer.get("state") != [state]:
        raise SignInError("the state in the redirect differs from the state in the request")
    return _exchange(stack, answer["code"][0], verifier)


def challenge_of(verifier: str) -> str:
    """Return the S256 code challenge of `verifier` (RFC 7636, section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _exchange(stack: SignInPage, code: str, verifier: str) -> Tokens:
    fields = {
        "grant_type": "authorization_code",
        "client_id": stack.client_id,
        "redirect_uri": stack.redirect_uri,
        "code": code,
        "code_verifier": verifier,
    }
    status, body, _ = _request(f"{stack.endpoint}/oauth2/token", fields)
    if status != 200:
        raise SignInError(f"the token endpoint rejected the code with status {status}")
    answer: dict[str, Any] = json.loads(body)
    return Tokens(answer["access_token"], answer["id_token"], answer["refresh_token"], answer["expires_in"])


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Return redirects instead of following them: the redirect's address contains the code."""

    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: Any) -> None:
        return None


def _request(url: str, fields: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Send a GET, or POST `fields` as a form, and return status, body and `Location`."""
    data = urlencode(fields).encode() if fields is not None else None
    response: Any
    try:
        response = urllib.request.build_opener(_NoRedirect).open(url, data, TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        return response.status, response.read().decode(), response.headers.get("Location", "")


def _ensure_group(cognito: CognitoIdentityProviderClient, pool: str, group: str) -> None:
    with suppress(cognito.exceptions.GroupExistsException):
        cognito.create_group(UserPoolId=pool, GroupName=group)


def pool_client(stack: UserPool) -> CognitoIdentityProviderClient:
    """Return a Cognito client with the root key; the caller closes it."""
    return local_client("cognito-idp", stack.endpoint)
