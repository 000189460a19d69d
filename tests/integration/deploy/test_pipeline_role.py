"""The policy of a pipeline's role is enough to publish the page and to look after the stack, but not to read files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.integration.deploy.conftest import Deployed
from tools import ROOT
from tools.ops import verify
from tools.stack.clients import Credentials, operator_client
from tools.stack.publish import publish
from tools.stack.recovery import make_deployable, protect
from tools.stack.versions import Versions

POLICY = json.loads((ROOT / "docs" / "operate" / "deploy-role.json").read_text())


@pytest.fixture(scope="module")
def pipeline(deployed: Deployed) -> Credentials:
    return deployed.aws.iam_user("pipeline", POLICY)


@pytest.fixture
def _plain_http(deployed: Deployed) -> Iterator[None]:
    """Lift the bucket policy's statement TlsOnly for a test: the local AWS has no TLS."""
    name = deployed.outputs["SiteBucketName"]
    with closing(deployed.aws.client("s3")) as s3:
        before = s3.get_bucket_policy(Bucket=name)["Policy"]
        policy = json.loads(before)
        policy["Statement"] = [each for each in policy["Statement"] if each["Sid"] != "TlsOnly"]
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
        yield
        s3.put_bucket_policy(Bucket=name, Policy=before)


@pytest.fixture
def _as_pipeline(deployed: Deployed, pipeline: Credentials, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with verify.operator(deployed.aws):
        for name, value in pipeline.environment().items():
            monkeypatch.setenv(name, value)
        yield


@pytest.mark.usefixtures("_as_pipeline")
class TestPipeline:
    @pytest.mark.usefixtures("_plain_http")
    def test_publishes_and_tags_earlier_assets(self, deployed: Deployed, tmp_path: Path) -> None:
        (tmp_path / "assets").mkdir()
        (tmp_path / "index.html").write_text("page")
        (tmp_path / "assets" / "one.js").write_text("1")
        publish(deployed.outputs, tmp_path)
        (tmp_path / "assets" / "one.js").rename(tmp_path / "assets" / "two.js")

        assert publish(deployed.outputs, tmp_path) == 3

    def test_reads_the_state_and_protects_production(self, deployed: Deployed) -> None:
        make_deployable("dev", verify.STACK_NAME)

        assert protect(verify.STACK_NAME) is False

    def test_moves_live_and_deletes_old_versions(self, deployed: Deployed) -> None:
        cloudformation = operator_client("cloudformation")
        detail = cloudformation.describe_stack_resource(StackName=verify.STACK_NAME, LogicalResourceId="ChatFunction")
        versions = Versions(operator_client("lambda"), detail["StackResourceDetail"]["PhysicalResourceId"])
        live = versions.live()
        assert live

        versions.serve(live)

        assert versions.prune() == []

    @pytest.mark.parametrize("key", ["files/usr/a.pdf", "index.html"])
    def test_cannot_read_files_of_users(self, deployed: Deployed, key: str) -> None:
        with pytest.raises(ClientError, match="AccessDenied"):
            operator_client("s3").get_object(Bucket=deployed.outputs["BucketName"], Key=key)
