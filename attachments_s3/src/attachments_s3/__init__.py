"""An attachment store for ChatKit on S3: presigned uploads, verified before a message may refer to them.

See `store` for the life of a file, `policy` for what is allowed, `errors` for what can go wrong, and
`docs/understand/attachments.md` for the whole. Imports nothing of this repository's other packages.
"""

from attachments_s3.bucket import s3_config
from attachments_s3.errors import AttachmentError, RefusedError, StorageError
from attachments_s3.events import Action, Event
from attachments_s3.generated import GeneratedImages
from attachments_s3.keys import attachment_keys
from attachments_s3.message_files import MessageFiles, SupportsClaims, VerifiedAttachments
from attachments_s3.model_input import ModelInput, ModelLimits
from attachments_s3.policy import FileType, Kind, Policy
from attachments_s3.store import S3AttachmentStore

__all__ = [
    "Action",
    "AttachmentError",
    "Event",
    "FileType",
    "GeneratedImages",
    "Kind",
    "MessageFiles",
    "ModelInput",
    "ModelLimits",
    "Policy",
    "RefusedError",
    "S3AttachmentStore",
    "StorageError",
    "SupportsClaims",
    "VerifiedAttachments",
    "attachment_keys",
    "s3_config",
]
