"""The template's SecurityHeaders policy as response headers for the local site. Pure functions.

    for name, value in security_headers(read_template(), sign_in="http://localhost:4001", bucket="http://127.0.0.1:4566"):
        ...

All values come from template.yaml. Only the origins that exist on AWS alone are replaced: Cognito's two by the local
sign-in page's, the bucket's by the local one's.
"""

from __future__ import annotations

from tools.stack.template import Template

COGNITO = "https://cognito-idp.${AWS::Region}.${AWS::URLSuffix}"
SIGN_IN_DOMAIN = "https://${UserPoolDomain}.auth.${AWS::Region}.amazoncognito.com"
BUCKET = "https://${Bucket.RegionalDomainName}"


def security_headers(template: Template, sign_in: str, bucket: str) -> list[tuple[str, str]]:
    """Return the policy's headers in lower case, with `sign_in` and `bucket` as the local origins."""
    policy = template["Resources"]["SecurityHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    config = policy["SecurityHeadersConfig"]
    transport = config["StrictTransportSecurity"]
    subdomains = "; includeSubDomains" if transport["IncludeSubdomains"] else ""
    return [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", config["FrameOptions"]["FrameOption"]),
        ("referrer-policy", config["ReferrerPolicy"]["ReferrerPolicy"]),
        ("strict-transport-security", f"max-age={transport['AccessControlMaxAgeSec']}{subdomains}"),
        ("content-security-policy", local_policy(content_security_policy(template), sign_in, bucket)),
    ]


def content_security_policy(template: Template) -> str:
    """Return the policy's text, including CloudFormation's placeholders."""
    policy = template["Resources"]["SecurityHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    return policy["SecurityHeadersConfig"]["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"]


def local_policy(text: str, sign_in: str, bucket: str) -> str:
    """Replace AWS's origins in the policy by local ones.

    Raises ValueError for an origin without a local counterpart.
    """
    for origin, local in ((COGNITO, sign_in), (SIGN_IN_DOMAIN, sign_in), (BUCKET, bucket)):
        text = text.replace(origin, local)
    if "${" in text:
        raise ValueError(f"add a local origin for this one of the template's policy: {text[text.index('${') :]}")
    return text
