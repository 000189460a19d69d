"""Cognito's triggers, with the events that Cognito sends: sign-up, first federated sign-in, and issued tokens."""

from __future__ import annotations

import copy
import json
import logging
import subprocess
import sys
from typing import Any

import pytest

from sign_in.handler import MAX_GROUP_CHARS, MAX_GROUPS, SignUpRefusedError, allowed_domains, groups_of, handler
from tools import ROOT

COMPANY = "example.com,mail.example.org"


def event_of(name: str, email: object = None, **attributes: object) -> dict[str, Any]:
    event = json.loads((ROOT / "tests" / "events" / f"cognito_{name}.json").read_text())
    event["request"]["userAttributes"].update(attributes, **({"email": email} if email is not None else {}))
    return event


@pytest.fixture(autouse=True)
def parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_EMAIL_DOMAINS", COMPANY)
    monkeypatch.setenv("IDENTITY_PROVIDER", "Company")


@pytest.mark.promise("H13")
@pytest.mark.feature("allowed-domains")
class TestAllowedEmailDomains:
    @pytest.mark.parametrize("name", ["sign_up", "sign_up_federated"])
    @pytest.mark.parametrize(
        "email",
        ["ana@example.com", "Ana.Maria+chat@EXAMPLE.com", "o'neil@example.com", "a@Mail.Example.ORG", "-@example.com"],
    )
    def test_admits_addresses_of_the_company_unchanged(self, name: str, email: str) -> None:
        event = event_of(name, email)

        assert handler(copy.deepcopy(event)) == event

    @pytest.mark.parametrize("name", ["sign_up", "sign_up_federated"])
    @pytest.mark.parametrize(
        "email",
        [
            "ana@evil.example",
            "ana@sub.example.com",
            "ana@evilexample.com",
            "ana@example.com.evil.example",
            "ana@example.com@evil.example",
            "ana@evil.example@example.com",
            '"ana@evil.example"@example.com',
            "ana@evil.example,bob@example.com",
            "<ana@evil.example> ana@example.com",
            "ana@evil.example\n@example.com",
            "ana@example.com\n",
            " ana@example.com",
            "ana@example.com ",
            "ana@example.com\x00.evil.example",
            "ana@example.com.",
            "ana@еxample.com",
            "ana@ｅxample.com",
            "ana@mail.example.or\u212a",
            "ana@example\u3002com",
            "ana@[127.0.0.1]",
            "@example.com",
            "example.com",
            "ana@",
            "ana",
            "a" * 65 + "@example.com",
            "",
            ["ana@example.com"],
            {"address": "ana@example.com"},
        ],
        ids=ascii,
    )
    def test_refuses_every_other_address(self, name: str, email: object) -> None:
        with pytest.raises(SignUpRefusedError, match="ask your administrator"):
            handler(event_of(name, email))

    @pytest.mark.parametrize("name", ["sign_up", "sign_up_federated"])
    def test_refuses_a_user_without_an_address_and_names_the_parameter(
        self, name: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        event = event_of(name)
        del event["request"]["userAttributes"]["email"]

        with pytest.raises(SignUpRefusedError, match="no email address"):
            handler(event)

        assert "EmailClaim" in caplog.text

    @pytest.mark.parametrize("request_", [None, {}, {"userAttributes": None}, {"userAttributes": []}, "text"])
    def test_refuses_an_event_without_attributes(self, request_: object) -> None:
        with pytest.raises(SignUpRefusedError):
            handler({**event_of("sign_up"), "request": request_})

    def test_refuses_an_unknown_kind_of_sign_up_too(self) -> None:
        with pytest.raises(SignUpRefusedError):
            handler({**event_of("sign_up", "ana@evil.example"), "triggerSource": "PreSignUp_Unheard"})

    def test_an_operator_may_create_any_user(self) -> None:
        event = event_of("sign_up_by_operator")

        assert handler(copy.deepcopy(event)) == event

    def test_without_the_parameter_every_domain_is_admitted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ALLOWED_EMAIL_DOMAINS", "")

        assert handler(event_of("sign_up", "ana@elsewhere.example"))

    def test_logs_no_address(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)

        with pytest.raises(SignUpRefusedError) as refused:
            handler(event_of("sign_up", "my-iban-is@evil.example"))

        assert "evil" not in caplog.text + str(refused.value)

    def test_the_list_may_have_spaces_and_capitals(self) -> None:
        assert allowed_domains(" Example.com , ,b.example") == {"example.com", "b.example"}


@pytest.mark.promise("H13")
@pytest.mark.feature("single-sign-on")
class TestGroups:
    def details(self, event: dict[str, Any]) -> dict[str, Any]:
        return handler(event)["response"]["claimsAndScopeOverrideDetails"]["groupOverrideDetails"]

    def test_of_the_provider_are_added_to_those_of_the_pool(self) -> None:
        details = self.details(event_of("tokens_federated"))

        assert details["groupsToOverride"] == ["eu-west-1_Ab1Cd2Ef3_Company", "Staff", "Ops"]
        assert details["iamRolesToOverride"] == []

    def test_are_added_when_a_refresh_token_is_used(self) -> None:
        event = {**event_of("tokens_federated"), "triggerSource": "TokenGeneration_RefreshTokens"}

        assert "Staff" in self.details(event)["groupsToOverride"]

    @pytest.mark.parametrize(
        "event",
        [
            pytest.param(event_of("tokens_local"), id="a local user who wrote the attribute"),
            pytest.param({**event_of("tokens_federated"), "userName": "7c2f0a1e"}, id="a local, linked user"),
            pytest.param({**event_of("tokens_federated"), "userName": "companyx_ana"}, id="another provider"),
            pytest.param(event_of("tokens_federated", **{"cognito:user_status": "CONFIRMED"}), id="confirmed"),
            pytest.param(event_of("tokens_federated", **{"cognito:user_status": None}), id="no status"),
            pytest.param({**event_of("tokens_federated"), "request": None}, id="no request"),
        ],
    )
    def test_of_anyone_else_stay_as_they_are(self, event: dict[str, Any]) -> None:
        assert handler(copy.deepcopy(event)) == event

    def test_without_a_provider_stay_as_they_are(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("IDENTITY_PROVIDER", "")
        event = event_of("tokens_federated")

        assert handler(copy.deepcopy(event)) == event

    def test_without_groups_of_the_pool(self) -> None:
        event = event_of("tokens_federated")
        event["request"]["groupConfiguration"] = None

        assert self.details(event)["groupsToOverride"] == ["Staff", "Ops"]

    @pytest.mark.parametrize(
        ("attribute", "groups"),
        [
            ("[Staff, Ops]", ["Staff", "Ops"]),
            ("Staff", ["Staff"]),
            ("Staff, Ops", ["Staff, Ops"]),
            ('["Staff","Ops"]', ["Staff", "Ops"]),
            ('["Staff, Ops"]', ["Staff, Ops"]),
            ("[CN=Staff,OU=Groups, CN=Ops,OU=Groups]", ["CN=Staff,OU=Groups", "CN=Ops,OU=Groups"]),
            ("[0f3c, 1a2b]", ["0f3c", "1a2b"]),
            ("[1, 2]", []),
            ('["Staff", 7, null, ["Admins"], ""]', ["Staff"]),
            ("[" * 2000 + "]" * 48, []),
            ("[]", []),
            ("", []),
            ("  ", []),
            (None, []),
            (["Staff"], []),
            ("x" * (MAX_GROUP_CHARS + 1), []),
        ],
        ids=lambda value: ascii(value)[:40],
    )
    def test_are_read_in_each_providers_spelling(self, attribute: object, groups: list[str]) -> None:
        assert groups_of(attribute) == groups

    def test_are_bounded(self, caplog: pytest.LogCaptureFixture) -> None:
        many = json.dumps([f"g{number}" for number in range(MAX_GROUPS + 1)])

        details = self.details(event_of("tokens_federated", **{"custom:groups": many}))

        assert details["groupsToOverride"][-1] == f"g{MAX_GROUPS - 1}"
        assert f"{MAX_GROUPS + 1} groups" in caplog.text


def test_imports_the_standard_library_only() -> None:
    """The function has no layer, and Cognito waits five seconds for its cold start."""
    script = (
        "import sys, sign_in.handler; print([m for m in sys.modules if m.partition('.')[0] in ('boto3', 'pydantic')])"
    )

    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
