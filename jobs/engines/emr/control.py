"""EMR's API: each request's failure in a user's words, and what a cluster's end and a step's failure mean.

https://docs.aws.amazon.com/emr/latest/APIReference/
"""

import functools
from collections.abc import Mapping
from typing import Any

from jobs.errors import FaninError, UsageError

TRIES = 10
ENDED = {"COMPLETED", "FAILED", "CANCELLED", "INTERRUPTED"}
"""States of a step that has ended."""
GONE = {"TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"}
"""States of a cluster that runs no more steps."""
EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
REFUSED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
REASONS = {  # why a cluster has ended, and what to do about it
    "BOOTSTRAP_FAILURE": "a bootstrap action failed; its log is below {log}node/",
    "INSTANCE_FAILURE": "an instance was lost; a lost spot instance comes back only as a task node, so keep the"
    " master and core nodes on demand, and run again",
    "INSTANCE_FLEET_TIMEOUT": "there was no capacity for its instances; name more --instance-type, or run again later",
    "VALIDATION_ERROR": "EMR could not start its instances; a quota is raised in Service Quotas, other instance types"
    " are named by --instance-type",
    "INTERNAL_ERROR": "EMR failed; run again",
}


class Control:
    """EMR in one region."""

    def __init__(self, region: str | None) -> None:
        self._client = _client(region)
        self.region = str(self._client.meta.region_name)

    def call(self, operation: str, **arguments: Any) -> Any:
        """One request, by the name of its method in boto3. Throttled ones are tried again, more and more seldom."""
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

        try:
            return getattr(self._client, operation)(**arguments)
        except ClientError as error:
            code, message = (str(error.response["Error"].get(key, "")) for key in ("Code", "Message"))
            raise FaninError(f"EMR refuses {operation}: {_advice(code, message)}") from error
        except NoCredentialsError as error:
            raise UsageError("no AWS credentials here; set AWS_PROFILE, or what boto3 takes else") from error
        except BotoCoreError as error:
            raise FaninError(f"EMR cannot be reached for {operation}: {error}") from error

    def cluster(self, cluster: str) -> dict[str, Any]:
        """What EMR says of a cluster."""
        return dict(self.call("describe_cluster", ClusterId=cluster)["Cluster"])

    def step(self, cluster: str, step: str) -> dict[str, Any]:
        """What EMR says of a step."""
        return dict(self.call("describe_step", ClusterId=cluster, StepId=step)["Step"])


def _advice(code: str, message: str) -> str:
    if code in EXPIRED:
        return f"{message} ({code}): the credentials are no longer valid; log in again (aws sso login, or what made them)"
    if code in REFUSED:
        return f"{message} ({code}); docs/emr.md lists what a user must be allowed"
    return f"{message} ({code})"


def why_ended(cluster: Mapping[str, Any]) -> str:
    """One or two sentences on a cluster that has ended, or is about to."""
    reason = cluster["Status"].get("StateChangeReason", {})
    code, message = reason.get("Code", ""), reason.get("Message", "")
    log = f"{cluster.get('LogUri', '').rstrip('/')}/{cluster['Id']}/"
    hint = REASONS.get(code, "").format(log=log)
    return f"{cluster['Id']} is {cluster['Status']['State']}: {message or code or 'no reason is told'}" + (
        f"\n({hint})" if hint else ""
    )


@functools.cache
def _client(region: str | None) -> Any:
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, NoRegionError
    except ImportError:
        raise UsageError("-r emr needs boto3: pip install 'fanin[s3]'") from None
    try:
        retries = {"mode": "adaptive", "total_max_attempts": TRIES}
        return boto3.client("emr", region_name=region, config=Config(retries=retries))
    except NoRegionError as error:
        raise UsageError("-r emr: no region; give --region, or set AWS_REGION") from error
    except (BotoCoreError, ValueError) as error:
        raise UsageError(f"-r emr: {error}") from error
