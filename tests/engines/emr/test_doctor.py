"""fanin doctor -r emr: all there, as far as this machine can be an AWS; and each thing that is missing, with its fix."""

import json
import re
import uuid
from typing import Any

import pytest

from tests.emr_lab.user import User
from tests.engines.emr.aws import DENIED, Aws

ALL = [
    "boto3", "region", "credentials", "options", "release", "service role", "instance profile", "permissions",
    "place for temporary files", "quotas", "subnet", "bundle", "request",
]  # fmt: skip
TAG = {"Key": "for-use-with-amazon-emr-managed-policies", "Value": "true"}
ALLOWED = """<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><SimulatePrincipalPolicyResult>
<IsTruncated>false</IsTruncated><EvaluationResults><member><EvalActionName>iam:PassRole</EvalActionName>
<EvalResourceName>RESOURCE</EvalResourceName><EvalDecision>allowed</EvalDecision></member></EvaluationResults>
</SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"""


def trust(service: str) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]})  # fmt: skip


@pytest.fixture
def complete(aws: Aws) -> Aws:
    """An account with all that is needed; what the lab has no services for is answered as AWS does."""
    iam, ec2 = aws.client("iam"), aws.client("ec2")
    if not iam.list_roles()["Roles"]:
        iam.create_role(
            RoleName="EMR_DefaultRole_V2", AssumeRolePolicyDocument=trust("elasticmapreduce.amazonaws.com")
        )
        iam.create_role(RoleName="EMR_EC2_DefaultRole", AssumeRolePolicyDocument=trust("ec2.amazonaws.com"))
        iam.create_instance_profile(InstanceProfileName="EMR_EC2_DefaultRole")
        iam.add_role_to_instance_profile(InstanceProfileName="EMR_EC2_DefaultRole", RoleName="EMR_EC2_DefaultRole")
    for subnet in ec2.describe_subnets()["Subnets"]:
        ec2.create_tags(Resources=[subnet["SubnetId"]], Tags=[TAG])
    aws.answers |= {"GetServiceQuota": {"Quota": {"Value": 32.0}}, "SimulatePrincipalPolicy": ALLOWED}
    return aws


@pytest.fixture
def doctor(complete: Aws, place: str, tmp_path: Any) -> Any:
    """Asks; gives what was found of each check, and all that was printed."""

    def ask(*words: str, code: int = 1, **variables: str) -> tuple[dict[str, str], str]:
        wheels = () if "--wheels" in words else ("--wheels", str(tmp_path))  # no package index is asked
        place_of = () if "--cloud-tmp-dir" in words or "-c" in words else ("--cloud-tmp-dir", place)
        done = complete.run(
            "doctor", "-r", "emr", *wheels, *place_of, *words, code=code, XDG_CACHE_HOME=str(tmp_path), **variables
        )
        out = done.out.decode()
        found = {what: state for state, what in re.findall(r"^(\w+) +([\w -]+): ", out, re.MULTILINE)}
        assert list(found) == ALL
        return found, out

    return ask


def without(found: dict[str, str], *others: str) -> dict[str, str]:
    """What is not ok, without the bundle, whose wheels only the first test has."""
    return {what: state for what, state in found.items() if state != "ok" and what not in ("bundle", *others)}


@pytest.mark.slow  # wheels are fetched
def test_all_there(complete: Aws, place: str) -> None:
    before = len(complete.asked("RunJobFlow"))
    out = complete.run("doctor", "-r", "emr", "--cloud-tmp-dir", place).out.decode()
    assert [line[:2] for line in out.splitlines()] == ["ok"] * len(ALL), out
    assert len(complete.asked("RunJobFlow")) == before


def test_what_is_asked_of_it(complete: Aws, doctor: Any, place: str) -> None:
    found, out = doctor("--num-core-instances", "3", "--num-task-instances", "4", "--max-instances", "9")
    assert without(found) == {}
    assert "release: emr-7.14.0\n" in out
    assert "ok       quotas: on-demand: 16 of 32 vCPUs; spot: 24 of 32 vCPUs\n" in out
    assert f"{place} can be written, read and removed" in out
    assert "Contents" not in complete.client("s3").list_objects_v2(Bucket=place.split("/")[2])
    simulated = [asked for operation, asked in complete.told if operation == "SimulatePrincipalPolicy"]
    assert simulated[0]["ActionNames.member.1"] == "elasticmapreduce:AddJobFlowSteps"
    assert [(one["ResourceArns.member.1"], one["ContextEntries.member.1.ContextKeyValues.member.1"]) for one in simulated[1:]] == [
        ("arn:aws:iam::123456789012:role/EMR_DefaultRole_V2", "elasticmapreduce.amazonaws.com"),
        ("arn:aws:iam::123456789012:role/EMR_EC2_DefaultRole", "ec2.amazonaws.com"),
    ]  # fmt: skip
    quotas = {asked["QuotaCode"] for operation, asked in complete.told if operation == "GetServiceQuota"}
    assert quotas == {"L-1216C47A", "L-34B43A08"}


def test_nobody(doctor: Any) -> None:
    nobody = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    found, out = doctor(**nobody)
    assert found["credentials"] == "missing" and "no AWS credentials here; set AWS_PROFILE" in out
    assert {what for what in found if found[what] == "skipped"} == {
        "release", "service role", "instance profile", "permissions", "place for temporary files", "quotas", "subnet",
    }  # fmt: skip


@pytest.mark.slow
def test_no_region(doctor: Any) -> None:
    found, out = doctor(AWS_DEFAULT_REGION="")
    assert found["region"] == "missing" and "fix: give --region, or set AWS_DEFAULT_REGION" in out
    assert set(found.values()) == {"ok", "missing", "skipped"} and found["request"] == "skipped"


@pytest.mark.slow
def test_expired_credentials(complete: Aws, doctor: Any) -> None:
    complete.answers["GetCallerIdentity"] = "ExpiredToken"
    found, out = doctor()
    assert found["credentials"] == "missing" and "log in again" in out


@pytest.mark.slow
def test_no_place(complete: Aws, doctor: Any, tmp_path: Any) -> None:
    (tmp_path / "conf").write_text("runners: {emr: {instance_type: m7g.xlarge}}\n")
    found, out = doctor("-c", str(tmp_path / "conf"))
    assert found["options"] == "missing" and "give --cloud-tmp-dir s3://bucket/path/" in out
    assert complete


@pytest.mark.slow
def test_a_place_that_is_not_there_or_elsewhere(complete: Aws, doctor: Any) -> None:
    found, out = doctor("--cloud-tmp-dir", "s3://no-such-bucket-of-anyone/")
    assert without(found) == {"place for temporary files": "missing"} and "no such bucket" in out
    bucket = f"bucket-{uuid.uuid4().hex}"
    complete.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    found, out = doctor("--cloud-tmp-dir", f"s3://{bucket}/")
    assert without(found) == {"place for temporary files": "missing"} and "give --region eu-west-1" in out


@pytest.mark.slow
def test_a_place_that_may_not_be_written(complete: Aws, doctor: Any, user: User) -> None:
    policy = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{user.bucket}/*"}]}  # fmt: skip
    user.s3.put_bucket_policy(Bucket=user.bucket, Policy=json.dumps(policy))
    found, out = doctor()
    assert without(found) == {"place for temporary files": "missing"}
    assert "S3 refuses put_object: " in out
    assert complete


def test_roles_that_are_not_there(complete: Aws, doctor: Any) -> None:
    found, out = doctor("--iam-service-role", "Other", "--iam-instance-profile", "Another")
    missing = {"service role": "missing", "instance profile": "missing", "permissions": "skipped"}
    assert without(found) == missing
    assert "Other not found" in out and "aws emr create-default-roles" in out
    assert complete


@pytest.mark.slow
def test_roles_that_trust_others(complete: Aws, doctor: Any) -> None:
    name = f"Role-{uuid.uuid4().hex}"
    complete.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust("lambda.amazonaws.com"))
    complete.client("iam").create_instance_profile(InstanceProfileName=name)
    found, out = doctor("--iam-service-role", name, "--iam-instance-profile", name)
    assert found["service role"] == found["instance profile"] == "missing"
    assert f"role/{name} does not trust elasticmapreduce.amazonaws.com" in out
    assert f"{name} holds no role" in out


@pytest.mark.slow
def test_what_is_denied(complete: Aws, doctor: Any) -> None:
    denied = ALLOWED.replace("allowed", "implicitDeny").replace("RESOURCE", "arn:aws:iam::1:role/R")
    complete.answers["SimulatePrincipalPolicy"] = denied
    found, out = doctor()
    assert without(found) == {"permissions": "missing"}
    assert "arn:aws:iam::123456789012:" in out and "may not iam:PassRole arn:aws:iam::1:role/R" in out


@pytest.mark.slow
def test_what_a_role_of_single_sign_on_may(complete: Aws, doctor: Any) -> None:
    name, path = f"Role-{uuid.uuid4().hex}", "/aws-reserved/sso.amazonaws.com/"
    complete.client("iam").create_role(
        RoleName=name, Path=path, AssumeRolePolicyDocument=trust("lambda.amazonaws.com")
    )
    arn = f"arn:aws:sts::123456789012:assumed-role/{name}/somebody"
    complete.answers["GetCallerIdentity"] = (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
        f"<Arn>{arn}</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>"
    )
    found, _ = doctor()
    assert without(found) == {}
    simulated = [asked for operation, asked in complete.told if operation == "SimulatePrincipalPolicy"]
    assert {one["PolicySourceArn"] for one in simulated} == {f"arn:aws:iam::123456789012:role{path}{name}"}


def test_what_may_not_be_asked_is_skipped(complete: Aws, doctor: Any) -> None:
    refusals = dict.fromkeys(("GetRole", "GetInstanceProfile", "SimulatePrincipalPolicy", "DescribeSubnets"), DENIED)
    complete.answers |= refusals | {
        "GetServiceQuota": "AccessDeniedException",
        "ListReleaseLabels": "AccessDeniedException",
    }
    found, out = doctor("--release-label", "emr-7.13.0")
    assert without(found) == dict.fromkeys(
        ("release", "service role", "instance profile", "permissions", "quotas", "subnet"), "skipped"
    )
    assert out.count("not allowed to ask: ") == 6


@pytest.mark.slow
def test_releases(complete: Aws, doctor: Any) -> None:
    found, out = doctor("--release-label", "emr-6.15.0")
    assert without(found) == {"release": "missing"} and "emr-6.15.0 has no python3.11" in out
    found, out = doctor("--release-label", "emr-7.99.0")
    assert without(found) == {"release": "missing"} and "there is no emr-7.99.0 in us-east-1" in out
    assert complete


@pytest.mark.slow
def test_quotas(complete: Aws, doctor: Any) -> None:
    complete.answers["GetServiceQuota"] = {"Quota": {"Value": 5.0}}
    found, out = doctor()
    assert without(found) == {"quotas": "missing"}
    assert "on-demand: 8 of 5 vCPUs\n  fix: ask for more in Service Quotas" in out
    found, out = doctor("--instance-type", "g4dn.xlarge")
    assert without(found) == {"quotas": "skipped"} and "g4dn.xlarge: of another quota" in out


@pytest.mark.slow
def test_subnets(complete: Aws, doctor: Any) -> None:
    ec2 = complete.client("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]
    ec2.delete_tags(Resources=[subnet["SubnetId"]], Tags=[TAG])
    for words in ((), ("--subnet", subnet["SubnetId"])):
        found, out = doctor(*words)
        assert without(found) == {"subnet": "missing"}
        assert f"fix: aws ec2 create-tags --resources {subnet['SubnetId']} {subnet['VpcId']} --tags" in out
    found, out = doctor("--subnet", "subnet-00000000")
    assert without(found) == {"subnet": "missing"} and "subnet-00000000" in out


@pytest.mark.slow
def test_a_bundle_that_cannot_be_made(doctor: Any) -> None:
    found, out = doctor()
    assert found["bundle"] == "missing" and "fix: give --wheels, a folder with the wheels" in out


@pytest.mark.slow
def test_a_request_that_emr_would_not_understand(doctor: Any, place: str, tmp_path: Any) -> None:
    fleets = [{"InstanceFleetType": "MASTER", "TargetOnDemandCapacity": "one", "InstanceTypeConfigs": []}]
    conf = {"runners": {"emr": {"cloud_tmp_dir": place, "instance_fleets": fleets}}}
    (tmp_path / "conf").write_text(json.dumps(conf))
    found, out = doctor("-c", str(tmp_path / "conf"))
    assert found["request"] == "missing" and "TargetOnDemandCapacity" in out
