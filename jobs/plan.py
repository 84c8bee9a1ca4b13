"""The Plan: everything a job declares, frozen, and nothing that runs it. It travels to nodes as JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from jobs import event_time, measures
from jobs.errors import DeclarationError
from jobs.event_time import ENDS, Window
from jobs.measures import Measure
from jobs.text import formats
from jobs.text.formats import Format, OnError
from jobs.top import TopK

MAX_LINE = 16 << 20


@dataclass(frozen=True)
class Plan:
    """What to extract from a line and how partial results merge.

    job: the declaring class, as `module:Class`.
    rows: SQL over the view lines(line VARCHAR), or over `input`, the columns of the input format.
    input: the format, if one is declared.  on_error: what a value does that does not fit its column's type.
    group_by: key columns of rows, in output order; none makes one group of everything.
    measures: output column to what is computed for it, in output order, behind the keys.
    bad: the column of rows that says what is wrong with a row, and is null in good ones; '' for none.
    keeps_bad: whether bad rows count all the same, or are left out.
    max_bad: how many bad rows a run may have: a number, or a share of its lines, as 1%.
    window: how groups are divided by the time of their rows, if they are.
    then: what is done with finished groups, if anything.  max_line: bytes; a longer line fails the job.  strict: whether invalid UTF-8 does.
    """

    job: str
    rows: str
    group_by: tuple[str, ...]
    measures: Mapping[str, Measure]
    input: Format | None = None
    on_error: OnError = "fail"
    bad: str = ""
    keeps_bad: bool = False
    max_bad: str = "1%"
    window: Window | None = None
    then: TopK | None = None
    keep_partials: bool = False
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
        if self.table and len(self.measures) > 1:
            raise DeclarationError(
                "measures", f"{self.table[0]} makes several records of a group, so it must be the only measure"
            )
        if self.then and self.table:
            raise DeclarationError("then", f"TopK of {self.table[0]}, which makes several records of a group")
        if self.then:
            self.then.check(self.group_by, self.measures)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a record: keys, the window's ends, then measures."""
        found = self.table[1].fields if self.table else self.measures
        return (*self.group_by, *(ENDS if self.window else ()), *found)

    @property
    def leaves_out(self) -> bool:
        """Whether bad rows are left out."""
        return bool(self.bad) and not self.keeps_bad

    @property
    def table(self) -> tuple[str, Measure] | None:
        """The measure, and its name, that makes several records of a group, if there is one."""
        return next(((name, measure) for name, measure in self.measures.items() if measure.fields), None)

    def at_once(self) -> "Plan":
        """This plan for one process that sees all rows of a group together, and merges and keeps no states."""
        if self.keep_partials or (self.window and self.window.spread("")):
            return self
        return replace(self, measures={name: measure.at_once() for name, measure in self.measures.items()})

    def to_dict(self) -> dict[str, Any]:
        """This plan as JSON values."""
        return {
            "job": self.job,
            "rows": self.rows,
            "group_by": list(self.group_by),
            "measures": {name: measures.to_json(measure) for name, measure in self.measures.items()},
            "input": self.input.to_json() if self.input else None,
            "on_error": self.on_error,
            "bad": self.bad,
            "keeps_bad": self.keeps_bad,
            "max_bad": self.max_bad,
            "window": self.window.to_json() if self.window else None,
            "then": self.then.to_json() if self.then else None,
            "keep_partials": self.keep_partials,
            "max_line": self.max_line,
            "strict": self.strict,
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> "Plan":
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> "Plan":
        """The plan that `to_dict` told; UsageError if it names a measure that is none."""
        value = dict(told)
        value["group_by"] = tuple(value["group_by"])
        value["measures"] = {name: measures.from_json(part) for name, part in value["measures"].items()}
        value["input"] = formats.from_json(value["input"])
        value["window"] = event_time.from_json(value["window"])
        value["then"] = TopK(**value["then"]) if value["then"] else None
        return cls(**value)
