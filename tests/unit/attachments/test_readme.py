"""The README states facts that are also in the code; they are compared here."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from attachments_s3 import AttachmentError, Kind, ModelLimits, Policy
from attachments_s3 import errors as errors_module
from attachments_s3.names import MAX_NAME_CHARS
from attachments_s3.policy import MB
from attachments_s3.store import MAX_UPLOAD_SECONDS
from tests.contracts.attachments import ANN, World, function_policy
from tests.fakes.plain_store import PlainStore
from tests.unit.attachments.test_message_files import Site
from tools import ROOT
from tools.stack.template import read_template

README = (ROOT / "attachments_s3" / "README.md").read_text()
EXAMPLE = (ROOT / "functions" / "chat" / "examples" / "plain_server.py").read_text()
INTERNAL = {"error", "object_missing", "precondition"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def errors() -> list[tuple[str, str]]:
    """Return each error's code and class name."""
    found = [each for each in vars(errors_module).values() if isinstance(each, type)]
    return [(each.code, each.__name__) for each in found if issubclass(each, AttachmentError)]


@pytest.mark.promise("B3")
def test_example_is_the_one_that_runs() -> None:
    for excerpt in blocks("python")[0].split("...\n"):
        assert excerpt in EXAMPLE


def test_every_error_has_its_own_code_and_is_listed() -> None:
    listed = re.findall(r"^\| `(\w+)` \| (\w+Error) \|", README, re.MULTILINE)

    assert sorted(listed) == sorted(each for each in errors() if each[0] not in INTERNAL)
    assert len({code for code, _ in errors()}) == len(errors())


def test_permissions_are_those_of_the_contract_tests() -> None:
    assert json.loads(blocks("json")[0]) == function_policy("chat-files")


def without_parameters(node: Any) -> Any:
    """Return a part of the template as it is without optional parameters such as a KMS key."""
    if isinstance(node, dict):
        if "Fn::If" in node:
            return without_parameters(node["Fn::If"][2])
        return {
            name: without_parameters(each)
            for name, each in node.items()
            if without_parameters(each) != {"Ref": "AWS::NoValue"}
        }
    return [without_parameters(each) for each in node] if isinstance(node, list) else node


def test_bucket_is_the_templates() -> None:
    described: dict[str, Any] = yaml.safe_load(blocks("yaml")[0])["Bucket"]["Properties"]
    deployed: dict[str, Any] = without_parameters(read_template()["Resources"]["Bucket"]["Properties"])

    for properties in (described, deployed):
        properties["CorsConfiguration"]["CorsRules"][0].pop("AllowedOrigins")
        rules = properties["LifecycleConfiguration"]["Rules"]
        properties["LifecycleConfiguration"]["Rules"] = [rule for rule in rules if rule.get("Prefix") != "aws/lambda/"]
    assert described == deployed


def test_limits_are_the_policys() -> None:
    policy, limits = Policy(), ModelLimits()

    for kind in Kind:
        (row,) = re.findall(rf"^\| {kind} \|.*$", README, re.MULTILINE)
        types = [each for each in policy.types if each.kind is kind]
        assert re.findall(r"`([a-z]+/\S+)`", row) == [each.mime_type for each in types]
        assert f"| {policy.max_bytes[kind] // MB} MB" in row
        assert ("| inline |" in row) == types[0].inline
    for name in ("inline_bytes", "inline_total_bytes", "text_bytes", "text_total_bytes"):
        assert re.search(rf"^\| `{name}` .* \| {getattr(limits, name)} \|$", README, re.MULTILINE)
    assert f"{policy.max_pixels // MB} megapixels" in README
    assert f"at most {policy.max_per_message} files. A name has at most {MAX_NAME_CHARS} characters" in README
    assert f"valid for {MAX_UPLOAD_SECONDS} seconds" in README


async def test_files_of_a_thread_are_deleted_as_described(world: World) -> None:
    site = Site(world, PlainStore())
    thread_id = (await site.say(await site.uploaded(), await site.uploaded()))[0]["thread"]["id"]
    names: dict[str, Any] = {"store": site.store, "files": world.store}
    exec(blocks("python")[1], names)

    await names["delete_files"](thread_id, ANN)

    assert world.objects() == set()
