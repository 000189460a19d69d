import { useEffect, useRef, useState } from "react";
import type { ChatClient } from "./protocol";
import { words } from "./words";

type State = "off" | "recording" | "transcribing";

/** Dictation. `toggle` starts the recording, then stops it and passes the transcript to `onText`. */
export function useDictation(client: ChatClient, onText: (text: string) => void, onProblem: (text: string) => void) {
  const [state, setState] = useState<State>("off");
  const recorder = useRef<MediaRecorder | null>(null);
  useEffect(() => () => release(recorder.current?.stream), []);

  async function record(): Promise<void> {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const heard: Blob[] = [];
    const running = new MediaRecorder(stream);
    running.ondataavailable = ({ data }) => heard.push(data);
    running.onstop = () => {
      release(stream);
      void transcribe(new Blob(heard, { type: running.mimeType }));
    };
    running.start();
    recorder.current = running;
    setState("recording");
  }

  async function transcribe(audio: Blob): Promise<void> {
    setState("transcribing");
    try {
      const params = { audio_base64: await base64(audio), mime_type: audio.type };
      onText((await client.call("input.transcribe", params)).text);
    } catch (error) {
      onProblem(error instanceof Error ? error.message : words().notUnderstood);
    }
    setState("off");
  }

  const toggle = () => {
    if (state === "recording") recorder.current?.stop();
    else if (state === "off") record().catch(() => onProblem(words().noMicrophone));
  };
  return { state, toggle };
}

function release(stream: MediaStream | undefined): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

function base64(audio: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).split(",")[1] ?? "");
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(audio);
  });
}
