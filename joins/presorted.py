"""The join of two sorted inputs, as coreutils join does it: each is read once, nothing is sorted, and memory does not grow.

left files ──┐
             ├─ merged ──> part file ── manifest ── publish
right files ─┘

Each side is in order over all of its files: as fanin writes records, and as LC_ALL=C sort -t$'\\t' -k1,1 leaves a tsv file
whose keys hold no byte below tab. Rows that can be in no output are anywhere. Held in memory: as `joins.ordered` says, of
the smaller side's large keys.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import duckdb

from jobs.database import database, output_columns
from jobs.engines.describe import Made
from jobs.engines.local import Settings, attempt, limits_of, write
from jobs.engines.progress import Progress
from jobs.errors import UsageError
from jobs.spill import Spill
from jobs.storage.output import Output, PartWriter
from jobs.text.arrow import records
from jobs.text.sources import Reading
from joins.local import Sources, counted, described, readings_of, smaller, together
from joins.ordered import merged
from joins.plan import NAMES, JoinPlan, Name


def run(plan: JoinPlan, sources: Sources, path: str, settings: Settings) -> Counter[str]:
    """Joins, and publishes the output directory `path`; gives the counters.

    Raises FaninError, and leaves nothing, when anything fails.
    """
    if settings.parts > 1 and not plan.aggregate:
        raise UsageError(f"--parts {settings.parts}: --presorted writes one part, in order of its inputs")
    both = together(sources)
    readings = readings_of(plan)
    with attempt(path, settings, both.files, *readings.values()) as (output, progress):
        limits = replace(limits_of(settings, output), threads=1)  # lines stay in order
        with Spill(output.spill) as spill, database(limits) as connection:
            columns = _write(connection, output, plan, sources, readings, settings.parts, progress)
        counters = counted(readings, output, spill)
        made = Made(plan.job, plan.to_dict(), both, settings.arguments, counters)
        output.publish(described(made, plan, columns, settings.parts))
    return counters


def _write(
    connection: duckdb.DuckDBPyConnection,
    output: Output,
    plan: JoinPlan,
    sources: Sources,
    readings: Mapping[Name, Reading],
    parts: int,
    progress: Progress,
) -> list[Mapping[str, str]]:
    """Writes the records, or what is aggregated of them; gives the columns of what is written."""
    files = {name: sources[name].files for name in NAMES}
    merge = partial(merged, connection, plan, smaller(sources), readings, files)
    if not plan.aggregate:
        part = output.part(0)
        _, columns = merge(lambda sql: _append(connection, sql, part))
        part.close()
        return columns
    merging, columns = merge(lambda _: None)
    types = {column["name"]: column["type"] for column in columns}
    connection.execute(f"CREATE VIEW partial AS {merging.states}")
    write(connection, output, plan.aggregate, types, parts, progress)
    return output_columns(connection, plan.aggregate, types)


def _append(connection: duckdb.DuckDBPyConnection, sql: str, part: PartWriter) -> None:
    for _, count, data in records(connection.sql(sql)):
        part.write(data, count)
