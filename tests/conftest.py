"""For all tests: what the contracts' runs add up to, and assertions that show their values there too."""

from __future__ import annotations

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("tests.contracts", "tests.fakes")
pytest_plugins = ["tests.browser.scenarios", "tests.contracts.summary", "tests.unit.frontend.summary"]

settings.register_profile("steady", deadline=None)  # a busy machine is no counterexample
settings.load_profile("steady")
