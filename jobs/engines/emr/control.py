"""EMR's API, and those of the services beside it: each request's failure in a user's words, and what a cluster's end means.

https://docs.aws.amazon.com/emr/latest/APIReference/
"""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any

from jobs.errors import FaninError, UsageError

TRIES, TRIES_OF_OTHERS = 10, 3
"""How often EMR, and any other service, is asked; the others only inform."""
PATIENCE = 10  # seconds for a connection
PAUSES = (1, 2, 4, 8, 16)  # seconds before a request that must not be made twice is made again
CLOCKS = timedelta(minutes=15)
"""More than AWS lets clocks differ."""
ENDED = {"COMPLETED", "FAILED", "CANCELLED", "INTERRUPTED"}
"""States of a step that has ended."""
GONE = {"TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"}
"""States of a cluster that runs no more steps."""
EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
UNKNOWN = {
    "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "InvalidSignatureException",
    "SignatureDoesNotMatch", "AuthFailure",
}  # fmt: skip
REFUSED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
THROTTLED = {"Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded"}
REASONS = {  # why a cluster has ended, and what to do about it
    "BOOTSTRAP_FAILURE": "a bootstrap action failed; its log is below {log}node/",
    "INSTANCE_FAILURE": "an instance was lost; a lost spot instance comes back only as a task node, so keep the"
    " master and core nodes on demand, and run again",
    "INSTANCE_FLEET_TIMEOUT": "there was no capacity for its instances; name more --instance-type, or run again later",
    "VALIDATION_ERROR": "EMR could not start its instances; a quota is raised in Service Quotas, other instance types"
    " are named by --instance-type",
    "INTERNAL_ERROR": "EMR failed; run again",
}


class Refusal(FaninError):
    """A request that a service has refused.  code: its word for the reason."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def denied(self) -> bool:
        """Whether the user is not allowed to ask for it."""
        return self.code in REFUSED


class Unanswered(FaninError):
    """A request that may have been heard, or not."""


class Service:
    """One of AWS's services, by boto3's name for it, in one region."""

    def __init__(self, name: str, region: str | None) -> None:
        self._client = _client(name, region, TRIES if name == "emr" else TRIES_OF_OTHERS)
        self.name = str(self._client.meta.service_model.service_id)
        self.region = str(self._client.meta.region_name)

    def call(self, operation: str, **arguments: Any) -> Any:
        """One request, by the name of its method in boto3. What fails in passing is tried again, more and more seldom."""
        return self._ask(self._client, operation, arguments)

    def _ask(self, client: Any, operation: str, arguments: Mapping[str, Any]) -> Any:
        from botocore import exceptions as known

        try:
            return getattr(client, operation)(**arguments)
        except known.ClientError as error:
            code, message = (str(error.response["Error"].get(key, "")) for key in ("Code", "Message"))
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                raise Unanswered(f"{self.name} fails at {operation}: {message} ({code}); run again later") from error
            raise Refusal(f"{self.name} refuses {operation}: {message} ({code}){_advice(code)}", code) from error
        except known.ParamValidationError as error:
            raise UsageError(f"{self.name} would refuse {operation}: {error}") from error
        except (known.NoCredentialsError, known.PartialCredentialsError) as error:
            raise UsageError("no AWS credentials here; set AWS_PROFILE, or what boto3 takes else") from error
        except (known.CredentialRetrievalError, known.SSOError) as error:
            raise UsageError(
                f"no AWS credentials: {error}; log in again (aws sso login, or what made them)"
            ) from error
        except known.BotoCoreError as error:
            raise Unanswered(f"{self.name} cannot be reached for {operation}: {error}") from error


class Control(Service):
    """EMR in one region."""

    def __init__(self, region: str | None) -> None:
        super().__init__("emr", region)

    def all(self, operation: str, key: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        """All entries of a listing, page by page.  key: of the entries in a page."""
        while True:
            page = self.call(operation, **arguments)
            yield from page[key]
            if not page.get("Marker"):
                return
            arguments["Marker"] = page["Marker"]

    def start(self, asked: Mapping[str, Any]) -> str:
        """A new cluster's id.  asked: RunJobFlow's arguments, with a Name that no other cluster has."""
        since = datetime.now(UTC) - CLOCKS
        clusters = partial(self.all, "list_clusters", "Clusters", CreatedAfter=since)
        return self._once("run_job_flow", asked, lambda answer: answer["JobFlowId"], asked["Name"], clusters)

    def add(self, cluster: str, step: Mapping[str, Any]) -> str:
        """A new step's id.  step: with a Name that no other step of the cluster has."""
        asked = {"JobFlowId": cluster, "Steps": [step]}
        steps = partial(self.all, "list_steps", "Steps", ClusterId=cluster)
        return self._once("add_job_flow_steps", asked, lambda answer: answer["StepIds"][0], step["Name"], steps)

    def _once(
        self,
        operation: str,
        asked: Mapping[str, Any],
        made: Callable[[Any], str],
        name: str,
        there: Callable[[], Iterator[dict[str, Any]]],
    ) -> str:
        """The id of what a request makes, once, also where an answer is lost: these requests know no token to tell a repetition by.

        made: of the answer.  name: of what is made, which is looked for among all that are `there` if no answer comes.
        """
        client = _client("emr", self.region, 1)
        for pause in (*PAUSES, 0):
            try:
                return made(self._ask(client, operation, asked))
            except Refusal as error:
                if error.code not in THROTTLED or not pause:
                    raise
            except Unanswered:
                if found := next((one["Id"] for one in there() if one["Name"] == name), None):
                    return str(found)
                if not pause:
                    raise
            time.sleep(pause)
        raise AssertionError

    def cluster(self, cluster: str) -> dict[str, Any]:
        """What EMR says of a cluster; UsageError if it knows none of that name."""
        return self._named("describe_cluster", "Cluster", ClusterId=cluster)

    def step(self, cluster: str, step: str) -> dict[str, Any]:
        """What EMR says of a step; UsageError if it knows none of that name."""
        return self._named("describe_step", "Step", ClusterId=cluster, StepId=step)

    def _named(self, operation: str, what: str, **names: str) -> dict[str, Any]:
        try:
            return dict(self.call(operation, **names)[what])
        except Refusal as error:
            if error.code == "InvalidRequestException" and "not valid" in str(error):
                wanted = " of ".join(reversed(names.values()))
                raise UsageError(f"{wanted}: no such {what.lower()} in {self.region}") from error
            raise


def _advice(code: str) -> str:
    if code in EXPIRED:
        return ": the credentials are no longer valid; log in again (aws sso login, or what made them)"
    if code in UNKNOWN:
        return ": AWS does not know these credentials, or its clock and this machine's differ"
    if code in REFUSED:
        return "; docs/emr.md lists what a user must be allowed"
    return "; run again later" if code in THROTTLED else ""


def why_ended(cluster: Mapping[str, Any]) -> str:
    """One or two sentences on a cluster that has ended, or is about to."""
    reason = cluster["Status"].get("StateChangeReason", {})
    code, message = reason.get("Code", ""), reason.get("Message", "")
    log = f"{cluster.get('LogUri', '').rstrip('/')}/{cluster['Id']}/"
    hint = REASONS.get(code, "").format(log=log)
    return f"{cluster['Id']} is {cluster['Status']['State']}: {message or code or 'no reason is told'}" + (
        f"\n({hint})" if hint else ""
    )


@cache
def _client(name: str, region: str | None, tries: int) -> Any:
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, NoRegionError
    except ImportError:
        raise UsageError("-r emr needs boto3: pip install 'fanin[s3]'") from None
    retries = {"mode": "adaptive", "total_max_attempts": tries}
    try:
        return boto3.client(name, region_name=region, config=Config(retries=retries, connect_timeout=PATIENCE))
    except NoRegionError as error:
        raise UsageError("-r emr: no region; give --region, or set AWS_DEFAULT_REGION") from error
    except (BotoCoreError, ValueError) as error:
        raise UsageError(f"-r emr: {error}") from error
