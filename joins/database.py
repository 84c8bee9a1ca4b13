"""DuckDB as joins open it: both sides as views, and the user's SQL checked before any input is read."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import duckdb

from jobs.errors import UsageError, without_class
from jobs.rowwise import JOINS, check, names_used, parses
from jobs.sql import identifier
from jobs.stages import check as check_aggregate
from jobs.text.arrow import BlockStream
from joins import stages
from joins.plan import NAMES, JoinPlan, Name, Side

Texts = Mapping[Name, Callable[[], Iterable[str]]]


def open_join(
    connection: duckdb.DuckDBPyConnection, plan: JoinPlan, texts: Texts
) -> tuple[JoinPlan, list[Mapping[str, str]]]:
    """Makes the views l and r of a plan over the texts of each side, and `rows`, if these are aggregated.

    Gives the plan without the columns that nobody wants, and name and type of the output's columns. Raises UsageError,
    before any text is read, where the user's SQL is wrong or not row-wise.
    """
    for name in NAMES:
        connection.register(f"{name} blocks", BlockStream(texts[name]))
    plan = plan.with_columns(wanted(connection, plan))
    for name in NAMES:
        _view(connection, plan.sides[name], f"{name} blocks", stages.ALIAS[name], f"--{name}-where")
    rows = stages.joined_rows(plan)
    checked(connection, rows, _options(plan), scans=2)
    if plan.select and not parses(connection, f"SELECT 0, {plan.select}"):  # the key will stand before it
        raise UsageError(
            f"--select {plan.select!r}: it is a list of columns; leave out what stands before them, as ALL"
        )
    if plan.aggregate:
        connection.execute(f"CREATE OR REPLACE VIEW joined AS {rows}")
        rows = plan.aggregate.rows
        checked(connection, rows, "rows", scans=2)
        connection.execute(f"CREATE OR REPLACE VIEW rows AS {rows}")
    columns: list[Mapping[str, str]] = [
        {"name": name, "type": type} for name, type, *_ in connection.execute(f"DESCRIBE {rows}").fetchall()
    ]
    if plan.aggregate:
        check_aggregate(plan.aggregate, {column["name"]: column["type"] for column in columns})
    names = [column["name"].lower() for column in columns]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        advice = "name one of them with AS" if plan.select or plan.aggregate else "tell the columns with --select"
        raise UsageError(f"two columns of the output are called {twice[0]!r}; {advice}")
    return plan, columns


def open_side(connection: duckdb.DuckDBPyConnection, side: Side, texts: Callable[[], Iterable[str]]) -> None:
    """Makes the view `l` of a side over `texts`; UsageError, before any is read, where its condition is wrong."""
    connection.register("l blocks", BlockStream(texts))
    _view(connection, side, "l blocks", "l", "--where")


def _view(connection: duckdb.DuckDBPyConnection, side: Side, blocks: str, alias: str, option: str) -> None:
    """Makes the view `alias` of a side; what its option says is checked, and where it says nothing all is fanin's own."""
    sql = stages.side(side, identifier(blocks), alias)
    if side.where:
        checked(connection, sql, f"{option} {side.where!r}", scans=1)
    connection.execute(f"CREATE OR REPLACE VIEW {alias} AS {sql}")


def wanted(connection: duckdb.DuckDBPyConnection, plan: JoinPlan) -> dict[Name, frozenset[str]]:
    """The columns of each side that the output or a condition takes: all of them where that cannot be told."""
    all_of = {name: frozenset(plan.sides[name].columns) for name in NAMES}
    if not plan.select:
        return all_of
    used: set[str] = set()
    for sql in filter(None, (f"SELECT {plan.select}", *(f"SELECT {where}" for where in _conditions(plan)))):
        found = names_used(connection, sql)
        if found is None:
            return all_of
        used |= found
    whole = {name: stages.ALIAS[name] in used for name in NAMES}  # l alone is the row
    return {
        name: frozenset(column for column in all_of[name] if whole[name] or column.lower() in used) for name in NAMES
    }


def _conditions(plan: JoinPlan) -> Iterator[str]:
    yield from filter(None, (plan.where, plan.left.where, plan.right.where))


def _options(plan: JoinPlan) -> str:
    told = {"--select": plan.select, "--where": plan.where}
    return ", ".join(f"{option} {sql!r}" for option, sql in told.items() if sql) or "the join"


def checked(connection: duckdb.DuckDBPyConnection, sql: str, what: str, scans: int) -> None:
    """UsageError, naming `what` a user has said, where `sql` is wrong, or not row-wise over so many scans."""
    try:
        check(connection, sql, scans, JOINS if scans == 2 else frozenset())
    except (UsageError, duckdb.Error) as error:
        raise UsageError(f"{what}: {_first(error)}") from error


def _first(error: Any) -> str:
    lines = without_class(str(error)).split("\n\nLINE ")[0].split("\n\tCandidate functions")[0].splitlines()
    return " ".join(line.strip() for line in lines if line.strip())
