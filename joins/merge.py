"""The merge of a sort-merge join: sorted lines of both sides come in runs of whole keys, and DuckDB joins each run.

A key that is larger than a run comes in pieces. Its rows of the side that comes first are then held in a table, which
spills to disk; those of the other side are joined with it as they come, and are not held.

Where all columns are wanted as they are, they stay the texts that they are in lines.
"""

from collections.abc import Callable
from dataclasses import replace

import duckdb

from jobs import stages as aggregates
from jobs.database import state_types
from jobs.errors import FaninError
from jobs.stages import lines
from jobs.text.arrow import BlockStream
from joins import shuffle, stages
from joins.plan import NAMES, JoinPlan, Name, other
from joins.runs import Run

NULL = b"\\N"
TAKEN, HELD, ORDERED, PARTIALS = "taken", "held", "ordered", "partials"


class Merge:
    """Joins runs of lines as `shuffle.tagged` writes them.

    first: the side whose lines come first in a key.  write: takes SQL of `part` and `record`.
    ordered: whether the sides' lines are in order together, and are seen to be, or each side's by itself.
    as_is: whether all columns are wanted as they are though the plan has a condition: a salted one's own. Records are in no order.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        plan: JoinPlan,
        first: Name,
        write: Callable[[str], None],
        ordered: bool = True,
        as_is: bool = False,
    ) -> None:
        self._connection, self._plan, self._first, self._write = connection, plan, first, write
        self._other = other(first)
        self._tags = {name: tag.encode() for name, tag in shuffle.tags(first).items()}
        self._as_is, self._plain = as_is, as_is or not (plan.select or plan.where or plan.aggregate)
        self._ordered, self._data = ordered, b""
        self._last = b""  # the key and tag of the last line of all so far
        self._holds = self._met = False  # rows of the piecewise key: of the first side, of the other
        connection.execute("SET preserve_insertion_order = true")
        # DuckDB, which cannot know that the first side is small, is to hold the one that is named last.
        self._named_last: Name = first if self._plain else "right"
        if self._plain:
            connection.execute("SET disabled_optimizers = 'build_side_probe_side'")
        connection.register("run", BlockStream(lambda: [self._data.decode()]))
        connection.execute(f"CREATE VIEW lines AS {lines('run')}")
        fields = shuffle.fields(plan, ordered=ordered)
        connection.execute(f"CREATE TEMP TABLE {HELD} AS {fields} LIMIT 0")
        for name in NAMES:
            connection.execute(f"CREATE VIEW {self._held(name)} AS {self._side(name, HELD)}")
        taken = [f"{stages.ALIAS[name]} AS ({self._side(name, TAKEN)})" for name in NAMES]
        self._taken = f"WITH {TAKEN} AS MATERIALIZED ({fields}), {', '.join(taken)} "
        described = connection.execute(f"DESCRIBE {self._taken} SELECT * FROM ({self._rows('')})").fetchall()
        self._types = {name: type for name, type, *_ in described}
        if plan.in_order:
            connection.execute(f"CREATE TEMP TABLE {ORDERED} (record VARCHAR)")
        if plan.aggregate:
            connection.execute(f"CREATE TEMP TABLE {PARTIALS} AS {self._taken} {self._partial('')}")

    def take(self, run: Run) -> None:
        """Joins the lines of a run; an error, naming one, if they are not in order."""
        begin, end = (self._sorted_by(run.data, start) for start in (0, run.data.rfind(b"\n") + 1))
        for line, before in ((begin, self._last), (end, begin)):
            if self._ordered and before > line:
                raise FaninError(shuffle.OUT_OF_ORDER.format(line.decode(), before.decode()))
        self._data, self._last = run.data, end
        if not run.piece:
            self._emit("")
            return
        *key, tag = begin.split(b"\t")
        if NULL in key:
            self._emit("", piece=True)  # it matches nothing, on whichever side it is
        else:
            self._join_piece(tag == self._tags[self._first], end.endswith(self._tags[self._other]))
        if run.last:
            self._end_pieces()

    def end(self) -> None:
        """Writes what waits for the last run: the states of what is aggregated."""
        if self._plan.aggregate:
            self._write(aggregates.shuffled(state_types(self._connection, PARTIALS), f"({self.states})"))

    @property
    def states(self) -> str:
        """SQL of the merged states of all runs so far."""
        assert self._plan.aggregate
        return aggregates.merge(self._plan.aggregate, self._types, PARTIALS)

    def _join_piece(self, first: bool, other: bool) -> None:
        """Joins lines of one key, the rest of which is elsewhere.  first, other: whether some are of that side."""
        if first:
            tag = self._tags[self._first].decode()
            self._connection.execute(f"INSERT INTO {HELD} {self._taken} FROM {TAKEN} WHERE tag = '{tag}'")
            self._holds = True
        if not other:
            return
        how = self._plan.how
        if not self._holds:
            self._emit("", piece=True)
        elif how == "semi" and self._first == "right":
            self._emit(stages.left_rows(self._plan, "l"), piece=True)
        elif how == "semi" and not self._met:
            self._emit(stages.left_rows(self._plan, self._held("left")), piece=True)
        elif how not in ("semi", "anti"):
            self._emit(self._sources(replace(self._plan, how="inner")), piece=True)
        else:  # nothing is written of these lines, but they must be in order
            self._connection.execute(f"{self._taken} SELECT count(tag) FROM {TAKEN}").fetchall()
        self._met = True

    def _end_pieces(self) -> None:
        """Lets go of the key, and tells of its held rows if they met nothing."""
        if self._holds and not self._met:
            self._emit(self._sources(self._plan), piece=True)
        self._connection.execute(f"TRUNCATE {HELD}")
        self._holds = self._met = False
        if self._plan.in_order:
            self._write(f"SELECT 0 AS part, record FROM {ORDERED} ORDER BY record")
            self._connection.execute(f"TRUNCATE {ORDERED}")

    def _sources(self, plan: JoinPlan) -> str:
        """What follows FROM: the held rows of the first side, and those of the other that are at hand."""
        views = {name: self._held(name) if name == self._first else stages.ALIAS[name] for name in NAMES}
        return stages.matched(plan, views["left"], views["right"], last=self._named_last)

    def _held(self, name: Name) -> str:
        return f"held_{stages.ALIAS[name]}"

    def _side(self, name: Name, table: str) -> str:
        return shuffle.rows(self._plan, name, self._tags[name].decode(), table, decode=not self._plain)

    def _emit(self, source: str, piece: bool = False) -> None:
        """Writes, or keeps, the records of what follows FROM; of the lines at hand, if it is ''."""
        if self._plan.aggregate:
            self._connection.execute(f"INSERT INTO {PARTIALS} {self._taken} {self._partial(source)}")
        elif piece and self._plan.in_order:
            self._connection.execute(
                f"INSERT INTO {ORDERED} {self._taken} SELECT record FROM ({self._records(source)})"
            )
        elif piece or self._plain:
            order = "" if piece or self._as_is else f"\nORDER BY {shuffle.order(self._plan)}"
            self._write(f"{self._taken} {self._records(source)}{order}")
        else:
            self._write(f"{self._taken} {stages.records(self._plan, list(self._types), 1, source)}")

    def _records(self, source: str) -> str:
        """The records in no order."""
        source = source or stages.matched(self._plan, last=self._named_last)
        return shuffle.records(self._plan, list(self._types), source, decode=not self._plain)

    def _rows(self, source: str) -> str:
        """The rows that are written or aggregated."""
        joined = stages.joined_rows(self._plan, source)
        return f"WITH joined AS ({joined}) {self._plan.aggregate.rows}" if self._plan.aggregate else joined

    def _partial(self, source: str) -> str:
        assert self._plan.aggregate
        return aggregates.partial(self._plan.aggregate, self._types, f"({self._rows(source)})")

    def _sorted_by(self, data: bytes, start: int) -> bytes:
        """The key columns and the tag of the line at `start`."""
        columns = len(self._plan.left.keys) + 1
        end = data.find(b"\n", start)
        return b"\t".join(data[start : end if end >= 0 else None].split(b"\t", columns)[:columns])
