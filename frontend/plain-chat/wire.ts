/**
 * ChatKit's wire protocol (openai-chatkit 1.6, `chatkit/types.py`), limited to the parts that this chat uses. Later
 * versions and other assistants can send more: unknown types are kept and ignored.
 */

export interface Page<T> {
  data: T[];
  has_more: boolean;
  after?: string;
}

export interface ThreadMetadata {
  id: string;
  title?: string;
  created_at: string;
  /** Time of the last message. Not part of the protocol: servers with `list_by_activity` send it. */
  last_activity_at?: string;
  status: { type: "active" | "locked" | "closed"; reason?: string };
  allowed_image_domains?: string[];
}

export interface Thread extends ThreadMetadata {
  items: Page<ThreadItem>;
}

interface ItemBase {
  id: string;
  thread_id: string;
  created_at: string;
}

export type UserContent =
  | { type: "input_text"; text: string }
  | {
      type: "input_tag";
      id: string;
      text: string;
      data: Record<string, unknown>;
      group?: string;
      interactive?: boolean;
    };

export interface UserMessage extends ItemBase {
  type: "user_message";
  content: UserContent[];
  attachments: Attachment[];
  quoted_text?: string;
}

export interface AssistantMessage extends ItemBase {
  type: "assistant_message";
  content: AssistantContent[];
}

export interface AssistantContent {
  type: "output_text";
  text: string;
  annotations: Annotation[];
}

export interface Annotation {
  source: Source;
  index?: number;
}

export interface Source {
  type: "url" | "file" | "entity";
  title: string;
  description?: string;
  url?: string;
  filename?: string;
}

export interface ClientToolCall extends ItemBase {
  type: "client_tool_call";
  status: "pending" | "completed";
  name: string;
  arguments: Record<string, unknown>;
}

export interface WidgetItem extends ItemBase {
  type: "widget";
  widget: WidgetNode;
  copy_text?: string;
}

/** A component of a widget. Its properties depend on its type and are validated where they are used. */
export interface WidgetNode {
  type: string;
  id?: string;
  children?: WidgetNode | WidgetNode[];
  [property: string]: unknown;
}

export interface ActionConfig {
  type: string;
  payload?: unknown;
  handler?: "client" | "server";
  streaming?: boolean;
}

export interface GeneratedImageItem extends ItemBase {
  type: "generated_image";
  image?: { id: string; url: string };
  /** Progress from 0 to 1. Added by this chat, not part of the protocol. */
  progress?: number;
}

export interface Question {
  id: string;
  type: "multiple_choice" | "freeform";
  question: string;
  description?: string;
  options?: { value: string }[];
  multiple?: boolean;
  answer?: { values: string[]; skipped: boolean };
}

export interface StructuredInputItem extends ItemBase {
  type: "structured_input";
  status: "pending" | "answered" | "skipped";
  inputs: Question[];
}

export interface Task {
  type: "custom" | "web_search" | "thought" | "file" | "image";
  status_indicator?: "none" | "loading" | "complete";
  title?: string;
  content?: string;
  queries?: string[];
  sources?: Source[];
}

export interface WorkflowItem extends ItemBase {
  type: "workflow";
  workflow: { type: string; tasks: Task[]; summary?: { title?: string; duration?: number }; expanded?: boolean };
}

export interface TaskItem extends ItemBase {
  type: "task";
  task: Task;
}

export interface QuietItem extends ItemBase {
  type: "end_of_turn" | "hidden_context_item" | "sdk_hidden_context";
}

export type ThreadItem =
  | UserMessage
  | AssistantMessage
  | ClientToolCall
  | WidgetItem
  | GeneratedImageItem
  | StructuredInputItem
  | WorkflowItem
  | TaskItem
  | QuietItem;

export interface Attachment {
  id: string;
  type: "file" | "image";
  name: string;
  mime_type: string;
  preview_url?: string;
  upload_descriptor?: { url: string; method: "PUT" | "POST"; headers: Record<string, string> };
}

export type ItemUpdate =
  | { type: "assistant_message.content_part.added"; content_index: number; content: AssistantContent }
  | { type: "assistant_message.content_part.text_delta"; content_index: number; delta: string }
  | {
      type: "assistant_message.content_part.annotation_added";
      content_index: number;
      annotation_index: number;
      annotation: Annotation;
    }
  | { type: "assistant_message.content_part.done"; content_index: number; content: AssistantContent }
  | { type: "widget.streaming_text.value_delta"; component_id: string; delta: string; done: boolean }
  | { type: "widget.root.updated"; widget: WidgetNode }
  | { type: "widget.component.updated"; component_id: string; component: WidgetNode }
  | { type: "workflow.task.added"; task_index: number; task: Task }
  | { type: "workflow.task.updated"; task_index: number; task: Task }
  | { type: "generated_image.updated"; image: { id: string; url: string }; progress?: number };

export interface Notice {
  level: "info" | "warning" | "danger";
  message: string;
  title?: string;
}

export type ThreadStreamEvent =
  | { type: "thread.created" | "thread.updated"; thread: Thread }
  | { type: "thread.item.added" | "thread.item.done" | "thread.item.replaced"; item: ThreadItem }
  | { type: "thread.item.updated"; item_id: string; update: ItemUpdate }
  | { type: "thread.item.removed"; item_id: string }
  | { type: "stream_options"; stream_options: { allow_cancel: boolean } }
  | { type: "progress_update"; text: string; icon?: string }
  | { type: "client_effect"; name: string; data?: Record<string, unknown> }
  | { type: "error"; code: string; message?: string; allow_retry: boolean }
  | ({ type: "notice" } & Notice);

export interface UserMessageInput {
  content: UserContent[];
  attachments: string[];
  inference_options: { model?: string; tool_choice?: { id: string } };
}

export interface Answers {
  status: "answered" | "skipped";
  answers: Record<string, { values: string[] }>;
}

export type StreamingRequest =
  | { type: "threads.create"; params: { input: UserMessageInput } }
  | { type: "threads.add_user_message"; params: { thread_id: string; input: UserMessageInput } }
  | { type: "threads.add_client_tool_output"; params: { thread_id: string; result: unknown } }
  | { type: "threads.add_structured_input"; params: { thread_id: string; item_id: string; input: Answers } }
  | {
      type: "threads.retry_after_item";
      params: { thread_id: string; item_id: string };
      /** Not part of ChatKit's protocol: the message gets this content before it is answered again. */
      metadata?: { content: UserContent[] };
    }
  | { type: "threads.custom_action"; params: ActionParams };

export interface ActionParams {
  thread_id: string;
  item_id: string;
  action: { type: string; payload: unknown };
}

/** A user's feedback on an item. */
export interface Rating {
  kind: "positive" | "negative";
  reason?: string;
}

/** Requests with a JSON response: type → parameters and response. */
export interface Calls {
  /** With `feedback` in the request's metadata, which is not part of ChatKit's protocol, the user's ratings come along. */
  "threads.get_by_id": [{ thread_id: string }, Thread & { feedback?: Record<string, Rating> }];
  "threads.list": [{ limit: number; order: "desc"; after?: string }, Page<ThreadMetadata>];
  "threads.update": [{ thread_id: string; title: string }, Thread];
  "threads.delete": [{ thread_id: string }, unknown];
  "threads.sync_custom_action": [ActionParams, { updated_item?: ThreadItem }];
  "items.list": [{ thread_id: string; limit: number; order: "asc" | "desc"; after?: string }, Page<ThreadItem>];
  "items.feedback": [{ thread_id: string; item_ids: string[]; kind: "positive" | "negative" }, unknown];
  "attachments.create": [{ name: string; size: number; mime_type: string }, Attachment];
  "attachments.delete": [{ attachment_id: string }, unknown];
  "input.transcribe": [{ audio_base64: string; mime_type: string }, { text: string }];
}

/** An entity that the user can mention: `GET {api}/entities?q=`. */
export interface Entity {
  id: string;
  title: string;
  group?: string;
  data?: Record<string, unknown>;
  /** Whether ChatKit makes the mention clickable. */
  interactive?: boolean;
}

/** A thread that matches a search: in its title (`item_id` null) or in a message. `GET {api}/search?q=&after=`. */
export interface SearchHit {
  thread_id: string;
  title: string | null;
  created_at: string;
  item_id: string | null;
  /** Parts of the text; every second one matched. */
  snippet: string[];
}

export interface SearchPage {
  data: SearchHit[];
  complete: boolean;
  after: string | null;
  /** Threads that were searched. */
  threads: number;
}
