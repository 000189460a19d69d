"""Published versions of the chat function, and the alias `live` that selects the one that serves.

    versions = Versions(lambda_client, "chatkit-dev-ChatFunction-1A2B")
    versions.live()                     # "7"
    versions.prune(spare={"6"})         # deletes all but the live one, version 6, and one more to roll back to

Lambda keeps every version that a deployment publishes. With SnapStart, each has a snapshot that is billed until the
version is deleted.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

ALIAS = "live"
KEPT_FOR_ROLLBACK = 2


@dataclass(frozen=True)
class Versions:
    """The versions of one function; `client` is boto3's for Lambda."""

    client: Any
    function: str

    def live(self) -> str | None:
        """Return the number of the version that serves, or None before the first deployment."""
        try:
            return self.client.get_alias(FunctionName=self.function, Name=ALIAS)["FunctionVersion"]
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "ResourceNotFoundException":
                return None
            raise

    def numbers(self) -> list[str]:
        """Return all published versions, the newest first."""
        pages = self.client.get_paginator("list_versions_by_function").paginate(FunctionName=self.function)
        found = [each["Version"] for page in pages for each in page["Versions"] if each["Version"] != "$LATEST"]
        return sorted(found, key=int, reverse=True)

    def serve(self, version: str) -> None:
        """Point the alias at a version and end a gradual shift between two."""
        self.client.update_alias(
            FunctionName=self.function,
            Name=ALIAS,
            FunctionVersion=version,
            RoutingConfig={"AdditionalVersionWeights": {}},
        )

    def prune(self, spare: Collection[str] = ()) -> list[str]:
        """Delete old versions and return them: all but those of aliases, and two to roll back to.

        The two are `spare` first, normally the version that served before this deployment, then the newest ones.
        """
        used = self._of_aliases()
        numbers = [each for each in self.numbers() if each not in used]
        rest = sorted(numbers, key=lambda each: each not in spare)  # stable, so each half stays the newest first
        gone = rest[KEPT_FOR_ROLLBACK:]
        for version in gone:
            self.client.delete_function(FunctionName=self.function, Qualifier=version)
        return gone

    def _of_aliases(self) -> set[str]:
        used: set[str] = set()
        for page in self.client.get_paginator("list_aliases").paginate(FunctionName=self.function):
            for alias in page["Aliases"]:
                used |= {alias["FunctionVersion"], *alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})}
        return used
