"""The state of a stack before and after `make deploy`: failed stacks are explained and cleared, prod is protected.

    make_deployable("dev", "chatkit-dev")     # before `sam deploy`; returns when it can succeed
    protect("chatkit-prod")                   # after it

`sam deploy` refuses stacks whose first deployment failed, that are stuck in a rollback, or half deleted.
"""

from __future__ import annotations

import time
from contextlib import closing

from tools.stack import removal
from tools.stack.clients import operator_client
from tools.stack.operator import DeploymentError
from tools.stack.questions import Agree, confirm
from tools.stack.removal import Client, Say
from tools.stack.states import Kind, StackState, read_state

ROLLBACK_LIMIT_SECONDS = 3600
POLL_SECONDS = 3.0
QUESTIONS = {
    Kind.FAILED_CREATION: "Remove the failed stack and deploy again?",
    Kind.FAILED_UPDATE: "Finish the rollback now, then deploy?",
}


def make_deployable(
    env: str, stack_name: str, *, client: Client = operator_client, agree: Agree = confirm, say: Say = print
) -> None:
    """Return if the stack can be deployed; after a question, remove a failed first deployment or finish a rollback.

    `YES=1` answers the question. Raises DeploymentError, with cause and remedy, if the stack is being changed or half
    deleted, or if the answer is no.
    """
    with closing(client("cloudformation")) as cloudformation:
        state = read_state(cloudformation, stack_name)
    if state.kind in (Kind.ABSENT, Kind.PLANNED, Kind.READY):
        return
    question = QUESTIONS.get(state.kind)
    if question is None:
        raise DeploymentError(state.explain(env))
    say(state.explain(env))
    if not agree(question):
        raise DeploymentError("declined: nothing was changed")
    if state.kind is Kind.FAILED_CREATION:
        removal.remove(env, state, client=client, say=say)
    else:
        _finish_rollback(env, state, client, say)


def _finish_rollback(env: str, state: StackState, client: Client, say: Say) -> None:
    say(f"· {state.name}: continuing the rollback")
    with closing(client("cloudformation")) as cloudformation:
        cloudformation.continue_update_rollback(StackName=state.name)
        limit = time.monotonic() + ROLLBACK_LIMIT_SECONDS
        started = False
        while time.monotonic() < limit:
            now = read_state(cloudformation, state.name)
            started = started or now.status != state.status
            if now.kind is Kind.READY:
                return
            if started and now.kind is Kind.FAILED_UPDATE:
                raise DeploymentError(now.explain(env))
            time.sleep(POLL_SECONDS)
    raise DeploymentError(f"CloudFormation is still rolling {state.name} back: repeat make deploy ENV={env} later")


def protect(stack_name: str, *, client: Client = operator_client) -> bool:
    """Protect a stack with `Stage=prod` against deletion in the console and by the AWS CLI; return True if it is prod.

    Only `make destroy`, after its question, removes the protection.
    """
    with closing(client("cloudformation")) as cloudformation:
        state = read_state(cloudformation, stack_name)
        is_prod = state.parameters.get("Stage") == "prod"
        if is_prod and not state.protected:
            cloudformation.update_termination_protection(StackName=stack_name, EnableTerminationProtection=True)
    return is_prod
