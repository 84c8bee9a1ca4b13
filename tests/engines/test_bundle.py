"""The bundle: complete for a node that has nothing but Python, the same bytes each time, and from wheels at hand."""

import os
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import pytest

from jobs.engines.bundle import WHEELS, Node, _download, bundle
from jobs.errors import FaninError, UsageError
from jobs.word_count import WordCount
from tests import command

pytestmark = pytest.mark.slow

HERE = Node(python=f"{sys.version_info.major}.{sys.version_info.minor}")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def bare_python() -> str:
    """This Python without our environment: the one that it was made from."""
    return str(Path(sys.base_prefix) / "bin" / f"python{HERE.python}")


def test_a_bare_python_runs_tasks_with_it(tmp_path: Path) -> None:
    assert command.call(bare_python(), "-c", "import duckdb").code == 1
    with tarfile.open(bundle(HERE)) as archive:
        archive.extractall(tmp_path / "node", filter="data")
    (tmp_path / "plan.json").write_text(WordCount(args=[]).plan().to_json())
    environment = {"PYTHONPATH": str(tmp_path / "node"), "PATH": os.environ["PATH"]}
    arguments = (bare_python(), "-m", "jobs.tasks", "map", str(tmp_path / "plan.json"))
    assert command.call(*arguments, input=b"b a\na\n", env=environment).ok().out in (b"a\t2\nb\t1\n", b"b\t1\na\t2\n")


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that no other test takes its bundle from."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.usefixtures("own_cache")
def test_it_is_made_once_and_the_same_again() -> None:
    first = bundle(HERE)
    made, data = first.stat().st_ino, first.read_bytes()
    assert bundle(HERE).stat().st_ino == made
    first.unlink()
    assert bundle(HERE).read_bytes() == data


@pytest.mark.usefixtures("own_cache")
def test_a_job_that_runs_sees_no_other_time_of_modification() -> None:
    first = bundle(HERE)
    modified = first.stat().st_mtime_ns
    assert bundle(HERE).stat().st_mtime_ns == modified
    first.unlink()  # as where two runs make it at once
    assert bundle(HERE).stat().st_mtime_ns == modified


@pytest.mark.usefixtures("own_cache")
def test_those_of_long_ago_go_and_one_in_use_stays() -> None:
    used = bundle(HERE)
    unused = used.with_name("bundle-0123456789abcdef.tar.gz")
    unused.write_bytes(b"")
    for file in (used, unused):
        os.utime(file, (0, file.stat().st_mtime))
    bundle(HERE)
    bundle(HERE, extra=["six"])
    assert used.exists() and not unused.exists()


def test_wheels_at_hand_serve_without_a_network(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    needs = [f"{name}=={version(name)}" for name in WHEELS]
    _download(needs, Node("3.12", "aarch64"), None, wheels)
    found = bundle(Node("3.12", "aarch64"), wheels)
    with tarfile.open(found) as archive:
        binaries = [archive.extractfile(member) for member in archive if member.name.endswith(".so")]
        machines = {int.from_bytes(binary.read(20)[18:20], "little") for binary in binaries if binary}
    assert machines == {183}, "ELF's number of aarch64"
    with pytest.raises(FaninError, match=r"nodes of Python 3\.12, x86_64: duckdb==.* cannot be had from .*wheels"):
        bundle(Node("3.12", "x86_64"), wheels)


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(UsageError, match="nodes of sparc"):
        Node(arch="sparc")
