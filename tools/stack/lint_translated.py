# pyright: basic, reportMissingImports=false
"""Lint the template as CloudFormation receives it: `.tools/sam/bin/python -m tools.stack.lint_translated`.

cfn-lint, which is also `sam validate --lint`, sees SAM's resources, but not the Lambda versions, aliases and CodeDeploy
groups that SAM's transform makes of them, nor what a parameter's value does there. So the template is translated and
linted once for each combination of the switches that decide about resources. Runs in the SAM CLI's environment, which
has both.
"""

from __future__ import annotations

import copy
import functools
import itertools
import json
import logging
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
from cfnlint.api import lint
from cfnlint.config import ManualArgs
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[2]
REGION = "eu-west-1"
CODE = "s3://bucket/key"

SWITCHES: Mapping[str, tuple[Mapping[str, str], ...]] = {
    "Entry": ({"Entry": "function-url"}, {"Entry": "rest-api", "AllowedOrigins": "https://app.example.com"}),
    "SnapStart": ({"SnapStart": "off"}, {"SnapStart": "on"}),
    "DomainName": (
        {},
        {
            "DomainName": "chat.example.com",
            "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012",
        },
    ),
    "IdentityProvider": (
        {},
        {
            "IdentityProvider": "saml",
            "SamlMetadataUrl": "https://idp.example.com/metadata",
            "GroupsClaim": "groups",
            "AllowedEmailDomains": "example.com",
            "Mfa": "required",
            "Passkeys": "on",
        },
    ),
}
"""Every combination of these is linted."""

OIDC: Mapping[str, str] = {
    "IdentityProvider": "oidc",
    "SamlMetadataUrl": "",
    "OidcIssuer": "https://idp.example.com",
    "OidcClientId": "chat",
    "OidcClientSecretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:oidc-AbCdEf",
    "GroupsClaim": "",
    "LocalUsers": "no",
    "Mfa": "off",
    "Passkeys": "off",
}
"""Replaces SAML in half of the combinations that have it."""

RESOLVED_BY_SAM = ["W2001", "W7001"]
"""Unused parameters and mappings: SAM has replaced them by their values."""

NOT_A_FAULT = "W1001 GetAtt to resource 'CanaryRole'"
"""SAM makes the CodeDeploy group that refers to this role only if Canary is on, which is the role's condition."""

COMPANY: Mapping[str, str] = {
    "KmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/12345678-1234-1234-1234-123456789012",
    "WebAclArn": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/acl/12345678-1234-1234-1234-123456789012",
    "PermissionsBoundary": "arn:aws:iam::123456789012:policy/boundary",
    "Canary": "Canary10Percent5Minutes",
    "Tracing": "on",
    "AlarmEmail": "ops@example.com",
    "BudgetDollars": "100",
    "ReservedConcurrency": "50",
    "RetentionDays": "365",
    "Stage": "prod",
    "LogLevel": "DEBUG",
}
"""Other parameters: in half of the combinations all of them are set."""


def combinations() -> Iterator[dict[str, str]]:
    """Yield parameter values: each combination of SWITCHES, alternately without and with COMPANY."""
    for number, chosen in enumerate(itertools.product(*SWITCHES.values())):
        values = {name: value for each in chosen for name, value in each.items()}
        company = (number + bin(number).count("1")) % 2
        if company:
            values.update(OIDC if "IdentityProvider" in values else {}, **COMPANY)
        yield values


@functools.cache
def _parsed(template: Path) -> dict[str, Any]:
    return yaml_parse(template.read_text())


def translated(values: Mapping[str, str], template: Path = ROOT / "template.yaml") -> dict[str, Any]:
    """Return the template that CloudFormation deploys for these parameter values, which become the defaults."""
    source = copy.deepcopy(_parsed(template))
    for resource in source["Resources"].values():
        for name in ("CodeUri", "ContentUri"):
            if name in resource.get("Properties", {}):
                resource["Properties"][name] = CODE
    for name, value in values.items():
        source["Parameters"][name]["Default"] = value
    parameters = {name: str(each.get("Default", "")) for name, each in source["Parameters"].items()}
    session = boto3.Session(region_name=REGION)
    return Translator({}, Parser(), plugins=None, boto_session=session).translate(
        sam_template=source, parameter_values=parameters
    )


def faults(values: Mapping[str, str]) -> list[str]:
    """Return cfn-lint's findings, warnings included."""
    config = ManualArgs(regions=[REGION], ignore_checks=RESOLVED_BY_SAM)
    found = [f"{match.rule.id} {match.message}" for match in lint(json.dumps(translated(values)), config=config)]
    return [fault for fault in found if not fault.startswith(NOT_A_FAULT)]


def main() -> int:
    """Lint every combination; return 1 if one has a finding."""
    logging.disable(logging.CRITICAL)
    wrong = 0
    all_values = list(combinations())
    line = "\r" if sys.stdout.isatty() else ""
    for number, values in enumerate(all_values, 1):
        if line:
            print(f"{line}translated template: {number} of {len(all_values)}", end="", flush=True)
        for fault in faults(values):
            print(f"\n{json.dumps(values)}\n  {fault}")
            wrong += 1
    print(f"{line}translated template: {len(all_values)} combinations, {wrong} findings")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
