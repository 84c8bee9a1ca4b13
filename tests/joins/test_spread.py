"""How evenly salting spreads a hot key of many short mappers over reducers: each starts to count at a place of its own."""

import io
from collections import Counter
from pathlib import Path

import pytest

from jobs.tasks.run import Streams
from joins import JoinJob
from joins.planner import choose
from joins.tasks import Task, map
from tests.joins.oracle import fields_hash

MAPPERS, ROWS, REDUCERS = 200, 3, 8


@pytest.mark.slow
@pytest.mark.parametrize("how", ["left", "full", "anti", "semi"])
def test_many_short_mappers_do_not_pile_up(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = [tmp_path / f"events-{number:03}" for number in range(MAPPERS)]
    for file in files:
        file.write_bytes(b"id\turl\n" + b"u7\t/\n" * ROWS)
    users = tmp_path / "users"
    users.write_bytes(b"id\tage\nu7\t30\n")
    sides = [word for file in files for word in ("--left", str(file))]
    job = JoinJob([*sides, "--right", str(users), "--on", "id", "--how", how])
    sources = job.sources()
    plan = job.plan(sources)
    (hot,) = choose(plan, sources, "salted", REDUCERS).hot
    task = Task(plan, "right", {file.name: ["left"] for file in sources["left"].files}, hot=[hot])
    loads = Counter(dict.fromkeys(range(REDUCERS), 0))
    for file in files:
        lines = io.BytesIO()
        map(task, Streams(io.BytesIO(file.read_bytes()), f"file:{file}", lines), 64_000_000, f"file:{file}")
        for line in lines.getvalue().splitlines():
            loads[fields_hash(b"\t".join(line.split(b"\t")[:2])) % REDUCERS] += 1
    assert loads.total() == MAPPERS * ROWS
    assert max(loads.values()) <= 1.3 * loads.total() / REDUCERS, loads
