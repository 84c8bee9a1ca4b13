"""The engines under test: each joins two folders and gives its part files; and how each is compared."""

from collections.abc import Callable
from pathlib import Path

from joins import JoinJob
from tests.joins import oracle

Engine = Callable[[list[str], Path, Path, int], list[bytes]]
Check = Callable[[list[bytes], list[list[oracle.Record]]], None]


def local(options: list[str], left: Path, right: Path, parts: int) -> list[bytes]:
    """A JoinJob as a program drives it; what `fanin join` does."""
    output = left.parent / "out"
    job = JoinJob([*options, str(left), str(right), "--parts", str(parts), "--output-dir", str(output), "--quiet"])
    with job.make_runner() as runner:
        runner.run()
    return [path.read_bytes() for path in sorted(output.glob("part-*"))]


ENGINES: dict[str, tuple[Engine, Check]] = {"local": (local, oracle.same)}
