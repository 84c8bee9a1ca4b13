"""A map or reduce task: lines in, DuckDB in the task's own folder, lines out.

map      input lines ─ lines ─ rows ─ partial ─ shuffled ─> one line per group of the whole split
reduce   those lines, sorted by key ─ unshuffled ─ merge ─ final ─ records ─> output lines
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import duckdb

from jobs import stages
from jobs.database import Limits, database, explain_failure, make_partials, open_rows, state_types
from jobs.plan import Plan
from jobs.spill import Spill
from jobs.tasks.reporter import Reporter
from jobs.text.arrow import StreamFailed, records
from jobs.text.sources import Reading, Shape


@dataclass(frozen=True)
class Streams:
    """A task's lines: where they come from, by what name in errors, and where they go.  start: from a file's byte 0."""

    source: IO[bytes]
    name: str
    target: IO[bytes]
    start: bool = True

    def exhaust(self) -> None:
        """Reads what no query has asked for: Hadoop fails a task that leaves its input unread."""
        while self.source.read(1 << 20):
            pass


def map(plan: Plan, streams: Streams, memory: int) -> None:
    """Writes one encoded partial for each group of the source's lines; without keys always exactly one.

    memory: DuckDB's bytes; more spills to the current directory.
    """
    with _task(plan, streams, memory, plan.input) as (connection, types, reporter):
        if bad := make_partials(connection, plan, types):
            reporter.count("bad_rows", bad)
        write(connection, stages.shuffled(state_types(connection)), streams)


def reduce(plan: Plan, streams: Streams, memory: int) -> None:
    """Writes the records, or the states that are to be kept, of the groups whose partials are the source's lines."""
    with _task(plan, streams, memory, None) as (connection, types, _):
        write(connection, reduced(connection, plan, types), streams)


def reduced(connection: duckdb.DuckDBPyConnection, plan: Plan, types: dict[str, str]) -> str:
    """The records, or the states that are to be kept, of the view `lines`, which holds partials.  types: of the view `rows`."""
    states = state_types(connection, stages.good(plan, f"({stages.partial(plan, types)})"))
    merged = (
        f"WITH unshuffled AS (\n{stages.unshuffled(len(plan.group_by), states)}\n),\n"
        f"merged AS (\n{stages.merge(plan, types)}\n)"
    )
    finished = f",\nfinal AS (\n{stages.final(plan, types, 'merged')}\n)\n{stages.records(plan, 1)}"
    kept = f"\n{stages.kept(states, 1, 'merged')}"  # the driver finishes them
    return merged + (kept if plan.keep_partials else finished)


@contextmanager
def _task(
    plan: Plan, streams: Streams, memory: int, shape: Shape | None
) -> Iterator[tuple[duckdb.DuckDBPyConnection, dict[str, str], Reporter]]:
    """A task's DuckDB with the views lines and rows over the source, and the types of rows."""
    reading = Reading(plan.max_line, plan.strict, shape=shape)
    with task(reading, memory) as (connection, reporter):
        types = open_rows(connection, plan, lambda: reading.lines(streams.source, streams.name, streams.start))
        yield connection, types, reporter


@contextmanager
def task(reading: Reading, memory: int, *others: Reading) -> Iterator[tuple[duckdb.DuckDBPyConnection, Reporter]]:
    """A DuckDB of one thread that spills to the current directory; what fails is told in the job's terms."""
    with (
        Reporter() as reporter,
        tempfile.TemporaryDirectory(prefix="spill-", dir=os.curdir) as folder,
        Spill(Path(folder)) as spill,
    ):
        try:
            with database(Limits(memory, 1, Path(folder))) as connection:
                yield connection, reporter
        except (duckdb.Error, StreamFailed) as error:
            raise explain_failure(error, reading, *others) from error
        replaced = sum(one.counters["invalid_utf8"] for one in (reading, *others))
        for counter, amount in (("invalid_utf8", replaced), ("spilled", spill.most)):
            if amount:
                reporter.count(counter, amount)


def write(connection: duckdb.DuckDBPyConnection, sql: str, streams: Streams) -> None:
    """Writes the records of a query with the columns part and record."""
    for _, _, data in records(connection.sql(sql)):
        streams.target.write(data)
    streams.target.flush()


def leave(code: int) -> None:
    """Ends the process at once: nothing is to be torn down, and DuckDB's module would tell of what an error's traceback holds."""
    sys.stderr.flush()
    os._exit(code)
