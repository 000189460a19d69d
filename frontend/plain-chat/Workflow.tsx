import { Markdown } from "./Markdown";
import { Sources } from "./Message";
import type { Task, WorkflowItem } from "./wire";
import { words } from "./words";

/** The steps of a response, collapsed to one line. */
export function Workflow({ item, growing }: { item: WorkflowItem; growing: boolean }) {
  const { tasks, summary } = item.workflow;
  const title = summaryOf(item, growing);
  if (!tasks.length) return <p className="pc-workflow pc-muted">{title}</p>;
  return (
    <details className="pc-workflow" open={item.workflow.expanded || (growing && !summary)}>
      <summary>{title}</summary>
      <ol>
        {tasks.map((task, place) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the position identifies a task, in the protocol as well
          <li key={place}>
            <TaskView task={task} />
          </li>
        ))}
      </ol>
    </details>
  );
}

export function TaskView({ task }: { task: Task }) {
  const states = { loading: words().inProgress, complete: words().done, none: "" };
  const state = states[task.status_indicator ?? "none"];
  return (
    <div className="pc-task" data-state={task.status_indicator}>
      <span>{task.title ?? task.queries?.join(", ")}</span>
      {state && <span className="pc-unseen"> ({state})</span>}
      {task.content && <Markdown text={task.content} />}
      {task.sources && task.sources.length > 0 && <Sources sources={task.sources} />}
    </div>
  );
}

function summaryOf({ workflow }: WorkflowItem, growing: boolean): string {
  const { summary, tasks } = workflow;
  if (summary?.title) return summary.title;
  if (summary?.duration !== undefined) return words().thought(Math.max(1, Math.round(summary.duration)));
  return (growing && tasks.at(-1)?.title) || (workflow.type === "reasoning" ? words().thinking : words().steps);
}
