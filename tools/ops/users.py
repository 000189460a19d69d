"""Users of a stack's pool, by email address.

    users = Users(cognito, outputs["UserPoolId"])
    users.invite("ana@example.com", group="staff")      # Cognito mails a temporary password
    users.find("ana@example.com")                       # [PoolUser(name, user_id, "CONFIRMED")]
    users.disable(user)                                 # no sign-in, and no refresh of tokens

One address can have several users: one of the pool itself, and one for each identity provider that knows it.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tools.stack.operator import DeploymentError

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp.client import CognitoIdentityProviderClient

ADDRESS = re.compile(r"[^@\s\"\\]{1,64}@[^@\s\"\\]+\.[^@\s\"\\]+")


@dataclass(frozen=True)
class PoolUser:
    """A user of the pool; `user_id` is the `sub` of the tokens and the key of all data."""

    name: str
    user_id: str
    status: str


class Users:
    """The users of one pool. IAM: the cognito-idp:Admin… actions that the methods are named after, and ListUsers."""

    def __init__(self, cognito: CognitoIdentityProviderClient, pool_id: str) -> None:
        self._cognito = cognito
        self._pool_id = pool_id

    def invite(self, email: str, group: str = "") -> str:
        """Create a user whose address counts as verified, and let Cognito mail a temporary password.

        A verified address is what lets the user reset a forgotten password. A user who never signed in gets another
        mail, because a temporary password expires. Returns what was done. Raises DeploymentError for a bad address, or
        a group that the pool does not have.
        """
        self._check(email)
        if group:
            self._find_group(group)
        new: Any = {
            "UserPoolId": self._pool_id,
            "Username": email,
            "UserAttributes": [{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}],
            "DesiredDeliveryMediums": ["EMAIL"],
        }
        done = f"{email} is invited: Cognito mails a temporary password"
        try:
            self._cognito.admin_create_user(**new)
        except self._cognito.exceptions.UsernameExistsException:
            done = f"{email} exists already: nothing was mailed"
            if any(each.status == "FORCE_CHANGE_PASSWORD" for each in self.find(email)):
                self._cognito.admin_create_user(**new, MessageAction="RESEND")
                done = f"{email} was invited before and never signed in: Cognito mails another temporary password"
        if group:
            self._cognito.admin_add_user_to_group(UserPoolId=self._pool_id, Username=email, GroupName=group)
            done += f"; in the group {group}"
        return done

    def find(self, email: str) -> list[PoolUser]:
        """Return the users with this address. Raises DeploymentError if there are none."""
        self._check(email)
        found: list[PoolUser] = []
        for page in self._cognito.get_paginator("list_users").paginate(
            UserPoolId=self._pool_id, Filter=f'email = "{email}"'
        ):
            found += [_user(each) for each in page["Users"]]
        if not found:
            raise DeploymentError(f"the user pool has no user with the address {email}")
        return found

    def disable(self, user: PoolUser) -> None:
        """Forbid sign-in and revoke all refresh tokens. Access tokens are ended by the store's access record."""
        ids: Any = {"UserPoolId": self._pool_id, "Username": user.name}
        self._cognito.admin_disable_user(**ids)
        self._cognito.admin_user_global_sign_out(**ids)

    def delete(self, user: PoolUser) -> None:
        """Delete a user; one that is gone already is fine."""
        with suppress(self._cognito.exceptions.UserNotFoundException):
            self._cognito.admin_delete_user(UserPoolId=self._pool_id, Username=user.name)

    def _find_group(self, group: str) -> None:
        try:
            self._cognito.get_group(UserPoolId=self._pool_id, GroupName=group)
        except self._cognito.exceptions.ResourceNotFoundException as error:
            raise DeploymentError(
                f"the user pool has no group {group!r}: create it with "
                f"`aws cognito-idp create-group --user-pool-id {self._pool_id} --group-name {group}`"
            ) from error

    @staticmethod
    def _check(email: str) -> None:
        if not ADDRESS.fullmatch(email):
            raise DeploymentError(f"{email or 'nothing'} is not an email address: use EMAIL=ana@example.com")


def _user(found: Any) -> PoolUser:
    attributes = {each["Name"]: each.get("Value", "") for each in found.get("Attributes", [])}
    return PoolUser(found["Username"], attributes.get("sub", found["Username"]), found.get("UserStatus", ""))
