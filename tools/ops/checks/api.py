"""Checks of the API with a user's requests: health, authentication, streaming, uploads."""

from __future__ import annotations

import time
import uuid

import httpx

from tools.client.chatkit import ChatKitClient, Event, Received, RefusedError, create_thread, get_thread
from tools.ops.doctor import SERVER_ERROR, Check, FailedError, Target, UnknownError

QUESTION = "How much did I spend on groceries? Please answer in two sentences."
FEWEST_PIECES = 5
LEAST_SPREAD = 0.05
"""Least part of the answer's time between first and last piece; a proxy that buffers sends all pieces at once."""
FILE = b"%PDF-1.4\n% sent by make doctor\n%%EOF\n"
TIMEOUT_SECONDS = 60
MAX_ANSWER = 400
"""Characters of an answer in the table: the local one says why the function does not start."""


async def health(target: Target) -> str:
    """GET /chatkit returns 200."""
    started = time.perf_counter()
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as http:
        answer = await http.get(f"{target.api}/chatkit")
    if answer.status_code != 200 or answer.json() != {"status": "ok"}:
        raise FailedError(f"GET /chatkit returns {answer.status_code}: {answer.text[:MAX_ANSWER]}")
    return f"{target.api}/chatkit in {(time.perf_counter() - started) * 1000:.0f} ms"


async def sign_in(target: Target) -> str:
    """The API accepts a user's access token."""
    async with ChatKitClient(target.api, target.signed_in()) as client:
        answer = await client.call({"type": "threads.list", "params": {"limit": 1, "order": "desc"}})
    if "data" not in answer:
        raise FailedError(f"threads.list returns {str(answer)[:120]} instead of a list")
    return "the API accepts the access token"


async def unauthenticated(target: Target) -> str:
    """Requests without a token, or with a forged one, get 401."""
    request: Event = {"type": "threads.list", "params": {}}
    for token, sent in (("", "without a token"), ("eyJhbGciOiJub25lIn0.e30.", "with an unsigned token")):
        async with ChatKitClient(target.api, token) as client:
            try:
                await client.call(request)
            except RefusedError as error:
                if error.status >= SERVER_ERROR:
                    raise _not_judged(error) from error
                if error.status != 401:
                    raise FailedError(f"a request {sent} gets {error.status}, not 401") from error
            else:
                raise FailedError(f"a request {sent} is accepted")
    return "requests without a token or with an unsigned one get 401"


def _not_judged(error: RefusedError) -> UnknownError:
    """A server error shows neither that access is refused nor that it is granted."""
    return UnknownError(f"the API returns {error}", "make logs ENV=… shows the fault; then repeat make doctor")


async def other_user(target: Target) -> str:
    """A user cannot read another user's conversation."""
    token = target.signed_in()
    if target.other_token is None:
        raise UnknownError(
            "an access token of a second user is required",
            "CHATKIT_OTHER_TOKEN=$(make token ENV=… EMAIL=<another user>) make doctor ENV=…",
        )
    thread = (await _turn(target, token))[1]
    async with ChatKitClient(target.api, target.other_token) as other, ChatKitClient(target.api, token) as owner:
        try:
            await other.call(get_thread(thread))
        except RefusedError as error:
            if error.status >= SERVER_ERROR:
                raise _not_judged(error) from error
            if error.status != 404:
                raise FailedError(f"another user's thread returns {error.status}, not 404") from error
        else:
            raise FailedError("a user can read another user's thread")
        finally:
            await _forget(owner, thread)
    return "another user's thread returns 404"


async def streaming(target: Target) -> str:
    """An answer arrives in pieces while the model produces it."""
    received, thread, sent_at = await _turn(target, target.signed_in())
    async with ChatKitClient(target.api, target.signed_in()) as client:
        await _forget(client, thread)
    errors = [each.event for each in received if each.event["type"] == "error"]
    if errors:
        raise FailedError(f"the assistant failed: {str(errors[0].get('message') or errors[0].get('code'))[:160]}")
    pieces = [each for each in received if each.delta]
    if len(pieces) < FEWEST_PIECES:
        raise FailedError(f"the answer has {len(pieces)} pieces of text, fewer than {FEWEST_PIECES}")
    first, last = pieces[0].at - sent_at, pieces[-1].at - sent_at
    figures = f"{len(pieces)} pieces, the first after {first * 1000:.0f} ms, the last after {last * 1000:.0f} ms"
    if last - first < LEAST_SPREAD * last:
        raise FailedError(f"the pieces arrive all at once: {figures}")
    return figures


async def _turn(target: Target, token: str) -> tuple[list[Received], str, float]:
    sent_at = time.time()
    async with ChatKitClient(target.api, token) as client:
        received = [each async for each in client.stream(create_thread(QUESTION))]
    created = [each.event["thread"]["id"] for each in received if each.event["type"] == "thread.created"]
    if not created:
        raise FailedError(f"the stream lacks thread.created: {[each.event['type'] for each in received][:3]}")
    return received, created[0], sent_at


async def _forget(client: ChatKitClient, thread: str) -> None:
    await client.call({"type": "threads.delete", "params": {"thread_id": thread}})


async def upload(target: Target) -> str:
    """The bucket accepts a file that matches its registration."""
    async with ChatKitClient(target.api, target.signed_in()) as client:
        attachment = await client.register("doctor.pdf", "application/pdf", len(FILE))
        status = await client.put(attachment, FILE)
        await client.call({"type": "attachments.delete", "params": {"attachment_id": attachment["id"]}})
    if status != 200:
        raise FailedError(f"the bucket returns {status} for an upload as registered")
    return "the bucket accepts a file of the registered size"


async def wrong_upload(target: Target) -> str:
    """The bucket rejects files of another size or another type than registered."""
    async with ChatKitClient(target.api, target.signed_in()) as client:
        attachment = await client.register("doctor.pdf", "application/pdf", len(FILE))
        retyped = {
            **attachment["upload_descriptor"],
            "headers": {**attachment["upload_descriptor"]["headers"], "Content-Type": "text/html"},
        }
        larger = await client.put(attachment, FILE + b"more")
        other = await client.put({**attachment, "upload_descriptor": retyped}, FILE)
        await client.call({"type": "attachments.delete", "params": {"attachment_id": attachment["id"]}})
    if larger != 403 or other != 403:
        raise FailedError(f"a larger file gets {larger}, another type {other}; both must get 403")
    return "a larger file and another type get 403"


async def preflight(target: Target) -> str:
    """CORS lets a browser PUT to the bucket from the site, and from nowhere else."""
    async with ChatKitClient(target.api, target.signed_in()) as client:
        attachment = await client.register("doctor.pdf", "application/pdf", len(FILE))
        await client.call({"type": "attachments.delete", "params": {"attachment_id": attachment["id"]}})
    url = attachment["upload_descriptor"]["url"].partition("?")[0]
    elsewhere = f"https://{uuid.uuid4().hex}.example"
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as http:
        allowed = {origin: await _allowed(http, url, origin) for origin in (target.origin, elsewhere)}
    if allowed[target.origin] not in (target.origin, "*"):
        raise FailedError(f"the bucket does not allow uploads from {target.origin}")
    if allowed[elsewhere]:
        raise FailedError("the bucket allows uploads from any origin")
    return f"uploads from {target.origin} only"


async def _allowed(http: httpx.AsyncClient, url: str, origin: str) -> str | None:
    asked = {"origin": origin, "access-control-request-method": "PUT", "access-control-request-headers": "content-type"}
    return (await http.request("OPTIONS", url, headers=asked)).headers.get("access-control-allow-origin")


API = ("health",)
USER = ("health", "sign-in")
CHECKS = (
    Check(
        "health",
        health,
        "make logs ENV=… shows whether the function starts; if it does, CloudFront lacks permission to invoke it",
    ),
    Check(
        "sign-in", sign_in, "use an access token (not an ID token) of this stack's client: output UserPoolClientId", API
    ),
    Check(
        "no access without a token",
        unauthenticated,
        "deploy this version again: every route must verify the token",
        API,
    ),
    Check(
        "no access to other users' threads", other_user, "take the stack offline and report it: users share data", USER
    ),
    Check(
        "streaming is incremental",
        streaming,
        "set AWS_LAMBDA_EXEC_WRAPPER=/opt/bootstrap, InvokeMode RESPONSE_STREAM, and Compress false on /chatkit*; "
        "for an error of the assistant see make logs",
        USER,
    ),
    Check(
        "presigned upload", upload, "give the chat role s3:PutObject on pending/*, and check this machine's clock", USER
    ),
    Check(
        "wrong uploads are rejected", wrong_upload, "create the S3 client with attachments_s3.s3_config (SigV4)", USER
    ),
    Check(
        "CORS of the bucket", preflight, "set the parameter SiteOrigin to the site's origin: make deploy ENV=…", USER
    ),
)
