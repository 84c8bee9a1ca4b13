"""What the control plane answers, refuses and records."""

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.emr_lab.plane import EMR, LAPTOP, MASTER, Plane
from tests.emr_lab.user import User, bash


@pytest.fixture(scope="session")
def idle(plane: Plane) -> str:
    """A cluster that waits, for tests that only look at it."""
    policies = {
        "AutoTerminationPolicy": {"IdleTimeout": 600},
        "ManagedScalingPolicy": {
            "ComputeLimits": {"UnitType": "Instances", "MinimumCapacityUnits": 1, "MaximumCapacityUnits": 3}
        },
    }
    return User(plane, "none").start(keep_alive=True, **policies)


def test_requests_are_recorded_as_they_came(plane: Plane, user: User) -> None:
    before = len(plane.asked("RunJobFlow"))
    request = user.request(
        bash("true"), AutoTerminationPolicy={"IdleTimeout": 3600}, Tags=[{"Key": "a", "Value": "é"}]
    )
    cluster = user.emr.run_job_flow(**request)["JobFlowId"]
    user.wait(cluster)
    (asked,) = plane.asked("RunJobFlow")[before:]
    assert asked.body == request
    assert plane.asked("DescribeCluster")[-1].body == {"ClusterId": cluster}
    assert not plane.asked("RunJobFlow", MASTER)


def test_requests_of_s3_are_recorded_by_their_url(plane: Plane, user: User) -> None:
    user.s3.put_object(Bucket=user.bucket, Key="a/b+c%20é.txt", Body=b"x")
    user.s3.list_objects_v2(Bucket=user.bucket, Prefix="a/")
    assert len(plane.asked(f"PUT /{user.bucket}/a/b%2Bc%2520%C3%A9.txt")) == 1
    assert len(plane.asked(f"GET /{user.bucket}?list-type=2")) == 1
    cluster = user.start(bash("true"))
    user.wait(cluster)
    assert len(plane.asked(f"PUT /{user.bucket}/logs/{cluster}/", EMR)) == 3


def test_throttled_requests_are_tried_again(plane: Plane, idle: str) -> None:
    plane.throttle("DescribeCluster", 1)
    before = len(plane.asked("DescribeCluster"))
    retrying = Config(retries={"mode": "standard", "total_max_attempts": 2})
    client = boto3.client("emr", config=retrying, **_settings(plane))
    assert client.describe_cluster(ClusterId=idle)["Cluster"]["Id"] == idle
    assert len(plane.asked("DescribeCluster")) - before == 2
    plane.throttle("DescribeCluster", 1)
    once = boto3.client(
        "emr", config=Config(retries={"mode": "standard", "total_max_attempts": 1}), **_settings(plane)
    )
    with pytest.raises(ClientError) as caught:
        once.describe_cluster(ClusterId=idle)
    assert caught.value.response["Error"] == {"Code": "ThrottlingException", "Message": "Rate exceeded"}


def _settings(plane: Plane) -> dict[str, Any]:
    return {
        "region_name": "us-east-1",
        "endpoint_url": plane.url,
        "aws_access_key_id": LAPTOP.access,
        "aws_secret_access_key": LAPTOP.secret,
    }


def test_expired_credentials_are_refused_by_every_service_and_nobody_elses(plane: Plane, user: User) -> None:
    with plane.expired(LAPTOP):
        with pytest.raises(ClientError, match=r"\(ExpiredTokenException\)"):
            user.emr.list_clusters()
        with pytest.raises(ClientError, match=r"\(ExpiredToken\)"):
            user.s3.put_object(Bucket=user.bucket, Key="k", Body=bytes(1_000_000))
        with pytest.raises(ClientError, match=r"\(ExpiredToken\)"):
            plane.client("sts").get_caller_identity()
        assert plane.client("s3", MASTER).list_objects_v2(Bucket=user.bucket)["KeyCount"] == 0
    user.emr.list_clusters()


def test_policies_are_those_asked_for_until_replaced(user: User, idle: str) -> None:
    emr = user.emr
    assert emr.get_auto_termination_policy(ClusterId=idle)["AutoTerminationPolicy"] == {"IdleTimeout": 600}
    emr.put_auto_termination_policy(ClusterId=idle, AutoTerminationPolicy={"IdleTimeout": 60})
    assert emr.get_auto_termination_policy(ClusterId=idle)["AutoTerminationPolicy"] == {"IdleTimeout": 60}
    emr.remove_auto_termination_policy(ClusterId=idle)
    assert "AutoTerminationPolicy" not in emr.get_auto_termination_policy(ClusterId=idle)
    limits = emr.get_managed_scaling_policy(ClusterId=idle)["ManagedScalingPolicy"]["ComputeLimits"]
    assert limits == {"UnitType": "Instances", "MinimumCapacityUnits": 1, "MaximumCapacityUnits": 3}
    more = {"ComputeLimits": limits | {"MaximumCapacityUnits": 5}}
    emr.put_managed_scaling_policy(ClusterId=idle, ManagedScalingPolicy=more)
    assert emr.get_managed_scaling_policy(ClusterId=idle)["ManagedScalingPolicy"] == more
    emr.remove_managed_scaling_policy(ClusterId=idle)
    assert "ManagedScalingPolicy" not in emr.get_managed_scaling_policy(ClusterId=idle)


def test_fleets_and_releases(user: User, idle: str) -> None:
    (fleet,) = user.emr.list_instance_fleets(ClusterId=idle)["InstanceFleets"]
    assert fleet["InstanceFleetType"] == "MASTER"
    assert (fleet["TargetOnDemandCapacity"], fleet["ProvisionedOnDemandCapacity"]) == (1, 1)
    assert fleet["InstanceTypeSpecifications"] == [{"InstanceType": "m7g.xlarge", "WeightedCapacity": 1}]
    assert user.emr.describe_cluster(ClusterId=idle)["Cluster"]["InstanceCollectionType"] == "INSTANCE_FLEET"
    labels = user.emr.list_release_labels(Filters={"Prefix": "emr-7"})["ReleaseLabels"]
    assert "emr-7.14.0" in labels and not [label for label in labels if not label.startswith("emr-7")]
    release = user.emr.describe_release_label(ReleaseLabel="emr-7.14.0")
    assert release["Applications"][0]["Name"] == "Hadoop"


def test_security_configurations(user: User) -> None:
    name = user.bucket
    user.emr.create_security_configuration(Name=name, SecurityConfiguration="{}")
    assert name in [one["Name"] for one in user.emr.list_security_configurations()["SecurityConfigurations"]]
    cluster = user.start(bash("true"), SecurityConfiguration=name)
    assert user.emr.describe_cluster(ClusterId=cluster)["Cluster"]["SecurityConfiguration"] == name
    user.wait(cluster)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ServiceRole": ""}, "ServiceRole is required"),
        ({"ReleaseLabel": "emr-99.0.0"}, "release label is invalid"),
        ({"SecurityConfiguration": "none"}, "does not exist"),
        ({"AutoTerminationPolicy": {"IdleTimeout": 59}}, "IdleTimeout"),
        ({"Steps": [bash("x" * 10_240)]}, "10240"),
        ({"Steps": [bash("true", on_failure="STOP")]}, "enum value set"),
        ({"Steps": [bash("true")] * 257}, "Maximum number of active steps"),
    ],
)
def test_what_emr_refuses_to_start(user: User, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ClientError, match=message):
        user.start(**change)


def test_what_is_not_there(user: User, idle: str) -> None:
    with pytest.raises(ClientError, match="InvalidRequestException.*Cluster id 'j-0' is not valid"):
        user.status("j-0")
    with pytest.raises(ClientError, match="ValidationException.*Specified job flow ID not valid"):
        user.add("j-0", bash("true"))
    with pytest.raises(ClientError, match="ValidationException.*Specified job flow ID not valid"):
        user.emr.terminate_job_flows(JobFlowIds=["j-0"])
    with pytest.raises(ClientError, match="Step id 's-0' is not valid"):
        user.emr.describe_step(ClusterId=idle, StepId="s-0")


def test_clusters_are_found_by_state_and_paged(user: User, idle: str) -> None:
    ended = user.start(bash("true"))
    user.wait(ended)
    pages = list(user.emr.get_paginator("list_clusters").paginate(ClusterStates=["WAITING", "RUNNING"]))
    found = {one["Id"]: one["Status"]["State"] for page in pages for one in page["Clusters"]}
    assert idle in found and ended not in found
