"""A failure whose message cannot be encoded is logged, or not, but never ends the process."""

from __future__ import annotations

import pytest

from tests.integration.streaming.conftest import event, run_in


@pytest.mark.promise("L9")
@pytest.mark.promise("H9")
@pytest.mark.parametrize("log_format", ["JSON", "Text"])
async def test_a_lone_surrogate_in_a_failure_does_not_end_the_process(function, log_format):
    served = function(environment={"AWS_LAMBDA_LOG_FORMAT": log_format})
    process = await served.start()

    await run_in(process, event(path="/fail_with_surrogate"))
    await run_in(process, event(path="/hello"))

    assert process.running
