"""Whether a job's `rows` treats each line by itself, so that no split of the input can change the answer."""

import json
from collections.abc import Iterator
from typing import Any

import duckdb

from jobs.errors import UsageError
from jobs.sql import literal

JOINS = frozenset({"HASH_JOIN"})
SCANS = {"PYTHON_ARROW_SCAN", "READ_PARQUET"}  # of blocks, and of an input format's files
ALLOWED = {"PROJECTION", "FILTER", "UNNEST", *SCANS}

WHY = {
    "LIMIT": "LIMIT", "STREAMING_LIMIT": "LIMIT", "LIMIT_PERCENT": "LIMIT", "TOP_N": "ORDER BY with LIMIT",
    "ORDER_BY": "ORDER BY", "WINDOW": "a window function", "STREAMING_WINDOW": "a window function",
    "UNGROUPED_AGGREGATE": "an aggregate", "HASH_GROUP_BY": "DISTINCT, GROUP BY or an aggregate",
    "PERFECT_HASH_GROUP_BY": "DISTINCT, GROUP BY or an aggregate",
    "RESERVOIR_SAMPLE": "SAMPLE", "STREAMING_SAMPLE": "SAMPLE", "UNION": "UNION (lines are read once)",
    "CTE": "a materialised WITH, or unnest() in FROM; unnest in SELECT instead",
    "DUMMY_SCAN": "a SELECT without lines",
}  # fmt: skip

# They make a join of x IN (many constants), and nothing at all of what a condition that is never true is asked of.
HIDING = "in_clause, expression_rewriter, filter_pullup, filter_pushdown, statistics_propagation"

# `error` is volatile only lest it be folded away; a job may refuse a line with it.
HARMLESS = {"error"}
# Functions of one argument less than their catalogued, stable form that read the clock.
CLOCK_WITH_ONE_ARGUMENT = {"age"}
CLOCK_KEYWORDS = {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"}

_FUNCTIONS: dict[str, tuple[bool, list[str]]] = {}  # what _functions has listed


def check(
    connection: duckdb.DuckDBPyConnection, rows: str, scans: int = 1, joins: frozenset[str] = frozenset()
) -> None:
    """Refuses `rows`, SQL over the view `lines` of the connection, naming what in it is not row-wise.

    scans: how often it reads input.  joins: the operators of joins that it may have; JOINS, or none.

    Its functions are looked up by name, as written; its operators are those of DuckDB's plan, before what these HIDING
    optimizers do to it.
    Raises UsageError, or duckdb.Error where the SQL itself is wrong.
    """
    tree = _select(connection, rows)
    if "blocks" in _tables(tree):
        raise UsageError("not row-wise: it reads blocks; lines is all it may read")
    _check_functions(connection, tree)
    connection.execute(f"SET disabled_optimizers = {literal(HIDING)}")
    try:
        plans = connection.execute(f"EXPLAIN (FORMAT json) {rows}").fetchall()
    finally:
        connection.execute("RESET disabled_optimizers")
    operators = [operator for _, plan in plans for root in json.loads(plan) for operator in _operators(root)]
    for operator in operators:
        if operator not in ALLOWED | joins:
            what = WHY.get(operator, operator.replace("_", " ").lower())
            raise UsageError(f"not row-wise: {what}; the answer would depend on how the input is split")
    if sum(operator in SCANS for operator in operators) != scans:
        raise UsageError("not row-wise: it must read lines, or input, exactly once")


def parses(connection: duckdb.DuckDBPyConnection, sql: str) -> bool:
    """Whether `sql` is written as a SELECT is, whatever its names mean."""
    return not _parsed(connection, sql).get("error")


def names_used(connection: duckdb.DuckDBPyConnection, sql: str) -> set[str] | None:
    """The last part of every column's name in `sql`, in small letters; None if a star, or nothing known, stands among them."""
    tree = _parsed(connection, sql)
    if tree.get("error"):
        return None
    used: set[str] = set()
    for node in _nodes(tree):
        if node.get("class") in ("STAR", "POSITIONAL_REFERENCE"):
            return None
        used.update(str(name).lower() for name in (node.get("column_names") or ())[-1:])
    return used


def _select(connection: duckdb.DuckDBPyConnection, rows: str) -> Any:
    """The syntax tree of `rows`, which must be one SELECT."""
    tree = _parsed(connection, rows)
    if tree.get("error"):
        if tree.get("error_type") == "not implemented":
            raise UsageError("it must be a SELECT")
        connection.execute(f"EXPLAIN {rows}")  # the parser's own error, with the place
        raise UsageError(str(tree.get("error_message")))
    if len(tree["statements"]) != 1:
        raise UsageError("it must be one SELECT, without a semicolon inside")
    return tree["statements"][0]


def _check_functions(connection: duckdb.DuckDBPyConnection, tree: Any) -> None:
    functions = _functions(connection)
    seen: set[str] = set()
    waiting = [(tree, "")]
    while waiting:
        node, within = waiting.pop()
        for name, arguments in _calls(node):
            unstable, macros = functions.get(name, (False, []))
            clock = name in CLOCK_KEYWORDS or (name in CLOCK_WITH_ONE_ARGUMENT and arguments == 1)
            if unstable or clock:
                by = f" (through {within}())" if within else ""
                raise UsageError(f"not row-wise: {name}{by} gives another answer each time it is asked")
            if name not in seen:
                waiting += [(_parsed(connection, f"SELECT {body}"), name) for body in macros]
                seen.add(name)


def _functions(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[bool, list[str]]]:
    """Of each function's name: whether it is unstable, and its bodies, if it is a macro.

    Listed once: it takes 30 ms, and all connections have DuckDB's own functions and no others.
    """
    if not _FUNCTIONS:
        # One that is stable in one of its forms, such as +, depends in others on nothing but the session's time zone.
        catalog = connection.execute(
            "SELECT function_name, bool_and(stability <> 'CONSISTENT'),"
            " list(macro_definition) FILTER (macro_definition IS NOT NULL) FROM duckdb_functions() GROUP BY function_name"
        ).fetchall()
        _FUNCTIONS.update(
            {name: (unstable and name not in HARMLESS, macros or []) for name, unstable, macros in catalog}
        )
    return _FUNCTIONS


def _parsed(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    row = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    return json.loads(row[0]) if row else {}


def _calls(tree: Any) -> Iterator[tuple[str, int]]:
    """(name, number of arguments) of every function in a syntax tree, and every bare name, as if called."""
    for node in _nodes(tree):
        if name := node.get("function_name"):
            yield str(name).lower(), len(node.get("arguments", ()))
        names = [str(name).lower() for name in node.get("column_names") or ()]
        if node.get("class") == "COLUMN_REF" and len(names) == 1 and names[0] in CLOCK_KEYWORDS:
            yield names[0], 0


def _tables(tree: Any) -> set[str]:
    """The names of the tables that a syntax tree reads."""
    return {str(node["table_name"]).lower() for node in _nodes(tree) if node.get("type") == "BASE_TABLE"}


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object in a JSON value."""
    waiting = [tree]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting += reversed(value.values())
        elif isinstance(value, list):
            waiting += reversed(value)


def _operators(plan: Any) -> Iterator[str]:
    yield plan["name"].strip()
    for child in plan["children"]:
        yield from _operators(child)
