"""A plain ChatKitServer with FastAPI: conversations in DynamoDB, files in S3, no other part of this repository.

pip install chatkit-store-dynamo chatkit-attachments-s3 boto3 fastapi uvicorn
TABLE=chat BUCKET=chat-files OPENAI_API_KEY=sk-… uvicorn plain_server:app
"""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

import boto3
from chatkit import types
from chatkit.agents import ThreadItemConverter
from chatkit.server import ChatKitServer, StreamingResult
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from openai import AsyncOpenAI
from openai.types.responses import ResponseInputContentParam

from attachments_s3 import ModelInput, RefusedError, S3AttachmentStore, VerifiedAttachments, s3_config
from store_dynamo import CLIENT_CONFIG, DynamoStore, S3Bucket

TABLE, BUCKET, MODEL = os.environ["TABLE"], os.environ["BUCKET"], os.environ.get("OPENAI_MODEL", "gpt-6-luna")


@dataclass(frozen=True)
class Context:
    user_id: str


s3 = boto3.client("s3", config=s3_config())  # pyright: ignore[reportUnknownMemberType]
dynamodb = boto3.client("dynamodb", config=CLIENT_CONFIG)  # pyright: ignore[reportUnknownMemberType]
files = S3AttachmentStore[Context](bucket=BUCKET, client=s3, user_of=lambda context: context.user_id)
store = DynamoStore[Context](
    table=TABLE,
    client=dynamodb,
    user_of=lambda context: context.user_id,
    overflow=S3Bucket(BUCKET, s3),
    after_read=files.sign_urls,
    before_write=files.strip_urls,
)
openai = AsyncOpenAI()


class Converter(ThreadItemConverter):
    def __init__(self, model_input: ModelInput[Context]) -> None:
        self.model_input = model_input

    async def attachment_to_message_content(self, attachment: types.Attachment) -> ResponseInputContentParam:
        return await self.model_input.part(attachment)


class Server(VerifiedAttachments[Context], ChatKitServer[Context]):
    async def respond(
        self, thread: types.ThreadMetadata, input_user_message: types.UserMessageItem | None, context: Context
    ) -> AsyncIterator[types.ThreadStreamEvent]:
        newest = await self.store.load_thread_items(thread.id, None, 20, "desc", context)
        messages = await Converter(ModelInput(files, context)).to_agent_input(newest.data[::-1])
        item_id = self.store.generate_item_id("message", thread, context)
        text = types.AssistantMessageContent(text="")
        item = types.AssistantMessageItem(id=item_id, thread_id=thread.id, created_at=datetime.now(), content=[text])
        yield types.ThreadItemAddedEvent(item=item)
        async with await openai.responses.create(model=MODEL, input=messages, stream=True) as events:
            async for event in events:
                if event.type == "response.output_text.delta":
                    text.text += event.delta
                    delta = types.AssistantMessageContentPartTextDelta(content_index=0, delta=event.delta)
                    yield types.ThreadItemUpdatedEvent(item_id=item_id, update=delta)
        yield types.ThreadItemDoneEvent(item=item)


server = Server(store, attachment_store=files)
app = FastAPI()


@app.post("/chatkit")
async def chatkit(request: Request) -> Response:
    context = Context(request.headers["x-user"])  # replace this with your authentication
    try:
        result = await server.process(await request.body(), context)
    except RefusedError as error:
        return JSONResponse({"code": error.code, "message": error.message}, 422)
    if isinstance(result, StreamingResult):
        return StreamingResponse(result, media_type="text/event-stream")
    return Response(result.json, media_type="application/json")
