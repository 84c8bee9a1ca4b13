"""The Plan: everything a job declares, frozen, and nothing that runs it. It travels to nodes as JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from jobs import measures
from jobs.errors import DeclarationError
from jobs.measures import Measure
from jobs.top import TopK

MAX_LINE = 16 << 20


@dataclass(frozen=True)
class Plan:
    """What to extract from a line and how partial results merge.

    job: the declaring class, as `module:Class`.  rows: SQL over the view lines(line VARCHAR).
    group_by: key columns of rows, in output order; none makes one group of everything.
    measures: output column to what is computed for it, in output order, behind the keys.
    bad: the column of rows that says what is wrong with a row, and is null in good ones; '' for none.
    max_bad: how many bad rows a run may have: a number, or a share of its lines, as 1%.
    then: what is done with finished groups, if anything.  max_line: bytes; a longer line fails the job.  strict: whether invalid UTF-8 does.
    """

    job: str
    rows: str
    group_by: tuple[str, ...]
    measures: Mapping[str, Measure]
    bad: str = ""
    max_bad: str = "1%"
    then: TopK | None = None
    max_line: int = MAX_LINE
    strict: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "measures", MappingProxyType(dict(self.measures)))
        for name, measure in self.measures.items():
            if not isinstance(measure, Measure):
                raise DeclarationError(
                    "measures", f"{name}: {measure!r} is no measure; write Count(), Sum(column) or another"
                )
        if not self.rows.strip():
            raise DeclarationError("rows", "empty; it is the SELECT that makes rows of lines")
        if not self.columns:
            raise DeclarationError("measures", "nothing to compute: declare measures, or group_by, or both")
        twice = sorted({column for column in self.columns if self.columns.count(column) > 1})
        if twice:
            raise DeclarationError("measures", f"two columns of the output have the name {twice[0]!r}")
        if self.bad and not self.group_by:
            raise DeclarationError("bad", "rows can be bad only in a job with group_by")
        if self.then:
            self.then.check(self.group_by, self.measures)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a record: keys, then measures."""
        return (*self.group_by, *self.measures)

    def to_dict(self) -> dict[str, Any]:
        """This plan as JSON values."""
        return {
            "job": self.job,
            "rows": self.rows,
            "group_by": list(self.group_by),
            "measures": {name: measures.to_json(measure) for name, measure in self.measures.items()},
            "bad": self.bad,
            "max_bad": self.max_bad,
            "then": self.then.to_json() if self.then else None,
            "max_line": self.max_line,
            "strict": self.strict,
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> "Plan":
        value = json.loads(text)
        value["group_by"] = tuple(value["group_by"])
        value["measures"] = {name: measures.from_json(part) for name, part in value["measures"].items()}
        value["then"] = TopK(**value["then"]) if value["then"] else None
        return cls(**value)
