"""A folder of one's own for each test, and flows in it."""

from pathlib import Path

import pytest

from tests.flows.running import Here
from tests.storage.conftest import hdfs_url, make_place, s3_endpoint

__all__ = ["hdfs_url", "here", "make_place", "s3_endpoint"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    """A fresh folder, in which the test is."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return Here(tmp_path / "work")
