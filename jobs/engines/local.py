"""The local engine: one DuckDB process reads, aggregates, sorts and writes, in bounded memory.

files ── blocks ──> DuckDB: lines, rows, partial, final, records ──> part files ── manifest ── publish
"""

import os
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import duckdb

from jobs import stages
from jobs.bad_rows import refuse_too_many
from jobs.database import (
    Limits,
    database,
    default_memory,
    explain_failure,
    make_partials,
    open_rows,
    output_columns,
    state_types,
)
from jobs.engines.describe import describe
from jobs.engines.progress import Progress
from jobs.errors import UsageError
from jobs.plan import Plan
from jobs.spill import Spill
from jobs.storage.base import writing_failed
from jobs.storage.inputs import InputFile, Inputs
from jobs.storage.local import STDIN, Local
from jobs.storage.manifest import NO_PARTIALS, Partials
from jobs.storage.output import Output, PartWriter
from jobs.text.arrow import Streamable, StreamFailed, records
from jobs.text.formats import Format, Head, Parquet, Tsv
from jobs.text.sources import Reading, peeked

UNCOUNTED = 64_000_000  # bytes
LITTLE = 128_000_000  # of which DuckDB needs all
FEW, FIRST = 3, 100  # files, and lines of each, that are looked at for columns that lines may lack


@dataclass(frozen=True)
class Settings:
    """How a run goes, beside its plan.

    parts: part files to write.  memory: bytes for DuckDB, None for a quarter of the machine.  threads: None for
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
    plan = bound(plan, inputs, settings.quiet)
    reading = Reading(plan.max_line, plan.strict, _readers(_threads(settings), inputs.files), shape=plan.input)
    with attempt(path, settings, inputs.files, reading) as (output, progress):
        with Spill(output.spill) as spill, database(limits_of(settings, output)) as connection:
            opened = _opened(connection, plan, inputs.files, output.spill, reading.counters)
            types = open_rows(connection, opened, lambda: reading.texts(inputs.files))
            columns = output_columns(connection, plan, types)
            whole = plan.at_once()
            bad = make_partials(connection, whole, types)
            samples = refuse_too_many(opened, inputs.files, bad, reading.counters["lines"])
            partials = (
                Partials(output.partials, state_types(connection), types) if plan.keep_partials else NO_PARTIALS
            )
            write(connection, output, whole, types, settings.parts, progress)
        counters = reading.counters + Counter(records=output.records, bad_rows=bad, spilled=spill.most)
        output.publish(partial(
            describe, plan, inputs, arguments=settings.arguments, columns=columns, counters=counters,
            samples=samples, partials=partials,
        ))  # fmt: skip
    return counters


@contextmanager
def attempt(
    path: str, settings: Settings, files: Sequence[InputFile], *readings: Reading
) -> Iterator[tuple[Output, Progress]]:
    """The output directory `path`, to be written and published within, and how far the readings are with the files.

    What fails in DuckDB, or with the output, is told in the job's terms.
    """
    progress = Progress(total(files), settings.quiet)
    for reading in readings:
        reading.progress = progress
        under_way = 2 * _threads(settings) + reading.readers  # blocks, each of 1 MiB
        reading.recent = deque(maxlen=under_way)
    try:
        with Output(path, settings.overwrite) as output:
            yield output, progress
    except (duckdb.Error, StreamFailed) as error:
        raise explain_failure(error, *readings) from error
    except OSError as error:
        raise writing_failed(path, error) from error
    finally:
        progress.end()


def bound(plan: Plan, inputs: Inputs, quiet: bool) -> Plan:
    """`plan` with an input format that knows the header of its files; UsageError if it does not fit, or they differ."""
    if plan.input is None:
        return plan
    refuse_records(plan.input, inputs)
    reading = Reading(plan.max_line, plan.strict)
    if plan.input.sparse and not quiet:
        for name in plan.input.missing(heads(replace(inputs, files=inputs.files[:FEW]), reading, FIRST)):
            print(
                f"fanin: no {name!r} in the first lines of {inputs.files[0].name}; a line without it has null there",
                file=sys.stderr,
            )
    if not plan.input.unbound:
        return plan
    return replace(plan, input=plan.input.bind(heads(inputs, reading)))


def refuse_records(format: Format, inputs: Inputs) -> None:
    """UsageError, naming it, for an output of fanin whose records the format would misread: what is escaped in them, at least."""
    for path, manifest in inputs.manifests.items():
        if manifest.encoding == "copy-text" and not isinstance(format, Tsv):
            raise UsageError(
                f"{path}: fanin wrote it, as tab-separated records; read it with --format tsv, not as {format.kind}"
            )


def heads(inputs: Inputs, reading: Reading, lines: int = 2) -> list[Head]:
    """What is known of all files that are not empty before they are read.  lines: how many are looked at, at most."""
    columns = {
        path: [column["name"] for column in manifest.columns]
        for path, manifest in inputs.manifests.items()
        if manifest.encoding == "copy-text"  # of mere lines, as commands write, nothing is known
    }

    def head(file: InputFile) -> Head:
        known = columns.get(file.name.rpartition("/")[0]) if file.listed else None
        return Head(file.name, peeked(lines) if file.name == STDIN else reading.head(file, lines), known)

    with ThreadPoolExecutor(8) as pool:
        return [head for head in pool.map(head, inputs.files) if head.lines]


def _opened(
    connection: duckdb.DuckDBPyConnection, plan: Plan, files: Sequence[InputFile], spill: Path, counters: Counter[str]
) -> Plan:
    """`plan`; of Parquet one that knows its files."""
    if not isinstance(plan.input, Parquet):
        return plan
    return replace(plan, input=parquet_of(connection, plan.input, files, spill, counters))


def parquet_of(
    connection: duckdb.DuckDBPyConnection,
    input: Parquet,
    files: Sequence[InputFile],
    spill: Path,
    counters: Counter[str],
) -> Parquet:
    """The input, which knows its files: those of other storages are copied to the folder `spill`. Counts their rows."""
    paths = {}
    for number, file in enumerate(files):
        paths[file.name] = file.name
        if file.name == STDIN or not isinstance(file.storage, Local):
            spill.mkdir(parents=True, exist_ok=True)
            paths[file.name] = str(spill / f"input-{number}.parquet")
            with open(paths[file.name], "wb") as copy:
                copy.writelines(file.chunks())
    opened = input.of_files(connection, paths)
    rows = connection.execute(f"SELECT count(*) FROM {opened.texts().source}").fetchall()[0][0]
    counters.update(lines=rows, read=sum(os.path.getsize(path) for path in paths.values()))
    return opened


def limits_of(settings: Settings, output: Output) -> Limits:
    """What DuckDB may use in a run that writes `output`: a little less than it is given, as it takes more than it counts."""
    memory = settings.memory or default_memory()
    told = max(memory - min(memory // 6, UNCOUNTED), min(memory, LITTLE))
    return Limits(told, _threads(settings), output.spill)


def query(plan: Plan, types: Mapping[str, str], parts: int) -> str:
    """What is made of the view `partial`: one process's partials are whole, there is nothing to merge."""
    return f"WITH final AS (\n{stages.final(plan, types)}\n)\n{stages.records(plan, parts)}"


def write(
    connection: duckdb.DuckDBPyConnection,
    output: Output,
    plan: Plan,
    types: Mapping[str, str],
    parts: int,
    progress: Progress | None = None,
) -> None:
    """Writes the records of `partial`, whole states, and these themselves if they are to be kept; a top is one part."""
    parts = 1 if plan.then else parts
    write_parts(connection.sql(query(plan, types, parts)), output.part, parts, progress)
    if plan.keep_partials:
        write_parts(connection.sql(stages.kept(state_types(connection), parts)), output.partial, parts, progress)


def write_parts(result: Streamable, part: Callable[[int], PartWriter], parts: int, progress: Progress | None) -> None:
    """Writes the records of `result`, which come by part, to one file a part, empty where there are none."""
    writer, current = part(0), 0
    for number, count, data in records(result):
        if progress:
            progress.say("writing")
        writer, current = _go_on(part, writer, current, number)
        writer.write(data, count)
    writer, _ = _go_on(part, writer, current, parts - 1)
    writer.close()


def _go_on(
    part: Callable[[int], PartWriter], writer: PartWriter, current: int, number: int
) -> tuple[PartWriter, int]:
    """The writer of part `number`, at or behind the current one; parts in between are empty files."""
    while current < number:
        writer.close()
        current += 1
        writer = part(current)
    return writer, current


def _threads(settings: Settings) -> int:
    return settings.threads or len(os.sched_getaffinity(0))


def total(files: Sequence[InputFile]) -> int | None:
    """The bytes of all files, compressed if they are; None if that is not known of one."""
    sizes = [file.size for file in files]
    return None if None in sizes else sum(size or 0 for size in sizes)


def _readers(threads: int, files: Sequence[InputFile]) -> int:
    """One reader feeds about four workers; more than one needs more than one file."""
    return max(1, min(threads // 4, len(files)))
