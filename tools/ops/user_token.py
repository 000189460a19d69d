"""An access token of a pool's own user, for the doctor and curl: `make token ENV=dev EMAIL=ana@example.com`.

    token = access_token(cognito, pool_id, client_id, "ana@example.com", ask)

SRP proves the password without sending it (USER_SRP_AUTH, which the stack's client allows). The mathematics are
pycognito's. A first sign-in asks for a new password, and multi-factor authentication for the code of the
authenticator app. A user of an identity provider has no password in the pool and signs in on the page instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError
from pycognito.aws_srp import AWSSRP
from pycognito.exceptions import ForceChangePasswordException, SoftwareTokenMFAChallengeException

from tools.stack.operator import DeploymentError

Ask = Callable[[str], str]
"""Asks for a secret, given the name to show."""
REFUSED = {
    "NotAuthorizedException": "the address or the password is wrong, or the user is disabled",
    "UserNotFoundException": "the address or the password is wrong, or the user is disabled",
    "PasswordResetRequiredException": "the password must be reset: use “Forgot your password?” on the sign-in page",
    "CodeMismatchException": "the code is wrong: try again with the next one",
    "InvalidPasswordException": "the new password does not meet the pool's rules: at least 12 characters, with lower "
    "case, upper case and a digit",
}


def access_token(cognito: Any, pool_id: str, client_id: str, email: str, ask: Ask) -> str:
    """Sign a user in and return the access token. Raises DeploymentError, which says why the pool refused."""
    srp: Any = AWSSRP(email, ask(f"Password of {email}"), pool_id, client_id, client=cognito)
    try:
        answer: Any
        try:
            answer = srp.authenticate_user()
        except ForceChangePasswordException:
            answer = srp.set_new_password_challenge(ask("New password"))
        except SoftwareTokenMFAChallengeException as challenge:
            answer = cognito.respond_to_auth_challenge(
                ClientId=client_id,
                ChallengeName="SOFTWARE_TOKEN_MFA",
                Session=challenge.get_tokens()["Session"],
                ChallengeResponses={"USERNAME": email, "SOFTWARE_TOKEN_MFA_CODE": ask("Code of the authenticator app")},
            )
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code not in REFUSED:
            raise
        raise DeploymentError(f"no token: {REFUSED[code]}") from error
    if "AuthenticationResult" not in answer:  # with Mfa=required, a user without an authenticator app: MFA_SETUP
        raise DeploymentError(
            "no token: the user has no second factor yet; sign in on the page first, which sets it up"
        )
    return str(answer["AuthenticationResult"]["AccessToken"])
