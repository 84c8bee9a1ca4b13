"""The local engine of joins: DuckDB joins, sorts and writes, in bounded memory, whatever the strategy.

left files ── blocks ──> DuckDB: l ─┐
                                    ├─ matched, records ──> part files ── manifest ── publish
right files ─ blocks ──> DuckDB: r ─┘
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import duckdb

from jobs.database import database, make_partials, output_columns
from jobs.engines.describe import Made, manifest
from jobs.engines.local import Settings, attempt, limits_of, total, write, write_parts
from jobs.engines.progress import Progress
from jobs.errors import UsageError
from jobs.plan import Plan
from jobs.spill import Spill
from jobs.storage.inputs import Inputs
from jobs.storage.local import STDIN
from jobs.storage.output import Describe, Output
from jobs.text.sources import Reading
from joins import stages
from joins.bucketed import FUNCTION
from joins.database import open_join
from joins.explosion import matches, refuse, refuse_standard_input
from joins.inputs import with_files
from joins.plan import NAMES, JoinPlan, Name

Sources = Mapping[Name, Inputs]


def run(plan: JoinPlan, sources: Sources, path: str, settings: Settings, max_rows: int | None = None) -> Counter[str]:
    """Joins, and publishes the output directory `path`; gives the counters.

    max_rows: refuse to join if more rows than these would match, by an exact count of keys.
    Raises FaninError, and leaves nothing, when anything fails.
    """
    both = together(sources)
    if max_rows is not None:
        refuse_standard_input(both.files)
    readings = readings_of(plan)
    texts = {name: partial(readings[name].texts, sources[name].files) for name in NAMES}
    counters: Counter[str] = Counter()  # of what DuckDB reads by itself
    with attempt(path, settings, both.files, *readings.values()) as (output, progress):
        with Spill(output.spill) as spill, database(limits_of(settings, output)) as connection:
            opened, columns = open_join(
                connection, with_files(connection, plan, sources, output.spill, counters), texts
            )
            plan = plan.with_columns({name: frozenset(opened.sides[name].columns) for name in NAMES})
            if max_rows is not None:
                counts: dict[Name, str] = {name: f"({key_counts(plan, name)})" for name in NAMES}
                refuse(matches(connection, counts, dict.fromkeys(NAMES, 1)), max_rows)
                for reading in readings.values():
                    reading.counters.clear()
            columns = _write(connection, output, plan, columns, settings.parts, progress)
        counters += counted(readings, output, spill)
        made = Made(plan.job, plan.to_dict(), both, settings.arguments, counters)
        output.publish(described(made, plan, columns, settings.parts))
    return counters


def readings_of(plan: JoinPlan) -> dict[Name, Reading]:
    """How each side is read."""
    return {name: Reading(plan.max_line, plan.strict, shape=plan.sides[name].input) for name in NAMES}


def counted(readings: Mapping[Name, Reading], output: Output, spill: Spill) -> Counter[str]:
    """The counters of a join that has been written."""
    read = sum((reading.counters for reading in readings.values()), Counter[str]())
    return read + Counter(records=output.records, spilled=spill.most)


def described(made: Made, plan: JoinPlan, columns: list[Mapping[str, str]], parts: int) -> Describe:
    """The manifest of the sorted records of a join.  columns: name and type."""
    return partial(manifest, made, columns=columns, order=sorted_by(plan), partitioner=parted_by(plan, parts))


def smaller(sources: Sources) -> Name:
    """The side whose rows of one key are held while those of the other pass; one of a size that nobody knows is not small."""
    sizes = {name: total(sources[name].files) for name in NAMES}
    return min(NAMES, key=lambda name: (sizes[name] is None, sizes[name]))


def together(sources: Sources) -> Inputs:
    """What both sides read; a path on both sides once."""
    left, right = sources["left"], sources["right"]
    if {STDIN} <= {file.name for file in left.files} & {file.name for file in right.files}:
        raise UsageError("-: standard input can be read only once")
    names = {file.name for file in left.files}
    others = [file for file in right.files if file.name not in names]
    return Inputs([*left.files, *others], {**left.manifests, **right.manifests})


def sorted_by(plan: JoinPlan) -> list[str]:
    """The columns of the output that its records are in order of."""
    if plan.aggregate:
        return [] if plan.aggregate.then else list(plan.aggregate.group_by)
    return [] if plan.select else list(plan.left.keys)


def parted_by(plan: JoinPlan, parts: int) -> dict[str, object]:
    """What a manifest says of how a sorted join's records are divided."""
    keys = sorted_by(plan)
    function = "hadoop-text" if plan.aggregate else FUNCTION
    return {"function": function, "columns": keys, "buckets": parts} if keys else {}


def key_counts(plan: JoinPlan, name: Name) -> str:
    """SQL of `key`, the join key, and `n`, its rows, of those of a side that can match."""
    return (
        f"SELECT {stages.key_text(plan, name)} AS key, count(*) AS n FROM {stages.ALIAS[name]}"
        f" WHERE {stages.known(plan, name)} GROUP BY ALL"
    )


def _write(
    connection: duckdb.DuckDBPyConnection,
    output: Output,
    plan: JoinPlan,
    columns: list[Mapping[str, str]],
    parts: int,
    progress: Progress,
) -> list[Mapping[str, str]]:
    """Writes the records, or what is aggregated of them; gives the columns of what is written."""
    if not plan.aggregate:
        names = [column["name"] for column in columns]
        write_parts(connection.sql(stages.records(plan, names, parts)), output.part, parts, progress)
        return columns
    whole: Plan = replace(plan.aggregate, keep_partials=False).at_once()
    types = {column["name"]: column["type"] for column in columns}
    make_partials(connection, whole, types)
    write(connection, output, whole, types, parts, progress)
    return output_columns(connection, plan.aggregate, types)
