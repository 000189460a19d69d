"""A user pool for tests of token verification: a JWKS served over HTTP, and tokens signed with its keys.

with UserPool() as pool:
    TokenVerifier(pool.issuer, pool.client_id, pool.jwks_url)
    pool.token("ana")
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

ISSUER = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Test"


class UserPool:
    """Serves its public keys on the loopback interface and counts the fetches.

    `other_keys` are published in addition, e.g. those of a pool whose tokens must stay valid. While `down` is set, the
    server closes connections without a response. `fault` replaces the response: a status and a body, sent after an
    event.
    """

    def __init__(
        self, issuer: str = ISSUER, client_id: str = "client-1", other_keys: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        self.issuer, self.client_id = issuer, client_id
        self.fetches = 0
        self.down = False
        self.fault: tuple[int, bytes, threading.Event | None] | None = None
        self._other_keys = other_keys
        self.keys: dict[str, rsa.RSAPrivateKey] = {}
        self.rotate("key-1")
        pool = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                pool.fetches += 1
                if pool.down:
                    return
                status, body, event = pool.fault or (200, json.dumps({"keys": pool.public_keys()}).encode(), None)
                if event is not None:
                    event.wait()
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.jwks_url = f"http://127.0.0.1:{self._server.server_address[1]}/jwks.json"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def rotate(self, key_id: str) -> None:
        """Replace all keys by one new key."""
        self.keys = {key_id: rsa.generate_private_key(public_exponent=65537, key_size=2048)}

    def public_keys(self) -> list[dict[str, Any]]:
        own = [
            {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": key_id, "use": "sig", "alg": "RS256"}
            for key_id, key in self.keys.items()
        ]
        return [*own, *map(dict, self._other_keys)]

    def token(self, user: str = "user-1", headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """Return an access token. A claim that is None is omitted."""
        key_id, key = next(iter(self.keys.items()))
        return jwt.encode(self.claims(user, **claims), key, "RS256", {"kid": key_id} | (headers or {}))

    def claims(self, user: str, **claims: Any) -> dict[str, Any]:
        now = int(time.time())
        all_claims = {
            "sub": user,
            "username": f"{user}-name",
            "iss": self.issuer,
            "client_id": self.client_id,
            "token_use": "access",
            "iat": now,
            "exp": now + 3600,
            **claims,
        }
        return {name: value for name, value in all_claims.items() if value is not None}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
