"""Sign-in to the local user pool returns tokens that verify like Cognito's."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from chat_api.identity import IdentityError, TokenVerifier
from tools.client.sign_in import SignInError, Tokens, challenge_of, create_user, sign_in
from tools.local.aws import LocalStack

USER, PASSWORD = "ana@example.com", "Groceries-2026"


@pytest.fixture(scope="module")
def tokens(stack: LocalStack) -> Tokens:
    create_user(stack, USER, PASSWORD, groups=["family"])
    return sign_in(stack, USER, PASSWORD)


def verified(stack: LocalStack, token: str) -> dict[str, Any]:
    """Verify the RS256 signature with the pool's key and return the claims."""
    key = jwt.PyJWKClient(stack.jwks_url).get_signing_key_from_jwt(token)
    return jwt.decode(token, key, algorithms=["RS256"], issuer=stack.issuer, options={"verify_aud": False})


class TestSignIn:
    def test_the_access_token_is_cognitos(self, stack: LocalStack, tokens: Tokens) -> None:
        claims = verified(stack, tokens.access_token)

        assert claims["token_use"] == "access"
        assert claims["client_id"] == stack.client_id
        assert claims["cognito:groups"] == ["family"]
        assert claims["sub"]
        assert "email" not in claims
        assert claims["exp"] - claims["iat"] == tokens.expires_in == 3600

    def test_the_id_token_is_another(self, stack: LocalStack, tokens: Tokens) -> None:
        claims = verified(stack, tokens.id_token)

        assert claims["token_use"] == "id"
        assert claims["aud"] == stack.client_id
        assert claims["email"] == USER

    @pytest.mark.promise("H1")
    async def test_our_verifier_takes_the_access_token_only(self, stack: LocalStack, tokens: Tokens) -> None:
        verifier = TokenVerifier(stack.issuer, stack.client_id, stack.jwks_url)

        identity = await verifier.verify(tokens.access_token)

        assert identity.groups == {"family"}
        with pytest.raises(IdentityError):
            await verifier.verify(tokens.id_token)

    def test_a_wrong_password_is_refused(self, stack: LocalStack, tokens: Tokens) -> None:
        with pytest.raises(SignInError, match=USER):
            sign_in(stack, USER, "Wrong-password-1")

    def test_two_users_are_two_subjects(self, stack: LocalStack, tokens: Tokens) -> None:
        create_user(stack, "bob@example.com", PASSWORD)

        bob = sign_in(stack, "bob@example.com", PASSWORD)

        assert verified(stack, bob.access_token)["sub"] != verified(stack, tokens.access_token)["sub"]

    def test_creating_a_user_again_keeps_the_subject(self, stack: LocalStack, tokens: Tokens) -> None:
        create_user(stack, USER, "Another-password-1")

        again = sign_in(stack, USER, "Another-password-1")

        assert verified(stack, again.access_token)["sub"] == verified(stack, tokens.access_token)["sub"]
        create_user(stack, USER, PASSWORD)


def test_the_challenge_is_the_rfcs() -> None:
    """RFC 7636, appendix B."""
    challenge = challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")

    assert challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
