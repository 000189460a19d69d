/** A client tool that one of a turn's readers runs, in whichever tab or device it is. */
import type { HostPage } from "./props";
import type { ChatClient } from "./protocol";
import type { ClientToolCall, StreamingRequest } from "./wire";

/** Returns the request that continues the turn; null if another reader runs the tool. */
export type ToolOutput = () => Promise<StreamingRequest | null>;

/** Return a function that runs the tool if this reader wins its call. It can be repeated, and runs the tool only once. */
export function toolOutput(
  client: ChatClient,
  host: HostPage,
  call: ClientToolCall,
  turnId: string | undefined,
): ToolOutput {
  let won: boolean | null = null;
  let result: Promise<Record<string, unknown>> | null = null;
  return async () => {
    // A server without turn ids has one reader for each turn.
    won ??= turnId === undefined || (await client.win(turnId, call.id));
    if (!won) return null;
    result ??= host
      .onClientTool(call.name, call.arguments)
      .catch((error: unknown) => ({ error: error instanceof Error ? error.message : String(error) }));
    return { type: "threads.add_client_tool_output", params: { thread_id: call.thread_id, result: await result } };
  };
}
