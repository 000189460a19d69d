"""The local edge follows template.yaml: security headers, views and config.json."""

from __future__ import annotations

import re
import subprocess

import pytest

from tools import ROOT
from tools.local.site.files import view_of
from tools.local.site.headers import (
    BUCKET,
    COGNITO,
    SIGN_IN_DOMAIN,
    content_security_policy,
    local_policy,
    security_headers,
)
from tools.stack.publish import site_config
from tools.stack.template import Template

SIGN_IN, LOCAL_BUCKET = "http://localhost:4001", "http://127.0.0.1:4566"
NODE = ROOT / ".tools" / "node" / "bin" / "node"


class TestContentSecurityPolicy:
    def test_differs_from_the_templates_in_the_three_origins_only(self, template: Template) -> None:
        wanted = content_security_policy(template).split()
        served = local_policy(content_security_policy(template), SIGN_IN, LOCAL_BUCKET).split()

        assert len(served) == len(wanted)
        changed = {(before, after) for before, after in zip(wanted, served, strict=True) if before != after}
        assert {(before.rstrip(";"), after.rstrip(";")) for before, after in changed} == {
            (COGNITO, SIGN_IN),
            (SIGN_IN_DOMAIN, SIGN_IN),
            (BUCKET, LOCAL_BUCKET),
        }

    def test_a_new_origin_of_the_template_is_not_sent_unfilled(self) -> None:
        with pytest.raises(ValueError, match=r"\$\{Other\}"):
            local_policy("connect-src https://${Other}.example.com", SIGN_IN, LOCAL_BUCKET)


def test_every_header_of_the_policy_is_served(template: Template) -> None:
    config = template["Resources"]["SecurityHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]

    served = dict(security_headers(template, SIGN_IN, LOCAL_BUCKET))

    assert len(served) == len(config["SecurityHeadersConfig"])
    assert served["x-frame-options"] == "DENY"
    assert served["strict-transport-security"] == "max-age=63072000; includeSubDomains"


def test_views_are_those_of_the_templates_function(template: Template) -> None:
    """Runs the template's CloudFront function in Node.js."""
    paths = ["/", "/threads/thr_1", "/a.b/c", "/a/c.js", "/index.html", "/.well-known", "", "/config.json", "/x/"]
    code: str = template["Resources"]["SiteViews"]["Properties"]["FunctionCode"]
    calls = f"{code};for (const uri of {paths}) console.log(handler({{request: {{uri}}}}).uri)"

    done = subprocess.run([NODE, "-e", calls], capture_output=True, text=True, check=True)

    assert [view_of(path) for path in paths] == done.stdout.split("\n")[:-1]


def test_the_frontend_knows_every_field_of_its_configuration() -> None:
    source = (ROOT / "frontend" / "src" / "config.ts").read_text()
    interface = source.partition("export interface RuntimeConfig {")[2].partition("}")[0]
    outputs = {
        "UserPoolId": "eu-west-1_x",
        "UserPoolClientId": "c",
        "SignInDomain": "https://s",
        "SiteUrl": "https://site",
    }

    assert set(re.findall(r"^\s+(\w+)\??:", interface, re.MULTILINE)) == site_config(outputs).keys()
