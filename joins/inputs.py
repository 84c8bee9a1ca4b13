"""What the files of a side tell of it: their names the format, the first lines of text or Parquet's schema the columns."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from jobs.database import Limits, database
from jobs.engines.local import heads, parquet_of, refuse_records
from jobs.errors import UsageError
from jobs.storage.inputs import Inputs
from jobs.storage.local import STDIN, Local
from jobs.suffixes import format_of
from jobs.text.formats import Head, Parquet
from jobs.text.formats.parquet import declared, schema_of
from jobs.text.sources import Reading
from joins.plan import NAMES, JoinPlan, Name, Side
from joins.sides import Layout, bound, known_heads, option


def side_of(layout: Layout, keys: Sequence[str], inputs: Inputs, reading: Reading, name: Name | None) -> Side:
    """The side `name`, None for the only input, as its options and files tell it; UsageError where they do not fit."""
    format = layout.format or format_of(inputs, reading, layout.delimiter)
    if format == "parquet":
        files: list[Head] = []
        columns = {} if layout.columns else _columns(inputs, name)
    else:
        files, columns = heads(inputs, reading) or known_heads(inputs), {}
    found = bound(replace(layout, format=format), keys, files, name, columns)
    refuse_records(found.input, inputs)
    return found


def refuse_parquet(by: str, sides: Iterable[Side]) -> None:
    """UsageError where a side is Parquet, and the option `by` takes what reads lines alone."""
    if any(isinstance(side.input, Parquet) for side in sides):
        raise UsageError(f"{by}: it reads lines, not Parquet; leave it out, so that DuckDB reads here")


def with_files(
    connection: duckdb.DuckDBPyConnection,
    plan: JoinPlan,
    sources: Mapping[Name, Inputs],
    spill: Path,
    counters: Counter[str],
) -> JoinPlan:
    """The plan, whose sides of Parquet know their files; counts their rows."""
    sides = {name: opened(connection, plan.sides[name], sources[name], spill / name, counters) for name in NAMES}
    return replace(plan, left=sides["left"], right=sides["right"])


def opened(
    connection: duckdb.DuckDBPyConnection, side: Side, inputs: Inputs, spill: Path, counters: Counter[str]
) -> Side:
    """A side, which knows its files if it is Parquet; those of other storages are copied to the folder `spill`."""
    if not isinstance(side.input, Parquet):
        return side
    return replace(side, input=parquet_of(connection, side.input, inputs.files, spill, counters))


def _columns(inputs: Inputs, name: Name | None) -> dict[str, str]:
    """The columns of a side's first file, with their types; UsageError where a record cannot hold one."""
    file = next(iter(inputs.files), None)
    if file is None or file.name == STDIN or not isinstance(file.storage, Local):
        said = f"{file.name}: Parquet from there is read once it runs" if file else "there are no files"
        raise UsageError(f"{said}; name its columns with {option(name)} 'id:integer, url'")
    columns = {}
    with database(Limits(256_000_000, 1)) as connection:
        for column, type in schema_of(connection, file.name, file.name).items():
            columns[column] = declared(type)
            if not columns[column]:
                raise UsageError(
                    f"{file.name}: column {column!r} is {type}, which no record holds; name those that are wanted"
                    f" with {option(name)} 'id:integer, url'"
                )
    return columns
