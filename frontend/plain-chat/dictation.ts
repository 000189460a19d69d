import { useEffect, useRef, useState } from "react";
import { loadExtras } from "./extra-parts";
import type { ChatClient } from "./protocol";
import type { Recording } from "./recording";
import { words } from "./words";

type State = "off" | "recording" | "transcribing";

/** Dictation. `toggle` starts the recording, then stops it and passes the transcript to `onText`. */
export function useDictation(client: ChatClient, onText: (text: string) => void, onProblem: (text: string) => void) {
  const [state, setState] = useState<State>("off");
  const running = useRef<Recording | null>(null);
  useEffect(() => () => running.current?.discard(), []);

  async function record(): Promise<void> {
    const { startRecording } = await loadExtras();
    running.current = await startRecording().catch(() => {
      throw new Error(words().noMicrophone);
    });
    setState("recording");
  }

  async function transcribe(recording: Recording): Promise<void> {
    setState("transcribing");
    try {
      onText((await client.call("input.transcribe", await recording.finish())).text);
    } catch (error) {
      onProblem(error instanceof Error ? error.message : words().notUnderstood);
    }
    setState("off");
  }

  const toggle = () => {
    if (state === "recording" && running.current) void transcribe(running.current);
    else if (state === "off") record().catch((error: Error) => onProblem(error.message));
  };
  return { state, toggle };
}
