"""The built frontend, put where CloudFront finds it: `make publish ENV=dev`, also the last step of `make deploy`.

    publish(deployment.outputs(), dist=ROOT / "frontend" / "dist")

Files with a hash in their name (`assets/`) are kept by browsers for a year; everything else, index.html and config.json
above all, is asked for again each time. New files go up before index.html, which refers to them; old ones stay, for the
pages that are still open.
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

from tools.stack.deployment import client

FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
LAST = ("config.json", "index.html")


def site_config(outputs: Mapping[str, str], domain_key: str = "") -> dict[str, str]:
    """Return what `/config.json` tells the frontend of the stack it is served by."""
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
    """Upload `dist` and its config.json, and let CloudFront forget the old ones; return the number of files."""
    key = domain_key if domain_key is not None else os.environ.get("CHATKIT_DOMAIN_KEY", "")
    files = {path.relative_to(dist).as_posix(): path.read_bytes() for path in sorted(dist.rglob("*")) if path.is_file()}
    files["config.json"] = json.dumps(site_config(outputs, key), indent=2).encode()
    with closing(client("s3")) as s3:
        for name in sorted(files, key=lambda name: LAST.index(name) if name in LAST else -1):
            s3.put_object(Bucket=outputs["SiteBucketName"], Key=name, Body=files[name], **headers_of(name))
    with closing(client("cloudfront")) as cloudfront:
        cloudfront.create_invalidation(
            DistributionId=outputs["DistributionId"],
            InvalidationBatch={"Paths": {"Quantity": 1, "Items": ["/*"]}, "CallerReference": uuid.uuid4().hex},
        )
    return len(files)


def headers_of(name: str) -> dict[str, Any]:
    """Return the type of a file and how long it may be kept."""
    kind, _ = mimetypes.guess_type(name)
    text = (kind or "").startswith("text/") or kind == "application/json"
    return {
        "ContentType": f"{kind}; charset=utf-8" if text else kind or "application/octet-stream",
        "CacheControl": FOR_EVER if name.startswith("assets/") else ASK_AGAIN,
    }
