"""Triggers of the user pool: allowed email domains, and groups of the identity provider.

| event | effect |
|---|---|
| a user registers, or comes from the provider for the first time | refused outside AllowedEmailDomains |
| an operator creates a user | none: the operator decides |
| tokens are issued or renewed, with GroupsClaim | the provider's groups are added to `cognito:groups` |

Cognito waits five seconds for a response, so this function imports the standard library only.
https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-sign-up.html
https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html
"""

from __future__ import annotations

import json
import logging
import os
import re
from typing import Any, cast

logger = logging.getLogger("sign_in")

GROUPS_ATTRIBUTE = "custom:groups"
MAX_GROUPS = 100
MAX_GROUP_CHARS = 128
# Stricter than RFC 5322: an address that two parsers could read differently is refused, and so are domains outside
# ASCII, whose letters can look like others.
_ADDRESS = re.compile(r"[!#$%&'*+/=?^_`{|}~.A-Za-z0-9-]{1,64}@([A-Za-z0-9.-]{1,253})", re.ASCII)


class SignUpRefusedError(Exception):
    """The user is not created. The sign-in page shows the message."""


def handler(event: dict[str, Any], _context: object = None) -> dict[str, Any]:
    """Return the event of a trigger with this function's response. Raises SignUpRefusedError."""
    source = str(event.get("triggerSource"))
    if source.startswith("PreSignUp_") and source != "PreSignUp_AdminCreateUser":
        check_email(_attributes(event).get("email"), allowed_domains(os.environ.get("ALLOWED_EMAIL_DOMAINS", "")))
    elif source.startswith("TokenGeneration_"):
        add_groups(event, os.environ.get("IDENTITY_PROVIDER", ""))
    return event


def allowed_domains(parameter: str) -> frozenset[str]:
    """Return the domains in a list with commas; empty allows all."""
    return frozenset(domain for each in parameter.split(",") if (domain := each.strip().lower()))


def check_email(email: object, allowed: frozenset[str]) -> None:
    """Raise SignUpRefusedError unless the domain of `email` is one of `allowed`. Subdomains are other domains."""
    if not allowed:
        return
    if not email:
        logger.warning("sign-up refused: no email; map the provider's claim with the parameter EmailClaim")
        raise SignUpRefusedError("your identity provider sent no email address; ask your administrator")
    address = _ADDRESS.fullmatch(email) if isinstance(email, str) else None
    if address is None or address[1].lower() not in allowed:
        logger.info("sign-up refused: %s", "another domain" if address else "the address is not valid")
        raise SignUpRefusedError("this email address may not register here; ask your administrator")


def add_groups(event: dict[str, Any], provider: str) -> None:
    """Add the groups of a user of `provider` to those of the pool in the tokens' claim `cognito:groups`.

    Only for users whom the provider authenticates: others may be able to change their own attributes.
    """
    attributes = _attributes(event)
    if attributes.get("cognito:user_status") != "EXTERNAL_PROVIDER":
        return
    if not provider or not str(event.get("userName")).lower().startswith(f"{provider.lower()}_"):
        return
    found = groups_of(attributes.get(GROUPS_ATTRIBUTE))
    if len(found) > MAX_GROUPS:
        logger.warning(
            "the identity provider sent %d groups; those after the first %d are ignored", len(found), MAX_GROUPS
        )
    before = _mapping(_mapping(event.get("request")).get("groupConfiguration"))
    details = {
        "groupsToOverride": [*dict.fromkeys([*(before.get("groupsToOverride") or ()), *found[:MAX_GROUPS]])],
        "iamRolesToOverride": before.get("iamRolesToOverride") or [],
    }
    event["response"] = {"claimsAndScopeOverrideDetails": {"groupOverrideDetails": details}}


def groups_of(attribute: object) -> list[str]:
    """Return the groups in the attribute: `["a","b"]` from OIDC, `[a, b]` or `a` from SAML."""
    text = attribute.strip() if isinstance(attribute, str) else ""
    names: list[object] = [text]
    if text.startswith("[") and text.endswith("]"):
        try:
            names = cast("list[object]", json.loads(text))
        except (ValueError, RecursionError):
            names = [*text[1:-1].split(", ")]  # a name may contain a comma, as in CN=Staff,OU=Groups
    return [name for each in names if isinstance(each, str) and 0 < len(name := each.strip()) <= MAX_GROUP_CHARS]


def _attributes(event: dict[str, Any]) -> dict[str, Any]:
    return _mapping(_mapping(event.get("request")).get("userAttributes"))


def _mapping(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
