"""Map and merge as a node runs them: processes, with a sort between them in place of Hadoop's shuffle."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from joins import JoinJob
from joins.plan import HOWS, NAMES, Name
from joins.salting import Hot, silent
from joins.tasks import Task
from tests import command

TASKS = ["-m", "joins.tasks"]
EVENTS = b"user\turl\n" + b"".join(b"u%d\t/p%d\n" % (n * 7 % 13, n) for n in range(60)) + b"\\N\t/none\nu9\t\\N\n"
USERS = b"id\tage\n" + b"".join(b"u%d\t%d\n" % (n, 20 + n) for n in range(4, 16)) + b"u4\t\\\\\n\\N\t1\n"


def joined(folder: Path, job: JoinJob, first: Name, hot: Sequence[Hot] | None = None) -> tuple[command.Result, bytes]:
    """What the merge says of what the mappers write, and that."""
    sources = job.sources()
    sides: dict[str, list[Name]] = {}
    for name in NAMES:
        for file in sources[name].files:
            sides.setdefault(file.name, []).append(name)
    plan = job.plan(sources)
    (folder / "task.json").write_text(Task(plan, first, sides, hot=hot).to_json())
    lines = b""
    for path in sides:
        environment = os.environ | {"mapreduce_map_input_file": f"file:{path}"}
        lines += task("map", folder, Path(path).read_bytes(), environment).ok().out
    columns = len(plan.left.keys) + (1 if hot is None else 2)
    shuffled = sorted(lines.splitlines(keepends=True), key=lambda line: b"\t".join(line.split(b"\t")[:columns]))
    return task("merge", folder, b"".join(shuffled)), lines


def task(kind: str, folder: Path, lines: bytes, environment: Mapping[str, str] = os.environ) -> command.Result:
    return command.python(*TASKS, kind, str(folder / "task.json"), input=lines, env=environment)


def files(folder: Path, **contents: bytes) -> list[str]:
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return [str(folder / name) for name in contents]


@pytest.mark.slow
@pytest.mark.parametrize(("how", "first"), [("full", "left"), ("full", "right"), ("anti", "right"), ("semi", "left")])
def test_tasks_write_what_the_local_engine_does(how: str, first: Name, tmp_path: Path) -> None:
    arguments = [*files(tmp_path, events=EVENTS, users=USERS), "--on", "user=id", "--how", how, "--order"]
    merged, _ = joined(tmp_path, JoinJob(arguments), first)
    assert merged.ok().out == command.run("join", *arguments).ok().out


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize(
    ("options", "seen"),
    [([], []), ([], ["right"]), (["--left-where", "url <> '/p3'", "--where", "url <> '/p7'"], ["left", "right"])],
)
def test_salted_tasks_write_what_the_local_engine_does(
    how: str, options: list[str], seen: list[Name], tmp_path: Path
) -> None:
    arguments = [
        *files(tmp_path, events=EVENTS, users=USERS + b"u9\t1\nu9\t2\n"),
        "--on",
        "user=id",
        "--how",
        how,
        *options,
    ]
    job = JoinJob(arguments)
    plan = job.plan(job.sources())

    def grid(key: str, rows: int, columns: int, seen: Sequence[Name] = ()) -> Hot:
        labels = [f"{cell}{end}" for cell, end in enumerate(silent(plan, rows, columns, seen))]
        return Hot(key, rows, columns, labels, seen)

    hot = [grid("u9", 2, 2, seen), grid("u4", 1, 3), grid("none", 3, 1)]
    merged, _ = joined(tmp_path, job, "right", hot)
    assert sorted(merged.ok().out.splitlines()) == sorted(command.run("join", *arguments).ok().out.splitlines())


def test_a_mapper_sends_both_sides_of_a_file_that_is_on_both(tmp_path: Path) -> None:
    (path,) = files(tmp_path, rows=b"id\tboss\n1\t2\n2\t3\n3\t3\n")
    arguments = [path, path, "--on", "boss=id"]
    merged, lines = joined(tmp_path, JoinJob(arguments), "right")
    assert sorted(lines.splitlines()) == [b"1\t0\t2", b"2\t0\t3", b"2\t1\t1", b"3\t0\t3", b"3\t1\t2", b"3\t1\t3"]
    assert merged.ok().out == command.run("join", *arguments).ok().out == b"2\t1\t3\n3\t2\t3\n3\t3\t3\n"


def test_unsorted_lines_fail_the_merge_with_a_word(tmp_path: Path) -> None:
    joined(tmp_path, JoinJob([*files(tmp_path, events=EVENTS, users=USERS), "--on", "user=id"]), "right")
    done = task("merge", tmp_path, b"u2\t0\tx\nu1\t1\ty\n")
    assert done.code == 1
    assert done.err == "fanin: the input is not sorted: 'u1\t1' comes behind 'u2\t0'; LC_ALL=C sort it\n"
