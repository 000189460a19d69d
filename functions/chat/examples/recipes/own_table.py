"""The assistant's own table: notes of each user, which only this user's turns can reach."""

from __future__ import annotations

import asyncio

from agents import function_tool

from chat_api.assistant import Assistant, AssistantSettings
from examples.recipes.agent import AgentAssistant, Run


def build(settings: AssistantSettings) -> Assistant:
    table, dynamodb = settings.table, settings.dynamodb
    if table is None or dynamodb is None:
        raise ValueError("this assistant keeps notes in a table: set ASSISTANT_TABLE")

    @function_tool
    async def remember(run: Run, note: str) -> str:
        """Save a note of the user."""
        context = run.context.request_context  # the user comes from the verified token, never from the model
        record = {"S": f"note#{context.request_id}"}
        item = {"user": {"S": context.user_id}, "record": record, "note": {"S": note}}
        await asyncio.to_thread(dynamodb.put_item, TableName=table, Item=item)
        return "The note is saved."

    @function_tool
    async def notes(run: Run) -> str:
        """Read all notes of the user."""
        names, values = {"#user": "user"}, {":user": {"S": run.context.request_context.user_id}}
        found = await asyncio.to_thread(
            dynamodb.query,
            TableName=table,
            KeyConditionExpression="#user = :user",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
        )
        return "\n".join(item["note"].get("S", "") for item in found["Items"]) or "no notes"

    return AgentAssistant(settings, tools=[remember, notes])
