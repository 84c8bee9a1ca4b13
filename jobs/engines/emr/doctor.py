"""What an AWS account, its user and this machine lack to run jobs on EMR, and the fix for each. No cluster is started.

All is asked of a profile such as `fanin run -r emr` makes, so that both find the same.
"""

import argparse
import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jobs.engines.bundle import DRIVER_WHEELS, ROW_WHEELS, bundle
from jobs.engines.checks import Checks, Missing, Skipped
from jobs.engines.emr import options
from jobs.engines.emr.control import Control, Refusal, Service
from jobs.engines.emr.profile import MANAGED, SERVICE_ROLE, Profile, storage
from jobs.storage.base import join

POLICY = "docs/emr.md has a policy with all of it"
ACTIONS = (
    "elasticmapreduce:AddJobFlowSteps", "elasticmapreduce:AddTags", "elasticmapreduce:CancelSteps",
    "elasticmapreduce:CreateSecurityConfiguration", "elasticmapreduce:DescribeCluster", "elasticmapreduce:DescribeStep",
    "elasticmapreduce:ListClusters", "elasticmapreduce:ListInstanceFleets", "elasticmapreduce:ListInstanceGroups",
    "elasticmapreduce:ListInstances", "elasticmapreduce:ListReleaseLabels", "elasticmapreduce:ListSteps",
    "elasticmapreduce:RunJobFlow", "elasticmapreduce:TerminateJobFlows",
)  # fmt: skip
"""What fanin asks of EMR."""
QUOTAS = {"on-demand": "L-1216C47A", "spot": "L-34B43A08"}
"""Of vCPUs of running instances of the standard families, by market."""
STANDARD = re.compile(r"(a|c|d|h|i|im|is|m|r|t|z)\d")
LEAST = 7  # the first release with our Python

check = Checks()


class Asked:
    """What the command line asks for.  roles: found on the way, their ARNs, and the service that takes each on."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self._asked = asked
        self.roles: dict[str, str] = {}

    @cached_property
    def region(self) -> str:
        return Control(options.region(self._asked)).region

    @cached_property
    def profile(self) -> Profile:
        return options.profile(self._asked)

    @cached_property
    def request(self) -> dict[str, Any]:
        """What RunJobFlow would be asked."""
        return self.profile.request(self.profile.tag, [], alive=True)

    @cached_property
    def caller(self) -> str:
        """The user's ARN."""
        return str(self.service("sts").call("get_caller_identity")["Arn"])

    def service(self, name: str) -> Service:
        return Service(name, self.region)


def examine(words: Sequence[str]) -> bool:
    """Prints a line for each check; whether all is there.  words: options, as fanin emr up takes them."""
    parser = argparse.ArgumentParser(prog="fanin doctor -r emr")
    options.add_launch_options(parser)
    asked = Asked(parser.parse_args(words))
    try:
        return check.run(asked)
    finally:
        if "profile" in vars(asked):
            asked.profile.cleanup()


@contextmanager
def _if_allowed() -> Iterator[None]:
    """For what only informs: Skipped if the user is not allowed to ask."""
    try:
        yield
    except Refusal as error:
        if error.denied:
            raise Skipped(f"not allowed to ask: {error}") from error
        raise


@check("boto3", "pip install 'fanin[s3]'")
def _boto3(_asked: Asked) -> str:
    import boto3  # noqa: F401

    return version("boto3")


@check("region", "give --region, or set AWS_DEFAULT_REGION", "boto3")
def _region(asked: Asked) -> str:
    return asked.region


@check("credentials", "set AWS_PROFILE, or log in (aws sso login)", "region")
def _credentials(asked: Asked) -> str:
    return asked.caller


@check("options", "correct them here, or in mrjob.conf", "region")
def _options(asked: Asked) -> str:
    return f"{', '.join(asked.profile.kinds())}; {asked.profile.place}"


@check(
    "release", "give --release-label, one of those that aws emr list-release-labels prints", "credentials", "options"
)
def _release(asked: Asked) -> str:
    label = str(asked.request["ReleaseLabel"])
    if int((re.search(r"\d+", label) or "0")[0]) < LEAST:
        raise Missing(f"{label} has no python3.11", f"give --release-label, emr-{LEAST} or newer")
    with _if_allowed():
        known = asked.profile.control.call("list_release_labels", Filters={"Prefix": label})["ReleaseLabels"]
    if label not in known:
        raise Missing(f"there is no {label} in {asked.region}")
    return label


@check("service role", "as docs/emr.md says, or aws emr create-default-roles and --iam-service-role EMR_DefaultRole",
       "credentials", "options")  # fmt: skip
def _service_role(asked: Asked) -> str:
    name = asked.request["ServiceRole"]
    with _if_allowed():
        role = asked.service("iam").call("get_role", RoleName=name.rpartition("/")[2])["Role"]
    return _trusted(asked, role, "elasticmapreduce")


@check("instance profile", "as docs/emr.md says, or aws emr create-default-roles", "credentials", "options")
def _instance_profile(asked: Asked) -> str:
    name = asked.request["JobFlowRole"]
    with _if_allowed():
        found = asked.service("iam").call("get_instance_profile", InstanceProfileName=name.rpartition("/")[2])
    roles = found["InstanceProfile"]["Roles"]
    if not roles:
        raise Missing(
            f"{name} holds no role", f"aws iam add-role-to-instance-profile --instance-profile-name {name} ..."
        )
    return _trusted(asked, roles[0], "ec2")


def _trusted(asked: Asked, role: Mapping[str, Any], service: str) -> str:
    """The role's ARN; Missing if the service may not take it on."""
    trust = json.dumps(role["AssumeRolePolicyDocument"])
    if f'"{service}.' not in trust:
        raise Missing(f"{role['Arn']} does not trust {service}.amazonaws.com", "correct its trust policy")
    asked.roles[str(role["Arn"])] = f"{service}.amazonaws.com"
    return str(role["Arn"])


@check("permissions", POLICY, "credentials", "service role", "instance profile")
def _permissions(asked: Asked) -> str:
    if asked.caller.endswith(":root"):
        return "all, as the account's root user"
    iam, denied = asked.service("iam"), []
    with _if_allowed():
        source = asked.caller
        if role := re.search(r":assumed-role/([^/]+)/", source):  # whose path it does not tell
            source = iam.call("get_role", RoleName=role[1])["Role"]["Arn"]
        asks: list[dict[str, Any]] = [{"ActionNames": ACTIONS, "ContextEntries": [_entry(f"aws:{kind}Tag/{key}", value)
                     for kind in ("Request", "Resource") for key, value in {**MANAGED, "fanin": "x"}.items()]}]  # fmt: skip
        asks += [{"ActionNames": ["iam:PassRole"], "ResourceArns": [arn],
                  "ContextEntries": [_entry("iam:PassedToService", service)]} for arn, service in asked.roles.items()]  # fmt: skip
        for ask in asks:
            told = iam.call("simulate_principal_policy", PolicySourceArn=source, **ask)["EvaluationResults"]
            denied += [f"{one['EvalActionName']} {one.get('EvalResourceName', '*')}".removesuffix(" *")
                       for one in told if one["EvalDecision"] != "allowed"]  # fmt: skip
    if denied:
        raise Missing(f"{source} may not {', '.join(denied)}")
    return f"{len(ACTIONS)} of EMR, and passing the roles"


def _entry(key: str, value: str) -> dict[str, Any]:
    return {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}


@check("place for temporary files", "give --cloud-tmp-dir s3://bucket/path/, on a bucket of yours in the region; " + POLICY,
       "credentials", "options")  # fmt: skip
def _place(asked: Asked) -> str:
    asked.profile.check_place()
    path, data = join(asked.profile.place, f"doctor-{uuid.uuid4().hex}"), b"fanin"
    place = storage(path)
    place.put(path, data)
    try:
        if place.read(path, len(data)) != data:
            raise Missing(f"{path}: reads otherwise than it was written")
    finally:
        place.remove([path])
    if place.stat(path):
        raise Missing(f"{path}: cannot be removed")
    return f"{asked.profile.place} can be written, read and removed"


@check("quotas", "ask for more in Service Quotas, or for fewer or smaller instances", "credentials", "options")
def _quotas(asked: Asked) -> str:
    wanted = _vcpus(asked)
    lines, short = [], False
    for market, code in QUOTAS.items():
        if need := wanted[market]:
            with _if_allowed():
                told = asked.service("service-quotas").call("get_service_quota", ServiceCode="ec2", QuotaCode=code)
            has = int(told["Quota"]["Value"])
            lines.append(f"{market}: {need} of {has} vCPUs")
            short |= need > has
    if short:
        raise Missing("; ".join(lines))
    return "; ".join(lines)


def _vcpus(asked: Asked) -> dict[str, int]:
    """How many vCPUs a cluster takes at most, by market."""
    kinds = asked.profile.kinds()
    if others := [kind for kind in kinds if not STANDARD.match(kind)]:
        raise Skipped(f"{', '.join(others)}: of another quota than the standard families'; see Service Quotas")
    with _if_allowed():
        told = asked.service("ec2").call("describe_instance_types", InstanceTypes=kinds)["InstanceTypes"]
    sizes = {one["InstanceType"]: int(one["VCpuInfo"]["DefaultVCpus"]) for one in told}
    wanted = dict.fromkeys(QUOTAS, 0)
    instances = asked.request["Instances"]
    for fleet in instances.get("InstanceFleets", ()):
        size = max(sizes[one["InstanceType"]] for one in fleet["InstanceTypeConfigs"])
        wanted["on-demand"] += size * fleet.get("TargetOnDemandCapacity", 0)
        wanted["spot"] += size * fleet.get("TargetSpotCapacity", 0)
    for group in instances.get("InstanceGroups", ()):
        market = "spot" if group.get("Market") == "SPOT" else "on-demand"
        wanted[market] += sizes[group["InstanceType"]] * group["InstanceCount"]
    if limits := asked.request.get("ManagedScalingPolicy", {}).get("ComputeLimits"):
        wanted["spot"] = max(sizes.values()) * (
            limits["MaximumCapacityUnits"] - limits["MaximumOnDemandCapacityUnits"]
        )
    return wanted


@check("subnet", "name one by --subnet; docs/emr.md tells which tags it needs", "credentials", "options")
def _subnet(asked: Asked) -> str:
    instances = asked.request["Instances"]
    named = instances.get("Ec2SubnetIds") or [one for one in (instances.get("Ec2SubnetId"),) if one]
    which: dict[str, Any] = (
        {"SubnetIds": named} if named else {"Filters": [{"Name": "default-for-az", "Values": ["true"]}]}
    )
    with _if_allowed():
        found = asked.service("ec2").call("describe_subnets", **which)["Subnets"]
    if not found:
        raise Missing(f"none is named, and {asked.region} has no default ones")
    (key, value), ids = next(iter(MANAGED.items())), [one["SubnetId"] for one in found]
    untagged = [one["SubnetId"] for one in found if {"Key": key, "Value": value} not in one.get("Tags", ())]
    if untagged and asked.request["ServiceRole"].rpartition("/")[2] == SERVICE_ROLE:
        raise Missing(
            f"{', '.join(untagged)}: {SERVICE_ROLE} may start instances only where there is a tag {key}",
            f"aws ec2 create-tags --resources {' '.join([*untagged, found[0]['VpcId']])} --tags Key={key},Value={value}",
        )
    return ", ".join(ids)


@check("bundle", "give --wheels, a folder with the wheels of all that nodes import", "options")
def _bundle(asked: Asked) -> str:
    wheels = asked.profile.options["wheels"]
    node = asked.profile.node(asked.profile.kinds())
    for extra in (ROW_WHEELS + DRIVER_WHEELS, ROW_WHEELS):
        file = bundle(node, Path(wheels) if wheels else None, extra)
    return f"{file.parent}, for Python {node.python} on {node.arch}"


@check("request", "correct the options that it names", "options")
def _request(asked: Asked) -> str:
    from botocore.session import get_session
    from botocore.validate import ParamValidator

    model = get_session().get_service_model("emr").operation_model("RunJobFlow")
    report = ParamValidator().validate(asked.request, model.input_shape)
    if report.has_errors():
        raise Missing(report.generate_report())
    return "is as EMR's model wants it"
