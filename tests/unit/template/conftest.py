"""template.yaml as plain data."""

from __future__ import annotations

import pytest

from tools.stack.template import Template, read_template


@pytest.fixture(scope="session")
def template() -> Template:
    return read_template()
