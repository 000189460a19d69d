"""The real `sam deploy` on MiniStack: two passes, a published site, and a stack that passes the doctor's checks."""

from __future__ import annotations

import dataclasses
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.deploy.conftest import Deployed
from tools.ops import verify
from tools.ops.checks import api
from tools.ops.cli import CHECKS
from tools.ops.doctor import Check, Finding, State, Target, examine
from tools.stack.deployment import NEW_SITE, Deployment
from tools.stack.operator import DeploymentError
from tools.stack.publish import IMMUTABLE, REVALIDATE, publish

BY_NAME = {check.name: check for check in CHECKS}
NEVER_KNOWN_HERE = {
    "API errors stay errors",
    "the Function URL is closed",
    "domain key",
    "OpenAI key",
    "models",
    "alarm e-mail",
}


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """A frontend as Vite builds it."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><script src=/assets/app-1a2b.js></script>")
    (tmp_path / "assets" / "app-1a2b.js").write_text("export {}")
    return tmp_path


@pytest.fixture
def published(deployed: Deployed, dist: Path) -> None:
    with verify.operator(deployed.aws):
        publish(deployed.outputs, dist, domain_key="key")


async def row(target: Target, check: Check | str) -> Finding:
    (finding,) = await examine(target, [BY_NAME[check] if isinstance(check, str) else check])
    return finding


class TestDeploy:
    def test_a_new_stack_is_deployed_twice_and_knows_its_site(self, deployed: Deployed) -> None:
        with verify.operator(deployed.aws):
            parameters = deployed.deployment.parameters()
            missing = deployed.deployment.missing_origin()

        assert parameters["SiteOrigin"] == deployed.outputs["SiteUrl"] != NEW_SITE
        assert parameters["Stage"] == "dev"
        assert missing is None
        log = deployed.log.read_text()
        assert (log.count("CREATE_COMPLETE chatkit-verify"), log.count("UPDATE_COMPLETE chatkit-verify")) == (1, 1)

    def test_a_stack_that_is_not_there_says_what_to_do(self, deployed: Deployed) -> None:
        with verify.operator(deployed.aws), pytest.raises(DeploymentError, match="make deploy ENV=dev"):
            Deployment("dev", "nowhere").outputs()

    def test_an_unknown_environment_names_the_known_ones(self) -> None:
        with pytest.raises(DeploymentError, match="dev, prod"):
            Deployment.of("staging")


@pytest.mark.usefixtures("published")
class TestSite:
    async def get(self, target: Target, path: str, **headers: str) -> httpx.Response:
        async with target.site() as http:
            return await http.get(path, headers=headers)

    async def test_every_file_says_how_long_it_may_be_kept(self, target: Target) -> None:
        page = await self.get(target, "/")
        script = await self.get(target, "/assets/app-1a2b.js")
        config = await self.get(target, "/config.json")

        assert (page.headers["cache-control"], page.headers["content-type"]) == (REVALIDATE, "text/html; charset=utf-8")
        assert script.headers["cache-control"] == IMMUTABLE
        assert "javascript" in script.headers["content-type"]
        assert config.headers["cache-control"] == REVALIDATE

    async def test_assets_of_an_earlier_version_are_tagged_once_and_stay(
        self, deployed: Deployed, target: Target, dist: Path
    ) -> None:
        old, again = dist / "assets" / "app-1a2b.js", dist / "assets" / "app-3c4d.js"
        old.rename(again)
        name = deployed.outputs["SiteBucketName"]
        with verify.operator(deployed.aws), closing(deployed.aws.client("s3")) as s3:
            publish(deployed.outputs, dist, domain_key="key")
            first = s3.head_object(Bucket=name, Key="assets/app-1a2b.js")["LastModified"]
            publish(deployed.outputs, dist, domain_key="key")
            second = s3.head_object(Bucket=name, Key="assets/app-1a2b.js")["LastModified"]
            tags = [
                s3.get_object_tagging(Bucket=name, Key=f"assets/{each}")["TagSet"]
                for each in ("app-1a2b.js", "app-3c4d.js")
            ]
            again.rename(old)
            publish(deployed.outputs, dist, domain_key="key")  # back to the earlier page: its assets are current
            back = s3.get_object_tagging(Bucket=name, Key="assets/app-1a2b.js")["TagSet"]
        script = await self.get(target, "/assets/app-3c4d.js")

        assert tags == [[{"Key": "superseded", "Value": value}] for value in ("yes", "no")]
        assert first == second, "a later publication must not prolong the 30 days"
        assert back == [{"Key": "superseded", "Value": "no"}]
        assert (script.status_code, script.headers["cache-control"]) == (200, IMMUTABLE)

    async def test_config_names_the_stack(self, target: Target) -> None:
        config = (await self.get(target, "/config.json")).json()

        assert config["clientId"] == target.outputs["UserPoolClientId"]
        assert config["authority"].endswith(target.outputs["UserPoolId"])
        assert config["domainKey"] == "key"

    async def test_a_view_is_the_page_and_a_missing_file_is_an_error(self, target: Target) -> None:
        view = await self.get(target, "/threads/thr_1")
        missing = await self.get(target, "/assets/gone.js")

        assert (view.status_code, view.text) == (200, (await self.get(target, "/")).text)
        assert missing.status_code in (403, 404)

    async def test_the_page_comes_with_its_policy(self, target: Target) -> None:
        page = await self.get(target, "/")

        policy = page.headers["content-security-policy"]
        assert f"https://{target.outputs['BucketName']}.s3.eu-west-1.amazonaws.com" in policy
        assert "${" not in policy
        assert page.headers["x-frame-options"] == "DENY"

    async def test_the_bucket_itself_is_closed(self, deployed: Deployed) -> None:
        """CloudFront alone can read the bucket."""
        async with httpx.AsyncClient() as http:
            answer = await http.get(f"{deployed.aws.endpoint}/{deployed.outputs['SiteBucketName']}/index.html")

        assert answer.status_code == 403


@pytest.mark.usefixtures("published")
async def test_the_doctor_finds_it_well(target: Target) -> None:
    findings = await examine(target, CHECKS)

    assert [each for each in findings if each.state is State.FAIL] == []
    assert {each.name for each in findings if each.state is State.UNKNOWN} == NEVER_KNOWN_HERE


class TestDoctorSeesWhatIsBroken:
    """Each test breaks a setting in the account, runs the check, and repairs the setting."""

    async def test_expiry_that_is_off(self, deployed: Deployed, target: Target) -> None:
        with closing(deployed.aws.client("dynamodb")) as dynamodb:
            off = {"AttributeName": "expires_at", "Enabled": False}
            dynamodb.update_time_to_live(TableName=target.outputs["TableName"], TimeToLiveSpecification=off)
            finding = await row(target, "table")
            on = {**off, "Enabled": True}
            dynamodb.update_time_to_live(TableName=target.outputs["TableName"], TimeToLiveSpecification=on)

        assert finding.state is State.FAIL
        assert "time to live" in finding.found
        assert (await row(target, "table")).state is State.PASS

    async def test_uploads_that_never_expire_and_a_public_bucket(self, deployed: Deployed, target: Target) -> None:
        name = target.outputs["BucketName"]
        with closing(deployed.aws.client("s3")) as s3:
            rules = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
            access = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
            s3.delete_bucket_lifecycle(Bucket=name)
            s3.put_public_access_block(
                Bucket=name, PublicAccessBlockConfiguration={**access, "BlockPublicPolicy": False}
            )
            finding = await row(target, "bucket")
            s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})
            s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=access)

        assert finding.state is State.FAIL
        assert "lifecycle" in finding.found
        assert "public access" in finding.found
        assert (await row(target, "bucket")).state is State.PASS

    async def test_a_client_that_returns_elsewhere(self, deployed: Deployed, target: Target) -> None:
        ids = {"UserPoolId": target.outputs["UserPoolId"], "ClientId": target.outputs["UserPoolClientId"]}
        with closing(deployed.aws.client("cognito-idp")) as cognito:
            client = cognito.describe_user_pool_client(**ids)["UserPoolClient"]
            settings = {**ids, "AllowedOAuthFlows": ["code"], "AllowedOAuthScopes": client["AllowedOAuthScopes"]}
            cognito.update_user_pool_client(**settings, CallbackURLs=["https://elsewhere.example/"])
            finding = await row(target, "sign-in client")
            cognito.update_user_pool_client(**settings, CallbackURLs=client["CallbackURLs"])

        assert finding.state is State.FAIL
        assert "elsewhere.example" in finding.found

    async def test_a_site_of_another_stack(self, deployed: Deployed, target: Target, published: None) -> None:
        name = target.outputs["SiteBucketName"]
        with closing(deployed.aws.client("s3")) as s3:
            config = s3.get_object(Bucket=name, Key="config.json")["Body"].read()
            other = json.dumps({**json.loads(config), "clientId": "of-another-stack"})
            s3.put_object(Bucket=name, Key="config.json", Body=other.encode())
            finding = await row(target, "site")
            s3.put_object(Bucket=name, Key="config.json", Body=config)

        assert finding.state is State.FAIL
        assert "clientId" in finding.found

    async def test_headers_that_are_gone(self, target: Target) -> None:
        class Bare(httpx.AsyncClient):
            async def get(self, *args: Any, **kwargs: Any) -> httpx.Response:
                return httpx.Response(200, text="page")

        finding = await row(dataclasses.replace(target, site=Bare), "security headers")

        assert finding.state is State.FAIL
        assert "content-security-policy" in finding.found


def test_every_row_is_made_to_fail_somewhere() -> None:
    """Either here or in tests/unit/ops: a check that never failed in a test proves nothing."""
    here = {"table", "bucket", "sign-in client", "site", "security headers"}
    unit = {check.name for check in api.CHECKS} | {"API errors stay errors", "the Function URL is closed"}
    unit |= {"OpenAI key", "domain key", "alarm e-mail", "live", "models"}

    assert {check.name for check in CHECKS} == here | unit
