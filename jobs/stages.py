"""A Plan's stages as SQL: lines, rows, partial, merge, final, records. Each reads the one before by its name.

    blocks ─ lines ─ rows ─ partial ────────────────────────── final ─ records     one process: its partial is whole
    blocks ─ lines ─ rows ─ partial ─ shuffled                                     a map task
                           (Hadoop's shuffle: by key)
    blocks ─ lines ───────────────── unshuffled ─ merge ────── final ─ records     a reduce task

From `partial` on a group is known by `key`: its key columns, encoded and joined by tabs, as they are written.
"""

import re
from collections.abc import Mapping

from jobs.errors import DeclarationError, UsageError
from jobs.measures import Measure, Rows
from jobs.plan import Plan
from jobs.sql import identifier, literal
from jobs.text import numbers
from jobs.text.partition import part
from jobs.text.records import NEWLINE, TAB, encoded, joined

# The list is made in a subquery and unnested alone: over a view DuckDB would copy it once per 2,048 lines.
LINES = f"SELECT unnest(split) AS line FROM (SELECT string_split(block, {NEWLINE}) AS split FROM blocks)"

# Types whose equal values have one text. Others are grouped by their text: 1 month equals 30 days, say.
ONE_TEXT = {*numbers.INTEGERS, "VARCHAR", "BOOLEAN", "DATE", "TIME", "TIMESTAMP"}


def check(plan: Plan, types: Mapping[str, str]) -> None:
    """Refuses a Plan whose keys or measures do not fit the columns of its rows (name to DuckDB type)."""
    for key in plan.group_by:
        if key not in types:
            raise DeclarationError("group_by", f"no column {key!r} in rows, which yields: {', '.join(types)}")
    for name, measure in plan.measures.items():
        try:
            measure.partial(Rows(types, "''"))
        except UsageError as error:
            raise DeclarationError("measures", f"{name}: {error}") from error


def state_columns(name: str, measure: Measure, types: Mapping[str, str]) -> dict[str, str]:
    """The measure's state columns: short name to quoted name in partials."""
    short = measure.partial(Rows(types, "''"))
    return {state: identifier(f"{name}.{state}") for state in short}


def value_column(name: str) -> str:
    """The quoted name of a measure's finished value; no measure's name can be that of a stage's own column."""
    return identifier(f"{name} value")


def partial(plan: Plan, types: Mapping[str, str], source: str = "rows") -> str:
    """One row per group of `source`: its `key` and every measure's state."""
    keys = [identifier(f"key {number}") for number, _ in enumerate(plan.group_by)]
    columns = [f"{_key(key, types[key])} AS {name}" for key, name in zip(plan.group_by, keys, strict=True)]
    rows = Rows(types, _group_name(plan))
    states = {
        identifier(f"{name}.{state}"): aggregate
        for name, measure in plan.measures.items()
        for state, aggregate in measure.partial(rows).items()
    }
    group_by = f"\nGROUP BY {', '.join(map(str, range(1, len(columns) + 1)))}" if columns else ""
    groups = _select([*columns, *(f"{aggregate} AS {state}" for state, aggregate in states.items())], source)
    key = joined([encoded(f"{key}::VARCHAR") for key in keys])
    return _select([f"{key} AS key", *states], f"(\n{groups}{group_by})")


def merge(plan: Plan, types: Mapping[str, str], source: str = "unshuffled") -> str:
    """One row per group of `source`, which holds partials of it: the states merged."""
    states = [
        f"{aggregate} AS {identifier(f'{name}.{state}')}"
        for name, measure in plan.measures.items()
        for state, aggregate in measure.merge(state_columns(name, measure, types)).items()
    ]
    return _select(["key", *states], source) + "\nGROUP BY key"


def final(plan: Plan, types: Mapping[str, str], source: str = "partial") -> str:
    """One row per group of `source`, which holds its whole state: its `key` and its measures' values."""
    values = [
        f"{measure.final(state_columns(name, measure, types))} AS {value_column(name)}"
        for name, measure in plan.measures.items()
    ]
    return _select(["key", *values], source)


def records(plan: Plan, parts: int, source: str = "final") -> str:
    """`part` and `record`, the encoded line with its newline, in Hadoop's order of the key in each part."""
    value = joined([encoded(f"{value_column(name)}::VARCHAR") for name in plan.measures])
    pieces = ["key"] * bool(plan.group_by) + ["value"] * bool(plan.measures)
    record = f" || {TAB} || ".join(pieces) + f" || {NEWLINE}"
    return (
        f"SELECT part, {record} AS record\n"
        f"FROM (SELECT ({part('key', parts)})::INTEGER AS part, key, {value} AS value FROM {source})\n"
        "ORDER BY part, key"
    )


def shuffled(states: Mapping[str, str], source: str = "partial") -> str:
    """`part`, always 0, and `record`, a partial as a line that Hadoop shuffles.  states: column to type."""
    values = [encoded(f"{identifier(name)}::VARCHAR") for name in states]
    return f"SELECT 0 AS part, {joined(['key', *values])} || {NEWLINE} AS record\nFROM {source}"


def unshuffled(keys: int, states: Mapping[str, str], source: str = "lines") -> str:
    """Partials again, of the lines that `shuffled` wrote.  keys: how many of their columns are the key."""
    key = f"array_to_string(fields[1:{max(keys, 1)}], {TAB})"
    values = [
        f"nullif(fields[{number}], '\\N')::{type} AS {identifier(name)}"
        for number, (name, type) in enumerate(states.items(), max(keys, 1) + 1)
    ]
    return _select([f"{key} AS key", *values], f"(SELECT string_split(line, {TAB}) AS fields FROM {source})")


def _select(columns: list[str], source: str) -> str:
    return "SELECT " + ",\n  ".join(columns) + f"\nFROM {source}"


def _key(name: str, type: str) -> str:
    column = identifier(name)
    if type in numbers.FLOATS:
        return f"CASE WHEN isnan({column}) THEN 'nan' ELSE ({column} + 0)::VARCHAR END"  # -0.0 + 0 is 0.0
    one_text = type in ONE_TEXT or re.fullmatch(r"DECIMAL\(\d+,\d+\)", type)
    return column if one_text else f"{column}::VARCHAR"


def _group_name(plan: Plan) -> str:
    """SQL text that names a row's group in an error."""
    if not plan.group_by:
        return literal("the whole input")
    names = [f"{literal(key + '=')} || coalesce({identifier(key)}::VARCHAR, 'null')" for key in plan.group_by]
    return "'group ' || " + " || ', ' || ".join(names)
