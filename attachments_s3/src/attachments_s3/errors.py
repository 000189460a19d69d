"""Errors of attachments, with messages for users.

    AttachmentError
    ├── RefusedError                the request or the file is at fault (a 4xx)
    │   ├── InvalidNameError        the name is empty or too long
    │   ├── InvalidSizeError        the declared size is zero or negative
    │   ├── TooLargeError           the declared size is above the policy's limit
    │   ├── TypeNotAllowedError     the policy does not list the type
    │   ├── InvalidIdError          no attachment can have this id
    │   ├── UnknownFileError        the user has no such attachment
    │   ├── ClaimedError            the file belongs to another message
    │   ├── RepeatedFileError       a message names a file twice
    │   ├── TooManyError            a message has more files than allowed
    │   ├── LinkedError             a file of a message cannot be deleted alone
    │   ├── NotUploadedError        the presigned PUT has not happened
    │   ├── UploadMismatchError     size or type of the upload differ from the declaration
    │   ├── UploadChangedError      the object changed between its verification and its copy
    │   ├── ContentMismatchError    the bytes do not match the type
    │   ├── ImageTooLargeError      the image has too many pixels to decode
    │   ├── InfectedError           a scanner found malware; the file was deleted
    │   └── GoneError               the object of an accepted file has disappeared
    ├── ScanError                   the scanner failed or was too slow (a 5xx)
    ├── StorageError                S3 failed or denied access (a 5xx); `aws_code` is its error code
    ├── UnsignedLengthError         the S3 client would presign without the length: fix its configuration
    ├── NotAnImageError             the model generated something that cannot be shown as an image
    ├── DataUrlError                an image was about to be stored inside its thread item
    ├── ObjectMissingError          internal: a key has no object
    └── PreconditionError           internal: a conditional copy met another version

`code` is short and does not change; use it as a metric's dimension. Messages contain the file's name, size and type,
never a URL or a key.
"""

from __future__ import annotations

from typing import ClassVar

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as AwsConnectionError

NETWORK_ERRORS = (HTTPClientError, AwsConnectionError, IncompleteReadError)

# GetObject and CopyObject return 403 for a missing key unless the caller may list the bucket, which this package does
# not need: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html#API_GetObject_RequestSyntax (Permissions)
# InvalidRange is returned for an empty object, which no presigned URL can create.
MISSING_CODES = frozenset({"NoSuchKey", "AccessDenied", "InvalidRange"})
# ConditionalRequestConflict: another conditional write of the same key was in progress.
PRECONDITION_CODES = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})


class AttachmentError(Exception):
    """Base of all errors of this package; `message` can be shown to users.

    It is `template` with `values`, so that an application can show it in another language.
    """

    code: ClassVar[str] = "error"

    def __init__(self, template: str, **values: object) -> None:
        self.template, self.values = template, values
        self.message = template.format(**values)
        super().__init__(self.message)


class RefusedError(AttachmentError):
    """The request or the file is at fault; the same request will fail again."""

    code = "refused"
    attachment_id: str | None = None
    """The file of a message that is at fault."""


class InvalidNameError(RefusedError):
    code = "invalid_name"

    def __init__(self, length: int, limit: int) -> None:
        if length:
            template = "The file name is too long ({length} characters; the limit is {limit}). Please rename the file."
            super().__init__(template, length=length, limit=limit)
        else:
            super().__init__("The file name is empty. Please rename the file.")
        self.length, self.limit = length, limit


class InvalidIdError(RefusedError):
    code = "invalid_id"

    def __init__(self, length: int) -> None:
        super().__init__("This is not a valid attachment id. Please attach the file again.")
        self.length = length


class InvalidSizeError(RefusedError):
    code = "invalid_size"

    def __init__(self, name: str, size: int) -> None:
        if size == 0:
            super().__init__("“{name}” is empty.", name=name)
        else:
            super().__init__("“{name}” cannot have a size of {size} bytes.", name=name, size=size)
        self.name, self.size = name, size


class TooLargeError(RefusedError):
    code = "too_large"

    def __init__(self, name: str, size: int, limit: int) -> None:
        super().__init__(
            "“{name}” is too large: {size}; the limit is {limit}.",
            name=name,
            size=megabytes(size),
            limit=megabytes(limit),
        )
        self.name, self.size, self.limit = name, size, limit


class TypeNotAllowedError(RefusedError):
    code = "type_not_allowed"

    def __init__(self, name: str, mime_type: str, advice: str = "Please choose another file.") -> None:
        super().__init__("“{name}” has a type that cannot be attached. {advice}", name=name, advice=advice)
        self.name, self.mime_type = name, mime_type


class UnknownFileError(RefusedError):
    code = "unknown"

    def __init__(self, attachment_id: str) -> None:
        super().__init__(
            "Attachment {attachment_id} was not found. Please attach the file again.", attachment_id=attachment_id
        )
        self.attachment_id = attachment_id


class ClaimedError(RefusedError):
    code = "claimed"

    def __init__(self, attachment_id: str) -> None:
        super().__init__("This file belongs to another message. Please attach it again to send it once more.")
        self.attachment_id = attachment_id


class RepeatedFileError(RefusedError):
    code = "repeated"

    def __init__(self) -> None:
        super().__init__("The message names the same file twice. Please remove one of them.")


class TooManyError(RefusedError):
    code = "too_many"

    def __init__(self, count: int, limit: int) -> None:
        super().__init__(
            "A message can have {limit} attachments, not {count}. Please send the others separately.",
            limit=limit,
            count=count,
        )
        self.count, self.limit = count, limit


class NotUploadedError(RefusedError):
    code = "not_uploaded"

    def __init__(self, attachment_id: str, name: str) -> None:
        super().__init__("“{name}” has not been uploaded completely. Please attach it again.", name=name)
        self.attachment_id, self.name = attachment_id, name


class UploadMismatchError(RefusedError):
    code = "upload_mismatch"

    def __init__(self, attachment_id: str, name: str, declared: str, found: str) -> None:
        super().__init__(
            "“{name}” was declared with {declared}, but {found} arrived. Please attach it again.",
            name=name,
            declared=declared,
            found=found,
        )
        self.attachment_id, self.name, self.declared, self.found = attachment_id, name, declared, found


class UploadChangedError(RefusedError):
    code = "upload_changed"

    def __init__(self, attachment_id: str, name: str) -> None:
        super().__init__("“{name}” was changed while it was checked. Please attach it again.", name=name)
        self.attachment_id, self.name = attachment_id, name


class ContentMismatchError(RefusedError):
    code = "content_mismatch"

    def __init__(self, name: str, declared: str, found: str) -> None:
        super().__init__(
            "“{name}” should be {declared}, but it is {found}. Please check the file.",
            name=name,
            declared=declared,
            found=found,
        )
        self.name, self.declared, self.found = name, declared, found


class ImageTooLargeError(RefusedError):
    code = "image_too_large"

    def __init__(self, name: str, width: int, height: int, max_pixels: int) -> None:
        template = (
            "“{name}” has {width} × {height} pixels. The limit is {limit} megapixels. Please attach a smaller image."
        )
        super().__init__(template, name=name, width=width, height=height, limit=max_pixels // 1_000_000)
        self.name, self.width, self.height, self.max_pixels = name, width, height, max_pixels


class LinkedError(RefusedError):
    code = "linked"

    def __init__(self, attachment_id: str, name: str, thread_id: str) -> None:
        super().__init__("“{name}” belongs to a message. Please delete the conversation to delete the file.", name=name)
        self.attachment_id, self.name, self.thread_id = attachment_id, name, thread_id


class GoneError(RefusedError):
    code = "gone"

    def __init__(self, attachment_id: str, name: str) -> None:
        super().__init__("“{name}” is missing from the storage. Please attach it again.", name=name)
        self.attachment_id, self.name = attachment_id, name


class InfectedError(RefusedError):
    code = "infected"

    def __init__(self, attachment_id: str, name: str, threat: str) -> None:
        super().__init__("“{name}” contains malware and was deleted. Please attach another file.", name=name)
        self.attachment_id, self.name, self.threat = attachment_id, name, threat


class ScanError(AttachmentError):
    """The scanner failed or was too slow; the same request can succeed later."""

    code = "scan"

    def __init__(self, attachment_id: str, name: str) -> None:
        super().__init__("“{name}” could not be scanned for malware now. Please try again.", name=name)
        self.attachment_id, self.name = attachment_id, name


class StorageError(AttachmentError):
    """S3 failed or denied access; the same request can succeed later."""

    code = "storage"

    def __init__(self, operation: str, aws_code: str) -> None:
        super().__init__("The file storage is not available now. Please try again.")
        self.operation, self.aws_code = operation, aws_code


class UnsignedLengthError(AttachmentError):
    code = "unsigned_length"

    def __init__(self) -> None:
        super().__init__("Files cannot be attached because the file storage is not set up correctly.")
        self.add_note("presign with SigV4: create the client with config=attachments_s3.s3_config()")


class NotAnImageError(AttachmentError):
    code = "not_an_image"

    def __init__(self, length: int) -> None:
        super().__init__("The generated image cannot be shown.")
        self.length = length


class DataUrlError(AttachmentError):
    code = "data_url"

    def __init__(self, item_id: str, length: int) -> None:
        super().__init__("The generated image was not stored.")
        self.item_id, self.length = item_id, length
        self.add_note("return GeneratedImages.put(…) from ResponseStreamConverter.base64_image_to_url")


class ObjectMissingError(AttachmentError):
    """A key has no object. Never leaves the package: the store raises an error about the attachment."""

    code = "object_missing"

    def __init__(self, aws_code: str) -> None:
        super().__init__("The file is not stored.")
        self.aws_code = aws_code


class PreconditionError(AttachmentError):
    """The object has another version, or the target exists already. Never leaves the package."""

    code = "precondition"

    def __init__(self) -> None:
        super().__init__("The file was changed.")


def from_aws(error: Exception, operation: str) -> AttachmentError:
    """Return the error that botocore's `error` means; the only place that reads AWS's error codes."""
    if not isinstance(error, ClientError):
        return StorageError(operation, type(error).__name__)
    code = error.response.get("Error", {}).get("Code", "Unknown")
    if code in PRECONDITION_CODES:
        return PreconditionError()
    if code in MISSING_CODES and operation in ("GetObject", "CopyObject"):
        return ObjectMissingError(code)
    return StorageError(operation, code)


def megabytes(size: int) -> str:
    """Return a size for users, like `0.4 MB` or `12 MB`."""
    return f"{size / 1_000_000:.0f} MB" if size >= 10_000_000 else f"{size / 1_000_000:.1f} MB"
