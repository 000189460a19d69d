import { Icon } from "./Icon";
import type { Upload } from "./uploads";
import { words } from "./words";

interface UploadListProps {
  uploads: Upload[];
  onRemove(upload: Upload): void;
}

/** The attachments of the draft. */
export function UploadList({ uploads, onRemove }: UploadListProps) {
  if (!uploads.length) return null;
  return (
    <ul className="pc-files" aria-label={words().toSend}>
      {uploads.map((upload) => (
        <li key={upload.key} className="pc-file" aria-busy={!upload.ready}>
          {upload.preview ? <img src={upload.preview} alt="" /> : <Icon name="file" />}
          <span className="pc-file-name">{upload.name}</span>
          {!upload.ready && <progress aria-label={words().uploading(upload.name)} />}
          <button type="button" aria-label={words().remove(upload.name)} onClick={() => onRemove(upload)}>
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  );
}
