/** A recording of the microphone. */
export interface Recording {
  /** End the recording and return it as the protocol's `input.transcribe` takes it. */
  finish(): Promise<{ audio_base64: string; mime_type: string }>;
  /** Release the microphone. */
  discard(): void;
}

/** Start to record. Rejects if the user or the browser does not allow it. */
export async function startRecording(): Promise<Recording> {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const discard = () => {
    for (const track of stream.getTracks()) track.stop();
  };
  const heard: Blob[] = [];
  const recorder = new MediaRecorder(stream);
  recorder.ondataavailable = ({ data }) => heard.push(data);
  recorder.start();
  const finish = async () => {
    await new Promise<void>((resolve) => {
      recorder.onstop = () => resolve();
      recorder.stop();
    });
    discard();
    const audio = new Blob(heard, { type: recorder.mimeType });
    return { audio_base64: await base64(audio), mime_type: audio.type };
  };
  return { finish, discard };
}

function base64(audio: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).split(",")[1] ?? "");
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(audio);
  });
}
