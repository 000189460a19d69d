import { Icon } from "./Icon";
import type { Upload } from "./uploads";
import { words } from "./words";

interface UploadListProps {
  uploads: Upload[];
  /** The attachment that the server rejected: the user has to remove it. */
  refused: string | undefined;
  onRemove(upload: Upload): void;
}

/** The attachments of the draft. */
export function UploadList({ uploads, refused, onRemove }: UploadListProps) {
  if (!uploads.length) return null;
  return (
    <ul className="pc-files" aria-label={words().toSend}>
      {uploads.map((upload) => (
        <li
          key={upload.key}
          className="pc-file"
          aria-busy={!upload.ready}
          data-refused={refused !== undefined && upload.attachment?.id === refused}
        >
          {upload.preview ? <img src={upload.preview} alt="" /> : <Icon name="file" />}
          <span className="pc-file-name">{upload.name}</span>
          {refused && upload.attachment?.id === refused && <strong>{words().refused}</strong>}
          {!upload.ready && <progress aria-label={words().uploading(upload.name)} />}
          <button
            type="button"
            aria-label={words().remove(upload.name)}
            title={words().remove(upload.name)}
            onClick={() => onRemove(upload)}
          >
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  );
}
