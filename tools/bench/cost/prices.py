"""AWS's list prices in dollars, us-east-1, first tier, without free tiers and discounts.

There is no internet where this was written: each price says which public page quoted it, or that it is from memory.
Check them at https://calculator.aws before you plan with them, and your region's, which may be a tenth or two higher.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NOTED = "November 2026"
REGION = "us-east-1"


@dataclass(frozen=True)
class Price:
    """`dollars` for `per` of a unit."""

    what: str
    dollars: float
    per: float
    unit: str
    source: str

    def of(self, quantity: float) -> float:
        """Return the dollars for so many single units."""
        return quantity / self.per * self.dollars


GB = 1_000_000_000
MILLION = 1_000_000
PRICES: Mapping[str, Price] = {
    "lambda_gb_seconds": Price(
        "Lambda, arm64", 0.0000133334, 1, "GB-second", "cloudchipr.com/blog/aws-lambda-pricing, 2024"
    ),
    "lambda_requests": Price("Lambda, requests", 0.20, MILLION, "million", "from memory"),
    "dynamodb_writes": Price(
        "DynamoDB, write units", 0.625, MILLION, "million", "airbyte.com/…/dynamodb-pricing, July 2025"
    ),
    "dynamodb_reads": Price(
        "DynamoDB, read units", 0.125, MILLION, "million", "airbyte.com/…/dynamodb-pricing, July 2025"
    ),
    "s3_writes": Price("S3, PUT and COPY", 0.005, 1_000, "thousand", "c3x.dev/blog/s3-request-fees-explained"),
    "s3_reads": Price("S3, GET and HEAD", 0.0004, 1_000, "thousand", "c3x.dev/blog/s3-request-fees-explained"),
    "edge_requests": Price(
        "CloudFront, requests", 0.01, 10_000, "10 000", "wring.co/blog/aws-cloudfront-pricing-guide"
    ),
    "edge_bytes_out": Price("CloudFront, to the browser", 0.085, GB, "GB", "aws.amazon.com/cloudfront/pricing"),
    "edge_bytes_in": Price("CloudFront, to the function", 0.02, GB, "GB", "from memory"),
    "log_bytes": Price("CloudWatch, logs taken in", 0.50, GB, "GB", "factualminds.com, June 2026"),
    "table_bytes": Price("DynamoDB, kept for a month, with backup", 0.45, GB, "GB-month", "from memory (0.25 + 0.20)"),
    "file_bytes": Price("S3, kept for a month", 0.023, GB, "GB-month", "from memory"),
}
