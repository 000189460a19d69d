"""Region, profile and account of the operator, and one line for each way in which AWS cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore import exceptions

from tools import ROOT
from tools.stack.environment import Environment
from tools.stack.operator import DeploymentError, explained, select


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A shell without AWS settings, and a configuration file with two profiles."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    config = tmp_path / "config"
    config.write_text("[default]\nregion = us-west-2\n[profile company]\nregion = eu-central-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return monkeypatch


@pytest.mark.feature("deploy.operator")
class TestRegion:
    @pytest.mark.promise("D2")
    @pytest.mark.parametrize(
        ("environment", "options", "region", "source"),
        [
            ({}, {}, "us-west-2", "profile default"),
            ({"AWS_PROFILE": "company"}, {}, "eu-central-1", "profile company"),
            ({"AWS_DEFAULT_PROFILE": "company"}, {}, "eu-central-1", "profile company"),
            ({}, {"profile": "company"}, "eu-central-1", "profile company"),
            ({"AWS_DEFAULT_REGION": "ap-south-1"}, {}, "ap-south-1", "AWS_DEFAULT_REGION"),
            ({"AWS_DEFAULT_REGION": "ap-south-1", "AWS_REGION": "sa-east-1"}, {}, "sa-east-1", "AWS_REGION"),
            ({"AWS_REGION": "sa-east-1"}, {"region": "us-east-1"}, "us-east-1", "samconfig.toml"),
        ],
    )
    def test_is_the_operators(
        self,
        shell: pytest.MonkeyPatch,
        environment: dict[str, str],
        options: dict[str, str],
        region: str,
        source: str,
    ) -> None:
        environ = dict(environment)

        assert select(options, environ) == source
        assert (environ["AWS_REGION"], environ["AWS_DEFAULT_REGION"]) == (region, region)

    @pytest.mark.promise("D2")
    def test_without_one_says_where_to_set_it(self, shell: pytest.MonkeyPatch, tmp_path: Path) -> None:
        shell.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

        with pytest.raises(DeploymentError, match=r"no AWS region is set.*AWS_REGION"):
            select({}, {})

    @pytest.mark.promise("D2")
    def test_the_makefile_exports_none(self) -> None:
        exported = [line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("export AWS_")]

        assert exported == []


@pytest.mark.promise("D2")
def test_a_profile_of_samconfig_replaces_the_shells_keys(shell: pytest.MonkeyPatch) -> None:
    environ = {
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_SESSION_TOKEN": "t",
        "AWS_DEFAULT_PROFILE": "x",
    }

    select({"profile": "company"}, environ)

    assert environ["AWS_PROFILE"] == "company"
    assert not environ.keys() & {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_DEFAULT_PROFILE",
    }


def aws(code: str) -> exceptions.ClientError:
    return exceptions.ClientError({"Error": {"Code": code, "Message": "Some\ntext"}}, "GetCallerIdentity")


class TestErrors:
    @pytest.mark.promise("D2")
    @pytest.mark.parametrize(
        ("error", "remedy"),
        [
            (exceptions.NoCredentialsError(), "aws configure"),
            (exceptions.PartialCredentialsError(provider="env", cred_var="x"), "aws configure"),
            (exceptions.UnauthorizedSSOTokenError(), "aws sso login"),
            (exceptions.SSOTokenLoadError(error_msg="x"), "aws sso login"),
            (exceptions.TokenRetrievalError(provider="sso", error_msg="x"), "aws sso login"),
            (exceptions.ProfileNotFound(profile="x"), "aws configure list-profiles"),
            (exceptions.EndpointConnectionError(endpoint_url="https://sts"), "network"),
            (exceptions.ConnectTimeoutError(endpoint_url="https://sts"), "network"),
            (exceptions.ProxyConnectionError(proxy_url="https://p"), "network"),
            (exceptions.ReadTimeoutError(endpoint_url="https://sts"), "network"),
            (exceptions.InvalidRegionError(region_name="x y"), "AWS_REGION"),
            (aws("ExpiredToken"), "expired.*aws sso login"),
            (aws("ExpiredTokenException"), "expired.*aws sso login"),
            (aws("InvalidClientTokenId"), "does not know your access key"),
            (aws("UnrecognizedClientException"), "does not know your access key"),
            (aws("SignatureDoesNotMatch"), "secret key"),
            (aws("AccessDenied"), "permission"),
            (aws("Strange"), "AWS rejected GetCallerIdentity: Some text"),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
    )
    def test_each_is_one_line_with_a_remedy(self, error: Exception, remedy: str) -> None:
        with pytest.raises(DeploymentError, match=remedy) as caught, explained():
            raise error

        assert "\n" not in str(caught.value)


class TestEnvironment:
    @pytest.fixture
    def config(self, tmp_path: Path) -> Path:
        path = tmp_path / "samconfig.toml"
        path.write_text(
            '[default.build.parameters]\nx = 1\n[dev.global.parameters]\nregion = "us-east-1"\nprofile = "a"\n'
            '[dev.deploy.parameters]\nstack_name = "one"\nprofile = "b"\n'
            'parameter_overrides = "Stage=dev SnapStart=on"\n'
            "[bare.deploy.parameters]\n"
        )
        return path

    def test_has_its_options_and_parameters(self, config: Path) -> None:
        environment = Environment.of("dev", config)

        assert environment.stack_name == "one"
        assert (environment.options["region"], environment.options["profile"]) == ("us-east-1", "b")
        assert environment.parameters == {"Stage": "dev", "SnapStart": "on"}

    @pytest.mark.promise("D2")
    @pytest.mark.parametrize(("name", "message"), [("prd", "'prd'.*dev, bare"), ("", "ENV="), ("bare", "stack_name")])
    def test_a_wrong_one_names_the_remedy(self, config: Path, name: str, message: str) -> None:
        with pytest.raises(DeploymentError, match=message):
            Environment.of(name, config)

    def test_a_file_that_is_not_toml_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "samconfig.toml").write_text("dev = [")

        with pytest.raises(DeploymentError, match=r"samconfig\.toml cannot be read"):
            Environment.of("dev", tmp_path / "samconfig.toml")

    @pytest.mark.promise("D3")
    def test_each_stack_keeps_its_code_under_its_own_prefix(self) -> None:
        found = [Environment.of(name) for name in ("dev", "prod")]

        assert [each.options["s3_prefix"] for each in found] == [each.stack_name for each in found]
