"""The template that `make deploy` gives to the SAM CLI."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tools import ROOT
from tools.stack.deployment import SAM, as_json

PARSE = """
import json, sys
from samcli.yamlhelper import yaml_parse
json.dump(yaml_parse(open(sys.argv[1]).read()), sys.stdout)
"""
UNQUOTED = """
Policy: {Version: 2012-10-17, Statement: !Sub "arn:${AWS::Partition}"}
Number: 0755
Answer: yes
Value: !GetAtt Table.Arn
"""


@pytest.mark.promise("D1")
@pytest.mark.skipif(not SAM.exists(), reason="the SAM CLI is missing: make sam")
@pytest.mark.parametrize("text", [(ROOT / "template.yaml").read_text(), UNQUOTED], ids=["template.yaml", "unquoted"])
def test_the_json_is_what_the_sam_cli_reads_from_the_yaml(tmp_path: Path, text: str) -> None:
    source = tmp_path / "template.yaml"
    source.write_text(text)

    written = json.loads(as_json(tmp_path).read_text())

    done = subprocess.run([SAM.with_name("python"), "-c", PARSE, source], capture_output=True, text=True, check=True)
    assert written == json.loads(done.stdout)
    assert as_json(tmp_path).parent == tmp_path, "SAM resolves the artifacts' paths from the template's folder"
