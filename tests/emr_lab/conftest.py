"""One EMR for all tests of a process, and what each test has of its own on it; tests of other folders import these."""

import uuid
from collections.abc import Iterator

import pytest

from tests.emr_lab.plane import Plane
from tests.emr_lab.running import Laptop
from tests.emr_lab.user import User


@pytest.fixture(scope="session")
def plane() -> Iterator[Plane]:
    """EMR whose master nodes have no Hadoop, for tests of states."""
    plane = Plane()
    yield plane
    plane.close()


@pytest.fixture(scope="session")
def plane_with_hadoop(plane: Plane) -> Plane:
    """The same, with the Hadoop lab."""
    plane.install_hadoop()
    return plane


@pytest.fixture
def bucket(plane: Plane) -> str:
    """A fresh bucket's name."""
    name = f"bucket-{uuid.uuid4().hex}"
    plane.client("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture
def user(plane: Plane, bucket: str) -> User:
    return User(plane, bucket)


@pytest.fixture(scope="session")
def shared(plane_with_hadoop: Plane) -> str:
    """A bucket for all, where bundles stay."""
    name = f"bucket-{uuid.uuid4().hex}"
    plane_with_hadoop.client("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="session")
def running(plane_with_hadoop: Plane, shared: str) -> str:
    """A cluster that is there for all."""
    return User(plane_with_hadoop, shared).start(keep_alive=True)


@pytest.fixture
def laptop(plane_with_hadoop: Plane, user: User, shared: str) -> Laptop:
    """Where `fanin ... -r emr` is typed."""
    return Laptop(plane_with_hadoop, user, shared)
