"""Salting: rows of common keys are spread over several reducers, and each pair of rows still meets exactly once.

A hot key has a grid of a x b cells, each on a reducer of its own. A left row goes to one row of the grid, to all its cells;
a right row to one column, to all of its cells; so that each pair meets in exactly one cell:

              right rows 0,2,4..   1,3,5..            a cell's label, the salt, is put in front of the key, and chosen so that
    left 0,2..     cell 0           cell 1            Hadoop's hash sends label and key to the reducer that is wanted.
    left 1,3..     cell 2           cell 3

A left row without a match is told by column 0 alone, a right one by row 0; for a cell to know whether the other side exists
anywhere, each mapper sends it a marker, unless the sample that found the key has seen it there: then it is known to, and none
of its rows is without a match. Semi and anti joins need nothing else of the right side. Which row or column a row
goes to is counted, from a start that depends on the split, so that a retried task repeats itself. Null keys match nothing,
and are spread, too.

A line has no more of this than a salt, empty where its key is common on neither side: reducers pay for each byte. Which rows
a cell does not tell stands in its label; and a side has a column for markers only where they must be told from its rows.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING
from zlib import crc32

import duckdb

from jobs.errors import UsageError
from jobs.sql import identifier, literal
from jobs.text.formats import JsonLines
from joins import stages
from joins.plan import NAMES, JoinPlan, Name, Side, other

if TYPE_CHECKING:
    from joins.sample import Sample  # it brings what nodes do without

SALT, MARKER = "fanin's salt", "fanin's marker"
IS_MARKER = "'m'"  # what its column says of one, and nothing of a row
SPREAD = 257  # labels of null keys
HOT = 5  # a key is hot if it has more than this part of a reducer's mean load: then even several cannot make one late by a fifth


@dataclass(frozen=True)
class Hot:
    """A common key.  key: encoded.  rows, columns: of its grid.  labels: of the cells, row by row, each with what `silent` says of it.

    seen: the sides on which the sample has found it, so that its rows of the other side are known to match.
    """

    key: str
    rows: int
    columns: int
    labels: Sequence[str]
    seen: Sequence[Name] = ()


def choose_hot(plan: JoinPlan, found: "Sample", reducers: int) -> list[Hot]:
    """The keys to spread, each over as many cells as there are reducers, the commonest first."""
    mean = found.all_rows / reducers
    loads = {key: sum(sides.values()) for key, sides in found.keys.items()}
    common = sorted((key for key in loads if loads[key] > mean / HOT), key=lambda key: (-loads[key], key))
    hot = []
    for number, key in enumerate(common if reducers > 1 else []):
        left, right = (found.keys[key][name] for name in NAMES)
        if plan.how in ("semi", "anti"):
            right = 0  # markers tell all that is wanted of it
        grids = [(a, reducers // a) for a in range(1, reducers + 1) if reducers % a == 0]
        a, b = min(grids, key=lambda grid: (left / grid[0] + right / grid[1], grid))
        places = [(cell + number) % reducers for cell in range(reducers)]
        seen = [name for name in NAMES if found.keys[key][name]]
        cells = list(zip(silent(plan, a, b, seen), places, strict=True))
        hot.append(Hot(key, a, b, list(_labels(key, cells, reducers)), seen))
    return hot


def silent(plan: JoinPlan, rows: int, columns: int, seen: Collection[Name]) -> list[str]:
    """For each cell of a grid, row by row: l, r, or both, of the sides whose rows without a match it does not tell, if any does.

    Of a semi join, the rows with a match.
    """
    first_column = plan.how == "semi" or "right" not in seen
    asked = {"left": plan.keeps("left") or plan.how == "semi", "right": plan.keeps("right")}
    cells = [(cell // columns, cell % columns) for cell in range(rows * columns)]
    tells = [
        {"left": column == 0 and first_column, "right": row == 0 and "left" not in seen} for row, column in cells
    ]
    return ["".join(stages.ALIAS[name] for name in NAMES if asked[name] and not told[name]) for told in tells]


def _labels(key: str, cells: Iterable[tuple[str, int]], reducers: int) -> Iterator[str]:
    """Labels, all different, that Hadoop's KeyFieldBasedPartitioner sends with the key to reducers.

    cells: what a label ends with, and the reducer.
    """
    numbers: defaultdict[str, Iterator[int]] = defaultdict(count)
    waiting: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    for end, place in cells:
        while not waiting[end, place]:
            label = f"{next(numbers[end])}{end}"
            waiting[end, _part(f"{label}\t{key}".encode(), reducers)].append(label)
        yield waiting[end, place].pop(0)


def _part(text: bytes, parts: int) -> int:
    """Where the hash of jobs.text.partition sends a text, from FIELDS on."""
    h = 0
    for byte in text:
        h = (31 * h + (byte - 256 if byte > 127 else byte)) & 0xFFFFFFFF
    return (h & 0x7FFFFFFF) % parts


def salted(plan: JoinPlan, hot: Sequence[Hot]) -> JoinPlan:
    """The plan of a join of rows that have a salt: what reducers join."""
    where = " AND ".join(f"(\n{condition}\n)" for condition in (*_conditions(plan, hot), plan.where) if condition)
    sides = {name: _salted(plan, name, hot) for name in NAMES}
    return replace(plan, left=sides["left"], right=sides["right"], select=stages.select_list(plan), where=where)


def _conditions(plan: JoinPlan, hot: Sequence[Hot]) -> Iterator[str]:
    """SQL of what must be true of a joined row, that each be told once; and no marker."""
    salt = {name: f"{stages.ALIAS[name]}.{identifier(SALT)}" for name in NAMES}
    tells = {name: f"NOT contains({salt[name]}, {literal(stages.ALIAS[name])})" for name in NAMES}
    if plan.how in ("semi", "anti"):
        yield tells["left"]
        return
    for name in NAMES:
        if plan.keeps(name):
            yield f"{salt[other(name)]} IS NOT NULL OR {tells[name]}"
        if _marked(plan, name, hot):
            yield f"{stages.ALIAS[name]}.{identifier(MARKER)} IS DISTINCT FROM {IS_MARKER}"


def _marked(plan: JoinPlan, name: Name, hot: Sequence[Hot]) -> bool:
    """Whether rows of a side are joined that may be markers: not in semi and anti joins, which ask no more than that there are some."""
    return (
        plan.how in ("left", "right", "full") and plan.keeps(other(name)) and any(name not in key.seen for key in hot)
    )


def _salted(plan: JoinPlan, name: Name, hot: Sequence[Hot]) -> Side:
    side = plan.sides[name]
    for column in (SALT, MARKER):
        if column.lower() in map(str.lower, side.columns):
            raise UsageError(f"--strategy salted: a column cannot be called {column!r}")
    columns = {SALT: "text", **side.input.columns} | dict.fromkeys([MARKER] * _marked(plan, name, hot), "text")
    return Side(JsonLines(columns, zone=side.input.zone), (SALT, *side.keys))


def open_salted(
    connection: duckdb.DuckDBPyConnection, plan: JoinPlan, name: Name, blocks: str, hot: Sequence[Hot], split: str
) -> None:
    """Makes the view l, or r, of a side's rows with their salts, out of a table of blocks.  split: what tells the task's input from others'."""
    alias, own = stages.ALIAS[name], f"{name} rows"
    connection.execute("SET preserve_insertion_order = true")  # a retried task must number rows as before
    connection.execute(
        "CREATE TEMP TABLE IF NOT EXISTS hot"
        " (key VARCHAR, a BIGINT, b BIGINT, labels VARCHAR[], seen_left BOOLEAN, seen_right BOOLEAN)"
    )
    connection.execute("TRUNCATE hot")
    if hot:
        connection.executemany(
            "INSERT INTO hot VALUES (?, ?, ?, ?, ?, ?)",
            [[h.key, h.rows, h.columns, h.labels, *(side in h.seen for side in NAMES)] for h in hot],
        )
    connection.execute(
        f"CREATE TEMP TABLE {identifier(own)} AS SELECT {alias}.*, {stages.key_text(plan, name)} AS {KEY},"
        f" ({stages.known(plan, name)}) AS {KNOWN}, row_number() OVER () AS {NUMBER}"
        f" FROM ({stages.side(plan.sides[name], blocks, alias)}) AS {alias}"
    )
    columns = [*plan.sides[name].columns, *[MARKER] * _marked(plan, name, hot)]
    parts = [
        *_rows(plan, name, columns, identifier(own), crc32(split.encode())),
        *_markers(plan, name, columns, identifier(own)),
    ]
    connection.execute(f"CREATE VIEW {alias} AS {' UNION ALL '.join(parts)}")


# Names that no column of a user's has: these would hide each other.
KEY, KNOWN, NUMBER, GRID, OWN, CELL = (
    identifier(f"fanin's {what}") for what in ("key", "known key", "number", "grid", "own", "cell")
)
LABEL = f"{GRID}.labels[{CELL} + 1]"


def _rows(plan: JoinPlan, name: Name, columns: Sequence[str], source: str, start: int) -> Iterator[str]:
    """SQL of the rows themselves: those of no hot key once, the others in each cell that they go to."""
    spread = f"CASE WHEN {KNOWN} THEN '' ELSE (({NUMBER} + {start}) % {SPREAD})::VARCHAR END"
    others = f"{source} WHERE NOT {KNOWN} OR {KEY} NOT IN (SELECT key FROM hot)"
    values = {column: identifier(column) for column in columns} | {MARKER: "''"}
    yield _select(values, columns, spread, others)
    if name == "right" and plan.how in ("semi", "anti"):
        return
    numbered = f"row_number() OVER (PARTITION BY {KEY} ORDER BY {NUMBER}) - 1 + {start}"
    hot = f"SELECT s.*, hot AS {GRID}, {numbered} AS {OWN} FROM {source} AS s JOIN hot ON s.{KEY} = hot.key AND s.{KNOWN}"
    across, down = f"range({GRID}.b)", f"range({GRID}.a)"
    if name == "left":
        cells = f"list_transform({across}, lambda j: ({OWN} % {GRID}.a) * {GRID}.b + j)"
    else:
        cells = f"list_transform({down}, lambda i: i * {GRID}.b + {OWN} % {GRID}.b)"
    yield _select(values, columns, LABEL, f"(SELECT *, unnest({cells}) AS {CELL} FROM ({hot}))")


def _markers(plan: JoinPlan, name: Name, columns: Sequence[str], source: str) -> Iterator[str]:
    """SQL of one row for each hot key that is here, for each cell that decides about the other side."""
    asked = plan.keeps("right") if name == "left" else plan.keeps("left") or plan.how == "semi"
    if not asked:
        return
    side = plan.sides[name]
    cells = f"range({GRID}.b)" if name == "left" else f"range(0, {GRID}.a * {GRID}.b, {GRID}.b)"  # row 0, or column 0
    keys = ", ".join(f"any_value({identifier(key)}) AS {identifier(key)}" for key in side.keys)
    found = f"SELECT {KEY}, {keys} FROM {source} WHERE {KNOWN} GROUP BY {KEY}"
    unseen = "" if plan.how == "semi" else f" AND NOT hot.seen_{name}"
    hot = f"SELECT s.*, hot AS {GRID} FROM ({found}) AS s JOIN hot ON s.{KEY} = hot.key{unseen}"
    nothing = {column: f"NULL::{side.type(column)}" for column in side.columns}
    values = nothing | {key: identifier(key) for key in side.keys} | {MARKER: IS_MARKER}
    yield _select(values, columns, LABEL, f"(SELECT *, unnest({cells}) AS {CELL} FROM ({hot}))")


def _select(values: Mapping[str, str], columns: Sequence[str], salt: str, source: str) -> str:
    told = [
        f"{sql} AS {identifier(column)}" for column, sql in ({SALT: salt} | {c: values[c] for c in columns}).items()
    ]
    return f"SELECT {', '.join(told)} FROM {source}"
