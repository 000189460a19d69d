"""What a user of the API sees: health, identity, streaming, uploads."""

from __future__ import annotations

import time
import uuid

import httpx

from tools.client.chatkit import ChatKitClient, Event, Received, RefusedError, create_thread, get_thread
from tools.ops.doctor import Check, FailedError, Stack, UnknownError

QUESTION = "How much did I spend on groceries? Please answer in two sentences."
FEWEST_PIECES = 5
LEAST_SPREAD = 0.05
"""Of the whole time: what is streamed comes over more of it, what was collected comes at once."""
FILE = b"%PDF-1.4\n% sent by make doctor\n%%EOF\n"
TIMEOUT_SECONDS = 60


async def health(stack: Stack) -> str:
    """GET /chatkit answers."""
    started = time.perf_counter()
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as http:
        answer = await http.get(f"{stack.api}/chatkit")
    if answer.status_code != 200 or answer.json() != {"status": "ok"}:
        raise FailedError(f"{answer.status_code}: {answer.text[:120]}")
    return f"{stack.api}/chatkit in {(time.perf_counter() - started) * 1000:.0f} ms"


async def sign_in(stack: Stack) -> str:
    """A user's access token is taken."""
    async with ChatKitClient(stack.api, stack.signed_in()) as client:
        answer = await client.call({"type": "threads.list", "params": {"limit": 1, "order": "desc"}})
    if "data" not in answer:
        raise FailedError(f"no list of threads but {str(answer)[:120]}")
    return "the access token is taken"


async def strangers(stack: Stack) -> str:
    """Neither nobody nor a forged token gets in."""
    request: Event = {"type": "threads.list", "params": {}}
    for token, who in (("", "no token"), ("eyJhbGciOiJub25lIn0.e30.", "an unsigned token")):
        async with ChatKitClient(stack.api, token) as client:
            try:
                await client.call(request)
            except RefusedError as error:
                if error.status != 401:
                    raise FailedError(f"{who} was answered {error.status}, not 401") from error
            else:
                raise FailedError(f"{who} was let in")
    return "no token and an unsigned token get 401"


async def wrong_user(stack: Stack) -> str:
    """A user does not reach another's conversation."""
    token = stack.signed_in()
    if stack.other_token is None:
        raise UnknownError(
            "one user's token only", "CHATKIT_OTHER_TOKEN=<access token of another user> make doctor ENV=…"
        )
    thread = (await _turn(stack, token))[1]
    async with ChatKitClient(stack.api, stack.other_token) as other, ChatKitClient(stack.api, token) as owner:
        try:
            await other.call(get_thread(thread))
        except RefusedError as error:
            if error.status != 404:
                raise FailedError(f"another user's thread was answered {error.status}, not 404") from error
        else:
            raise FailedError("a user read another user's thread")
        finally:
            await _forget(owner, thread)
    return "another user's thread is 404"


async def streaming(stack: Stack) -> str:
    """An answer comes in pieces, while it is made."""
    received, thread, asked = await _turn(stack, stack.signed_in())
    async with ChatKitClient(stack.api, stack.signed_in()) as client:
        await _forget(client, thread)
    errors = [each.event for each in received if each.event["type"] == "error"]
    if errors:
        raise FailedError(f"the assistant failed: {str(errors[0].get('message') or errors[0].get('code'))[:160]}")
    pieces = [each for each in received if each.delta]
    if len(pieces) < FEWEST_PIECES:
        raise FailedError(f"{len(pieces)} pieces of text")
    first, last = pieces[0].at - asked, pieces[-1].at - asked
    figures = f"{len(pieces)} pieces, the first after {first * 1000:.0f} ms, the last after {last * 1000:.0f} ms"
    if last - first < LEAST_SPREAD * last:
        raise FailedError(f"all at once: {figures}")
    return figures


async def _turn(stack: Stack, token: str) -> tuple[list[Received], str, float]:
    asked = time.time()
    async with ChatKitClient(stack.api, token) as client:
        received = [each async for each in client.stream(create_thread(QUESTION))]
    created = [each.event["thread"]["id"] for each in received if each.event["type"] == "thread.created"]
    if not created:
        raise FailedError(f"the stream begins without a thread: {[each.event['type'] for each in received][:3]}")
    return received, created[0], asked


async def _forget(client: ChatKitClient, thread: str) -> None:
    await client.call({"type": "threads.delete", "params": {"thread_id": thread}})


async def upload(stack: Stack) -> str:
    """The bucket takes a file as it was registered."""
    async with ChatKitClient(stack.api, stack.signed_in()) as client:
        attachment = await client.register("doctor.pdf", "application/pdf", len(FILE))
        status = await client.put(attachment, FILE)
        await client.call({"type": "attachments.delete", "params": {"attachment_id": attachment["id"]}})
    if status != 200:
        raise FailedError(f"the bucket answered {status}")
    return "a file of the registered size is taken"


async def wrong_upload(stack: Stack) -> str:
    """The bucket refuses a file of another size, and of another type."""
    async with ChatKitClient(stack.api, stack.signed_in()) as client:
        attachment = await client.register("doctor.pdf", "application/pdf", len(FILE))
        retyped = {
            **attachment["upload_descriptor"],
            "headers": {**attachment["upload_descriptor"]["headers"], "Content-Type": "text/html"},
        }
        larger = await client.put(attachment, FILE + b"more")
        other = await client.put({**attachment, "upload_descriptor": retyped}, FILE)
        await client.call({"type": "attachments.delete", "params": {"attachment_id": attachment["id"]}})
    if larger != 403 or other != 403:
        raise FailedError(f"a larger file was answered {larger}, another type {other}; both should be 403")
    return "a larger file and another type get 403"


async def preflight(stack: Stack) -> str:
    """A browser on our site may PUT to the bucket, one elsewhere may not."""
    async with ChatKitClient(stack.api, stack.signed_in()) as client:
        attachment = await client.register("doctor.pdf", "application/pdf", len(FILE))
        await client.call({"type": "attachments.delete", "params": {"attachment_id": attachment["id"]}})
    url = attachment["upload_descriptor"]["url"].partition("?")[0]
    elsewhere = f"https://{uuid.uuid4().hex}.example"
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as http:
        allowed = {origin: await _allowed(http, url, origin) for origin in (stack.origin, elsewhere)}
    if allowed[stack.origin] not in (stack.origin, "*"):
        raise FailedError(f"the bucket does not allow {stack.origin}")
    if allowed[elsewhere]:
        raise FailedError("the bucket allows any origin")
    return f"PUT from {stack.origin} only"


async def _allowed(http: httpx.AsyncClient, url: str, origin: str) -> str | None:
    asked = {"origin": origin, "access-control-request-method": "PUT", "access-control-request-headers": "content-type"}
    return (await http.request("OPTIONS", url, headers=asked)).headers.get("access-control-allow-origin")


CHECKS = (
    Check("health", health, "make logs ENV=…: the function does not start, or CloudFront may not invoke it"),
    Check("sign-in", sign_in, "take an access token (not an ID token) of this stack's client: output UserPoolClientId"),
    Check("strangers are refused", strangers, "identity.py must verify every request: deploy this version"),
    Check("a wrong user is refused", wrong_user, "stop the stack and report it: users see each other's data"),
    Check(
        "streaming is incremental",
        streaming,
        "AWS_LAMBDA_EXEC_WRAPPER=/opt/bootstrap, InvokeMode RESPONSE_STREAM, Compress false on /chatkit*; "
        "an error of the assistant: make logs",
    ),
    Check(
        "presigned upload", upload, "the chat role needs s3:PutObject on pending/*; the machine's clock must be right"
    ),
    Check("wrong uploads are refused", wrong_upload, "presign with SigV4 (attachments_s3.s3_config): length and type"),
    Check("CORS of the bucket", preflight, "set parameter SiteOrigin to the site's origin: make deploy does"),
)
