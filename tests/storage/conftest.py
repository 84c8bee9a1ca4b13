"""Places to store things: local, S3 by moto on loopback, HDFS by the Hadoop lab."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import lab
from tests.storage.places import HdfsPlace, LocalPlace, Place, S3Place


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """moto's S3, on a free port of the loopback."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def hdfs_url() -> str:
    return lab.environment()["FANIN_LAB_HDFS"]


@pytest.fixture
def make_place(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Place]:
    """A fresh place of a kind; this process can reach it, too."""

    def make(kind: str) -> Place:
        place: Place
        if kind == "local":
            place = LocalPlace(tmp_path / "place")
            (tmp_path / "place").mkdir()
        elif kind == "s3":
            place = S3Place(request.getfixturevalue("s3_endpoint"))
        else:
            place = HdfsPlace(request.getfixturevalue("hdfs_url"))
        for name, value in place.env.items():
            monkeypatch.setenv(name, value)
        return place

    return make


KINDS = ["local", "s3", pytest.param("hdfs", marks=pytest.mark.hadoop)]


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, make_place: Callable[[str], Place]) -> Place:
    return make_place(request.param)
