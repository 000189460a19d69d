"""Upload of the built frontend to the site's bucket: `make publish ENV=dev`, also the last step of `make deploy`.

    publish(deployment.outputs(), dist=ROOT / "frontend" / "dist")

Browsers cache files with a hash in their name (`assets/`) for a year and revalidate all others, above all index.html
and config.json. New files are uploaded before index.html, which refers to them. Assets of earlier versions stay for
tabs that are still open: `publish` tags them as superseded, and the bucket deletes them 30 days after that.
"""

from __future__ import annotations

import json
import mimetypes
import os
import uuid
from collections.abc import Collection, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tools.stack.clients import operator_client

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"
LAST = ("config.json", "index.html")
CURRENT = {"superseded": "no"}
SUPERSEDED = {"superseded": "yes"}
"""Tag of assets that the published index.html does not refer to; the template's lifecycle rule selects it."""


def site_config(outputs: Mapping[str, str], domain_key: str = "") -> dict[str, str | int]:
    """Return the content of `/config.json`: the frontend's settings for the stack that serves it."""
    region, _, _ = outputs["UserPoolId"].partition("_")
    return {
        "apiUrl": "/chatkit",
        "authority": f"https://cognito-idp.{region}.amazonaws.com/{outputs['UserPoolId']}",
        "clientId": outputs["UserPoolClientId"],
        "signInDomain": outputs["SignInDomain"],
        "redirectUri": f"{outputs['SiteUrl']}/",
        "domainKey": domain_key,
        "idleTimeoutMinutes": int(outputs.get("IdleTimeoutMinutes", 0)),
    }


def publish(outputs: Mapping[str, str], dist: Path, domain_key: str | None = None) -> int:
    """Upload `dist` and its config.json and invalidate CloudFront's cache. Returns the number of uploaded files."""
    key = domain_key if domain_key is not None else os.environ.get("CHATKIT_DOMAIN_KEY", "")
    files = {path.relative_to(dist).as_posix(): path.read_bytes() for path in sorted(dist.rglob("*")) if path.is_file()}
    files["config.json"] = json.dumps(site_config(outputs, key), indent=2).encode()
    with closing(operator_client("s3")) as s3:
        for name in sorted(files, key=lambda name: LAST.index(name) if name in LAST else -1):
            s3.put_object(
                Bucket=outputs["SiteBucketName"],
                Key=name,
                Body=files[name],
                Tagging=urlencode(CURRENT),
                **headers_of(name),
            )
        _supersede(s3, outputs["SiteBucketName"], files.keys())
    with closing(operator_client("cloudfront")) as cloudfront:
        cloudfront.create_invalidation(
            DistributionId=outputs["DistributionId"],
            InvalidationBatch={"Paths": {"Quantity": 1, "Items": ["/*"]}, "CallerReference": uuid.uuid4().hex},
        )
    return len(files)


def _supersede(s3: S3Client, bucket: str, current: Collection[str]) -> None:
    """Tag the assets that are not `current`, and start their 30 days now: a copy is as old as the moment it is made."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="assets/"):
        for name in (each.get("Key", "") for each in page.get("Contents", [])):
            if name in current or _is_superseded(s3, bucket, name):
                continue
            s3.copy_object(
                Bucket=bucket,
                Key=name,
                CopySource={"Bucket": bucket, "Key": name},
                MetadataDirective="REPLACE",  # S3 refuses a copy onto itself that changes only tags
                TaggingDirective="REPLACE",
                Tagging=urlencode(SUPERSEDED),
                **headers_of(name),
            )


def _is_superseded(s3: S3Client, bucket: str, name: str) -> bool:
    tags = s3.get_object_tagging(Bucket=bucket, Key=name)["TagSet"]
    return {each["Key"]: each["Value"] for each in tags} == SUPERSEDED


def headers_of(name: str) -> dict[str, Any]:
    """Return content type and cache lifetime of a file, as arguments of `put_object`."""
    kind, _ = mimetypes.guess_type(name)
    text = (kind or "").startswith("text/") or kind == "application/json"
    return {
        "ContentType": f"{kind}; charset=utf-8" if text else kind or "application/octet-stream",
        "CacheControl": IMMUTABLE if name.startswith("assets/") else REVALIDATE,
    }
