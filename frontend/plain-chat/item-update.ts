import type { AssistantMessage, ItemUpdate, Task, ThreadItem, WidgetNode, WorkflowItem } from "./wire";

/** Apply `update` to `item`. Returns `item` unchanged if the update is unknown or of another type. */
export function updated(item: ThreadItem, update: ItemUpdate): ThreadItem {
  switch (item.type) {
    case "assistant_message":
      return updatedMessage(item, update);
    case "widget":
      return { ...item, widget: updatedWidget(item.widget, update) };
    case "workflow":
      return updatedWorkflow(item, update);
    case "generated_image":
      if (update.type !== "generated_image.updated") return item;
      return { ...item, image: update.image, ...(update.progress !== undefined && { progress: update.progress }) };
    default:
      return item;
  }
}

function updatedMessage(item: AssistantMessage, update: ItemUpdate): AssistantMessage {
  if (!("content_index" in update)) return item;
  const content = [...item.content];
  while (content.length <= update.content_index) content.push({ type: "output_text", text: "", annotations: [] });
  const part = content[update.content_index] ?? { type: "output_text", text: "", annotations: [] };
  switch (update.type) {
    case "assistant_message.content_part.added":
      content[update.content_index] = update.content;
      break;
    case "assistant_message.content_part.text_delta":
      content[update.content_index] = { ...part, text: part.text + update.delta };
      break;
    case "assistant_message.content_part.annotation_added": {
      const annotations = part.annotations.toSpliced(update.annotation_index, 0, update.annotation);
      content[update.content_index] = { ...part, annotations };
      break;
    }
    case "assistant_message.content_part.done": {
      // ChatKit's integration of the Agents SDK sends this event without the annotations added before; the item's own
      // "done" event includes them.
      const annotations = update.content.annotations.length ? update.content.annotations : part.annotations;
      content[update.content_index] = { ...update.content, annotations };
      break;
    }
  }
  return { ...item, content };
}

function updatedWidget(widget: WidgetNode, update: ItemUpdate): WidgetNode {
  switch (update.type) {
    case "widget.root.updated":
      return update.widget;
    case "widget.component.updated":
      return withComponent(widget, update.component_id, () => update.component);
    case "widget.streaming_text.value_delta":
      return withComponent(widget, update.component_id, (node) => ({
        ...node,
        value: `${typeof node.value === "string" ? node.value : ""}${update.delta}`,
        streaming: !update.done,
      }));
    default:
      return widget;
  }
}

function withComponent(node: WidgetNode, id: string, change: (node: WidgetNode) => WidgetNode): WidgetNode {
  if (node.id === id) return change(node);
  if (node.children === undefined) return node;
  return { ...node, children: childrenOf(node).map((child) => withComponent(child, id, change)) };
}

/** A component's children as an array. The protocol allows one, several or none. */
export function childrenOf(node: WidgetNode): WidgetNode[] {
  const children = Array.isArray(node.children) ? node.children : [node.children];
  return children.filter((child): child is WidgetNode => typeof child === "object" && child !== null);
}

function updatedWorkflow(item: WorkflowItem, update: ItemUpdate): WorkflowItem {
  const tasks: Task[] = [...item.workflow.tasks];
  if (update.type === "workflow.task.added") tasks.splice(update.task_index, 0, update.task);
  else if (update.type === "workflow.task.updated") tasks[update.task_index] = update.task;
  else return item;
  return { ...item, workflow: { ...item.workflow, tasks } };
}
