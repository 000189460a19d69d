"""The command line's sign-in: challenges that it cannot answer end with a sentence."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tools.ops.user_token import access_token
from tools.stack.operator import DeploymentError


class Cognito:
    """A user pool that accepts any password and answers with `answer`."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self._answer = answer

    def initiate_auth(self, **_: object) -> dict[str, Any]:
        block = base64.b64encode(b"secret block").decode()
        parameters = {
            "USER_ID_FOR_SRP": "sub",
            "USERNAME": "sub",
            "SALT": "a1",
            "SRP_B": "b2" * 64,
            "SECRET_BLOCK": block,
        }
        return {"ChallengeName": "PASSWORD_VERIFIER", "ChallengeParameters": parameters, "Session": "s"}

    def respond_to_auth_challenge(self, **_: object) -> dict[str, Any]:
        return self._answer


def sign_in(answer: dict[str, Any]) -> str:
    return access_token(Cognito(answer), "eu-west-1_pool", "client", "ana@example.com", lambda name: "password")


def test_a_user_who_has_to_set_up_a_second_factor_is_sent_to_the_page() -> None:
    with pytest.raises(DeploymentError, match="sign in on the page first"):
        sign_in({"ChallengeName": "MFA_SETUP", "Session": "s", "ChallengeParameters": {}})


def test_a_user_without_a_second_factor_gets_a_token() -> None:
    assert sign_in({"AuthenticationResult": {"AccessToken": "token"}}) == "token"
