"""Workflow steps that a tool shows while it works: one item, whose tasks appear and complete one by one.

    steps = Steps(run.context)                   # inside a tool
    await steps.begin("Add up every month")
    await steps.finish("12 months")
    await steps.end("Analyzed 12 months")

`AgentContext`'s own helpers queue an item and keep changing it (chatkit 1.6.5). The "added" event then already contains
later steps, which are sent a second time when they begin. `Steps` puts a copy into each event.
"""

from __future__ import annotations

from chatkit.agents import AgentContext
from chatkit.types import (
    CustomSummary,
    CustomTask,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemUpdatedEvent,
    Workflow,
    WorkflowItem,
    WorkflowTaskAdded,
    WorkflowTaskUpdated,
)

from assistant_kit.items import item_fields
from chat_api.context import RequestContext


class Steps:
    """One workflow item. Runs one step at a time."""

    def __init__(self, context: AgentContext[RequestContext]) -> None:
        self._context = context
        self._tasks = list[CustomTask]()
        self._item = WorkflowItem(
            **item_fields("workflow", context.thread, context.store, context.request_context),
            workflow=Workflow(type="custom", tasks=[]),
        )

    async def begin(self, title: str) -> None:
        """Show a step in progress."""
        task = CustomTask(title=title, status_indicator="loading")
        self._tasks.append(task)
        if len(self._tasks) == 1:
            await self._context.stream(ThreadItemAddedEvent(item=self._snapshot()))
            return
        update = WorkflowTaskAdded(task=task, task_index=len(self._tasks) - 1)
        await self._context.stream(ThreadItemUpdatedEvent(item_id=self._item.id, update=update))

    async def finish(self, content: str) -> None:
        """Mark the current step as complete."""
        task = self._tasks[-1].model_copy(update={"content": content, "status_indicator": "complete"})
        self._tasks[-1] = task
        update = WorkflowTaskUpdated(task=task, task_index=len(self._tasks) - 1)
        await self._context.stream(ThreadItemUpdatedEvent(item_id=self._item.id, update=update))

    async def end(self, title: str) -> None:
        """Close the workflow under a title that summarizes it. ChatKit stores it now."""
        item = self._snapshot()
        item.workflow.summary = CustomSummary(title=title, icon="check-circle")
        await self._context.stream(ThreadItemDoneEvent(item=item))

    def _snapshot(self) -> WorkflowItem:
        workflow = self._item.workflow.model_copy(update={"tasks": list(self._tasks)})
        return self._item.model_copy(update={"workflow": workflow})
