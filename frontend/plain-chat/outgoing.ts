/** A message that is not stored yet, and the messages about a request that failed. */
import { type Failure, UNCONFIRMED } from "./conversation";
import { RequestError } from "./protocol";
import type { Attachment, UserMessage, UserMessageInput } from "./wire";
import { words } from "./words";

export interface OutgoingMessage {
  input: UserMessageInput;
  attachments: Attachment[];
  /** Called once the server has stored the message. */
  onStored?(): void;
}

/** A message that waits for the end of a turn. `sent` settles the promise of the one who sent it. */
export interface Waiting {
  message: OutgoingMessage;
  sent(accepted: boolean | Promise<boolean>): void;
}

export function unconfirmed({ input, attachments }: OutgoingMessage): UserMessage {
  const now = new Date().toISOString();
  return { id: UNCONFIRMED, thread_id: "", created_at: now, type: "user_message", content: input.content, attachments };
}

export function failure(error: unknown): Failure {
  if (!(error instanceof RequestError)) return { message: words().lost, retry: true };
  const { message, requestId, refused, fileId } = error;
  return { message, requestId, retry: !refused, fileId };
}
