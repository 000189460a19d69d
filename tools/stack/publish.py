"""Upload of the built frontend to the site's bucket: `make publish ENV=dev`, also the last step of `make deploy`.

    publish(deployment.outputs(), dist=ROOT / "frontend" / "dist")

Browsers cache files with a hash in their name (`assets/`) for a year and revalidate all others, above all index.html
and config.json. New files are uploaded before index.html, which refers to them; old files stay for pages that are
still open.
"""

from __future__ import annotations

import json
import mimetypes
import os
import uuid
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from tools.stack.clients import operator_client

IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"
LAST = ("config.json", "index.html")


def site_config(outputs: Mapping[str, str], domain_key: str = "") -> dict[str, str]:
    """Return the content of `/config.json`: the frontend's settings for the stack that serves it."""
    region, _, _ = outputs["UserPoolId"].partition("_")
    return {
        "apiUrl": "/chatkit",
        "authority": f"https://cognito-idp.{region}.amazonaws.com/{outputs['UserPoolId']}",
        "clientId": outputs["UserPoolClientId"],
        "signInDomain": outputs["SignInDomain"],
        "redirectUri": f"{outputs['SiteUrl']}/",
        "domainKey": domain_key,
    }


def publish(outputs: Mapping[str, str], dist: Path, domain_key: str | None = None) -> int:
    """Upload `dist` and its config.json and invalidate CloudFront's cache. Returns the number of uploaded files."""
    key = domain_key if domain_key is not None else os.environ.get("CHATKIT_DOMAIN_KEY", "")
    files = {path.relative_to(dist).as_posix(): path.read_bytes() for path in sorted(dist.rglob("*")) if path.is_file()}
    files["config.json"] = json.dumps(site_config(outputs, key), indent=2).encode()
    with closing(operator_client("s3")) as s3:
        for name in sorted(files, key=lambda name: LAST.index(name) if name in LAST else -1):
            s3.put_object(Bucket=outputs["SiteBucketName"], Key=name, Body=files[name], **headers_of(name))
    with closing(operator_client("cloudfront")) as cloudfront:
        cloudfront.create_invalidation(
            DistributionId=outputs["DistributionId"],
            InvalidationBatch={"Paths": {"Quantity": 1, "Items": ["/*"]}, "CallerReference": uuid.uuid4().hex},
        )
    return len(files)


def headers_of(name: str) -> dict[str, Any]:
    """Return content type and cache lifetime of a file, as arguments of `put_object`."""
    kind, _ = mimetypes.guess_type(name)
    text = (kind or "").startswith("text/") or kind == "application/json"
    return {
        "ContentType": f"{kind}; charset=utf-8" if text else kind or "application/octet-stream",
        "CacheControl": IMMUTABLE if name.startswith("assets/") else REVALIDATE,
    }
