"""Users and their sign-in: the company's identity provider, allowed domains, second factors, and lives of tokens."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.template.test_company import accepts, evaluate, refused
from tools.stack.template import Template

SAML = {"IdentityProvider": "saml", "SamlMetadataUrl": "https://idp.example.com/metadata"}
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:oidc-AbCdEf"
OIDC = {
    "IdentityProvider": "oidc",
    "OidcIssuer": "https://idp.example.com/realms/staff",
    "OidcClientId": "chat",
    "OidcClientSecretArn": SECRET,
}
FUNCTION = {"Fn::GetAtt": ["SignInFunction", "Arn"]}
NOTHING = {"Ref": "AWS::NoValue"}


class Stack:
    """The template's resources for values of its parameters."""

    def __init__(self, template: Template, **values: str) -> None:
        self.template = template
        self.values = {name: str(each["Default"]) for name, each in template["Parameters"].items()} | values

    def holds(self, condition: str) -> bool:
        return self._test(self.template["Conditions"][condition])

    def exists(self, name: str) -> bool:
        condition = self.template["Resources"][name].get("Condition")
        return condition is None or self.holds(condition)

    def properties(self, name: str) -> dict[str, Any]:
        assert self.exists(name), name
        return self._decide(self.template["Resources"][name]["Properties"])

    def _test(self, node: Any) -> bool:
        match node:
            case {"Condition": name}:
                return self.holds(name)
            case {"Fn::Or": parts}:
                return any(map(self._test, parts))
            case {"Fn::And": parts}:
                return all(map(self._test, parts))
            case {"Fn::Not": [inner]}:
                return not self._test(inner)
            case _:
                return evaluate(node, self.values)

    def _decide(self, node: Any) -> Any:
        match node:
            case {"Fn::If": [condition, yes, no]}:
                return self._decide(yes if self.holds(condition) else no)
            case {"Fn::FindInMap": [name, key, field]}:
                return self.template["Mappings"][name][self._decide(key)][field]
            case {"Ref": name} if name in self.values:
                return self.values[name]
            case dict():
                decided = {key: self._decide(value) for key, value in node.items()}
                return {key: value for key, value in decided.items() if value != NOTHING}
            case list():
                return [value for each in node if (value := self._decide(each)) != NOTHING]
            case _:
                return node


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"IdentityProvider": "saml"}, "IdentityProvider=saml requires SamlMetadataUrl"),
        ({"SamlMetadataUrl": SAML["SamlMetadataUrl"]}, "SamlMetadataUrl requires IdentityProvider=saml"),
        ({**OIDC, "OidcIssuer": ""}, "IdentityProvider=oidc requires OidcIssuer"),
        ({**OIDC, "OidcClientId": ""}, "IdentityProvider=oidc requires OidcClientId"),
        ({**OIDC, "OidcClientSecretArn": ""}, "IdentityProvider=oidc requires OidcClientSecretArn"),
        ({**OIDC, "SamlMetadataUrl": SAML["SamlMetadataUrl"]}, "SamlMetadataUrl requires IdentityProvider=saml"),
        ({**SAML, "OidcIssuer": OIDC["OidcIssuer"]}, "OidcIssuer requires IdentityProvider=oidc"),
        ({"OidcClientId": "chat"}, "OidcClientId requires IdentityProvider=oidc"),
        ({"OidcClientSecretArn": SECRET}, "OidcClientSecretArn requires IdentityProvider=oidc"),
        ({"EmailClaim": "mail"}, "EmailClaim requires an IdentityProvider"),
        ({"GroupsClaim": "groups"}, "GroupsClaim requires an IdentityProvider"),
        ({"LocalUsers": "no"}, "LocalUsers=no requires an IdentityProvider, or no user could sign in"),
        ({**SAML, "LocalUsers": "no", "SelfSignUp": "yes"}, "SelfSignUp=yes requires LocalUsers=yes"),
        ({**SAML, "LocalUsers": "no", "Passkeys": "on"}, "Passkeys=on requires LocalUsers=yes"),
        (
            {"AllowedEmailDomains": "example.com"},
            "AllowedEmailDomains requires SelfSignUp=yes or an IdentityProvider",
        ),
    ],
)
def test_conflicting_settings_are_refused_before_a_deployment(
    template: Template, values: dict[str, str], sentence: str
) -> None:
    assert refused(template, **values) == [sentence]


@pytest.mark.parametrize(
    "values",
    [
        SAML,
        OIDC,
        {**SAML, "LocalUsers": "no", "EmailClaim": "mail", "GroupsClaim": "http://schemas.xmlsoap.org/claims/Group"},
        {**OIDC, "AllowedEmailDomains": "example.com,mail.example.org", "OidcScopes": "openid email groups"},
        {"SelfSignUp": "yes", "AllowedEmailDomains": "example.com"},
        {"Mfa": "required", "Passkeys": "on"},
    ],
)
def test_settings_that_belong_together_are_accepted(template: Template, values: dict[str, str]) -> None:
    assert refused(template, **values) == []


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("IdentityProvider", ["none", "saml", "oidc"], ["", "SAML", "google"]),
        (
            "IdentityProviderName",
            ["Company", "acme-sso"],
            ["", "AB", "COGNITO", "Google", "my_idp", "-idp", "a" * 33, "my idp"],
        ),
        (
            "SamlMetadataUrl",
            ["", SAML["SamlMetadataUrl"], "https://login.example.com:8443/x/federationmetadata.xml?appid=1-2"],
            ["http://idp.example.com/metadata", "idp.example.com/metadata", "https://idp.example.com", "https:// x/y"],
        ),
        (
            "OidcIssuer",
            ["", "https://idp.example.com", OIDC["OidcIssuer"]],
            ["http://idp.example.com", "https://idp.example.com/", "https://idp.example.com/a/", "https://a/b?c"],
        ),
        ("OidcClientSecretArn", ["", SECRET], ["the-secret-itself", SECRET + "}}", "arn:aws:ssm:eu-west-1:1:x"]),
        ("OidcScopes", ["openid", "openid email groups"], ["", "email", "openid  email", " openid"]),
        (
            "AllowedEmailDomains",
            ["", "example.com", "example.com,mail.example.org"],
            ["@example.com", "*.example.com", "Example.com", "example", "a.example, b.example", "a.example,"],
        ),
        ("Mfa", ["off", "optional", "required"], ["on", "OPTIONAL", ""]),
        ("Passkeys", ["off", "on"], ["required", ""]),
        ("LocalUsers", ["yes", "no"], ["true", ""]),
        ("AccessTokenMinutes", ["5", "60", "1440"], ["0", "4", "1441", "1h", ""]),
        ("RefreshTokenDays", ["1", "30", "90"], ["0", "91", "-1", ""]),
        ("GroupsClaim", ["", "groups", "http://schemas.xmlsoap.org/claims/Group"], ["my groups", "x" * 201]),
    ],
)
def test_nonsense_is_refused_by_the_parameter(template: Template, name: str, good: list[str], bad: list[str]) -> None:
    assert [value for value in good if not accepts(template, name, value)] == []
    assert [value for value in bad if accepts(template, name, value)] == []


@pytest.mark.feature("single-sign-on")
class TestIdentityProvider:
    def test_none_is_the_default(self, template: Template) -> None:
        stack = Stack(template)

        assert stack.properties("UserPoolClient")["SupportedIdentityProviders"] == ["COGNITO"]
        assert "WriteAttributes" not in stack.properties("UserPoolClient")
        assert "LambdaConfig" not in stack.properties("UserPool")
        for name in ("CompanyProvider", "SignInFunction", "SignInLogs", "SignInRole", "PoolInvokesFunction"):
            assert not stack.exists(name)

    def test_saml_takes_the_metadata_from_its_address(self, template: Template) -> None:
        provider = Stack(template, **SAML).properties("CompanyProvider")

        assert provider["ProviderType"] == "SAML"
        assert provider["ProviderDetails"] == {"MetadataURL": SAML["SamlMetadataUrl"]}
        assert provider["AttributeMapping"] == {
            "email": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"
        }

    @pytest.mark.promise("H13")
    def test_oidc_reads_its_secret_from_secrets_manager(self, template: Template) -> None:
        provider = Stack(template, **OIDC).properties("CompanyProvider")

        assert provider["ProviderType"] == "OIDC"
        assert provider["ProviderDetails"] == {
            "oidc_issuer": OIDC["OidcIssuer"],
            "client_id": "chat",
            "client_secret": {"Fn::Sub": "{{resolve:secretsmanager:${OidcClientSecretArn}}}"},
            "authorize_scopes": "openid email profile",
            "attributes_request_method": "GET",
        }
        assert provider["AttributeMapping"] == {"email": "email"}

    @pytest.mark.parametrize("values", [SAML, OIDC])
    def test_it_is_one_of_two_ways_or_the_only_one(self, template: Template, values: dict[str, str]) -> None:
        both = Stack(template, **values, IdentityProviderName="Acme").properties("UserPoolClient")
        only = Stack(template, **values, LocalUsers="no").properties("UserPoolClient")

        assert both["SupportedIdentityProviders"] == ["COGNITO", {"Ref": "CompanyProvider"}]
        assert "ALLOW_USER_SRP_AUTH" in both["ExplicitAuthFlows"]
        assert only["SupportedIdentityProviders"] == [{"Ref": "CompanyProvider"}]
        # Not empty: Cognito would then allow its default flows. This one does nothing without its three triggers.
        assert only["ExplicitAuthFlows"] == ["ALLOW_CUSTOM_AUTH"]

    def test_its_groups_and_addresses_come_from_the_claims_that_the_operator_names(self, template: Template) -> None:
        stack = Stack(template, **SAML, EmailClaim="mail", GroupsClaim="memberOf")

        assert stack.properties("CompanyProvider")["AttributeMapping"] == {"email": "mail", "custom:groups": "memberOf"}
        assert stack.properties("UserPool")["LambdaConfig"] == {
            "PreTokenGenerationConfig": {"LambdaArn": FUNCTION, "LambdaVersion": "V2_0"}
        }
        assert set(stack.properties("CompanyProvider")["AttributeMapping"]) <= set(
            stack.properties("UserPoolClient")["WriteAttributes"]
        )

    def test_the_pool_has_the_attribute_for_groups_before_they_are_wanted(self, template: Template) -> None:
        """Cognito never removes an attribute, so an update that drops it would fail."""
        (attribute,) = template["Resources"]["UserPool"]["Properties"]["Schema"]

        assert (attribute["Name"], attribute["Mutable"]) == ("groups", True)
        assert not attribute.get("Required")

    @pytest.mark.promise("H13")
    def test_its_users_cannot_write_their_groups(self, template: Template) -> None:
        """The function trusts custom:groups of the provider's users, and the client may write it."""
        client = Stack(template, **SAML, GroupsClaim="memberOf").properties("UserPoolClient")

        assert "aws.cognito.signin.user.admin" not in client["AllowedOAuthScopes"]


@pytest.mark.feature("allowed-domains")
class TestAllowedEmailDomains:
    @pytest.mark.promise("H13")
    @pytest.mark.parametrize("values", [{"SelfSignUp": "yes"}, SAML])
    def test_are_checked_before_a_user_is_created(self, template: Template, values: dict[str, str]) -> None:
        stack = Stack(template, **values, AllowedEmailDomains="example.com")
        variables = stack.properties("SignInFunction")["Environment"]["Variables"]

        assert stack.properties("UserPool")["LambdaConfig"] == {"PreSignUp": FUNCTION}
        assert variables["ALLOWED_EMAIL_DOMAINS"] == "example.com"
        assert variables["IDENTITY_PROVIDER"] == ("Company" if values is SAML else "")

    def test_the_function_may_write_its_log_and_nothing_else(self, template: Template) -> None:
        stack = Stack(template, **SAML, AllowedEmailDomains="example.com")
        (policy,) = stack.properties("SignInRole")["Policies"]
        (statement,) = policy["PolicyDocument"]["Statement"]

        assert statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
        assert statement["Resource"] == {"Fn::GetAtt": ["SignInLogs", "Arn"]}
        assert stack.properties("SignInFunction")["Timeout"] == 5

    def test_only_this_pool_may_call_it(self, template: Template) -> None:
        permission = Stack(template, **SAML, GroupsClaim="groups").properties("PoolInvokesFunction")

        assert permission["Principal"] == "cognito-idp.amazonaws.com"
        assert permission["SourceArn"] == {"Fn::GetAtt": ["UserPool", "Arn"]}


@pytest.mark.feature("second-factors")
class TestFactors:
    @pytest.mark.parametrize(("mfa", "configuration"), [("off", "OFF"), ("optional", "OPTIONAL"), ("required", "ON")])
    def test_mfa_is_cognitos(self, template: Template, mfa: str, configuration: str) -> None:
        pool = Stack(template, Mfa=mfa).properties("UserPool")

        assert pool["MfaConfiguration"] == configuration
        assert pool.get("EnabledMfas", []) == ([] if mfa == "off" else ["SOFTWARE_TOKEN_MFA"])

    def test_passkeys_are_off_by_default(self, template: Template) -> None:
        pool = Stack(template).properties("UserPool")

        assert not {name for name in pool if name.startswith("WebAuthn")}
        assert "SignInPolicy" not in pool["Policies"]

    @pytest.mark.promise("H13")
    def test_a_passkey_counts_as_both_factors(self, template: Template) -> None:
        """Cognito refuses passkeys next to a required second factor, unless each verifies its user."""
        stack = Stack(template, Passkeys="on", Mfa="required")
        pool = stack.properties("UserPool")

        assert pool["WebAuthnUserVerification"] == "required"
        assert pool["WebAuthnFactorConfiguration"] == "MULTI_FACTOR_WITH_USER_VERIFICATION"
        assert pool["Policies"]["SignInPolicy"] == {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}
        assert "ALLOW_USER_AUTH" in stack.properties("UserPoolClient")["ExplicitAuthFlows"]
        assert pool["UserPoolTier"] == "ESSENTIALS"

    def test_an_address_changes_when_the_new_one_is_verified(self, template: Template) -> None:
        pool = Stack(template).properties("UserPool")

        assert pool["UserAttributeUpdateSettings"] == {"AttributesRequireVerificationBeforeUpdate": ["email"]}
        assert pool["AutoVerifiedAttributes"] == ["email"]


@pytest.mark.feature("second-factors")
class TestTokens:
    def test_their_lives_are_parameters(self, template: Template) -> None:
        client = Stack(template, AccessTokenMinutes="15", RefreshTokenDays="7").properties("UserPoolClient")

        assert client["TokenValidityUnits"] == {"AccessToken": "minutes", "IdToken": "minutes", "RefreshToken": "days"}
        assert (client["AccessTokenValidity"], client["IdTokenValidity"]) == ("15", "15")
        assert client["RefreshTokenValidity"] == "7"

    @pytest.mark.promise("H13")
    @pytest.mark.parametrize("values", [{}, SAML, {**SAML, "LocalUsers": "no"}, {"Passkeys": "on"}])
    def test_a_refresh_token_is_used_once(self, template: Template, values: dict[str, str]) -> None:
        """Cognito refuses a client with both rotation and ALLOW_REFRESH_TOKEN_AUTH."""
        client = Stack(template, **values).properties("UserPoolClient")

        assert client["RefreshTokenRotation"]["Feature"] == "ENABLED"
        assert 0 < client["RefreshTokenRotation"]["RetryGracePeriodSeconds"] <= 60
        assert client["EnableTokenRevocation"] is True
        assert client["ExplicitAuthFlows"]
        assert "ALLOW_REFRESH_TOKEN_AUTH" not in client["ExplicitAuthFlows"]

    def test_superseded_assets_live_as_long_as_a_session(self, template: Template) -> None:
        stack = Stack(template, RefreshTokenDays="90")
        (rule,) = stack.properties("SiteBucket")["LifecycleConfiguration"]["Rules"]

        assert rule["ExpirationInDays"] == stack.properties("UserPoolClient")["RefreshTokenValidity"] == "90"
