"""docs/emr-policy.json: what fanin asks of AWS, no less and no more, and moto, which enforces it, lets its user do all of it.

moto knows the actions of all services, but resources of S3 alone, and no conditions: those are dropped before it is asked, and
must be such as AWS's own policy for users of EMR has them.
"""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.session import get_session
from moto import settings
from moto.core.authorization import ActionAuthenticatorMixin

from jobs.engines.emr.doctor import ACTIONS
from tests.emr_lab.plane import REGION, Keys
from tests.emr_lab.user import User
from tests.engines.emr.aws import Aws

ROOT = Path(__file__).parents[3]
EMR = {"emr": "elasticmapreduce", "ec2": "ec2", "pricing": "pricing", "iam": "iam", "service-quotas": "servicequotas"}
"""boto3's name of a service, and IAM's."""
OF_S3 = {
    "head_bucket": "ListBucket", "list_objects_v2": "ListBucket", "list_multipart_uploads": "ListBucketMultipartUploads",
    "head_object": "GetObject", "get_object": "GetObject", "delete_objects": "DeleteObject",
    "abort_multipart_upload": "AbortMultipartUpload",
    **dict.fromkeys(("put_object", "create_multipart_upload", "upload_part", "complete_multipart_upload"), "PutObject"),
}  # fmt: skip
"""What IAM calls the requests of S3."""
BESIDE = {"elasticmapreduce:AddTags", "iam:PassRole", "iam:CreateServiceLinkedRole"}
"""What AWS checks when a cluster is started with tags and roles, and the first one of an account."""


def policy() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "docs" / "emr-policy.json").read_text())
    return found


def actions(statement: dict[str, Any]) -> list[str]:
    found = statement["Action"]
    return [found] if isinstance(found, str) else found


def words(*files: Path) -> set[str]:
    """All texts in the code of these files."""
    trees = [ast.walk(ast.parse(file.read_text())) for file in files]
    return {
        one.value for tree in trees for one in tree if isinstance(one, ast.Constant) and isinstance(one.value, str)
    }


def asked() -> Iterator[str]:
    """The actions whose requests the code names."""
    texts = words(*(ROOT / "jobs" / "engines" / "emr").glob("*.py"))
    for service, name in EMR.items():
        for operation in get_session().get_service_model(service).operation_names:
            if xform_name(operation) in texts:
                yield f"{name}:{operation}"
    known = {xform_name(operation) for operation in get_session().get_service_model("s3").operation_names}
    for text in words(ROOT / "jobs" / "storage" / "s3.py") & known:
        yield f"s3:{OF_S3[text]}"


def test_it_lists_what_is_asked_and_nothing_else() -> None:
    listed = [action for statement in policy()["Statement"] for action in actions(statement)]
    assert len(listed) == len(set(listed)) + 1  # two roles are passed
    assert set(listed) == set(asked()) | BESIDE


def test_the_doctor_asks_for_the_same_of_emr() -> None:
    listed = [action for statement in policy()["Statement"] for action in actions(statement)]
    assert set(ACTIONS) == {action for action in listed if action.startswith("elasticmapreduce:")}


def test_roles_are_passed_as_aws_own_policy_passes_them() -> None:
    found = {one["Resource"]: one["Condition"] for one in policy()["Statement"] if one["Action"] == "iam:PassRole"}
    assert found == {
        "arn:aws:iam::*:role/EMR_DefaultRole_V2": {
            "StringLike": {"iam:PassedToService": "elasticmapreduce.amazonaws.com*"}
        },
        "arn:aws:iam::*:role/EMR_EC2_DefaultRole": {"StringLike": {"iam:PassedToService": "ec2.amazonaws.com*"}},
    }


def test_it_is_shown_whole() -> None:
    assert "emr-policy.json" in (ROOT / "docs" / "emr.md").read_text()
    for name in ("emr-policy.json", "emr-nodes-policy.json"):
        text = (ROOT / "docs" / name).read_text()
        assert len(json.dumps(json.loads(text), separators=(",", ":"))) < 6144  # what IAM takes of a managed policy


def enforced(bucket: str, without: str = "") -> str:
    """The policy as moto can enforce it, for this bucket, but for one action."""
    statements = []
    for one in policy()["Statement"]:
        kept = [action for action in actions(one) if action != without]
        kept += ["s3:HeadBucket"] * ("s3:ListBucket" in kept)  # what moto calls it; to AWS it is ListBucket
        resource = one["Resource"].replace("BUCKET", bucket) if kept and kept[0].startswith("s3:") else "*"
        if kept:
            statements.append({"Effect": one["Effect"], "Action": kept, "Resource": resource})
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


class Person:
    """A user of IAM, with a policy."""

    def __init__(self, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
        self._aws, self._monkeypatch, self._iam = aws, monkeypatch, aws.client("iam")
        self._name = "person"
        self._iam.create_user(UserName=self._name)
        key = self._iam.create_access_key(UserName=self._name)["AccessKey"]
        self.keys = Keys(key["AccessKeyId"], key["SecretAccessKey"])

    def may(self, policy: str) -> None:
        """From here on nobody does anything else than what policies allow."""
        self._monkeypatch.setattr(settings, "INITIAL_NO_AUTH_ACTION_COUNT", float("inf"))
        self._iam.put_user_policy(UserName=self._name, PolicyName="policy", PolicyDocument=policy)
        self._monkeypatch.setattr(settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0)
        self._monkeypatch.setattr(ActionAuthenticatorMixin, "request_count", 1)

    def gone(self) -> None:
        self._monkeypatch.undo()
        for key in self._iam.list_access_keys(UserName=self._name)["AccessKeyMetadata"]:
            self._iam.delete_access_key(UserName=self._name, AccessKeyId=key["AccessKeyId"])
        self._iam.delete_user_policy(UserName=self._name, PolicyName="policy")
        self._iam.delete_user(UserName=self._name)

    def run(self, *words: str, code: int = 0) -> str:
        keys = {"AWS_ACCESS_KEY_ID": self.keys.access, "AWS_SECRET_ACCESS_KEY": self.keys.secret}
        done = self._aws.run(*words, code=code, **keys)
        return done.out.decode() + done.err


@pytest.fixture
def person(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    person = Person(aws, monkeypatch)
    yield person
    person.gone()


def test_its_user_looks_after_clusters(aws: Aws, user: User, place: str, person: Person) -> None:
    person.may(enforced(user.bucket))
    cluster = re.findall("^j-.*", person.run("emr", "up", "--cloud-tmp-dir", place), re.MULTILINE)[0]
    assert cluster in person.run("emr", "status")
    person.run("emr", "steps", "--cluster", cluster)
    person.run("emr", "logs", "--cluster", cluster)
    assert "is ended" in person.run("emr", "down", "--cluster", cluster)
    assert aws


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("elasticmapreduce:RunJobFlow", ["up", "--cloud-tmp-dir", "PLACE"]),
        ("elasticmapreduce:CreateSecurityConfiguration", ["up", "--cloud-tmp-dir", "PLACE"]),
        ("elasticmapreduce:ListClusters", ["status"]),
        ("elasticmapreduce:DescribeCluster", ["status"]),
        ("elasticmapreduce:ListInstances", ["status"]),
        ("elasticmapreduce:TerminateJobFlows", ["down", "--all"]),
        ("elasticmapreduce:ListSteps", ["steps", "--cluster", "CLUSTER"]),
        ("elasticmapreduce:DescribeStep", ["logs", "--cluster", "CLUSTER", "--step", "s-1"]),
        ("s3:ListBucket", ["logs", "--cluster", "CLUSTER"]),
    ],
)
def test_without_one_of_its_actions_that_is_refused(
    user: User, place: str, person: Person, action: str, words: list[str]
) -> None:
    cluster = user.start(keep_alive=True, Tags=[{"Key": "fanin", "Value": "x"}])
    user.wait(cluster, "WAITING")
    person.may(enforced(user.bucket, without=action))
    said = person.run("emr", *(word.replace("PLACE", place).replace("CLUSTER", cluster) for word in words), code=1)
    assert f"to perform: {action}<" in said or (action.startswith("s3:") and "S3 refuses list_objects_v2: " in said)


def test_its_user_runs_jobs_and_on_no_other_bucket(
    aws: Aws, user: User, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import ClientError

    from jobs.storage import s3

    other = f"{user.bucket}-other"
    user.s3.create_bucket(Bucket=other)
    person.may(enforced(user.bucket))
    client = boto3.client("s3", REGION, endpoint_url=aws.url, aws_access_key_id=person.keys.access,
                          aws_secret_access_key=person.keys.secret)  # fmt: skip
    monkeypatch.setattr(s3, "_client", lambda: client)
    url = f"s3://{user.bucket}/tmp/x"
    place = s3.S3(url)
    place.put(url, b"data")
    writer = place.create(f"{url}-large")
    writer.write(bytes(s3.CHUNK + 1))
    writer.close()
    assert place.read(url, 4) == b"data" and place.stat(url) and len(place.list(f"s3://{user.bucket}/tmp")) == 2
    attempt = place.begin(f"s3://{user.bucket}/out", overwrite=False)
    attempt.create("part-00000")[1].close()
    attempt.abandon()
    place.erase(f"s3://{user.bucket}/tmp")
    for operation in (client.put_object, client.get_object, client.delete_object):
        with pytest.raises(ClientError, match="Denied|Forbidden"):
            operation(Bucket=other, Key="x")


@pytest.mark.slow  # wheels are fetched
def test_its_user_runs_a_job(user: User, person: Person, tmp_path: Path) -> None:
    """As far as a master node without Hadoop gets: all that the laptop asks for is allowed, and the step's end is told."""
    cluster = user.start(keep_alive=True, Tags=[{"Key": "fanin", "Value": "x"}])
    user.wait(cluster, "WAITING")
    (tmp_path / "in").write_text("a b\n")
    person.may(enforced(user.bucket))
    said = person.run("run", "word_count", str(tmp_path / "in"), "-o", f"s3://{user.bucket}/out", "-r", "emr",
                      "--cluster", cluster, "--check-cluster-every", "1", code=1)  # fmt: skip
    assert "refuses" not in said and "failed: " in said and cluster in said
