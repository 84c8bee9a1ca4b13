"""How many rows would match, by counts of both sides' keys: a join that would explode is refused before it runs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import duckdb

from jobs.errors import FaninError, UsageError
from jobs.storage.inputs import InputFile
from jobs.storage.local import STDIN
from joins.plan import NAMES, Name

WORST = 3  # keys that are told


@dataclass(frozen=True)
class Matches:
    """rows: how many would match.  worst: keys that have the most of them, encoded, and the rows of each side that have them.

    exact: whether all rows were counted; else these are estimates, from some of them.
    """

    rows: int
    worst: Sequence[tuple[str, int, int]]
    exact: bool


def matches(
    connection: duckdb.DuckDBPyConnection, counts: Mapping[Name, str], of_each: Mapping[Name, float]
) -> Matches:
    """The matches of keys that have been counted.

    counts: what follows FROM, with `key` and `n`, of each side.  of_each: how many rows each counted one stands for.
    """
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE matches AS SELECT l.key AS key, l.n::HUGEINT AS l, r.n::HUGEINT AS r"
        f" FROM {counts['left']} AS l JOIN {counts['right']} AS r ON l.key = r.key"
    )
    rows = connection.execute("SELECT coalesce(sum(l * r), 0) FROM matches").fetchall()[0][0]
    worst = connection.execute(f"SELECT * FROM matches ORDER BY l * r DESC, key LIMIT {WORST}").fetchall()
    connection.execute("DROP TABLE matches")
    of_left, of_right = (of_each[name] for name in NAMES)
    return Matches(
        round(rows * of_left * of_right),
        [(key, round(left * of_left), round(right * of_right)) for key, left, right in worst],
        of_left == of_right == 1,
    )


def refuse(found: Matches, most: int) -> None:
    """FaninError, naming the worst keys, if more than `most` rows would match."""
    if found.rows <= most:
        return
    told = ", ".join(f"{key!r} ({left} x {right})" for key, left, right in found.worst)
    how_many = f"{found.rows} rows" if found.exact else f"about {found.rows} rows, as a sample of both sides tells,"
    raise FaninError(f"{how_many} would match, more than --max-rows {most}; most of them have the key {told}")


def refuse_standard_input(files: Iterable[InputFile]) -> None:
    """UsageError if it is among the files, whose keys are to be counted first."""
    if STDIN in {file.name for file in files}:
        raise UsageError("--max-rows counts the keys of both inputs first, and standard input can be read only once")
