"""A local stand-in for OpenAI's CDN: serves a test version of ChatKit's script under its real URL, over TLS.

    async with ChatKitCdn() as cdn:
        flags = [cdn.resolver_rule]                 # chromium --host-resolver-rules=…

The page loads the script as in production, with a script tag under the Content Security Policy. No request of the page
is intercepted, because Playwright's routes would answer CORS preflights themselves.
"""

from __future__ import annotations

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import h11
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tools.local.http_server import HttpConnection, HttpServer

HOST = "cdn.platform.openai.com"
SCRIPT = (Path(__file__).parent / "openai_chatkit.js").read_bytes()


class ChatKitCdn:
    """The server. An asynchronous context manager."""

    def __init__(self) -> None:
        self._server = HttpServer(self._handle, any_caller=True)
        self.asked: list[str] = []

    @property
    def resolver_rule(self) -> str:
        """Return the value of `--host-resolver-rules` that directs a browser to this server."""
        return f"MAP {HOST}:443 {self._server.address}"

    async def __aenter__(self) -> Self:
        await self._server.start(tls=_self_signed())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._server.stop()

    async def _handle(self, connection: HttpConnection, request: h11.Request) -> None:
        await connection.body(0)
        target = request.target.decode()
        self.asked.append(target)
        if target == "/deployments/chatkit/chatkit.js":
            await connection.respond(200, [("content-type", "text/javascript")], SCRIPT)
        else:
            await connection.respond(404, [], b"")


def _self_signed() -> ssl.SSLContext:
    """Return a TLS context with a self-signed certificate. The browser contexts ignore certificate errors."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(hours=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:  # load_cert_chain accepts only files
        form, encoding = serialization.PrivateFormat.PKCS8, serialization.Encoding.PEM
        file.write(key.private_bytes(encoding, form, serialization.NoEncryption()) + certificate.public_bytes(encoding))
        file.flush()
        context.load_cert_chain(file.name)
    return context
