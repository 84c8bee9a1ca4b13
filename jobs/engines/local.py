"""The local engine: one DuckDB process reads, aggregates, sorts and writes, in bounded memory.

files ── blocks ──> DuckDB: lines, rows, partial, final, records ──> part files ── manifest ── publish
"""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import duckdb

from jobs import stages
from jobs.bad_rows import refuse_too_many
from jobs.database import Limits, database, default_memory, explain_failure, make_partials, open_rows, output_columns
from jobs.engines.describe import describe
from jobs.engines.progress import Progress
from jobs.plan import Plan
from jobs.storage.base import writing_failed
from jobs.storage.inputs import InputFile, Inputs
from jobs.storage.output import Output, PartWriter
from jobs.text.arrow import Streamable, StreamFailed, records
from jobs.text.sources import Reading


@dataclass(frozen=True)
class Settings:
    """How a run goes, beside its plan.

    parts: part files to write.  memory: DuckDB's bytes, None for a quarter of the machine.  threads: None for
    all cores.  overwrite: whether an existing output is replaced.  quiet: no progress on a terminal either.
    arguments: the command line, for the manifest.
    """

    parts: int = 1
    memory: int | None = None
    threads: int | None = None
    overwrite: bool = False
    quiet: bool = False
    arguments: Sequence[str] = ()


def run(plan: Plan, inputs: Inputs, path: str, settings: Settings) -> Counter[str]:
    """Runs `plan` over `inputs` and publishes the output directory `path`; gives the counters.

    Raises FaninError, and leaves nothing, when anything fails.
    """
    parts = 1 if plan.then else settings.parts
    threads = settings.threads or len(os.sched_getaffinity(0))
    progress = Progress(_total(inputs.files), settings.quiet)
    reading = Reading(plan.max_line, plan.strict, _readers(threads, inputs.files), progress)
    try:
        with Output(path, settings.overwrite) as output:
            limits = Limits(settings.memory or default_memory(), threads, output.spill)
            with database(limits) as connection:
                types = open_rows(connection, plan, lambda: reading.texts(inputs.files))
                columns = output_columns(connection, plan, types)
                bad = make_partials(connection, plan, types)
                samples = refuse_too_many(plan, inputs.files, bad, reading.counters["lines"])
                _write(output, connection.sql(query(plan, types, parts)), parts, progress)
            counters = reading.counters + Counter(records=output.records, bad_rows=bad)
            output.publish(partial(
                describe, plan, inputs, arguments=settings.arguments, columns=columns, counters=counters,
                samples=samples,
            ))  # fmt: skip
    except (duckdb.Error, StreamFailed) as error:
        raise reading.error or explain_failure(error) from error
    except OSError as error:
        raise writing_failed(path, error) from error
    finally:
        progress.end()
    return counters


def query(plan: Plan, types: dict[str, str], parts: int) -> str:
    """What is made of the view `partial`: one process's partials are whole, there is nothing to merge."""
    source = stages.good() if plan.bad else "partial"
    return f"WITH final AS (\n{stages.final(plan, types, source)}\n)\n{stages.records(plan, parts)}"


def _write(output: Output, result: Streamable, parts: int, progress: Progress) -> None:
    """Writes the records of `result`, which come by part, to one file a part, empty where there are none."""
    writer = output.part(0)
    current = 0
    for part, count, data in records(result):
        progress.say("writing")
        writer, current = _go_on(output, writer, current, part)
        writer.write(data, count)
    writer, _ = _go_on(output, writer, current, parts - 1)
    writer.close()


def _go_on(output: Output, writer: PartWriter, current: int, part: int) -> tuple[PartWriter, int]:
    """The writer of `part`, at or behind the current one; parts in between are empty files."""
    while current < part:
        writer.close()
        current += 1
        writer = output.part(current)
    return writer, current


def _total(files: Sequence[InputFile]) -> int | None:
    sizes = [file.size for file in files]
    return None if None in sizes else sum(size or 0 for size in sizes)


def _readers(threads: int, files: Sequence[InputFile]) -> int:
    """One reader feeds about four workers; more than one needs more than one file."""
    return max(1, min(threads // 4, len(files)))
