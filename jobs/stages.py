"""A Plan's stages as SQL: lines, rows, partial, merge, final, records. Each reads the one before by its name.

    blocks ─ lines ─ rows ─ partial ────────────────────────── final ─ records     one process: its partial is whole
    blocks ─ lines ─ rows ─ partial ─ shuffled                                     a map task
                           (Hadoop's shuffle: by key)
    blocks ─ lines ───────────────── unshuffled ─ merge ────── final ─ records     a reduce task

A job's TopK, if it has one, is in `records`; after a cluster's reducers, each of which has kept its own top, the driver
goes once more from their records, as `recorded`, to `records`.

From `partial` on a group is known by `key`: its key columns, encoded and joined by tabs, as they are written.
"""

from collections.abc import Iterator, Mapping
from itertools import zip_longest

from jobs.errors import DeclarationError, UsageError
from jobs.measures import Measure, Rows, State
from jobs.plan import Plan
from jobs.sql import identifier, literal
from jobs.text.partition import part
from jobs.text.records import NEWLINE, TAB, decoded, encoded, joined
from jobs.text.values import canonical

# The list is made in a subquery and unnested alone: over a view DuckDB would copy it once per 2,048 lines.
LINES = f"SELECT unnest(split) AS line FROM (SELECT string_split(block, {NEWLINE}) AS split FROM blocks)"

BAD = identifier("is bad")


def check(plan: Plan, types: Mapping[str, str]) -> None:
    """Refuses a Plan whose keys or measures do not fit the columns of its rows (name to DuckDB type)."""
    for key in plan.group_by:
        if key not in types:
            raise DeclarationError("group_by", f"no column {key!r} in rows, which yields: {', '.join(types)}")
    if plan.bad and types.get(plan.bad) != "VARCHAR":
        raise DeclarationError("bad", f"no text column {plan.bad!r} in rows, which yields: {', '.join(types)}")
    for name, measure in plan.measures.items():
        try:
            measure.within(Rows(types, "''"))
            measure.partial(Rows(types, "''"))
        except UsageError as error:
            raise DeclarationError("measures", f"{name}: {error}") from error


def state_columns(name: str, measure: Measure, types: Mapping[str, str]) -> State:
    """The measure's state columns, what tells its states apart first."""
    rows = Rows(types, "''")
    return State(name, [*measure.within(rows), *measure.partial(rows)])


def value_column(name: str) -> str:
    """The quoted name of a measure's finished value; no measure's name can be that of a stage's own column."""
    return identifier(f"{name} value")


def partial(plan: Plan, types: Mapping[str, str], source: str = "rows") -> str:
    """The states of the groups of `source`, by `key`: one row a group; and with measures of several states, by `kind`.

    Of kind 0 is the row that holds all other measures' states; the n-th measure of several states has its own of kind n.
    Where a job tells bad rows, they make one group more: the one that `is bad`, of so many `bad rows`.
    """
    rows = Rows(types, _group_name(plan))
    states = {
        _state(name, state): aggregate
        for name, measure in plan.measures.items()
        for state, aggregate in measure.partial(rows).items()
    }
    keys = [identifier(f"key {number}") for number, _ in enumerate(plan.group_by)]
    several = _several(plan, types)
    by, bad = ([BAD, *keys], [BAD, '"bad rows"']) if plan.bad else (keys, [])
    aggregates = [f"{sql} AS {name}" for name, sql in (states | dict.fromkeys(bad[1:], "count(*)")).items()]
    told = f"(\n{_told(plan, types, _computed(rows, source))})"
    key = f"{joined([encoded(f'{key}::VARCHAR') for key in keys])} AS key"
    if not several:
        group_by = f"\nGROUP BY {', '.join(by)}" if by else ""
        return _select([key, *bad, *states], f"(\n{_select([*by, *aggregates], told)}{group_by})")
    subs = {name: _subs(name, plan, types) for name in several}
    apart = [sub for name in several for sub in subs[name]]
    kind = " ".join(f"WHEN grouping({subs[name][0]}) = 0 THEN {number}" for number, name in enumerate(several, 1))
    sets = [", ".join([*by, *subs.get(name, [])]) for name in ("", *several)]
    groups = _select([*by, *apart, f"CASE {kind} ELSE 0 END AS kind", *aggregates], told)
    groups += f"\nGROUP BY GROUPING SETS (({'), ('.join(sets)}))"
    owners = dict.fromkeys([*apart, *states], 0) | {
        state: number
        for number, name in enumerate(several, 1)
        for state in state_columns(name, plan.measures[name], types).values()
    }
    owned = [f"CASE WHEN kind = {owner} THEN {state} END AS {state}" for state, owner in owners.items()]
    return _select([key, *bad, "kind", *owned], f"(\n{groups})")


def good(source: str = "partial") -> str:
    """The groups of good rows among those of a job that tells bad ones."""
    return f'(SELECT * EXCLUDE ({BAD}, "bad rows") FROM {source} WHERE NOT {BAD})'


def bad_rows(source: str = "partial") -> str:
    """How many bad rows there were, as one value."""
    return f'SELECT coalesce(sum("bad rows"), 0)::BIGINT FROM {source} WHERE {BAD}'


def merge(plan: Plan, types: Mapping[str, str], source: str = "unshuffled") -> str:
    """The states of the groups of `source`, which holds states of them, as `partial` gives them: merged."""
    several = _several(plan, types)
    apart = ["kind", *(sub for name in several for sub in _subs(name, plan, types))] if several else []
    states = [
        f"{aggregate} AS {_state(name, state)}"
        for name, measure in plan.measures.items()
        for state, aggregate in measure.merge(state_columns(name, measure, types)).items()
    ]
    return _select(["key", *apart, *states], source) + f"\nGROUP BY {', '.join(['key', *apart])}"


def final(plan: Plan, types: Mapping[str, str], source: str = "partial") -> str:
    """One row per group of `source`, which holds all its merged states: its `key` and its measures' values."""
    several = _several(plan, types)
    values = {
        name: f"{measure.final(state_columns(name, measure, types))} AS {value_column(name)}"
        for name, measure in plan.measures.items()
    }
    if several:  # the one row of kind 0 joins what is made of the others
        single = [
            f"any_value({column}) AS {column}"
            for name, measure in plan.measures.items()
            if name not in several
            for column in state_columns(name, measure, types).values()
        ]
        source = f"(\n{_select(['key', *single, *(values[name] for name in several)], source)}\nGROUP BY key)"
        values |= {name: value_column(name) for name in several}
    for steps in _levels(plan, types):
        source = f"({_select(['*', *steps], source)})"
    return _select(["key", *values.values()], source)


def records(plan: Plan, parts: int, source: str = "final") -> str:
    """`part` and `record`, the encoded line with its newline, in Hadoop's order of the key in each part.

    With TopK they are those of its k groups, in its order, in one part.
    """
    value = joined([encoded(f"{value_column(name)}::VARCHAR") for name in plan.measures])
    pieces = ["key"] * bool(plan.group_by) + ["value"] * bool(plan.measures)
    record = f" || {TAB} || ".join(pieces) + f" || {NEWLINE}"
    if plan.then:
        place = "ASC" if plan.then.ascending else "DESC"
        top = f"ORDER BY {value_column(plan.then.by)} {place} NULLS LAST, key LIMIT {plan.then.k}"
        return f"SELECT 0 AS part, {record} AS record\nFROM (SELECT *, {value} AS value FROM {source})\n{top}"
    return (
        f"SELECT part, {record} AS record\n"
        f"FROM (SELECT ({part('key', parts)})::INTEGER AS part, key, {value} AS value FROM {source})\n"
        "ORDER BY part, key"
    )


def shuffled(states: Mapping[str, str], source: str = "partial") -> str:
    """`part`, always 0, and `record`, a partial as a line that Hadoop shuffles.  states: column but `key` to type."""
    values = [encoded(f"{identifier(name)}::VARCHAR") for name in states]
    return f"SELECT 0 AS part, {joined(['key', *values])} || {NEWLINE} AS record\nFROM {source}"


def unshuffled(keys: int, states: Mapping[str, str], source: str = "lines") -> str:
    """Partials again, of the lines that `shuffled` wrote.  keys: how many of their columns are the key."""
    key = f"array_to_string(fields[1:{max(keys, 1)}], {TAB})"
    values = [
        f"{_read(f'fields[{number}]', type)} AS {identifier(name)}"
        for number, (name, type) in enumerate(states.items(), max(keys, 1) + 1)
    ]
    return _select([f"{key} AS key", *values], f"(SELECT string_split(line, {TAB}) AS fields FROM {source})")


def recorded(plan: Plan, types: Mapping[str, str], source: str = "lines") -> str:
    """Finished groups again, as `final` gives them, of the lines that `records` wrote.  types: of the output's columns."""
    return unshuffled(len(plan.group_by), {f"{name} value": types[name] for name in plan.measures}, source)


def _select(columns: list[str], source: str) -> str:
    return "SELECT " + ",\n  ".join(columns) + f"\nFROM {source}"


def _read(text: str, type: str) -> str:
    """SQL for the value of DuckDB type `type` that a column of a record holds."""
    return decoded(text) if type == "VARCHAR" else f"nullif({text}, '\\N')::{type}"


def _told(plan: Plan, types: Mapping[str, str], source: str) -> str:
    """The rows of `source` with what groups them: keys, what tells a measure's states apart, and whether they are bad."""
    value = f"CASE WHEN NOT {BAD} THEN {{}} END" if plan.bad else "{}"
    columns = {f"key {number}": value.format(canonical(key, types[key])) for number, key in enumerate(plan.group_by)}
    for name in _several(plan, types):
        apart = plan.measures[name].within(Rows(types, "''"))
        columns |= {f"{name}.{sub}": sql for sub, sql in apart.items()}
    if plan.bad:
        source = f"(SELECT *, {identifier(plan.bad)} IS NOT NULL AS {BAD} FROM {source})"
    return _select(["*", *(f"{sql} AS {identifier(name)}" for name, sql in columns.items())], source)


def _computed(rows: Rows, source: str) -> str:
    """The rows of `source` with what measures have asked to be computed once."""
    for name, sql in rows.computed.items():
        source = f"(SELECT *, {sql} AS {name} FROM {source})"
    return source


def _several(plan: Plan, types: Mapping[str, str]) -> list[str]:
    """The measures that have several states a group."""
    return [name for name, measure in plan.measures.items() if measure.within(Rows(types, "''"))]


def _levels(plan: Plan, types: Mapping[str, str]) -> Iterator[list[str]]:
    """The steps of all measures, the first of each before the second of each."""
    steps = [
        [f"{sql} AS {_state(name, step)}" for step, sql in measure.steps(state_columns(name, measure, types)).items()]
        for name, measure in plan.measures.items()
    ]
    for level in zip_longest(*steps):
        yield [step for step in level if step]


def _subs(name: str, plan: Plan, types: Mapping[str, str]) -> list[str]:
    """The columns that tell a measure's states apart."""
    return [_state(name, sub) for sub in plan.measures[name].within(Rows(types, "''"))]


def _state(name: str, state: str) -> str:
    return identifier(f"{name}.{state}")


def _group_name(plan: Plan) -> str:
    """SQL text that names a row's group in an error."""
    if not plan.group_by:
        return literal("the whole input")
    names = [f"{literal(key + '=')} || coalesce({identifier(key)}::VARCHAR, 'null')" for key in plan.group_by]
    return "'group ' || " + " || ', ' || ".join(names)
