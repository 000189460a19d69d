import type { ChatProps } from "../chat/chat-props";

/** Stands here until the plain chat does. */
export default function PlainChat({ greeting }: ChatProps) {
  return <p>{greeting}</p>;
}
