"""fanin emr status, down, steps and logs: what is said of clusters, and what goes wrong on the way."""

import gzip
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.emr_lab.user import User, bash
from tests.engines.emr.aws import DENIED, Aws, price

TAG = [{"Key": "fanin", "Value": "word_count.x"}]


def ours(user: User, *steps: dict[str, Any], **more: Any) -> str:
    """A cluster of fanin's that waits, once it has done its steps."""
    cluster = user.start(*steps, keep_alive=True, Tags=TAG, **more)
    user.wait(cluster, "WAITING")
    return cluster


def instance(
    kind: str, market: str, hours: float, gone: float | None = None, state: str = "RUNNING"
) -> dict[str, Any]:
    """An instance that came `hours` ago, and went `gone` hours ago."""
    now = datetime.now(UTC)
    times = {"CreationDateTime": (now - timedelta(hours=hours)).timestamp()}
    if gone is not None:
        times["EndDateTime"] = (now - timedelta(hours=gone)).timestamp()
    return {"InstanceType": kind, "Market": market, "Status": {"State": state, "Timeline": times}}


def instances() -> list[dict[str, Any]]:
    """On demand 4 hours; spot 2.5, one hour of them of an instance that is gone; and one that is waited for."""
    return [
        instance("m7g.xlarge", "ON_DEMAND", 2),
        instance("m7g.xlarge", "ON_DEMAND", 2),
        instance("m7g.xlarge", "SPOT", 1.5),
        instance("m7g.xlarge", "SPOT", 2, gone=1, state="TERMINATED"),
        instance("m7g.xlarge", "SPOT", 5, state="AWAITING_FULFILLMENT"),
    ]


PRICES = [
    price("m7g.xlarge", "0.1632", usagetype="BoxUsage:m7g.xlarge", softwareType="EMR"),
    price("m7g.xlarge", "9", usagetype="BoxUsage:m7g.xlarge", softwareType="M5"),
    price("m7g.xlarge", "0", usagetype="EMR-Unused"),
]
SPOT = """<DescribeSpotPriceHistoryResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><spotPriceHistorySet>
<item><instanceType>m7g.xlarge</instanceType><spotPrice>0.5</spotPrice><timestamp>2026-11-01T00:00:00.000Z</timestamp></item>
<item><instanceType>m7g.xlarge</instanceType><spotPrice>0.0368</spotPrice><timestamp>2026-11-02T00:00:00.000Z</timestamp></item>
</spotPriceHistorySet></DescribeSpotPriceHistoryResponse>"""


def test_status_tells_fanins_clusters(aws: Aws, user: User) -> None:
    cluster = ours(user, bash("true"))
    others = user.start(keep_alive=True)
    ended = user.start(bash("true"), Tags=TAG)
    user.wait(ended)
    out = aws.run("emr", "status").out.decode()
    line = rf"{cluster}: WAITING, emr-7.14.0, no instances, up \d+ s, idle \d+ s, 0.00 instance hours, about 0.00 USD; test\n"
    assert re.fullmatch(line, out)
    assert "TERMINATED" in aws.run("emr", "status", "--cluster", ended).out.decode()
    assert others in aws.run("emr", "status", "--cluster", others).out.decode()


def test_status_of_none(aws: Aws, user: User) -> None:
    user.start(keep_alive=True)
    done = aws.run("emr", "status")
    assert not done.out and done.err == "fanin: no cluster of fanin's is up in us-east-1\n"


def test_many_clusters_are_listed_by_pages(aws: Aws, user: User) -> None:
    found = {user.start(keep_alive=True, Tags=TAG) for _ in range(52)}
    aws.answers["ListInstances"] = {"Instances": []}
    before = len(aws.asked())
    out = aws.run("emr", "status").out.decode()
    assert {line.partition(":")[0] for line in out.splitlines()} == found
    assert len(aws.asked("ListClusters")) >= 2
    assert len(aws.asked()) - before <= 2 + 2 * 52  # a cluster that has not idled is asked for its instances, no more


def test_what_a_cluster_has_cost(aws: Aws, user: User) -> None:
    cluster = ours(user)
    aws.answers |= {
        "ListInstances": {"Instances": instances()},
        "GetProducts": {"PriceList": PRICES[:1]},
        "DescribeSpotPriceHistory": SPOT,
    }
    out = aws.run("emr", "status").out.decode()
    # on demand: 4 hours at 0.1632 of EC2 and as much of EMR; spot: 2.5 at 0.0368 and EMR's 0.1632
    assert "2 m7g.xlarge + 1 m7g.xlarge spot, " in out
    assert "6.50 instance hours, about 1.81 USD; " in out
    told = aws.run("emr", "status", "--cluster", cluster).out.decode()
    assert "\n  m7g.xlarge: 2 now, 4.00 hours, 0.3264 USD an hour\n" in told
    assert "\n  m7g.xlarge spot: 1 now, 2.50 hours, 0.2 USD an hour\n" in told
    assert f"\n  logs s3://{user.bucket}/logs/\n" in told
    assert re.search(r"\n  started \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\n", told)
    asked = [body for operation, body in aws.told if operation == "GetProducts"]
    assert [(one["ServiceCode"], {each["Field"]: each["Value"] for each in one["Filters"]}) for one in asked[:2]] == [
        ("AmazonEC2", {"instanceType": "m7g.xlarge", "regionCode": "us-east-1", "operatingSystem": "Linux",
                       "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used"}),
        ("ElasticMapReduce", {"instanceType": "m7g.xlarge", "regionCode": "us-east-1"}),
    ]  # fmt: skip


def test_emrs_price_is_that_of_its_own_software(aws: Aws, user: User) -> None:
    ours(user)
    aws.answers["ListInstances"] = {"Instances": instances()[:1]}
    aws.answers["GetProducts"] = {"PriceList": PRICES}
    done = aws.run("emr", "status")  # two prices of one instance on EC2: none is taken for the other
    assert "2.00 instance hours; " in done.out.decode()
    assert "fanin: what they cost is not known: the price list names 2 prices of m7g.xlarge on EC2" in done.err


@pytest.mark.parametrize("refused", [DENIED, "ThrottlingException"])
def test_without_prices_there_are_hours(aws: Aws, user: User, refused: str) -> None:
    ours(user)
    aws.answers |= {"ListInstances": {"Instances": instances()}, "GetProducts": refused}
    done = aws.run("emr", "status")
    assert "6.50 instance hours; " in done.out.decode() and "USD" not in done.out.decode()
    assert f"what they cost is not known: Pricing refuses get_products: said so ({refused})" in done.err


def test_a_cluster_with_a_step_does_not_idle(aws: Aws, user: User) -> None:
    cluster = user.start(bash("sleep 60"), keep_alive=True, Tags=TAG)
    user.wait(cluster, "RUNNING")
    out = aws.run("emr", "status").out.decode()
    assert f"{cluster}: RUNNING, " in out and "idle" not in out


def test_idle_since_the_last_step(aws: Aws, user: User) -> None:
    cluster = ours(user, bash("true"))
    told = user.emr.list_steps(ClusterId=cluster)["Steps"]
    end = datetime.now(UTC) - timedelta(minutes=62, seconds=5)
    told[0]["Status"]["Timeline"] = {"CreationDateTime": 0.0, "EndDateTime": end.timestamp()}
    described = user.emr.describe_cluster(ClusterId=cluster)["Cluster"]
    described["Status"]["Timeline"] = {"CreationDateTime": 0.0}
    aws.answers |= {"ListSteps": {"Steps": told}, "DescribeCluster": {"Cluster": described}}
    assert ", idle 1 h 2 min, " in aws.run("emr", "status").out.decode()


def test_down_ends_one(aws: Aws, user: User) -> None:
    cluster, other = ours(user), ours(user)
    assert aws.run("emr", "down", "--cluster", cluster).out.decode() == f"{cluster}: is ended; test\n"
    user.wait(cluster)
    assert user.status(other)["State"] == "WAITING"
    again = aws.run("emr", "down", "--cluster", cluster).out.decode()
    assert again.startswith(f"{cluster} is TERMINATED: ") and again.endswith("; it had ended before\n")


def test_down_ends_all_of_fanins(aws: Aws, user: User) -> None:
    others = user.start(keep_alive=True)
    user.wait(others, "WAITING")
    found = {ours(user) for _ in range(11)}
    before = len(aws.asked("TerminateJobFlows"))
    out = aws.run("emr", "down", "--all").out.decode()
    assert {line.partition(":")[0] for line in out.splitlines()} == found
    assert len(aws.asked("TerminateJobFlows")) - before == 2  # EMR takes ten at a time
    for cluster in found:
        user.wait(cluster)
    assert user.status(others)["State"] == "WAITING"
    assert aws.run("emr", "down", "--all").err == "fanin: no cluster of fanin's is up in us-east-1\n"


def test_down_wants_a_word(aws: Aws) -> None:
    assert "one of the arguments --cluster --all is required" in aws.run("emr", "down", code=2).err


def test_steps(aws: Aws, user: User) -> None:
    cluster = ours(user, bash("exit 3", "CONTINUE"), bash("true"))
    first, last = user.steps(cluster)
    lines = aws.run("emr", "steps", "--cluster", cluster).out.decode().splitlines()
    assert re.fullmatch(rf"{first['Id']}: FAILED, exit 3, \d+ s; Unknown Error\.", lines[0])
    assert re.fullmatch(rf"{last['Id']}: COMPLETED, true, \d+ s", lines[1])


def test_many_steps_are_listed_by_pages(aws: Aws, user: User) -> None:
    cluster = user.start(bash("sleep 60"), *(bash("true") for _ in range(60)), keep_alive=True, Tags=TAG)
    lines = aws.run("emr", "steps", "--cluster", cluster).out.decode().splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        one["Id"]
        for page in user.emr.get_paginator("list_steps").paginate(ClusterId=cluster)
        for one in page["Steps"]
    ][::-1]
    assert len(lines) == 61


def log_of(user: User, cluster: str, number: int) -> str:
    """The URL of a step's standard error, once it is there."""
    step = user.steps(cluster)[number]["Id"]
    deadline = time.monotonic() + 10
    while "Contents" not in user.s3.list_objects_v2(Bucket=user.bucket, Prefix=f"logs/{cluster}/steps/{step}/stderr"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return f"s3://{user.bucket}/logs/{cluster}/steps/{step}/stderr.gz"


def test_logs(aws: Aws, user: User) -> None:
    cluster = ours(user, bash("echo one >&2; exit 3", "CONTINUE"), bash("echo two >&2", "CONTINUE"))
    urls = [log_of(user, cluster, number) for number in (0, 1)]
    user.s3.put_object(Bucket=user.bucket, Key=f"logs/{cluster}/node/i-1/bootstrap-actions/1/stderr.gz", Body=b"")
    steps = [one["Id"] for one in user.steps(cluster)]
    out = aws.run("emr", "logs", "--cluster", cluster).out.decode()
    assert f"s3://{user.bucket}/logs/{cluster}/node/\n" in out
    assert re.search(re.escape(urls[1]) + r" \(\d+ bytes\)\n", out) and urls[0] not in out
    assert out.endswith("\ntwo\n") and f"\n{steps[1]}: COMPLETED, " in out
    out = aws.run("emr", "logs", "--cluster", cluster, "--step", steps[0]).out.decode()
    assert urls[0] in out and urls[1] not in out and out.endswith("\none\n")


def test_a_log_that_is_not_whole(aws: Aws, user: User) -> None:
    cluster = ours(user, bash("true"))
    key = log_of(user, cluster, 0).split("/", 3)[3]
    user.s3.put_object(Bucket=user.bucket, Key=key, Body=gzip.compress(b"last words\n" * 9)[:-9])
    assert "last words" in aws.run("emr", "logs", "--cluster", cluster).out.decode()
    user.s3.delete_object(Bucket=user.bucket, Key=key)
    assert "its standard error is not there, or empty" in aws.run("emr", "logs", "--cluster", cluster).out.decode()


def test_a_cluster_without_logs(aws: Aws, user: User) -> None:
    request = user.request(keep_alive=True)
    del request["LogUri"]
    cluster = user.emr.run_job_flow(**request)["JobFlowId"]
    assert f"{cluster}: keeps no logs on S3" in aws.run("emr", "logs", "--cluster", cluster, code=2).err


def test_a_cluster_without_steps(aws: Aws, user: User) -> None:
    cluster = ours(user)
    assert not aws.run("emr", "steps", "--cluster", cluster).out
    assert aws.run("emr", "logs", "--cluster", cluster).err == f"fanin: {cluster} has no steps\n"


@pytest.mark.parametrize("command", ["status", "down", "steps", "logs"])
def test_no_such_cluster(aws: Aws, command: str) -> None:
    err = aws.run("emr", command, "--cluster", "j-NONE", "--region", "eu-west-1", code=2).err
    assert err == "fanin: j-NONE: no such cluster in eu-west-1\n"


def test_no_such_step(aws: Aws, user: User) -> None:
    cluster = ours(user)
    err = aws.run("emr", "logs", "--cluster", cluster, "--step", "s-NONE", code=2).err
    assert err == f"fanin: s-NONE of {cluster}: no such step in us-east-1\n"


NOBODY = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}


def test_without_credentials(aws: Aws) -> None:
    err = aws.run("emr", "status", code=2, **NOBODY).err
    assert err == "fanin: no AWS credentials here; set AWS_PROFILE, or what boto3 takes else\n"


def test_without_a_region(aws: Aws) -> None:
    err = aws.run("emr", "status", code=2, AWS_DEFAULT_REGION="").err
    assert err == "fanin: -r emr: no region; give --region, or set AWS_DEFAULT_REGION\n"


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        ("ExpiredTokenException", "the credentials are no longer valid; log in again"),
        ("UnrecognizedClientException", "AWS does not know these credentials"),
        ("AccessDeniedException", "docs/emr.md lists what a user must be allowed"),
        ("InternalServerException", "EMR refuses list_clusters: said so (InternalServerException)"),
    ],
)
def test_refused(aws: Aws, refusal: str, said: str) -> None:
    aws.answers["ListClusters"] = refusal
    assert said in aws.run("emr", "status", code=1).err


def test_throttled_requests_are_asked_again(aws: Aws, user: User) -> None:
    cluster = ours(user)
    aws.throttle("DescribeCluster", 2)
    assert cluster in aws.run("emr", "status", "--cluster", cluster).out.decode()


@pytest.mark.slow  # ten tries
def test_nobody_answers(aws: Aws) -> None:
    err = aws.run("emr", "status", code=1, AWS_ENDPOINT_URL="http://127.0.0.1:9").err
    assert "fanin: EMR cannot be reached for list_clusters: " in err


def test_a_cluster_that_has_ended(aws: Aws, user: User) -> None:
    cluster = user.start(bash("echo why >&2; exit 3", "TERMINATE_CLUSTER"), Tags=TAG)
    user.wait(cluster)
    log_of(user, cluster, 0)
    told = aws.run("emr", "status", "--cluster", cluster).out.decode()
    assert f"{cluster}: TERMINATED_WITH_ERRORS, " in told and "idle" not in told
    assert "\n  Shut down as step failed\n" in told
    assert ": FAILED, echo why >&2; exit 3, " in aws.run("emr", "steps", "--cluster", cluster).out.decode()
    assert aws.run("emr", "logs", "--cluster", cluster).out.endswith(b"\nwhy\n")
