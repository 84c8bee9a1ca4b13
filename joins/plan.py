"""The JoinPlan: everything a join declares, frozen, and nothing that runs it. It travels to nodes as JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from jobs.errors import UsageError
from jobs.plan import MAX_LINE, Plan
from jobs.text import formats
from jobs.text.formats import Format

How = Literal["inner", "left", "right", "full", "semi", "anti"]
HOWS: tuple[How, ...] = ("inner", "left", "right", "full", "semi", "anti")
Name = Literal["left", "right"]
NAMES: tuple[Name, ...] = ("left", "right")


def other(name: Name) -> Name:
    """The side that is not this one."""
    return "right" if name == "left" else "left"


@dataclass(frozen=True)
class Side:
    """One of a join's two inputs.

    input: how its lines are read, with all the columns that are wanted.  keys: what is joined on, in order.
    where: SQL over its columns; rows for which it is not true are as if they were not there.
    """

    input: Format
    keys: tuple[str, ...]
    where: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.input.columns)

    def type(self, column: str) -> str:
        """The DuckDB type of a column."""
        return self.input.type(column).duckdb


@dataclass(frozen=True)
class JoinPlan:
    """Rows of two sides with equal keys, as SQL joins them: null keys match nothing, duplicates multiply.

    job: the declaring class, as `module:Class`.
    how: inner, left, right, full, semi (rows of the left side that have a match) or anti (that have none).
    select: SQL of the columns, over `l` and `r`; '' for all of them, the keys first and once.
    where: SQL over `l` and `r`, of rows that are kept once they are joined.
    in_order: whether records of one key are in the order of their bytes, on every engine.
    aggregate: what is made of the joined rows in place of records; its `rows` read the view `joined`.
    """

    job: str
    left: Side
    right: Side
    how: How
    select: str = ""
    where: str = ""
    suffix: str = "_right"
    in_order: bool = False
    aggregate: Plan | None = None
    max_line: int = MAX_LINE
    strict: bool = False

    def __post_init__(self) -> None:
        if self.how not in HOWS:
            raise UsageError(f"--how {self.how}: there are {', '.join(HOWS)}")
        pairs = list(zip(self.left.keys, self.right.keys, strict=True))
        for left, right in pairs:
            if pairs.count((left, right)) > 1:
                raise UsageError(f"--on: {left if left == right else f'{left}={right}'} is there twice; name it once")
            types = self.left.type(left), self.right.type(right)
            if types[0] != types[1]:
                raise UsageError(
                    f"--on {left}={right}: {left!r} is {types[0]} on the left, and {right!r} {types[1]} on the right;"
                    " declare them alike, with --left-columns and --right-columns"
                )

    @property
    def sides(self) -> Mapping[Name, Side]:
        return {"left": self.left, "right": self.right}

    def keeps(self, name: Name) -> bool:
        """Whether rows of a side without a match are in the output."""
        return self.how in {"left": ("left", "full", "anti"), "right": ("right", "full")}[name]

    def to_dict(self) -> dict[str, Any]:
        """This plan as JSON values."""
        sides: dict[str, Any] = {
            name: {"input": side.input.to_json(), "keys": list(side.keys), "where": side.where}
            for name, side in self.sides.items()
        }
        return {
            "job": self.job,
            **sides,
            "how": self.how,
            "select": self.select,
            "where": self.where,
            "suffix": self.suffix,
            "in_order": self.in_order,
            "aggregate": self.aggregate.to_dict() if self.aggregate else None,
            "max_line": self.max_line,
            "strict": self.strict,
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> "JoinPlan":
        """The plan that `to_json` wrote."""
        value = json.loads(text)
        for name in NAMES:
            side = value[name]
            input = formats.from_json(side["input"])
            assert input is not None
            value[name] = Side(input, tuple(side["keys"]), side["where"])
        value["aggregate"] = Plan.from_dict(value["aggregate"]) if value["aggregate"] else None
        return cls(**value)

    def with_columns(self, wanted: Mapping[Name, frozenset[str]]) -> "JoinPlan":
        """This plan, whose sides are read for no other columns than these and the keys."""

        def pruned(name: Name) -> Side:
            side = self.sides[name]
            kept = {
                column: type
                for column, type in side.input.columns.items()
                if column in wanted[name] or column in side.keys
            }
            return replace(side, input=replace(side.input, columns=kept))

        return replace(self, left=pruned("left"), right=pruned("right"))
