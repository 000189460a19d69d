import { useEffect, useRef, useState } from "react";
import type { AttachmentPolicy } from "./props";
import type { ChatClient } from "./protocol";
import type { Attachment } from "./wire";
import { words } from "./words";

/** An attachment of the draft. `attachment` is set once the server has registered it, `ready` once it is uploaded. */
export interface Upload {
  key: string;
  name: string;
  /** Object URL of a local image. */
  preview?: string | undefined;
  attachment?: Attachment;
  ready: boolean;
}

/** Return why a file cannot be attached, or null. The server repeats these checks and also inspects the bytes. */
export function objection(file: File, policy: AttachmentPolicy): string | null {
  const type = acceptedType(file, policy.accept);
  if (!type) return words().wrongType(file.name);
  if (!file.size) return words().empty(file.name);
  const limit = policy.maxSizes[type] ?? policy.maxSize;
  if (file.size <= limit) return null;
  return words().tooLarge(file.name, megabytes(file.size), megabytes(limit));
}

/** Whether the browser can decode an image. The server inspects all files, but only when the message is sent. */
async function isDamaged(file: File): Promise<boolean> {
  if (!/^image\/(png|jpeg|gif|webp)$/.test(file.type) || typeof createImageBitmap !== "function") return false;
  return createImageBitmap(file).then(
    (image) => {
      image.close();
      return false;
    },
    () => true,
  );
}

function acceptedType(file: File, accept: AttachmentPolicy["accept"]): string | undefined {
  const declared = file.type.split(";")[0] ?? "";
  if (accept[declared]) return declared;
  const name = file.name.toLowerCase();
  const byName = Object.keys(accept).find((type) => accept[type]?.some((extension) => name.endsWith(extension)));
  return byName ?? (declared.startsWith("text/") && accept["text/plain"] ? "text/plain" : undefined);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 1e6 ? 2 : 0);
}

/** Upload the draft's attachments in two phases: register with the server, then send the bytes to the bucket. */
export function useUploads(client: ChatClient, policy: AttachmentPolicy, onProblem: (text: string) => void) {
  const [uploads, setUploads] = useState<Upload[]>([]);
  const running = useRef(new Map<string, AbortController>());
  const previews = useRef(new Set<string>());
  const change = (key: string, with_: Partial<Upload>) =>
    setUploads((all) => all.map((upload) => (upload.key === key ? { ...upload, ...with_ } : upload)));

  useEffect(
    () => () => {
      for (const run of running.current.values()) run.abort();
      for (const preview of previews.current) URL.revokeObjectURL(preview);
    },
    [],
  );

  function forget(preview: string | undefined): void {
    if (preview && previews.current.delete(preview)) URL.revokeObjectURL(preview);
  }

  async function start(key: string, file: File, preview: string | undefined): Promise<void> {
    const run = new AbortController();
    running.current.set(key, run);
    try {
      if (await isDamaged(file)) throw new Error(words().damaged);
      const mime_type = file.type || "application/octet-stream";
      const attachment = await client.call("attachments.create", { name: file.name, size: file.size, mime_type });
      change(key, { attachment });
      await client.upload(attachment, file, run.signal);
      change(key, { ready: true });
    } catch (error) {
      if (run.signal.aborted) return;
      setUploads((all) => all.filter((upload) => upload.key !== key));
      forget(preview);
      onProblem(`${file.name}: ${error instanceof Error ? error.message : words().uploadFailed}`);
    } finally {
      running.current.delete(key);
    }
  }

  function add(files: Iterable<File>): void {
    let room = policy.maxCount - uploads.length;
    for (const file of files) {
      const problem = room > 0 ? objection(file, policy) : words().tooMany(policy.maxCount);
      if (problem) {
        onProblem(problem);
        continue;
      }
      room--;
      const key = crypto.randomUUID();
      const preview = file.type.startsWith("image/") ? URL.createObjectURL(file) : undefined;
      if (preview) previews.current.add(preview);
      setUploads((all) => [...all, { key, name: file.name, preview, ready: false }]);
      void start(key, file, preview);
    }
  }

  function remove(upload: Upload): void {
    running.current.get(upload.key)?.abort();
    forget(upload.preview);
    setUploads((all) => all.filter(({ key }) => key !== upload.key));
    // A failure is harmless: the server's record of an unsent attachment expires.
    if (upload.attachment) client.call("attachments.delete", { attachment_id: upload.attachment.id }).catch(() => {});
  }

  return { uploads, add, remove, clear: () => setUploads([]), restore: setUploads };
}
