"""Invalid access tokens; every request with one of them is rejected.

headers = bad_tokens(pool)["expired"]
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tools.local.sign_in.user_pool import UserPool

USER = "ana"
OTHER_ISSUER = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Other"

Headers = tuple[tuple[str, str], ...]


def bad_tokens(pool: UserPool) -> dict[str, Headers]:
    """Return request headers by their fault."""
    key_id, key = next(iter(pool.keys.items()))
    claims, later = pool.claims(USER), int(time.time()) + 3600
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public_pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    mine, others = pool.token(USER), pool.token("bob")
    tokens = {
        "garbage": "not.a.token",
        "other key": jwt.encode(claims, stranger, "RS256", {"kid": key_id}),
        "unknown key": jwt.encode(claims, stranger, "RS256", {"kid": "key-9"}),
        "alg none": jwt.encode(claims, "", "none", {"kid": key_id}),
        "HS256": _hs256(claims, public_pem, key_id),
        "swapped": ".".join([*mine.split(".")[:2], others.split(".")[2]]),
        "expired": pool.token(USER, iat=1_600_000_000, exp=1_600_003_600),
        "not yet": pool.token(USER, nbf=later),
        "id token": pool.token(USER, token_use="id", aud=pool.client_id),
        "other client": pool.token(USER, client_id="client-2"),
        "other pool": pool.token(USER, iss=OTHER_ISSUER),
    }
    headers: dict[str, Headers] = {"none": ()}
    headers |= {name: (("x-auth-token", token),) for name, token in tokens.items()}
    headers["two tokens"] = (("x-auth-token", mine), ("authorization", f"Bearer {others}"))
    return headers


def _hs256(claims: dict[str, Any], secret: bytes, key_id: str) -> str:
    """Sign with the public key as a shared secret, which PyJWT itself does not allow."""

    def part(data: bytes) -> bytes:
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    header = {"alg": "HS256", "typ": "JWT", "kid": key_id}
    signed = part(json.dumps(header).encode()) + b"." + part(json.dumps(claims).encode())
    return (signed + b"." + part(hmac.digest(secret, signed, hashlib.sha256))).decode()
