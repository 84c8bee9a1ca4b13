"""A Plan's stages as SQL: lines, rows, partial, merge, final, records. Each reads the one before by its name.

    blocks ─ lines ─ rows ─ partial ────────────────────────── final ─ records     one process: its partial is whole
    blocks ─ lines ─ rows ─ partial ─ shuffled                                     a map task
                           (Hadoop's shuffle: by key)
    blocks ─ lines ───────────────── unshuffled ─ merge ────── final ─ records     a reduce task

A job's TopK, if it has one, is in `records`; after a cluster's reducers, each of which has kept its own top, the driver
goes once more from their records, as `recorded`, to `records`.

From `partial` on a group is known by `key`: its key columns, encoded and joined by tabs, as they are written. In a job with
windows it has states for each piece of time, and what bounds that piece stands beside them.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest

from jobs.errors import DeclarationError, UsageError
from jobs.event_time import ENDS, PLACE, TIME
from jobs.measures import Measure, Rows, State
from jobs.plan import Plan
from jobs.sql import identifier, literal
from jobs.text.partition import part
from jobs.text.records import NEWLINE, TAB, decoded, encoded, joined
from jobs.text.values import canonical


# The list is made in a subquery and unnested alone: over a view DuckDB would copy it once per 2,048 lines.
def lines(blocks: str = "blocks") -> str:
    """The lines of a table of blocks."""
    return f"SELECT unnest(split) AS line FROM (SELECT string_split(block, {NEWLINE}) AS split FROM {blocks})"


BAD = identifier("is bad")
BAD_ROWS = identifier("bad rows")
NOBODY = "''"  # the name of a group where none is at hand


def check(plan: Plan, types: Mapping[str, str]) -> None:
    """Refuses a Plan whose keys or measures do not fit the columns of its rows (name to DuckDB type)."""
    for key in plan.group_by:
        if key not in types:
            raise DeclarationError("group_by", f"no column {key!r} in rows, which yields: {', '.join(types)}")
    if plan.bad and types.get(plan.bad) != "VARCHAR":
        raise DeclarationError("bad", f"no text column {plan.bad!r} in rows, which yields: {', '.join(types)}")
    if plan.window:
        plan.window.check(types)
    for name, measure in plan.measures.items():
        try:
            state_columns(name, measure, types)
        except UsageError as error:
            raise DeclarationError("measures", f"{name}: {error}") from error


def state_columns(name: str, measure: Measure, types: Mapping[str, str]) -> State:
    """The measure's state columns, what tells its states apart first."""
    rows = Rows(types, NOBODY)
    return State(name, [*measure.within(rows), *measure.partial(rows)])


def value_column(name: str) -> str:
    """The quoted name of a measure's finished value; no measure's name can be that of a stage's own column."""
    return identifier(f"{name} value")


def partial(plan: Plan, types: Mapping[str, str], source: str = "rows") -> str:
    """The states of the groups of `source`, by `key`: one row a group; and with measures of several states, by `kind`.

    Of kind 0 is the row that holds all other measures' states; the n-th measure of several states has its own of kind n.
    `bad rows` says how many of a group were bad; where these are left out, they make one group more, the one that `is bad`.
    """
    rows = Rows(types, _group_name(plan))
    states = {
        State(name)[state]: aggregate
        for name, measure in plan.measures.items()
        for state, aggregate in measure.partial(rows).items()
    }
    if plan.bad:
        states[BAD_ROWS] = f"count({identifier(plan.bad)})"
    keys = [identifier(f"key {number}") for number, _ in enumerate(plan.group_by)]
    by = [*keys, BAD] if plan.leaves_out else keys
    apart = {
        f"{name}.{sub}": sql for name, measure in plan.measures.items() for sub, sql in measure.within(rows).items()
    }
    told = f"(\n{_told(plan, types, apart, _computed(plan, rows, source))})"
    bounds = plan.window.bounds if plan.window else {}
    if plan.window:
        told, by = plan.window.placed(told, by), [*by, PLACE]
    columns = [f"{joined([encoded(key) for key in keys])} AS key", *[BAD] * plan.leaves_out, *bounds]
    aggregates = [f"{sql} AS {name}" for name, sql in {**bounds, **states}.items()]
    if _several(plan, types):
        return _select([*columns, "kind", *_owned(plan, types, states)], _by_kind(plan, types, by, aggregates, told))
    group_by = f"\nGROUP BY {', '.join(by)}" if by else ""
    return _select([*columns, *states], f"(\n{_select([*by, *aggregates], told)}{group_by})")


def good(plan: Plan, source: str = "partial") -> str:
    """The groups of `source` without those that are left out as bad, and nothing more of them than their states."""
    if not plan.bad:
        return source
    if not plan.leaves_out:
        return f"(SELECT * EXCLUDE ({BAD_ROWS}) FROM {source})"
    groups = f"(SELECT * EXCLUDE ({BAD}, {BAD_ROWS}) FROM {source} WHERE NOT {BAD})"
    if plan.group_by or plan.window:
        return groups
    return (
        f"(SELECT groups.* REPLACE (coalesce(key, '') AS key) FROM (SELECT 0) LEFT JOIN {groups} AS groups ON true)"
    )


def bad_rows(plan: Plan, source: str = "partial") -> str:
    """How many bad rows there were, as one value."""
    return f"SELECT coalesce(sum({BAD_ROWS}), 0)::BIGINT FROM {source}" + f" WHERE {BAD}" * plan.leaves_out


def merge(plan: Plan, types: Mapping[str, str], source: str = "unshuffled") -> str:
    """The states of the groups of `source`, which holds states of them, as `partial` gives them: merged."""
    several = _several(plan, types)
    apart = ["kind", *(sub for name in several for sub in _subs(name, plan, types))] if several else []
    states = [
        f"{aggregate} AS {State(name)[state]}"
        for name, measure in plan.measures.items()
        for state, aggregate in measure.merge(state_columns(name, measure, types)).items()
    ]
    source, group, bounds = _placed(plan, source)
    return _select(["key", *bounds, *apart, *states], source) + f"\nGROUP BY {', '.join([*group, *apart])}"


def final(plan: Plan, types: Mapping[str, str], source: str = "partial") -> str:
    """One row per group and window of `source`, which holds all their merged states: `key`, and the output's values.

    A measure with `fields` makes one of each of its states instead, but of those whose value is null, `in order`.
    """
    if plan.window and (spread := plan.window.spread(source)):
        source = f"(\n{merge(plan, types, spread)})"
    several = _several(plan, types)
    values = {
        name: f"{measure.final(state_columns(name, measure, types))} AS {value_column(name)}"
        for name, measure in plan.measures.items()
    }
    if several:
        source = _single_states(plan, source) if plan.table else _folded(plan, types, source, values)
    one_group = ", ".join(["key", *(plan.window.bounds if plan.window else [])])
    at_once = [sql for name, sql in values.items() if plan.table or name not in several]
    for columns in [*_levels(plan, types), at_once]:
        source = f"({_select(['*', *columns], source)}\nWINDOW one_group AS (PARTITION BY {one_group}))"
    found = {column: value_column(column) for column in plan.measures}
    if plan.table:
        name, measure = plan.table
        found = {field: f"{value_column(name)}.{identifier(field)}" for field in measure.fields}
        source = f"(SELECT * FROM {source} WHERE {value_column(name)} IS NOT NULL)"
    ends = plan.window.ends if plan.window else {}
    columns = [f"{sql} AS {value_column(column)}" for column, sql in {**ends, **found}.items()]
    return _select(["key", *_order(plan), *columns], source)


def records(plan: Plan, parts: int, source: str = "final") -> str:
    """`part` and `record`, the encoded line with its newline, in Hadoop's order of the key in each part.

    With TopK they are those of its k groups, in its order, in one part.
    """
    columns = plan.columns[len(plan.group_by) :]
    value = joined([encoded(value_column(column)) for column in columns])
    pieces = ["key"] * bool(plan.group_by) + ["value"] * bool(columns)
    record = f" || {TAB} || ".join(pieces) + f" || {NEWLINE}"
    if plan.then:
        place = "ASC" if plan.then.ascending else "DESC"
        ties = ["key", *([value_column(ENDS[0])] if plan.window else [])]
        top = f"ORDER BY {value_column(plan.then.by)} {place} NULLS LAST, {', '.join(ties)} LIMIT {plan.then.k}"
        return f"SELECT 0 AS part, {record} AS record\nFROM (SELECT *, {value} AS value FROM {source})\n{top}"
    several = bool(plan.window) + bool(plan.table)
    order = ["part", "key", *(_in_order(number) for number in range(several))]
    return (
        f"SELECT part, {record} AS record\n"
        f"FROM (SELECT *, ({part('key', parts)})::INTEGER AS part, {value} AS value FROM {source})\n"
        f"ORDER BY {', '.join(order)}"
    )


def shuffled(states: Mapping[str, str], source: str = "partial") -> str:
    """`part`, always 0, and `record`, a partial as a line that Hadoop shuffles.  states: column but `key` to type."""
    return f"SELECT 0 AS part, {_line(states)} AS record\nFROM {source}"


def kept(states: Mapping[str, str], parts: int, source: str = "partial") -> str:
    """`part` and `record`, the same lines of whole partials, to be kept: in each part by key."""
    lines = f"SELECT ({part('key', parts)})::INTEGER AS part, key, {_line(states)} AS record\nFROM {source}"
    return f"SELECT part, record FROM ({lines})\nORDER BY part, key, record"


def _line(states: Mapping[str, str]) -> str:
    return f"{joined(['key', *(encoded(identifier(name)) for name in states)])} || {NEWLINE}"


def unshuffled(keys: int, states: Mapping[str, str], source: str = "lines") -> str:
    """Partials again, of the lines that `shuffled` wrote.  keys: how many of their columns are the key."""
    key = f"array_to_string(fields[1:{max(keys, 1)}], {TAB})"
    values = [
        f"{read(f'fields[{number}]', type)} AS {identifier(name)}"
        for number, (name, type) in enumerate(states.items(), max(keys, 1) + 1)
    ]
    return _select([f"{key} AS key", *values], f"(SELECT string_split(line, {TAB}) AS fields FROM {source})")


def recorded(plan: Plan, types: Mapping[str, str], source: str = "lines") -> str:
    """Finished groups again, as `final` gives them, of the lines that `records` wrote.  types: of the output's columns."""
    columns = plan.columns[len(plan.group_by) :]
    return unshuffled(len(plan.group_by), {f"{column} value": types[column] for column in columns}, source)


def _select(columns: list[str], source: str) -> str:
    return "SELECT " + ",\n  ".join(columns) + f"\nFROM {source}"


def read(text: str, type: str) -> str:
    """SQL for the value of DuckDB type `type` that a column of a record holds."""
    return decoded(text) if type == "VARCHAR" else f"nullif({text}, '\\N')::{type}"


def _told(plan: Plan, types: Mapping[str, str], apart: Mapping[str, str], source: str) -> str:
    """The rows of `source` with what groups them: keys, their time, whether they are bad, and what tells states `apart`."""
    value = f"CASE WHEN NOT {BAD} THEN {{}} END" if plan.leaves_out else "{}"
    columns = {f"key {number}": value.format(canonical(key, types[key])) for number, key in enumerate(plan.group_by)}
    columns |= apart
    told = [f"{sql} AS {identifier(name)}" for name, sql in columns.items()]
    if plan.window:
        told.append(f"{value.format(plan.window.checked(_group_name(plan)))} AS {TIME}")
    if plan.leaves_out:
        source = f"(SELECT *, {identifier(plan.bad)} IS NOT NULL AS {BAD} FROM {source})"
    return _select(["*", *told], source)


def _computed(plan: Plan, rows: Rows, source: str) -> str:
    """The rows of `source` with what measures have asked to be computed once; nothing of those that are left out."""
    for name, sql in rows.computed.items():
        if plan.leaves_out:
            sql = f"CASE WHEN {identifier(plan.bad)} IS NULL THEN {sql} END"
        source = f"(SELECT *, {sql} AS {name} FROM {source})"
    return source


def _by_kind(plan: Plan, types: Mapping[str, str], by: list[str], aggregates: list[str], told: str) -> str:
    """`told`, aggregated by `by`, as kind 0, and once more for each measure of several states by what tells these apart."""
    subs = [_subs(name, plan, types) for name in _several(plan, types)]
    kind = " ".join(f"WHEN grouping({inside[0]}) = 0 THEN {number}" for number, inside in enumerate(subs, 1))
    every = [sub for inside in subs for sub in inside]
    sets = [", ".join([*by, *inside]) for inside in ([], *subs)]
    groups = _select([*by, *every, f"CASE {kind} ELSE 0 END AS kind", *aggregates], told)
    return f"(\n{groups}\nGROUP BY GROUPING SETS (({'), ('.join(sets)})))"


def _owned(plan: Plan, types: Mapping[str, str], states: Iterable[str]) -> list[str]:
    """The columns of all states, each NULL but in rows of the kind that has it."""
    several = _several(plan, types)
    owners = dict.fromkeys([*(sub for name in several for sub in _subs(name, plan, types)), *states], 0) | {
        state: number
        for number, name in enumerate(several, 1)
        for state in state_columns(name, plan.measures[name], types).values()
    }
    return [f"CASE WHEN kind = {owner} THEN {state} END AS {state}" for state, owner in owners.items()]


def _placed(plan: Plan, source: str) -> tuple[str, list[str], list[str]]:
    """`source`, states, where a piece of time is told by columns; those that tell a group with it, and its bounds, merged."""
    if not plan.window:
        return source, ["key"], []
    bounds = [f"{aggregate} AS {name}" for name, aggregate in plan.window.bounds.items()]
    return plan.window.replaced(source), ["key", PLACE], bounds


def _folded(plan: Plan, types: Mapping[str, str], source: str, values: Mapping[str, str]) -> str:
    """One row a group and window: its row of kind 0, joined by the values of its measures of several states."""
    several = _several(plan, types)
    single = [
        f"any_value({column}) AS {column}"
        for name, measure in plan.measures.items()
        if name not in several
        for column in state_columns(name, measure, types).values()
    ]
    source, group, bounds = _placed(plan, source)
    columns = ["key", *bounds, *single, *(values[name] for name in several)]
    return f"(\n{_select(columns, source)}\nGROUP BY {', '.join(group)})"


def _single_states(plan: Plan, source: str) -> str:
    """The states of the one measure that makes a record of each, every one with the bounds of its whole window."""
    source, group, _ = _placed(plan, source)
    window = f"OVER (PARTITION BY {', '.join(group)})"
    bounds = [f"{sql} {window} AS {name}" for name, sql in (plan.window.bounds if plan.window else {}).items()]
    replaced = f"* REPLACE ({', '.join(bounds)})" if bounds else "*"
    return f"(SELECT * FROM (SELECT {replaced} FROM {source}) WHERE kind = 1)"


def _order(plan: Plan) -> list[str]:
    """What orders a group's records, where it has several."""
    order = [next(iter(plan.window.bounds))] if plan.window else []
    if plan.table:
        order.append(State(plan.table[0])["order"])
    return [f"{column} AS {_in_order(number)}" for number, column in enumerate(order)]


def _in_order(number: int) -> str:
    return identifier(f"in order {number}")


def _several(plan: Plan, types: Mapping[str, str]) -> list[str]:
    """The measures that have several states a group."""
    return [name for name, measure in plan.measures.items() if measure.within(Rows(types, NOBODY))]


def _levels(plan: Plan, types: Mapping[str, str]) -> Iterator[list[str]]:
    """The steps of all measures, the first of each before the second of each."""
    steps = [
        [f"{sql} AS {State(name)[step]}" for step, sql in measure.steps(state_columns(name, measure, types)).items()]
        for name, measure in plan.measures.items()
    ]
    for level in zip_longest(*steps):
        yield [step for step in level if step]


def _subs(name: str, plan: Plan, types: Mapping[str, str]) -> list[str]:
    """The columns that tell a measure's states apart."""
    return [State(name)[sub] for sub in plan.measures[name].within(Rows(types, NOBODY))]


def _group_name(plan: Plan) -> str:
    """SQL text that names a row's group in an error."""
    if not plan.group_by:
        return literal("the whole input")
    names = [f"{literal(key + '=')} || coalesce({identifier(key)}::VARCHAR, 'null')" for key in plan.group_by]
    return "'group ' || " + " || ', ' || ".join(names)
