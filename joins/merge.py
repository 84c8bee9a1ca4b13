"""The merge of a sort-merge join: sorted lines of both sides come in runs of whole keys, and DuckDB joins each run.

A key that is larger than a run comes in pieces. Its rows of the side that comes first are then held in a table, which
spills to disk; those of the other side are joined with it as they come, and are not held.
"""

from collections.abc import Callable
from dataclasses import replace

import duckdb

from jobs import stages as aggregates
from jobs.database import state_types
from jobs.errors import FaninError
from jobs.sql import identifier
from jobs.stages import lines
from jobs.text.arrow import BlockStream
from joins import shuffle, stages
from joins.plan import NAMES, JoinPlan, Name
from joins.runs import Run

NULL = b"\\N"
BY = identifier("sorted by")
TAKEN, HELD, ORDERED, PARTIALS = "taken", "held", "ordered", "partials"


class Merge:
    """Joins runs of lines as `shuffle.tagged` writes them.

    first: the side whose lines come first in a key.  write: takes SQL of `part` and `record`.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, plan: JoinPlan, first: Name, write: Callable[[str], None]
    ) -> None:
        self._connection, self._plan, self._first, self._write = connection, plan, first, write
        self._other: Name = "right" if first == "left" else "left"
        self._data = b""
        self._last = ""  # what the last line of all so far is sorted by
        self._holds = self._met = False  # rows of the piecewise key: of the first side, of the other
        self._lines = f"SELECT *, lag({BY}) OVER () AS before FROM ({shuffle.fields(plan)})"
        connection.execute("SET preserve_insertion_order = true")
        connection.register("run", BlockStream(lambda: [self._data.decode()]))
        connection.execute(f"CREATE VIEW lines AS {lines('run')}")
        connection.execute(f"CREATE TEMP TABLE {TAKEN} AS {self._lines} LIMIT 0")
        connection.execute(f"CREATE TEMP TABLE {HELD} AS FROM {TAKEN}")
        tags = shuffle.tags(first)
        for name in NAMES:
            for table, view in ((TAKEN, stages.ALIAS[name]), (HELD, self._held(name))):
                connection.execute(f"CREATE VIEW {view} AS {shuffle.rows(plan, name, tags[name], table)}")
        described = connection.execute(f"DESCRIBE {self._rows('')}").fetchall()
        self._types = {name: type for name, type, *_ in described}
        if plan.in_order:
            connection.execute(f"CREATE TEMP TABLE {ORDERED} (record VARCHAR)")
        if plan.aggregate:
            connection.execute(f"CREATE TEMP TABLE {PARTIALS} AS {self._partial('')}")

    def take(self, run: Run) -> None:
        """Joins the lines of a run; FaninError, naming one, if they are not in order."""
        self._load(run.data)
        if not run.piece or self._null(run.data):
            self._emit("")
            return
        self._join_piece()
        if run.last:
            if self._holds and not self._met:
                self._emit(self._sources(self._plan, HELD, TAKEN))
            self._connection.execute(f"TRUNCATE {HELD}")
            self._holds = self._met = False
            if self._plan.in_order:
                self._write(f"SELECT 0 AS part, record FROM {ORDERED} ORDER BY record")
                self._connection.execute(f"TRUNCATE {ORDERED}")

    def end(self) -> None:
        """Writes what waits for the last run: the states of what is aggregated."""
        if self._plan.aggregate:
            states = state_types(self._connection, PARTIALS)
            merged = aggregates.merge(self._plan.aggregate, self._types, PARTIALS)
            self._write(aggregates.shuffled(states, f"({merged})"))

    def _join_piece(self) -> None:
        """Joins lines of one key, the rest of which is elsewhere."""
        tags = shuffle.tags(self._first)
        self._connection.execute(f"INSERT INTO {HELD} FROM {TAKEN} WHERE tag = '{tags[self._first]}'")
        self._holds = self._holds or self._any(tags[self._first])
        if not self._any(tags[self._other]):
            return
        how = self._plan.how
        if not self._holds:
            self._emit("", piece=True)
        elif how == "semi" and self._first == "right":
            self._emit(stages.left_rows(self._plan, "l"), piece=True)
        elif how == "semi" and not self._met:
            self._emit(stages.left_rows(self._plan, self._held("left")), piece=True)
        elif how not in ("semi", "anti"):
            self._emit(self._sources(replace(self._plan, how="inner"), HELD, TAKEN), piece=True)
        self._met = True

    def _sources(self, plan: JoinPlan, first: str, other: str) -> str:
        """What follows FROM, of each side's rows in one of the tables."""
        tables = {self._first: first, self._other: other}
        views = {name: self._held(name) if tables[name] == HELD else stages.ALIAS[name] for name in NAMES}
        return stages.matched(plan, views["left"], views["right"])

    def _held(self, name: Name) -> str:
        return f"held_{stages.ALIAS[name]}"

    def _emit(self, source: str, piece: bool = False) -> None:
        """Writes, or keeps, the records of `source`, all of the table TAKEN if it is ''."""
        if self._plan.aggregate:
            self._connection.execute(f"INSERT INTO {PARTIALS} {self._partial(source)}")
            return
        records = stages.records(self._plan, list(self._types), 1, source)
        if piece and self._plan.in_order:
            self._connection.execute(f"INSERT INTO {ORDERED} SELECT record FROM ({records})")
        else:
            self._write(records)

    def _rows(self, source: str) -> str:
        """The rows that are written or aggregated."""
        joined = stages.joined_rows(self._plan, source)
        return f"WITH joined AS ({joined}) {self._plan.aggregate.rows}" if self._plan.aggregate else joined

    def _partial(self, source: str) -> str:
        assert self._plan.aggregate
        return aggregates.partial(self._plan.aggregate, self._types, f"({self._rows(source)})")

    def _load(self, data: bytes) -> None:
        """Makes the table TAKEN of lines, and sees that they are in order."""
        self._data = data
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {TAKEN} AS {self._lines}")
        wrong = self._connection.execute(f"SELECT {BY}, before FROM {TAKEN} WHERE before > {BY} LIMIT 1").fetchall()
        ends = self._connection.execute(f"SELECT first({BY}), last({BY}) FROM {TAKEN}").fetchall()[0]
        if not wrong and self._last > ends[0]:
            wrong = [(ends[0], self._last)]
        for line, before in wrong:
            raise FaninError(f"the input is not sorted: {line!r} comes behind {before!r}; LC_ALL=C sort it")
        self._last = ends[1]

    def _null(self, data: bytes) -> bool:
        """Whether a column of the first line's key is null, so that it matches nothing."""
        return NULL in data.split(b"\n", 1)[0].split(b"\t")[: len(self._plan.left.keys)]

    def _any(self, tag: str) -> bool:
        return bool(self._connection.execute(f"SELECT 1 FROM {TAKEN} WHERE tag = '{tag}' LIMIT 1").fetchall())
