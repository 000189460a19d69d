"""Settings of the table and the bucket, read back from the services and compared with the template.

    apply_dropped_settings(dynamodb, s3, template, table="…", bucket="…")     # local AWS only
    settings = read_settings(dynamodb, s3, template, table="…", bucket="…")
    assert all(setting.agrees for setting in settings)

MiniStack accepts TimeToLiveSpecification, PointInTimeRecoverySpecification and LifecycleConfiguration in
CloudFormation and silently ignores them, so `apply_dropped_settings` sets them with the services' own APIs.
Reading back covers these and the settings that CloudFormation applied. The template states these values literally,
without intrinsic functions; a unit test checks that. The encryption keys follow the parameter KmsKeyArn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tools.stack.template import Template

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_s3.client import S3Client

Properties = Mapping[str, Any]
OWNED = "a key that AWS owns"


@dataclass(frozen=True)
class Setting:
    """The template's value of one setting and the service's. `by_api`: the local CloudFormation ignores the setting."""

    name: str
    wanted: str
    found: str
    by_api: bool = False

    @property
    def agrees(self) -> bool:
        return self.wanted == self.found

    def __str__(self) -> str:
        return f"{self.name}: {self.found}{' (set by API)' if self.by_api else ''}"


def read_settings(
    dynamodb: DynamoDBClient, s3: S3Client, template: Template, table: str, bucket: str, kms_key: str = ""
) -> tuple[Setting, ...]:
    """Return every setting of a table and a bucket, local or on AWS, next to the template's value.

    `kms_key` is the value of KmsKeyArn; without one, DynamoDB and S3 use keys that they own.
    """
    resources = template["Resources"]
    return (
        *_read_table(dynamodb, table, resources["Table"]["Properties"], kms_key),
        _read_lifecycle(s3, bucket, resources["Bucket"]["Properties"]),
        *_read_bucket(s3, bucket, resources["Bucket"]["Properties"], kms_key),
    )


def apply_dropped_settings(dynamodb: DynamoDBClient, s3: S3Client, template: Template, table: str, bucket: str) -> None:
    """Set the template's values that the local CloudFormation ignores."""
    properties = template["Resources"]["Table"]["Properties"]
    attribute: str = properties["TimeToLiveSpecification"]["AttributeName"]
    if dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"].get("TimeToLiveStatus") != "ENABLED":
        dynamodb.update_time_to_live(
            TableName=table, TimeToLiveSpecification={"AttributeName": attribute, "Enabled": True}
        )
    dynamodb.update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification=properties["PointInTimeRecoverySpecification"]
    )
    rules = template["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    s3.put_bucket_lifecycle_configuration(
        Bucket=bucket,
        LifecycleConfiguration={"Rules": [lifecycle_rule(rule) for rule in rules]},  # pyright: ignore[reportArgumentType]
    )


def _read_table(client: DynamoDBClient, table: str, properties: Properties, kms_key: str) -> tuple[Setting, ...]:
    ttl = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    backups = client.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    described = client.describe_table(TableName=table)["Table"]
    attribute: str = properties["TimeToLiveSpecification"]["AttributeName"]
    wanted_index = properties["LocalSecondaryIndexes"][0]
    found_index = described.get("LocalSecondaryIndexes", [{}])[0]
    return (
        Setting("table time to live", attribute, _enabled(ttl.get("TimeToLiveStatus"), ttl.get("AttributeName")), True),
        Setting(
            "table point in time recovery",
            "ENABLED",
            backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus", "absent"),
            True,
        ),
        Setting(
            "table encryption", kms_key or OWNED, described.get("SSEDescription", {}).get("KMSMasterKeyArn", OWNED)
        ),
        Setting("table keys", _keys(properties["KeySchema"]), _keys(described.get("KeySchema", []))),
        Setting(
            "table index",
            f"{wanted_index['IndexName']} {_keys(wanted_index['KeySchema'])}",
            f"{found_index.get('IndexName')} {_keys(found_index.get('KeySchema', []))}",
        ),
        Setting(
            "table stream",
            properties["StreamSpecification"]["StreamViewType"],
            str(described.get("StreamSpecification", {}).get("StreamViewType", "absent")),
        ),
        Setting(
            "table billing",
            properties["BillingMode"],
            str(described.get("BillingModeSummary", {}).get("BillingMode", "absent")),
        ),
    )


def _read_lifecycle(client: S3Client, bucket: str, properties: Properties) -> Setting:
    wanted = [lifecycle_rule(rule) for rule in properties["LifecycleConfiguration"]["Rules"]]
    try:
        found = _rules(client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"])
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "NoSuchLifecycleConfiguration":
            raise
        found = "absent"
    return Setting("bucket lifecycle", _rules(wanted), found, True)


def lifecycle_rule(rule: Properties) -> dict[str, Any]:
    """Convert a lifecycle rule from CloudFormation's form to the S3 API's."""
    result: dict[str, Any] = {"ID": rule["Id"], "Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    if days := rule.get("ExpirationInDays"):
        result["Expiration"] = {"Days": days}
    if abort := rule.get("AbortIncompleteMultipartUpload"):
        result["AbortIncompleteMultipartUpload"] = dict(abort)
    return result


def _read_bucket(client: S3Client, bucket: str, properties: Properties, kms_key: str) -> tuple[Setting, ...]:
    encryption = client.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    access = client.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    ownership = client.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"][0]
    cors = client.get_bucket_cors(Bucket=bucket)["CORSRules"][0]
    wanted_cors = properties["CorsConfiguration"]["CorsRules"][0]
    return (
        Setting(
            "bucket encryption",
            kms_key or OWNED,
            encryption.get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID", OWNED),
        ),
        Setting(
            "bucket public access",
            _blocked(properties["PublicAccessBlockConfiguration"]),
            _blocked(access),
        ),
        Setting(
            "bucket ownership",
            properties["OwnershipControls"]["Rules"][0]["ObjectOwnership"],
            ownership["ObjectOwnership"],
        ),
        Setting("bucket CORS methods", " ".join(wanted_cors["AllowedMethods"]), " ".join(cors["AllowedMethods"])),
    )


def _enabled(status: str | None, attribute: str | None) -> str:
    return attribute or "absent" if status == "ENABLED" else f"{status}"


def _keys(schema: Any) -> str:
    return " ".join(key["AttributeName"] for key in sorted(schema, key=lambda key: key["KeyType"]))


def _rules(rules: Any) -> str:
    return ", ".join(
        f"{rule['ID']} {rule['Filter'].get('Prefix', '')} "
        f"{rule.get('Expiration', {}).get('Days', '-')} "
        f"{rule.get('AbortIncompleteMultipartUpload', {}).get('DaysAfterInitiation', '-')}"
        for rule in sorted(rules, key=lambda rule: rule["ID"])
    )


def _blocked(configuration: Mapping[str, Any]) -> str:
    return " ".join(sorted(name for name, value in configuration.items() if value))
