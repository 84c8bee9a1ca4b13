"""fanin bucket and the partitioned join through the real streaming jar; and on YARN, with a mapper killed."""

import json
import sys
from pathlib import Path

import pytest

from tests import command
from tests.engines.hadoop.conftest import Yarn, kill, lab_environment, yarn
from tests.joins import oracle
from tests.joins.cases import CASES
from tests.joins.engines import in_buckets
from tests.joins.oracle import HOWS
from tests.joins.test_conformance import folder
from tests.joins.test_on_hadoop import AGES, ONE_PROCESS, USERS, events
from tests.joins_tools.rows import ODD, write
from tests.waiting import until

__all__ = ["lab_environment", "yarn"]  # fixtures

pytestmark = pytest.mark.hadoop

PARTS = 3
MATRIX = [
    *(("everything", how) for how in HOWS),
    *((name, "full") for name in ("escaped keys", "nothing but null keys", "left empty", "self join on the same", "times")),
    ("select", "right"), ("where of both", "left"), ("keys alone", "semi"), ("both empty", "full"),
]  # fmt: skip


def one_process(folder: Path) -> list[str]:
    return [word for one in (*ONE_PROCESS, f"hadoop.tmp.dir={folder}") for word in ("-D", one)]


@pytest.mark.parametrize(("name", "how"), MATRIX)
def test_the_same_records_in_the_same_parts(name: str, how: str, yarn: Yarn, tmp_path: Path) -> None:
    case = CASES[name]
    left = folder(tmp_path / "left", case.left)
    right = left if case.right is None else folder(tmp_path / "right", case.right)
    arguments = in_buckets([*case.options, "--how", how, "--order"], str(left), str(right), PARTS, yarn.root)
    command.run(
        "join", *arguments, "-o", f"{yarn.root}/out", "-r", "hadoop", *one_process(tmp_path), env=yarn.env
    ).ok()
    oracle.same(parts(yarn, "out"), case.parts(how, PARTS))
    command.run("join", *arguments, "-o", f"{yarn.root}/here", env=yarn.env).ok()
    hadoops, ours = (manifest(yarn, out) for out in ("out", "here"))
    for said in ("job", "plan", "signature", "files", "columns", "encoding", "order", "partitioner"):
        assert hadoops[said] == ours[said], said
    assert hadoops["counters"].get("lines", 0) == ours["counters"].get("lines", 0)


def parts(yarn: Yarn, out: str) -> list[bytes]:
    names = (name for name in yarn.place.names(f"{yarn.root}/{out}") if name.startswith("part-"))
    return [yarn.place.read(f"{yarn.root}/{out}/{name}") for name in names]


def manifest(yarn: Yarn, out: str) -> dict[str, dict[str, int]]:
    return dict(json.loads(yarn.place.read(f"{yarn.root}/{out}/_MANIFEST.json")))


@pytest.mark.parametrize("keys", ["a", "a,b", "c,b,a"])
def test_buckets_are_those_of_the_local_engine(keys: str, yarn: Yarn, tmp_path: Path) -> None:
    found = [(key, other, "x") for key in ODD for other in ("", None, key, "y", "y")]
    path = write(tmp_path / "in.tsv", ["a", "b", "c"], found)
    arguments = ["bucket", str(path), "--on", keys, "--buckets", "3", "--where", "b <> 'z' OR b IS NULL"]
    command.run(*arguments, "-o", f"{yarn.root}/out", "-r", "hadoop", *one_process(tmp_path), env=yarn.env).ok()
    command.run(*arguments, "-o", f"{yarn.root}/here", env=yarn.env).ok()
    assert parts(yarn, "out") == parts(yarn, "here")
    hadoops, ours = (manifest(yarn, out) for out in ("out", "here"))
    for said in ("job", "plan", "signature", "files", "columns", "encoding", "order", "partitioner", "inputs"):
        assert hadoops[said] == ours[said], said
    assert hadoops["counters"] == {"read": ours["counters"]["read"], "lines": 101, "records": 100}


def test_no_input_makes_empty_buckets(yarn: Yarn, tmp_path: Path) -> None:
    (tmp_path / "in.tsv").write_bytes(b"")
    arguments = ["bucket", str(tmp_path / "in.tsv"), "--on", "a", "--buckets", "2", "--columns", "a, b"]
    command.run(*arguments, "-o", f"{yarn.root}/out", "-r", "hadoop", env=yarn.env).ok()
    assert parts(yarn, "out") == [b"", b""]


@pytest.mark.parametrize("name", ["Ages", "Top"])
def test_joined_and_aggregated_in_one_job(name: str, yarn: Yarn, tmp_path: Path) -> None:
    rows = [b"u%d\t/%d\n" % (n % 7 * n % 40, n % 5) for n in range(3000)]
    left = folder(tmp_path / "left", {"1": b"id\turl\n" + b"".join(rows)})
    right = folder(tmp_path / "right", {"1": USERS})
    (tmp_path / "ages.py").write_text(AGES)
    *_, one, other, option, strategy = in_buckets(["--on", "id"], str(left), str(right), 4, yarn.root)
    job = [f"{tmp_path}/ages.py:{name}", one, other, option, strategy, "--parts", "2"]
    two = [
        "-D",
        "mapreduce.input.lineinputformat.linespermap=2",
    ]  # a task joins one bucket, whatever a site's settings say
    yarn.run(*job, "-o", f"{yarn.root}/out", *one_process(tmp_path), *two).ok()
    yarn.here(*job, "-o", f"{yarn.root}/here")
    assert parts(yarn, "out") == parts(yarn, "here")
    assert len(parts(yarn, "out")) == (1 if name == "Top" else 2)


def test_a_bucket_that_has_gone_is_told_by_its_task(yarn: Yarn, tmp_path: Path) -> None:
    """As it would be if another run replaced it while the job waits: the driver has seen it there."""
    left, right = (folder(tmp_path / side, CASES["plain"].left) for side in ("left", "right"))
    arguments = in_buckets(["--on", "id"], str(left), str(right), 2, yarn.root)
    gone = f"{arguments[-4]}/part-00001"
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nhadoop fs -rm -f -skipTrash '{gone}' >&2\nexec '{sys.executable}' \"$@\"\n")
    python.chmod(0o755)
    settings = [*one_process(tmp_path), "--python-bin", str(python)]
    done = command.run("join", *arguments, "-o", f"{yarn.root}/out", "-r", "hadoop", *settings, env=yarn.env)
    assert done.code == 1
    assert "part-00001" in done.err
    assert "cannot be read by this node's Hadoop" in done.err
    assert "out" not in yarn.place.names(yarn.root)


@pytest.mark.slow
def test_a_mapper_killed_and_speculation_change_nothing(yarn: Yarn) -> None:
    inputs = dict(zip(("left", "right"), events(yarn), strict=True))
    for name, path in inputs.items():
        options = ["--on", "id", "--buckets", "2", "-o", f"{yarn.root}/{name}"]
        command.run("bucket", path, *options, *(["-r", "hadoop"] if name == "left" else []), env=yarn.env).ok()
    arguments = ["join", f"{yarn.root}/left", f"{yarn.root}/right", "--on", "id", "--how", "left"]
    hadoop = [
        "-r",
        "hadoop",
        "--strategy",
        "partitioned",
        "--order",
        "-D",
        "mapreduce.map.speculative=true",
        *yarn.name(),
    ]
    process = yarn.start_command(*arguments, *hadoop, "-o", f"{yarn.root}/out")
    kill(until("a mapper", lambda: yarn.tasks("partitioned", "joins.tasks"), 150)[0])
    _, told = process.communicate(timeout=250)
    assert process.returncode == 0, told.decode()
    yarn.fanin(*arguments, "-o", f"{yarn.root}/here", "--parts", "2")
    assert parts(yarn, "out") == parts(yarn, "here")
