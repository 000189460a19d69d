"""The local pool's public keys with one more of ours, so that tokens of any time can be signed; it can be out of reach.

with KeyServer(stack.aws) as keys:
    keys.jwks_url                                       # COGNITO_JWKS_URL of the function
    keys.token("user", iat=…, exp=…)                    # verified like the pool's own
    keys.down = True                                    # hangs up on who asks
"""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from tools.local.aws import LocalStack
from tools.local.sign_in.user_pool import UserPool


class KeyServer(UserPool):
    """Serves the pool's keys and its own."""

    def __init__(self, aws: LocalStack) -> None:
        with urllib.request.urlopen(aws.jwks_url, timeout=10) as answer:
            self._pools: list[dict[str, Any]] = json.load(answer)["keys"]
        self.issuer, self.client_id = aws.issuer, aws.client_id
        self.down = False
        super().__init__()
        self._server.handle_error = lambda request, client_address: None

    def public_keys(self) -> list[dict[str, Any]]:
        if self.down:
            raise ConnectionAbortedError("out of reach on purpose")
        return [*self._pools, *super().public_keys()]
