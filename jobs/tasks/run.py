"""A map or reduce task: lines in, DuckDB in the task's own folder, lines out.

map      input lines ─ lines ─ rows ─ partial ─ shuffled ─> one line per group of the whole split
reduce   those lines, sorted by key ─ unshuffled ─ merge ─ final ─ records ─> output lines
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import duckdb

from jobs import stages
from jobs.database import Limits, database, explain_failure, make_partials, open_rows
from jobs.plan import Plan
from jobs.tasks.reporter import Reporter
from jobs.text.arrow import StreamFailed, records
from jobs.text.sources import Reading


@dataclass(frozen=True)
class Streams:
    """A task's lines: where they come from, by what name in errors, and where they go."""

    source: IO[bytes]
    name: str
    target: IO[bytes]


def map(plan: Plan, streams: Streams, memory: int) -> None:
    """Writes one encoded partial for each group of the source's lines; without keys always exactly one.

    memory: DuckDB's bytes; more spills to the current directory.
    """
    with _task(plan, streams, memory) as (connection, types, reporter):
        if bad := make_partials(connection, plan, types):
            reporter.count("bad_rows", bad)
        source = stages.good() if plan.bad else "partial"
        _write(connection, stages.shuffled(_states(connection, source), source), streams)


def reduce(plan: Plan, streams: Streams, memory: int) -> None:
    """Writes the records of the groups whose partials are the source's lines; none for no line."""
    with _task(plan, streams, memory) as (connection, types, _):
        partial = f"({stages.partial(plan, types)})"
        states = _states(connection, stages.good(partial) if plan.bad else partial)
        whole = (
            f"WITH unshuffled AS (\n{stages.unshuffled(len(plan.group_by), states)}\n),\n"
            f"merged AS (\n{stages.merge(plan, types)}\n),\n"
            f"final AS (\n{stages.final(plan, types, 'merged')}\n)\n{stages.records(plan, 1)}"
        )
        _write(connection, whole, streams)


@contextmanager
def _task(
    plan: Plan, streams: Streams, memory: int
) -> Iterator[tuple[duckdb.DuckDBPyConnection, dict[str, str], Reporter]]:
    """A DuckDB of one thread with the views lines and rows over the source, and the types of rows."""
    reading = Reading(plan.max_line, plan.strict)
    with Reporter() as reporter, tempfile.TemporaryDirectory(prefix="spill-", dir=os.curdir) as spill:
        try:
            with database(Limits(memory, 1, Path(spill))) as connection:
                types = open_rows(connection, plan, lambda: reading.lines(streams.source, streams.name))
                yield connection, types, reporter
        except (duckdb.Error, StreamFailed) as error:
            raise reading.error or explain_failure(error) from error
        if reading.counters["invalid_utf8"]:
            reporter.count("invalid_utf8", reading.counters["invalid_utf8"])


def _states(connection: duckdb.DuckDBPyConnection, source: str) -> dict[str, str]:
    """The state columns of the partials that `source` holds, and their types."""
    described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    return {name: type for name, type, *_ in described if name != "key"}


def _write(connection: duckdb.DuckDBPyConnection, sql: str, streams: Streams) -> None:
    for _, _, data in records(connection.sql(sql)):
        streams.target.write(data)
    streams.target.flush()
