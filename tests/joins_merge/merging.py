"""What is joined here: two sides of two columns or more, as lines that Hadoop has sorted, and in plain Python's nested loops."""

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from jobs.database import Limits, database
from jobs.text.arrow import records
from jobs.text.formats import Tsv
from joins.merge import Merge
from joins.plan import NAMES, How, JoinPlan, Name, Side
from joins.runs import Run, runs, runs_of_two
from tests.conformance.oracle import encode

Row = list[str | None]
PAYLOAD = {"left": "l", "right": "r"}


def plan(keys: int, how: How, payload: int = 1) -> JoinPlan:
    """A join on the first `keys` columns, which are called k1, k2; others l1 and r1."""

    def side(name: Name) -> Side:
        on = [f"k{number}" for number in range(1, keys + 1)]
        names = on + [f"{PAYLOAD[name]}{number}" for number in range(1, payload + 1)]
        numbers = {column: number for number, column in enumerate(names, 1)}
        return Side(Tsv(dict.fromkeys(names, "text"), numbers=numbers, width=len(names)), tuple(on))

    return JoinPlan("tests:Join", side("left"), side("right"), how)


@dataclass(frozen=True)
class Sides:
    """Rows of both sides, whose first `keys` columns are the key."""

    keys: int
    left: list[Row]
    right: list[Row]

    def shuffled(self, plan: JoinPlan, first: Name) -> bytes:
        """The lines of mappers, in order of key and tag; within these in the order of the rows."""
        lines = []
        for name in NAMES:
            tag = "0" if name == first else "1"
            for row in self.left if name == "left" else self.right:
                if plan.keeps(name) or None not in row[: self.keys]:
                    texts = [encode(value) for value in row]
                    sort = "\t".join([*texts[: self.keys], tag]).encode()
                    lines.append((sort, b"\t".join([sort, *(text.encode() for text in texts[self.keys :])]) + b"\n"))
        return b"".join(line for _, line in sorted(lines, key=lambda pair: pair[0]))

    def joined(
        self,
        how: How,
        where: Callable[[Row, Row], bool] = lambda *_: True,
        select: Callable[[Row, Row], Row] | None = None,
    ) -> list[tuple[bytes, bytes]]:
        """The key and the record of each pair, by nested loops, in order of their keys, then of their bytes."""
        found = []
        for left, right in self._pairs(how):
            if where(left, right):
                key = [one if one is not None else other for one, other in zip(left, right, strict=False)][
                    : self.keys
                ]
                if how == "right":
                    key = right[: self.keys]
                row = [*key, *left[self.keys :], *(right[self.keys :] if how not in ("semi", "anti") else [])]
                found.append((line(key), line(select(left, right) if select else row)))
        return sorted(found, key=lambda pair: (pair[0] + b"\t", pair[1] + b"\n"))

    def _pairs(self, how: How) -> Iterator[tuple[Row, Row]]:
        """Rows that meet, a row of nulls in place of one that is not there."""
        none: Row = [None] * (self.keys + 1)

        def meets(left: Row, right: Row) -> bool:
            return None not in left[: self.keys] and left[: self.keys] == right[: self.keys]

        for left in self.left:
            found = [right for right in self.right if meets(left, right)]
            if how in ("inner", "left", "right", "full"):
                yield from ((left, right) for right in found)
            if (how in ("left", "full", "anti") and not found) or (how == "semi" and found):
                yield left, none
        for right in self.right if how in ("right", "full") else []:
            if not any(meets(left, right) for left in self.left):
                yield none, right


def line(values: Iterable[str | None]) -> bytes:
    return "\t".join(map(encode, values)).encode()


def merge(plan: JoinPlan, first: Name, data: bytes, size: int) -> list[bytes]:
    """The lines that the merge writes for sorted lines, cut into runs of about `size` bytes."""
    return taken(plan, first, runs(io.BytesIO(data).read, len(plan.left.keys), size), ordered=True)


def merge_two(plan: JoinPlan, first: Name, both: Sides, size: int, chunk: int) -> list[bytes]:
    """The same, where each side's lines come by themselves, `chunk` at a time."""
    lines = both.shuffled(plan, first).splitlines(keepends=True)
    tags = [[line for line in lines if line.split(b"\t")[both.keys].strip() == tag] for tag in (b"0", b"1")]
    first_lines, other_lines = (
        iter([b"".join(of[at : at + chunk]) for at in range(0, len(of), chunk)]) for of in tags
    )
    return taken(plan, first, runs_of_two(first_lines, other_lines, both.keys, size), ordered=False)


def taken(plan: JoinPlan, first: Name, found: Iterable[Run], ordered: bool) -> list[bytes]:
    """The lines that the merge writes for these runs."""
    out: list[bytes] = []
    with database(Limits(256_000_000, 1)) as connection:

        def write(sql: str) -> None:
            for part, _, data in records(connection.sql(sql)):
                assert part == 0
                out.append(bytes(data))

        merging = Merge(connection, plan, first, write, ordered)
        for run in found:
            merging.take(run)
        merging.end()
    text = b"".join(out)
    assert not text or text.endswith(b"\n")
    return text.split(b"\n")[:-1]


def changed(plan: JoinPlan, **fields: object) -> JoinPlan:
    return replace(plan, **fields)  # type: ignore[arg-type]  # of the fields' own types
