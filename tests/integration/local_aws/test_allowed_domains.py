"""AllowedEmailDomains in a user pool: the deployed trigger refuses and admits users who register."""

from __future__ import annotations

import io
import zipfile
from contextlib import closing

import pytest

from tools import ROOT
from tools.local.aws import STACK_NAME, LocalStack, deploy
from tools.local.ministack import MiniStack

PARAMETERS = {
    "SelfSignUp": "yes",
    "AllowedEmailDomains": "example.com",
    "Mfa": "required",
    "Passkeys": "on",
    "AccessTokenMinutes": "15",
    "RefreshTokenDays": "7",
}
pytestmark = [pytest.mark.promise("H13"), pytest.mark.feature("allowed-domains")]


@pytest.fixture(scope="module")
def stack(aws: MiniStack) -> LocalStack:
    """A stack whose trigger runs the code of the source tree: the local deployment uploads a placeholder."""
    stack = deploy(aws, PARAMETERS)
    with closing(aws.client("cloudformation")) as cloudformation:
        resource = cloudformation.describe_stack_resource(StackName=STACK_NAME, LogicalResourceId="SignInFunction")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        for path in (ROOT / "functions" / "sign_in" / "sign_in").glob("*.py"):
            archive.write(path, f"sign_in/{path.name}")
    with closing(aws.client("lambda")) as functions:
        name = resource["StackResourceDetail"]["PhysicalResourceId"]
        functions.update_function_code(FunctionName=name, ZipFile=code.getvalue())
    return stack


def sign_up(aws: MiniStack, stack: LocalStack, email: str) -> None:
    with closing(aws.client("cognito-idp")) as cognito:
        cognito.sign_up(
            ClientId=stack.client_id,
            Username=email,
            Password="Long-enough-1234",
            UserAttributes=[{"Name": "email", "Value": email}],
        )


def users(aws: MiniStack, stack: LocalStack) -> int:
    with closing(aws.client("cognito-idp")) as cognito:
        return len(cognito.list_users(UserPoolId=stack.user_pool_id)["Users"])


def test_an_address_of_the_company_registers(aws: MiniStack, stack: LocalStack) -> None:
    before = users(aws, stack)

    sign_up(aws, stack, "Ana@Example.com")

    assert users(aws, stack) == before + 1


def test_another_address_is_refused_with_a_sentence(aws: MiniStack, stack: LocalStack) -> None:
    before = users(aws, stack)

    with pytest.raises(Exception, match="this email address may not register here; ask your administrator") as refused:
        sign_up(aws, stack, "ana@evil.example")

    assert type(refused.value).__name__ == "UserLambdaValidationException"
    assert users(aws, stack) == before


def test_an_operator_may_create_any_user(aws: MiniStack, stack: LocalStack) -> None:
    with closing(aws.client("cognito-idp")) as cognito:
        assert cognito.admin_create_user(UserPoolId=stack.user_pool_id, Username="guest@elsewhere.example")


def test_the_pool_and_its_client_have_the_parameters_values(aws: MiniStack, stack: LocalStack) -> None:
    with closing(aws.client("cognito-idp")) as cognito:
        pool = cognito.describe_user_pool(UserPoolId=stack.user_pool_id)["UserPool"]
        client = cognito.describe_user_pool_client(UserPoolId=stack.user_pool_id, ClientId=stack.client_id)

    settings = client["UserPoolClient"]
    assert pool["MfaConfiguration"] == "ON"
    assert pool["UserPoolTier"] == "ESSENTIALS"
    assert [int(settings[name]) for name in ("AccessTokenValidity", "RefreshTokenValidity")] == [15, 7]
    assert "ALLOW_USER_AUTH" in settings["ExplicitAuthFlows"]
