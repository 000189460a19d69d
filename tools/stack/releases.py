"""Releases of the chat function, and the way back to an earlier one: `make rollback ENV=dev`.

    releases = read_releases(client, "chatkit-dev")
    releases.live.version, releases.previous.version
    roll_back("dev", "chatkit-dev")                # shows both, asks, and moves the alias

A release is a published version of the function, and the alias `live` selects the one that serves. Only the chat
function has releases: the page, the janitor, and all other resources stay as the last deployment left them.
CloudFormation does not notice that the alias was moved. The next `make deploy` therefore compares the alias with the
stack's own version and moves it there. Plain `sam deploy` moves it only if it publishes a version.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tools.stack.clients import operator_client
from tools.stack.operator import DeploymentError
from tools.stack.questions import Agree, confirm
from tools.stack.removal import Client, Say
from tools.stack.versions import ALIAS

FUNCTION = "ChatFunction"


@dataclass(frozen=True)
class Release:
    """One published version of the chat function; `release` is the digest that `make deploy` stamps into it."""

    version: int
    release: str
    published: str
    description: str = ""

    def __str__(self) -> str:
        return f"version {self.version}, published {self.published[:16].replace('T', ' ')} UTC, release {self.release}"


@dataclass(frozen=True)
class Releases:
    """The published versions in ascending order, and the number that `live` points to."""

    function: str
    versions: tuple[Release, ...]
    live_version: int
    revision: str

    @property
    def live(self) -> Release:
        """The release that serves."""
        return self.find(str(self.live_version))

    @property
    def newest(self) -> Release:
        """The release of the last deployment that published one."""
        return self.versions[-1]

    @property
    def previous(self) -> Release | None:
        """The release before the one that serves."""
        return max((each for each in self.versions if each.version < self.live_version), key=_number, default=None)

    def find(self, version: str) -> Release:
        """Return the release with this version number. Raises DeploymentError if it is not kept."""
        for each in self.versions:
            if str(each.version) == version:
                return each
        kept = ", ".join(str(each.version) for each in self.versions)
        raise DeploymentError(f"version {version} does not exist; these are kept: {kept}")


def _number(release: Release) -> int:
    return release.version


def read_releases(client: Client, stack_name: str) -> Releases:
    """Return the releases of a stack. Raises DeploymentError if it has no chat function or no published version."""
    with closing(client("cloudformation")) as cloudformation:
        function = physical_id(cloudformation, stack_name, FUNCTION)
    with closing(client("lambda")) as functions:
        try:
            alias = functions.get_alias(FunctionName=function, Name=ALIAS)
        except functions.exceptions.ResourceNotFoundException:
            raise DeploymentError(f"{function} has no alias {ALIAS}: its first deployment did not finish") from None
        versions = tuple(
            sorted(
                (
                    _release(each)
                    for page in functions.get_paginator("list_versions_by_function").paginate(FunctionName=function)
                    for each in page["Versions"]
                    if each["Version"] != "$LATEST"
                ),
                key=_number,
            )
        )
    return Releases(function, versions, int(alias["FunctionVersion"]), alias.get("RevisionId", ""))


def physical_id(cloudformation: Any, stack_name: str, logical_id: str) -> str:
    """Return the name of a resource. It needs no outputs, so it also works in a stack that is not complete."""
    try:
        found = cloudformation.describe_stack_resource(StackName=stack_name, LogicalResourceId=logical_id)
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        raise DeploymentError(f"the stack {stack_name} or its {logical_id} does not exist: deploy it first") from None
    name = found["StackResourceDetail"].get("PhysicalResourceId", "")
    if not name or found["StackResourceDetail"]["ResourceStatus"] == "DELETE_COMPLETE":
        raise DeploymentError(f"the stack {stack_name} has no {logical_id}: its deployment failed, deploy it again")
    return name


def _release(version: Mapping[str, Any]) -> Release:
    variables = version.get("Environment", {}).get("Variables", {})
    return Release(
        int(version["Version"]),
        variables.get("RELEASE", "") or version.get("CodeSha256", "unknown")[:12],
        version.get("LastModified", ""),
        version.get("Description", ""),
    )


def roll_back(
    env: str,
    stack_name: str,
    version: str | None = None,
    *,
    client: Client = operator_client,
    agree: Agree = confirm,
    say: Say = print,
) -> Releases:
    """Show both releases, ask, and point `live` to the previous version, or to `version`. Return the releases after it.

    `YES=1` answers the question. Raises DeploymentError if there is no such version or the answer is no.
    """
    releases = read_releases(client, stack_name)
    target = releases.find(version) if version else releases.previous
    if target is None:
        raise DeploymentError(f"{releases.live} is the oldest that is kept: check out an older commit and deploy it")
    if target.version == releases.live_version:
        raise DeploymentError(f"live already is {target}")
    say(f"live now:  {releases.live}\nlive then: {target}")
    say("Older code rejects records of a newer schema: look for SCHEMA_VERSION in CHANGELOG.md first.")
    if not agree(f"Point {ALIAS} of {stack_name} to version {target.version}?"):
        raise DeploymentError("declined: nothing was changed")
    with closing(client("lambda")) as functions:
        functions.update_alias(
            FunctionName=releases.function,
            Name=ALIAS,
            FunctionVersion=str(target.version),
            RevisionId=releases.revision,  # another operator's change in the meantime is an error
            RoutingConfig={"AdditionalVersionWeights": {}},  # ends a canary
        )
    after = read_releases(client, stack_name)
    say(f"· live is {after.live}. Turns that are running finish on version {releases.live_version}.")
    say(f"· {held_back(env, after) or 'live is the newest version'}")
    return after


def held_back(env: str, releases: Releases) -> str | None:
    """Return a notice if `live` is older than the newest version, with the effect of a later deployment; else None."""
    if releases.live_version == releases.newest.version:
        return None
    newest = releases.newest.version
    return (
        f"live is held back at version {releases.live_version}, the newest is {newest}. The next make deploy ENV={env} "
        f"moves live to the version that it deploys. To return now: make rollback ENV={env} VERSION={newest}"
    )
