"""A workflow that the user sees step by step.

    steps = Steps(context)
    await steps.begin("Add up every month")
    await steps.finish("12 months")
    await steps.end("Analyzed 12 months")

Theory. `AgentContext`'s own helpers queue the item itself and go on changing it: what is sent as "added" then has steps
that come later, and they come twice. Here each event has a copy. ChatKit ends the workflow it saw last once more when
something else is shown; `run_events` leaves that repetition out.
"""

from __future__ import annotations

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

from coach.context import CoachContext
from coach.new_items import beginning


class Steps:
    """One workflow item; one step at a time."""

    def __init__(self, context: CoachContext) -> None:
        self._context = context
        self._tasks = list[CustomTask]()
        self._item = WorkflowItem(
            **beginning("workflow", context.thread, context.store, context.request_context),
            workflow=Workflow(type="custom", tasks=[]),
        )

    async def begin(self, title: str) -> None:
        """Show a step that has begun."""
        task = CustomTask(title=title, status_indicator="loading")
        self._tasks.append(task)
        if len(self._tasks) == 1:
            await self._context.stream(ThreadItemAddedEvent(item=self._so_far()))
            return
        update = WorkflowTaskAdded(task=task, task_index=len(self._tasks) - 1)
        await self._context.stream(ThreadItemUpdatedEvent(item_id=self._item.id, update=update))

    async def finish(self, content: str) -> None:
        """Show the step that began last as done."""
        task = self._tasks[-1].model_copy(update={"content": content, "status_indicator": "complete"})
        self._tasks[-1] = task
        update = WorkflowTaskUpdated(task=task, task_index=len(self._tasks) - 1)
        await self._context.stream(ThreadItemUpdatedEvent(item_id=self._item.id, update=update))

    async def end(self, title: str) -> None:
        """Close the workflow under a title that sums it up; from now on it is stored."""
        item = self._so_far()
        item.workflow.summary = CustomSummary(title=title, icon="check-circle")
        await self._context.stream(ThreadItemDoneEvent(item=item))

    def _so_far(self) -> WorkflowItem:
        workflow = self._item.workflow.model_copy(update={"tasks": list(self._tasks)})
        return self._item.model_copy(update={"workflow": workflow})
