"""One AWS for all tests here, and what each test has of its own on it."""

import uuid
from collections.abc import Iterator

import pytest

from tests.emr_lab.user import User
from tests.engines.emr.aws import Aws


@pytest.fixture(scope="session")
def account() -> Iterator[Aws]:
    account = Aws()
    yield account
    account.close()


@pytest.fixture
def aws(account: Aws) -> Iterator[Aws]:
    """The account, without clusters, and with nothing told of it by another test."""
    account.answers.clear()
    account.told.clear()
    yield account
    account.answers.clear()
    emr = account.client("emr")
    listed = emr.get_paginator("list_clusters").paginate(
        ClusterStates=["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"]
    )
    if alive := [one["Id"] for page in listed for one in page["Clusters"]]:
        emr.terminate_job_flows(JobFlowIds=alive)


@pytest.fixture
def user(aws: Aws) -> User:
    """A plain client's user, with a bucket."""
    bucket = f"bucket-{uuid.uuid4().hex}"
    aws.client("s3").create_bucket(Bucket=bucket)
    return User(aws, bucket)


@pytest.fixture
def place(user: User) -> str:
    """Where temporary files may lie."""
    return f"s3://{user.bucket}/tmp/"
