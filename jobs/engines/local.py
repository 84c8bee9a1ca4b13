"""The local engine: one DuckDB process reads, aggregates, sorts and writes, in bounded memory.

files ── blocks ──> DuckDB: lines, rows, partial, final, records ──> part files ── rename ──> output
"""

import errno
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import duckdb

from jobs import stages
from jobs.engines.database import Limits, database, default_memory, explain_failure, open_rows
from jobs.engines.progress import Progress
from jobs.errors import FaninError
from jobs.plan import Plan
from jobs.storage.inputs import LocalFile
from jobs.storage.output import Attempt, part_name
from jobs.text.arrow import Streamable, records
from jobs.text.sources import Reading


def run(
    plan: Plan,
    inputs: Sequence[LocalFile],
    output: Path,
    *,
    parts: int = 1,
    memory: int | None = None,
    threads: int | None = None,
    quiet: bool = False,
) -> Counter[str]:
    """Runs `plan` over `inputs` and publishes `output` with `parts` part files; gives the counters.

    memory: DuckDB's bytes, a quarter of the machine by default.  threads: all cores by default.
    Raises FaninError, and leaves nothing, when anything fails.
    """
    threads = threads or len(os.sched_getaffinity(0))
    progress = Progress(_total(inputs), quiet)
    reading = Reading(plan.max_line, plan.strict, _readers(threads, inputs), progress)
    try:
        with Attempt(output) as attempt:
            limits = Limits(memory or default_memory(), threads, attempt.spill)
            with database(limits) as connection:
                types = open_rows(connection, plan, lambda: reading.texts(inputs))
                written = _write(attempt, connection.sql(query(plan, types, parts)), parts, progress)
            attempt.publish()
    except (duckdb.Error, OSError) as error:
        if reading.error:
            raise reading.error from None
        if isinstance(error, duckdb.Error):
            raise explain_failure(error) from error
        if error.errno == errno.ENOSPC:
            raise FaninError(f"{output}: disk full; free room there, or write elsewhere") from error
        raise
    finally:
        progress.end()
    return reading.counters + Counter(records=written)


def query(plan: Plan, types: dict[str, str], parts: int) -> str:
    """All stages of one process as one query over the view `rows`: its partials are whole, nothing to merge."""
    return (
        f"WITH partial AS (\n{stages.partial(plan, types)}\n),\n"
        f"final AS (\n{stages.final(plan, types)}\n)\n{stages.records(plan, parts)}"
    )


def _write(attempt: Attempt, result: Streamable, parts: int, progress: Progress) -> int:
    """Writes the records of `result`, which come by part, to one file a part; gives their number."""
    written = 0
    files: list[IO[bytes]] = []
    for part, count, data in records(result):
        progress.say(f"writing: {written} records")
        _open_up_to(part, attempt, files)
        _write_all(files[-1], data)
        written += count
    _open_up_to(parts - 1, attempt, files)
    attempt.finish(files[-1])
    return written


def _open_up_to(part: int, attempt: Attempt, files: list[IO[bytes]]) -> None:
    """Goes on to the file of `part`; parts on the way have no record, and an empty file."""
    while len(files) <= part:
        if files:
            attempt.finish(files[-1])
        files.append(attempt.create(part_name(len(files))))


def _write_all(file: IO[bytes], data: memoryview) -> None:
    while data:
        data = data[file.write(data) :]


def _total(inputs: Sequence[LocalFile]) -> int | None:
    sizes = [file.size for file in inputs]
    return None if None in sizes else sum(size or 0 for size in sizes)


def _readers(threads: int, inputs: Sequence[LocalFile]) -> int:
    """One reader feeds about four workers; more than one needs more than one file."""
    return max(1, min(threads // 4, len(inputs)))
