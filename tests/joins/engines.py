"""The engines under test: each joins two folders and gives its part files; and how each is compared."""

import contextlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from jobs.tasks.run import Streams
from joins import JoinJob
from joins import tasks as nodes
from joins.bucket import Bucket
from joins.fetch import Remote
from joins.plan import NAMES
from joins.tasks import Task
from tests.joins import oracle

Engine = Callable[[list[str], Path, Path, int], list[bytes]]
Check = Callable[[list[bytes], list[list[oracle.Record]]], None]


def local(options: list[str], left: Path, right: Path, parts: int) -> list[bytes]:
    """A JoinJob as a program drives it; what `fanin join` does."""
    return run([*options, str(left), str(right), "--parts", str(parts)], left.parent / "out")


def run(arguments: list[str], output: Path) -> list[bytes]:
    with JoinJob([*arguments, "--output-dir", str(output), "--quiet"]).make_runner() as runner:
        runner.run()
    return [path.read_bytes() for path in sorted(output.glob("part-*"))]


def in_buckets(options: list[str], left: str, right: str, parts: int, out: str) -> list[str]:
    """The arguments of the same join of two directories of buckets, which are made in `out`."""
    job = JoinJob([*options, left, right])
    plan = job.plan(job.sources())
    places = {}
    for name, path in zip(NAMES, (left, right), strict=True):
        side, layout = plan.sides[name], job.layout(name)
        keys = ",".join(side.keys)
        places[name] = f"{out}/by {' '.join(side.keys)} {name if left != right else 'both'}"
        told = [path, "--on", keys, "--buckets", str(parts), "--format", layout.format, "--columns", layout.columns]
        told += ["--output-dir", places[name], "--quiet", *["--header"] * layout.header]
        if name == "left" or places["left"] != places["right"]:
            with Bucket(told).make_runner() as runner:
                runner.run()
    rest = list(options)
    rest[rest.index("--on") + 1] = ",".join(
        f"{one}={other}" for one, other in zip(plan.left.keys, plan.right.keys, strict=True)
    )
    for option, words in (("--header", 1), ("--format", 2)):
        if option in rest:
            at = rest.index(option)
            del rest[at : at + words]
    return [*rest, places["left"], places["right"], "--strategy", "partitioned"]


def buckets_here(options: list[str], left: Path, right: Path, parts: int) -> list[bytes]:
    """The local engine, of sides that are bucketed."""
    out = left.parent
    return run(in_buckets(options, str(left), str(right), parts, str(out)), out / "out")


def bucket_by_bucket(options: list[str], left: Path, right: Path, parts: int) -> list[bytes]:
    """What mappers of the partitioned join write, on a node whose Hadoop knows the files of this machine."""
    out = left.parent
    job = JoinJob(in_buckets(options, str(left), str(right), parts, str(out)))
    sources = job.sources()
    pairs = [
        [Remote(file.name, file.name, file.listed.size, file.listed.records) for file in pair if file.listed]
        for pair in zip(*(sources[name].files for name in NAMES), strict=True)
    ]
    task = Task.from_json(Task(job.plan(sources), "right", {}, buckets=pairs).to_json())
    hadoop = out / "bin" / "hadoop"
    hadoop.parent.mkdir()
    hadoop.write_text('#!/bin/sh\nshift 2\nexec cat -- "$@"\n')
    hadoop.chmod(0o755)
    found = []
    with contextlib.chdir(out), mock.patch.dict(os.environ, PATH=f"{hadoop.parent}:{os.environ['PATH']}"):
        for number in range(parts):
            target = io.BytesIO()
            nodes.partitioned(task, Streams(io.BytesIO(b"0\n"), "-", target), 64_000_000, number)
            found.append(target.getvalue())
    return found


ENGINES: dict[str, tuple[Engine, Check]] = {
    "local": (local, oracle.same),
    "buckets here": (buckets_here, oracle.same),
    "bucket by bucket": (bucket_by_bucket, oracle.alike),
}
