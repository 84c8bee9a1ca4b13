"""fanin emr up: exactly what EMR is asked, and what is refused before it is asked."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from jobs.engines.emr import options
from tests.engines.emr.aws import Aws

EMPTY: dict[str, Any] = {"BootstrapActions": [], "Steps": [], "VisibleToAllUsers": True}


def launch(on_demand: bool = True) -> dict[str, Any]:
    spot = {
        "AllocationStrategy": "price-capacity-optimized", "TimeoutDurationMinutes": 10, "TimeoutAction": "SWITCH_TO_ON_DEMAND",
    }  # fmt: skip
    known = {"OnDemandSpecification": {"AllocationStrategy": "lowest-price"}}
    return known if on_demand else {**known, "SpotSpecification": spot}


def asked(aws: Aws, place: str, *words: str) -> dict[str, Any]:
    """What EMR was asked for by `fanin emr up`, without its name."""
    cluster = aws.run("emr", "up", "--cloud-tmp-dir", place, *words).out.decode()
    body = aws.asked("RunJobFlow")[-1].body
    assert cluster.startswith("j-") and cluster.count("\n") == 1
    assert body.pop("Name").startswith("cluster.")
    return body


def test_a_cluster_that_waits(aws: Aws, place: str) -> None:
    body = asked(aws, place, "--core-instance-type", "m7g.large,m6g.large", "--num-task-instances", "2",
                 "--max-instances", "5", "--max-mins-idle", "7", "--tag", "team=a b", "--release-label", "emr-7.12.0")  # fmt: skip
    name = body["Tags"].pop(1)
    assert name["Key"] == "fanin" and name["Value"].startswith("cluster.")
    types = [{"InstanceType": "m7g.xlarge", "WeightedCapacity": 1}]
    cores = [{"InstanceType": kind, "WeightedCapacity": 1} for kind in ("m7g.large", "m6g.large")]
    assert body == EMPTY | {
        "LogUri": f"{place}logs/",
        "ReleaseLabel": "emr-7.12.0",
        "Applications": [{"Name": "Hadoop"}],
        "ServiceRole": "EMR_DefaultRole_V2",
        "JobFlowRole": "EMR_EC2_DefaultRole",
        "SecurityConfiguration": "fanin-imdsv2",
        "AutoTerminationPolicy": {"IdleTimeout": 420},
        "StepConcurrencyLevel": 1,
        "Tags": [
            {"Key": "for-use-with-amazon-emr-managed-policies", "Value": "true"},
            {"Key": "team", "Value": "a b"},
        ],
        "ManagedScalingPolicy": {
            "ComputeLimits": {
                "UnitType": "InstanceFleetUnits", "MinimumCapacityUnits": 1, "MaximumCapacityUnits": 5,
                "MaximumOnDemandCapacityUnits": 1, "MaximumCoreCapacityUnits": 1,
            }
        },
        "Instances": {
            "KeepJobFlowAliveWhenNoSteps": True,
            "InstanceFleets": [
                {
                    "Name": "master", "InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 1,
                    "InstanceTypeConfigs": types, "LaunchSpecifications": launch(),
                },
                {
                    "Name": "core", "InstanceFleetType": "CORE", "TargetOnDemandCapacity": 1,
                    "InstanceTypeConfigs": cores, "LaunchSpecifications": launch(),
                },
                {
                    "Name": "task", "InstanceFleetType": "TASK", "TargetSpotCapacity": 2,
                    "InstanceTypeConfigs": cores, "LaunchSpecifications": launch(on_demand=False),
                },
            ],
        },
    }  # fmt: skip


def test_an_answer_that_is_lost_starts_no_second_cluster(aws: Aws, place: str) -> None:
    aws.lose("RunJobFlow")
    cluster = aws.run("emr", "up", "--cloud-tmp-dir", place).out.decode()
    listed = aws.run("emr", "status").out.decode().splitlines()
    assert len(listed) == 1 and listed[0].startswith(cluster.strip())


def test_its_metadata_service_wants_tokens(aws: Aws, place: str) -> None:
    asked(aws, place)
    told = aws.client("emr").describe_security_configuration(Name="fanin-imdsv2")["SecurityConfiguration"]
    assert json.loads(told) == {
        "InstanceMetadataServiceConfiguration": {
            "MinimumInstanceMetadataServiceVersion": 2,
            "HttpPutResponseHopLimit": 1,
        }
    }


def test_the_newest_release(aws: Aws, place: str) -> None:
    assert asked(aws, place)["ReleaseLabel"] == "emr-7.14.0"
    aws.answers["ListReleaseLabels"] = {"ReleaseLabels": ["emr-7.9.0", "emr-7.10.1", "emr-7.10.0"]}
    out = aws.run("emr", "up", "--cloud-tmp-dir", place, "--dry-run").out
    assert json.loads(out)["run_job_flow"]["ReleaseLabel"] == "emr-7.10.1"


def test_a_dry_run_prints_what_would_be_asked(aws: Aws, place: str, tmp_path: Path) -> None:
    script = tmp_path / "set up.sh"
    script.write_text("true\n")
    words = ("emr", "up", "--cloud-tmp-dir", place, "--bootstrap-action", f"'{script}' a")
    before = len(aws.asked("RunJobFlow"))
    dry = json.loads(aws.run(*words, "--dry-run").out)["run_job_flow"]
    assert len(aws.asked("RunJobFlow")) == before
    assert "Contents" not in aws.client("s3").list_objects_v2(Bucket=place.split("/")[2])
    aws.run(*words)
    body = aws.asked("RunJobFlow")[-1].body
    path = body["BootstrapActions"][0]["ScriptBootstrapAction"].pop("Path")
    told = dry["BootstrapActions"][0]["ScriptBootstrapAction"].pop("Path")
    assert path.startswith(place) and path.endswith("set up.sh")
    found = aws.client("s3").get_object(Bucket=place.split("/")[2], Key=path.split("/", 3)[3])
    assert found["Body"].read() == b"true\n"
    name = body["Name"]
    assert json.loads(json.dumps(dry).replace(dry["Name"], name)) == body
    assert told.replace(dry["Name"], name) == path


def test_subnet_and_zone_are_those_of_fleets(aws: Aws, place: str) -> None:
    body = asked(aws, place, "--subnet", "subnet-1", "--zone", "us-east-1b")
    assert body["Instances"]["Ec2SubnetIds"] == ["subnet-1"]
    assert body["Instances"]["Placement"] == {"AvailabilityZones": ["us-east-1b"]}
    assert "Ec2SubnetId" not in body["Instances"]
    groups = [{"InstanceRole": "MASTER", "InstanceCount": 1, "InstanceType": "m7g.xlarge"}]
    out = aws.run("emr", "up", "--cloud-tmp-dir", place, "--subnet", "subnet-1", "--zone", "us-east-1b", "--dry-run",
                  "--instance-groups", json.dumps(groups)).out  # fmt: skip
    instances = json.loads(out)["run_job_flow"]["Instances"]
    assert instances == {
        "Ec2SubnetId": "subnet-1", "Placement": {"AvailabilityZone": "us-east-1b"}, "InstanceGroups": groups,
        "KeepJobFlowAliveWhenNoSteps": True,
    }  # fmt: skip


def test_steps_may_run_side_by_side(aws: Aws, place: str) -> None:
    out = aws.run("emr", "up", "--cloud-tmp-dir", place, "--max-concurrent-steps", "3", "--dry-run").out
    assert json.loads(out)["run_job_flow"]["StepConcurrencyLevel"] == 3


def test_a_conf_is_read(aws: Aws, place: str, tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    conf.write_text(
        f"runners:\n  emr:\n    region: eu-west-3\n    cloud_tmp_dir: {place}\n    num_core_instances: 4\n"
    )
    out = aws.run("emr", "up", "-c", str(conf), "--dry-run").out
    assert json.loads(out)["run_job_flow"]["Instances"]["InstanceFleets"][1]["TargetOnDemandCapacity"] == 4
    err = aws.run("emr", "up", "-c", str(conf), code=2).err
    assert "lies in us-east-1, and the cluster would run in eu-west-3; give --region us-east-1" in err
    assert "no cluster of fanin's is up in eu-west-3" in aws.run("emr", "status", "-c", str(conf)).err
    assert "no cluster of fanin's is up in eu-west-2" in aws.run(
        "emr", "status", "-c", str(conf), "--region", "eu-west-2"
    ).err  # fmt: skip


def test_the_conf_of_the_house(aws: Aws, place: str) -> None:
    conf = str(Path(__file__).parents[3] / "conf" / "emr.conf")
    body = asked(aws, place, "-c", conf)
    fleets = body["Instances"]["InstanceFleets"]
    kinds = [{"InstanceType": kind, "WeightedCapacity": 1} for kind in ("m7g.xlarge", "m6g.xlarge")]
    assert [fleet["InstanceTypeConfigs"] for fleet in fleets] == [kinds] * 3
    assert [fleet.get("TargetOnDemandCapacity") for fleet in fleets] == [1, 2, None]
    assert fleets[2]["TargetSpotCapacity"] == 2
    assert body["ReleaseLabel"] == "emr-7.14.0"
    assert body["AutoTerminationPolicy"] == {"IdleTimeout": 600}
    assert body["ManagedScalingPolicy"]["ComputeLimits"]["MaximumCapacityUnits"] == 10
    assert {"Key": "project", "Value": "fanin"} in body["Tags"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give --cloud-tmp-dir"),
        (["--cloud-tmp-dir", "gs://x/"], "Invalid S3 URI: 'gs://x/'"),
        (["--cloud-tmp-dir", "s3://no-such-bucket-of-anyone/"], "s3://no-such-bucket-of-anyone: no such bucket"),
        (["--cloud-tmp-dir", "PLACE", "-c", "no such.conf"], "-c no such.conf: there is no such file"),
        (["--cloud-tmp-dir", "PLACE", "--max-instances", "1", "--num-task-instances", "3"], "--max-instances 1: fewer"),
        (["--cloud-tmp-dir", "PLACE", "--release-label", "emr-7.999.0"], "release label is invalid: emr-7.999.0"),
        (["--cloud-tmp-dir", "PLACE", "--max-mins-idle", "99999"], "IdleTimeout must be from 60"),
    ],
)  # fmt: skip
def test_refused(aws: Aws, place: str, words: list[str], said: str) -> None:
    by_emr = said.startswith(("release", "Idle"))
    done = aws.run("emr", "up", *(word.replace("PLACE", place) for word in words), code=1 if by_emr else 2)
    assert said in done.err and not done.out


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("task_instance_bid_price: 0.1", "task_instance_bid_price: task nodes are spot instances"),
        ("pool_clusters: true", "pool_clusters: name a running cluster by --cluster"),
        ("aws_secret_access_key: hidden", "credentials are those that boto3 finds"),
    ],
)
def test_options_that_would_do_nothing_are_refused(
    aws: Aws, place: str, tmp_path: Path, option: str, said: str
) -> None:
    conf = tmp_path / "conf"
    conf.write_text(f"runners:\n  emr:\n    {option}\n")
    err = aws.run("emr", "up", "--cloud-tmp-dir", place, "-c", str(conf), code=2).err
    assert said in err and "hidden" not in err


def test_a_conf_that_is_no_yaml(aws: Aws, place: str, tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    conf.write_text("runners: [\n")
    assert "-r emr: while parsing" in aws.run("emr", "up", "--cloud-tmp-dir", place, "-c", str(conf), code=2).err
    assert "mrjob.conf: while parsing" in aws.run("emr", "status", "-c", str(conf), code=2).err


def test_the_manual_names_all_options() -> None:
    manual = (Path(__file__).parents[3] / "docs" / "emr.md").read_text()
    told = set(re.findall(r"`(?:--)?([\w-]+)", manual))
    assert (options.NAMES | options.UNUSED) - {"image_version", "label"} <= {name.replace("-", "_") for name in told}
