"""A Plan's stages as SQL: lines, rows, partial, merge, final, records. Each reads the one before by its name.

blocks ─ lines ─ rows ─ partial ─┬─ final ─ records        one process: its partial is already whole
                                 └─ merge ─ final          many tasks: encoded partials meet and merge
"""

from collections.abc import Mapping

from jobs.errors import DeclarationError, UsageError
from jobs.measures import Measure, Rows
from jobs.plan import Plan
from jobs.sql import identifier, literal
from jobs.text.numbers import FLOATS
from jobs.text.partition import part
from jobs.text.records import NEWLINE, TAB, encoded, joined

# The list is made in a subquery and unnested alone: over a view DuckDB would copy it once per 2,048 lines.
LINES = f"SELECT unnest(split) AS line FROM (SELECT string_split(block, {NEWLINE}) AS split FROM blocks)"

# Types whose equal values have one text. Others are grouped by their text: 1 month equals 30 days, say.
ONE_TEXT = ("VARCHAR", "BOOLEAN", "DATE", "TIMESTAMP", "TIME", "DECIMAL(")
ONE_TEXT_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")


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


def partial(plan: Plan, types: Mapping[str, str], source: str = "rows") -> str:
    """One row per group of `source`: its keys and every measure's state."""
    keys = [f"{_key(key, types[key])} AS {identifier(key)}" for key in plan.group_by]
    rows = Rows(types, _group_name(plan))
    states = [
        f"{aggregate} AS {identifier(f'{name}.{state}')}"
        for name, measure in plan.measures.items()
        for state, aggregate in measure.partial(rows).items()
    ]
    return _grouped(plan, keys, states, source)


def merge(plan: Plan, types: Mapping[str, str], source: str = "partial") -> str:
    """One row per group of `source`, which holds partials of it: the states merged."""
    keys = [identifier(key) for key in plan.group_by]
    states = [
        f"{aggregate} AS {identifier(f'{name}.{state}')}"
        for name, measure in plan.measures.items()
        for state, aggregate in measure.merge(state_columns(name, measure, types)).items()
    ]
    return _grouped(plan, keys, states, source)


def final(plan: Plan, types: Mapping[str, str], source: str = "partial") -> str:
    """The columns of the output, one row per group of `source`: its keys and its measures' values."""
    values = [
        f"{measure.final(state_columns(name, measure, types))} AS {identifier(name)}"
        for name, measure in plan.measures.items()
    ]
    return "SELECT " + ",\n  ".join([*map(identifier, plan.group_by), *values]) + f"\nFROM {source}"


def records(plan: Plan, parts: int, source: str = "final") -> str:
    """`part` and `record`, the encoded line with its newline, in Hadoop's order of the encoded key in each part."""
    key, value = (
        joined([encoded(f"{identifier(name)}::VARCHAR") for name in names])
        for names in (plan.group_by, plan.measures)
    )
    pieces = ["key"] * bool(plan.group_by) + ["value"] * bool(plan.measures)
    record = f" || {TAB} || ".join(pieces) + f" || {NEWLINE}"
    return (
        f"SELECT part, {record} AS record\n"
        f"FROM (SELECT ({part('key', parts)})::INTEGER AS part, key, value\n"
        f"FROM (SELECT {key} AS key,\n  {value} AS value\nFROM {source}))\nORDER BY part, key"
    )


def _grouped(plan: Plan, keys: list[str], states: list[str], source: str) -> str:
    group_by = f"\nGROUP BY {', '.join(map(str, range(1, len(keys) + 1)))}" if plan.group_by else ""
    return "SELECT " + ",\n  ".join(keys + states) + f"\nFROM {source}{group_by}"


def _key(name: str, type: str) -> str:
    column = identifier(name)
    if type in FLOATS:
        return f"CASE WHEN isnan({column}) THEN 'nan' ELSE ({column} + 0)::VARCHAR END"  # -0.0 + 0 is 0.0
    one_text = type.startswith(ONE_TEXT) or type.removeprefix("U") in ONE_TEXT_INTEGERS
    return column if one_text else f"{column}::VARCHAR"


def _group_name(plan: Plan) -> str:
    """SQL text that names a row's group in an error."""
    if not plan.group_by:
        return literal("the whole input")
    names = [f"{literal(key + '=')} || coalesce({identifier(key)}::VARCHAR, 'null')" for key in plan.group_by]
    return "'group ' || " + " || ', ' || ".join(names)
