"""A key of very many rows in a merge task of 256 MB: what it holds does not grow with the side that streams."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from joins.plan import How, JoinPlan, Name
from joins.tasks import Task
from tests import command
from tests.joins_merge.merging import changed, plan

CONTAINER = 256_000_000
pytestmark = pytest.mark.slow


def merged(folder: Path, join: JoinPlan, first: Name, rows: tuple[int, int]) -> tuple[int, int]:
    """The records of a merge task over one key, and the peak of its memory.  rows: of the side that comes first, of the other."""
    (folder / "task.json").write_text(Task(join, first, {}).to_json())
    with (folder / "lines").open("w") as lines:
        for tag, number in enumerate(rows):
            lines.writelines(f"k\t{tag}\t{n} and some more text\n" for n in range(number))
    task = [sys.executable, "-m", "joins.tasks", "merge", str(folder / "task.json")]
    environment = os.environ | {"FANIN_MEMORY": "64000000"}
    with (folder / "lines").open("rb") as lines_in, (folder / "out").open("wb") as out:
        subprocess.run(
            [sys.executable, "-c", command.PEAK, *task],
            stdin=lines_in,
            stdout=out,
            check=True,
            cwd=folder,
            env=environment,
        )
    with (folder / "out").open("rb") as out_in:
        *_, last = iter(lambda: out_in.read(1 << 20), b"")
        out_in.seek(0)
        records = sum(chunk.count(b"\n") for chunk in iter(lambda: out_in.read(1 << 20), b""))
    return records - 1, int(last.splitlines()[-1])


@pytest.mark.parametrize(("how", "first", "rows", "expected"), [
    ("semi", "right", (1_000, 1_000_000), 1_000_000), ("semi", "left", (100_000, 10_000), 100_000),
    ("semi", "right", (10_000, 100_000), 100_000), ("anti", "left", (1_000, 1_000_000), 0),
])  # fmt: skip
def test_of_one_side(how: How, first: Name, rows: tuple[int, int], expected: int, tmp_path: Path) -> None:
    found, peak = merged(tmp_path, plan(1, how), first, rows)
    assert found == expected
    assert peak < CONTAINER


def test_a_million_rows_and_a_thousand(tmp_path: Path) -> None:
    join = changed(plan(1, "inner"), where="l1 = r1")
    found, peak = merged(tmp_path, join, "right", (1_000, 1_000_000))
    assert found == 1_000
    assert peak < CONTAINER


def test_fifty_million_pairs_are_written_as_they_come(tmp_path: Path) -> None:
    found, peak = merged(tmp_path, changed(plan(1, "inner"), select="l.k1"), "left", (50, 1_000_000))
    assert found == 50_000_000
    assert peak < CONTAINER


def test_more_rows_of_the_side_that_streams_take_no_more_memory(tmp_path: Path) -> None:
    few, many = (merged(tmp_path, plan(1, "semi"), "right", (1_000, rows))[1] for rows in (1_000_000, 3_000_000))
    assert many < few + 20_000_000


def test_held_rows_spill(tmp_path: Path) -> None:
    """As when both sides have a million."""
    join = changed(plan(1, "inner"), where="l1 = r1")
    found, peak = merged(tmp_path, join, "left", (2_000_000, 20_000))
    assert found == 20_000
    assert peak < CONTAINER
