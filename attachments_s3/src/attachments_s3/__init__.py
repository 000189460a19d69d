"""A ChatKit AttachmentStore on S3: presigned uploads, verified before a message can refer to them.

    class Server(VerifiedAttachments[Context], ChatKitServer[Context]): ...
    server = Server(thread_store, attachment_store=S3AttachmentStore[Context](...))

See `store` for the life of a file, `message_files` for the checks of a request, `policy` for the limits, `errors` for
the refusals, and the README of the distribution for the bucket.
"""

from attachments_s3.bucket import s3_config
from attachments_s3.envelope import Envelope
from attachments_s3.errors import AttachmentError, RefusedError, StorageError
from attachments_s3.generated import GeneratedImages
from attachments_s3.keys import attachment_keys
from attachments_s3.message_files import MessageFiles, SupportsClaims, VerifiedAttachments
from attachments_s3.model_input import ModelInput, ModelLimits
from attachments_s3.policy import FileType, Kind, Policy
from attachments_s3.scan import ScannedFile, SupportsScan
from attachments_s3.store import Action, Event, S3AttachmentStore

__all__ = [
    "Action",
    "AttachmentError",
    "Envelope",
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
    "ScannedFile",
    "StorageError",
    "SupportsClaims",
    "SupportsScan",
    "VerifiedAttachments",
    "attachment_keys",
    "s3_config",
]
