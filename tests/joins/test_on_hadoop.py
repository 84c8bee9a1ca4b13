"""Joins through the real streaming jar: the same records, whatever the strategy; and on YARN: spread, retried, aggregated."""

import re
from collections import Counter
from collections.abc import Callable
from getpass import getuser
from pathlib import Path

import pytest

from tests import command
from tests.engines.hadoop.conftest import Yarn, kill, lab_environment, yarn
from tests.joins import oracle
from tests.joins.cases import CASES
from tests.joins.oracle import HOWS, Case
from tests.waiting import until

__all__ = ["lab_environment", "yarn"]  # fixtures

pytestmark = pytest.mark.hadoop

PARTS = 3
ODD = ["escaped keys", "bytes below tab in two keys", "csv", "self join on the same", "select", "where of both", "left where",
    "nothing but null keys", "keys alone", "left empty", "times", "by number", "both wheres by alias", "nothing of the left"]  # fmt: skip
SHIPPABLE = ("inner", "left", "right", "semi", "anti")
# What a type of join does is the same code without Hadoop (tests/joins_merge), but for which side is shipped, or salted.
MATRIX = [
    *(("sort_merge", "everything", how) for how in ("full", "right", "anti")),
    *(("salted", "everything", how) for how in HOWS),
    *(("broadcast", "everything", how) for how in SHIPPABLE),
    *(("sort_merge", name, "full") for name in ODD),
    *(("salted", name, "full") for name in ("escaped keys", "where of both", "nothing but null keys")),
    *(
        ("broadcast", name, "left")
        for name in ("bytes below tab in two keys", "where of both", "nothing of the right")
    ),
]
ONE_PROCESS = ["mapreduce.framework.name=local", "mapreduce.job.maps=3"]


@pytest.mark.parametrize(("strategy", "name", "how"), MATRIX)
def test_every_strategy_gives_the_same_records(
    strategy: str, name: str, how: str, yarn: Yarn, tmp_path: Path
) -> None:
    case = CASES[name]
    settings = [*ONE_PROCESS, f"hadoop.tmp.dir={tmp_path}"]
    found = joined(yarn, case, "--how", how, "--strategy", strategy, *(w for one in settings for w in ("-D", one)))
    expected = case.parts(how, PARTS)
    if strategy == "sort_merge":
        oracle.alike(found, expected)
    else:
        assert lines_of(found) == Counter(line for part in expected for _, line in part)


def joined(yarn: Yarn, case: Case, *options: str) -> list[bytes]:
    """The part files of a case, from HDFS to HDFS."""
    left = folder(yarn, "left", case.left)
    right = left if case.right is None else folder(yarn, "right", case.right)
    out = f"{yarn.root}/out"
    whole = ["join", left, right, *case.options, "-r", "hadoop", "-o", out, "--parts", str(PARTS), *options]
    command.run(*whole, env=yarn.env).ok()
    return [yarn.place.read(f"{out}/{name}") for name in yarn.place.names(out) if name.startswith("part-")]


def folder(yarn: Yarn, name: str, files: oracle.Files) -> str:
    for file, data in files.items():
        yarn.place.write(f"{yarn.root}/{name}/{file}", data)
    return f"{yarn.root}/{name}"


def lines_of(parts: list[bytes]) -> Counter[bytes]:
    return Counter(line for part in parts for line in part.splitlines(keepends=True))


EVENTS = 600_000
USERS = b"id\tage\n" + b"".join(b"u%d\t%d\n" % (n, n % 90) for n in range(3000))


def events(yarn: Yarn, count: int = EVENTS) -> tuple[str, str]:
    """Events of which every other one is of one user, in two files, and users."""
    rows = [b"id\turl\n", *(b"u%d\t/%d\n" % (7 if n % 2 else n % 4000, n % 50) for n in range(count))]
    yarn.place.write(f"{yarn.root}/events/1", b"".join(rows[: count // 2]))
    yarn.place.write(f"{yarn.root}/events/2", b"".join([rows[0], *rows[count // 2 :]]))
    yarn.place.write(f"{yarn.root}/users.tsv", USERS)
    return f"{yarn.root}/events", f"{yarn.root}/users.tsv"


def inputs_of_reducers(yarn: Yarn) -> list[int]:
    """How many records each reducer got, as the job's history tells."""
    place = f"{yarn.place.url}/tmp/hadoop-yarn/staging/history/done_intermediate/{getuser()}"

    def history() -> list[str]:
        return [name for name in yarn.place.names(place) if yarn.mark in name and name.endswith(".jhist")]

    (file,) = until("the job's history", history)
    told = yarn.place.read(f"{place}/{file}").splitlines()
    found = [
        re.search(rb'"REDUCE_INPUT_RECORDS"[^}]*"value":(\d+)', line)
        for line in told
        if b"REDUCE_ATTEMPT_FINISHED" in line
    ]
    return [int(match[1]) for match in found if match]


def expected_left(count: int = EVENTS) -> Counter[bytes]:
    ages = {b"u%d" % n: b"%d" % (n % 90) for n in range(3000)}
    ids = ((b"u%d" % (7 if n % 2 else n % 4000), b"/%d" % (n % 50)) for n in range(count))
    return Counter(b"%s\t%s\t%s\n" % (user, url, ages.get(user, b"\\N")) for user, url in ids)


@pytest.mark.slow
def test_a_hot_key_is_spread_by_salting_and_piled_without(yarn: Yarn) -> None:
    left, right = events(yarn, 100_000)
    spread = {}
    for strategy in ("sort_merge", "salted"):
        options = [
            "--on",
            "id",
            "--how",
            "left",
            "-r",
            "hadoop",
            "--parts",
            "4",
            "--strategy",
            strategy,
            "--overwrite",
        ]
        name = ["-D", f"mapreduce.job.name={yarn.mark}{strategy}"]
        command.run("join", left, right, *options, "-o", f"{yarn.root}/out", *name, env=yarn.env).ok()
        parts = [yarn.place.read(f"{yarn.root}/out/part-{n:05d}") for n in range(4)]
        assert lines_of(parts) == expected_left(100_000)
        mark, yarn_of = f"{yarn.mark}{strategy}", inputs_of_reducers
        counts = yarn_of(_Marked(yarn, mark))
        assert len(counts) == 4
        spread[strategy] = 4 * max(counts) / sum(counts)
    assert spread["sort_merge"] > 2
    assert spread["salted"] <= 1.2


class _Marked(Yarn):
    """The same cluster, asked for the job of another name."""

    def __init__(self, yarn: Yarn, mark: str) -> None:
        self.env, self.place, self.root, self._mark = yarn.env, yarn.place, yarn.root, mark

    @property
    def mark(self) -> str:
        return self._mark


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["salted", "broadcast"])
def test_a_mapper_killed_and_speculation_change_nothing(yarn: Yarn, strategy: str) -> None:
    left, right = events(yarn)
    options = ["--on", "id", "--how", "left", "--strategy", strategy, "--parts", "2", *yarn.name()]
    speculative = [word for kind in ("map", "reduce") for word in ("-D", f"mapreduce.{kind}.speculative=true")]
    process = yarn.start_command(
        "join", left, right, *options, *speculative, "-o", f"{yarn.root}/out", "-r", "hadoop"
    )
    kind = "broadcast" if strategy == "broadcast" else "map"
    kill(until("a mapper", lambda: yarn.tasks(kind, "joins.tasks"))[0])
    _, told = process.communicate(timeout=250)
    assert process.returncode == 0, told.decode()
    names = [name for name in yarn.place.names(f"{yarn.root}/out") if name.startswith("part-")]
    assert lines_of([yarn.place.read(f"{yarn.root}/out/{name}") for name in names]) == expected_left()


AGES = '''
from jobs import Count, TopK
from joins import JoinJob


class Ages(JoinJob):
    """Views of each page and age."""

    on, select = "id", "l.url, r.age"
    group_by, measures = ["url", "age"], {"views": Count()}


class Top(Ages):
    """The commonest of them."""

    then = TopK("views", 3)
'''


@pytest.mark.parametrize("strategy", ["sort_merge", "salted", "broadcast"])
@pytest.mark.parametrize("name", ["Ages", "Top"])
def test_joined_and_aggregated_in_one_job(yarn: Yarn, tmp_path: Path, strategy: str, name: str) -> None:
    rows = [b"u%d\t/%d\n" % (n % 7 * n % 40, n % 5) for n in range(3000)]
    yarn.place.write(f"{yarn.root}/events.tsv", b"id\turl\n" + b"".join(rows))
    yarn.place.write(f"{yarn.root}/users.tsv", USERS)
    file = tmp_path / "ages.py"
    file.write_text(AGES)
    job = [f"{file}:{name}", f"{yarn.root}/events.tsv", f"{yarn.root}/users.tsv", "--parts", "2"]
    here = tmp_path / "here"
    command.run("run", *job, "-o", str(here), env=yarn.env).ok()
    settings = [*ONE_PROCESS, f"hadoop.tmp.dir={tmp_path}/tmp"]
    told = [word for one in settings for word in ("-D", one)]
    yarn.run(*job, "-o", f"{yarn.root}/out", "--strategy", strategy, *told).ok()
    parts = sorted(path.name for path in here.glob("part-*"))
    assert len(parts) == (1 if name == "Top" else 2)
    assert [yarn.place.read(f"{yarn.root}/out/{part}") for part in parts] == [
        (here / part).read_bytes() for part in parts
    ]


REFUSED: list[tuple[list[str], str]] = [
    (["--how", "full", "--strategy", "broadcast"], "broadcast cannot do --how full"),
    (["--strategy", "broadcast", "--max-broadcast", "10B"], "more than the 10 bytes that --max-broadcast allows"),
    (["--strategy", "broadcast", "--order"], "--strategy sort_merge"),
    (["--strategy", "salted", "--order"], "--strategy sort_merge"),
    (["--strategy", "salted", "--select", "l.*"], "name each column"),
    (["--strategy", "salted", "--select", "l, r.age"], "name each column"),
    (["-D", "stream.reduce.output=x"], "the engine sets it"),
]


@pytest.mark.parametrize("options", [[], ["--strategy", "sort_merge"], ["--explain"]])
def test_an_explosion_is_refused_by_the_counts_of_a_sample(yarn: Yarn, options: list[str]) -> None:
    yarn.place.write(f"{yarn.root}/l.tsv", b"id\turl\n" + b"a\t/\n" * 30 + b"b\t/\n" * 2 + b"\\N\t/\n" * 50)
    yarn.place.write(f"{yarn.root}/r.tsv", b"id\tage\n" + b"a\t1\n" * 40 + b"c\t1\n" + b"b\t1\n")
    job = ["join", f"{yarn.root}/l.tsv", f"{yarn.root}/r.tsv", "--on", "id", "-r", "hadoop", *options]
    done = command.run(*job, "--max-rows", "1201", "-o", f"{yarn.root}/out", env=yarn.env)
    why = "1202 rows would match, more than --max-rows 1201; most of them have the key 'a' (30 x 40), 'b' (2 x 1)"
    assert (done.code, done.err.strip()) == (1, f"fanin: {why}")
    assert yarn.place.names(yarn.root) == ["l.tsv", "r.tsv"]
    if options == ["--explain"]:
        command.run(*job, "--max-rows", "1202", env=yarn.env).ok()


@pytest.mark.parametrize(("options", "why"), REFUSED)
def test_what_cannot_be_is_refused_before_anything_runs(yarn: Yarn, options: list[str], why: str) -> None:
    left, right = (
        folder(yarn, name, files)
        for name, files in (("left", CASES["plain"].left), ("right", CASES["plain"].right or {}))
    )
    done = command.run(
        "join", left, right, "--on", "id", "-r", "hadoop", "-o", f"{yarn.root}/out", *options, env=yarn.env
    )
    assert (done.code, why in done.err) == (2, True), done.err
    assert yarn.place.names(yarn.root) == ["left", "right"]


def test_a_ragged_row_is_told_by_its_file(yarn: Yarn) -> None:
    left = folder(yarn, "left", {"1": b"id\turl\na\t/\na\n"})
    right = folder(yarn, "right", {"1": b"id\tage\na\t3\n"})
    options = [
        "--on",
        "id",
        "-r",
        "hadoop",
        "-o",
        f"{yarn.root}/out",
        *(w for one in ONE_PROCESS for w in ("-D", one)),
    ]
    done = command.run("join", left, right, *options, env=yarn.env)
    assert done.code == 1
    assert "left/1" in done.err
    assert "it has 1 columns, where there should be 2" in done.err
    assert yarn.place.names(yarn.root) == ["left", "right"]


EXPLAINED: list[tuple[list[str], str]] = [
    ([], "broadcast: "), (["--how", "full"], "salted: "), (["--max-broadcast", "1KB"], "salted: "),
    (["--max-broadcast", "1KB", "--parts", "1"], "sort_merge: "), (["--strategy", "sort_merge"], "sort_merge: it was asked for"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "begins"), EXPLAINED)
def test_explain_says_what_would_be_done_and_does_nothing(
    yarn: Yarn, options: list[str], begins: str, tmp_path: Path
) -> None:
    (tmp_path / "l.tsv").write_bytes(b"id\turl\n" + b"".join(b"u%d\t/\n" % (n % 3 * n) for n in range(900)))
    (tmp_path / "r.tsv").write_bytes(USERS)
    told: Callable[..., bytes] = lambda *more: command.run(  # noqa: E731
        "join", str(tmp_path / "l.tsv"), str(tmp_path / "r.tsv"), "--on", "id", "-r", "hadoop", "--parts", "4", "--explain",
        *options, *more, env=yarn.env,
    ).ok().out  # fmt: skip
    assert told().decode().startswith(begins)
    assert f'"strategy": "{begins.partition(":")[0]}"' in told("--json").decode()


def test_a_file_on_both_sides_has_a_header_on_both_or_on_none(yarn: Yarn) -> None:
    both = folder(yarn, "both", {"1": b"a\tb\n1\t2\n2\t1\n"})
    options = [both, both, "--on", "a=2", "-r", "hadoop", "--strategy", "sort_merge", "-o", f"{yarn.root}/out"]
    done = command.run("join", *options, env=yarn.env)
    assert (done.code, "both/1: begins with a header on one side" in done.err) == (2, True), done.err
    assert yarn.place.names(yarn.root) == ["both"]
