"""Windows over event time: fixed, sliding, and sessions that a gap ends, each as a part of a group.

A row is placed in a piece of time; its group has a state for each piece. Pieces merge as all states do, any number of
times and in any order, and are finished once all are there:

    Sliding    pieces are panes, that is what all windows begin or end with, so a row is shuffled once however many windows it is in:
               panes    |--1--|--2--|--3--|--4--|         size 3 panes, slide 1
               windows  |-----1,2,3-----|
                              |-----2,3,4-----|           https://doi.org/10.1145/1058150.1058158
    Session    pieces are stretches without a gap; those that touch become one:
               a mapper's    |--|   |-----|
               another's       |--|           |--|
               merged        |----| |-----|   |--|
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from jobs.errors import DeclarationError, UsageError
from jobs.sql import identifier, literal
from jobs.text import times

TIME = identifier("window time")
"""The column that holds a row's time."""
PLACE = identifier("window place")
"""The column that tells the pieces of one group apart; it means nothing outside its own query."""
ENDS = ("start", "end")
"""The columns of a record that tell its window, behind the keys."""
DAY = 86_400_000_000


@dataclass(frozen=True)
class Window(ABC):
    """time: a TIMESTAMP column of rows, UTC; a row without one fails the job.  zone: of the output's times."""

    time: str
    zone: str = field(default="UTC", kw_only=True)

    kind: ClassVar[str]

    def check(self, types: Mapping[str, str]) -> None:
        """Refuses a window over what is no column of times."""
        if types.get(self.time) != "TIMESTAMP":
            found = types.get(self.time)
            what = f"is {found}, not TIMESTAMP" if found else f"is none of rows, which yields: {', '.join(types)}"
            raise DeclarationError("window", f"the column {self.time!r} {what}")

    def checked(self, group: str) -> str:
        """SQL of a row's time; a row without one is an error.  group: SQL text that names the row's group."""
        time, why = identifier(self.time), literal(f"window: a row without {self.time!r}, in ")
        return f"CASE WHEN {time} IS NULL THEN error({why} || {group}) ELSE {time} END"

    @property
    @abstractmethod
    def bounds(self) -> dict[str, str]:
        """State column to the aggregate that makes it of PLACE's rows or of states; they stand beside all states."""

    @abstractmethod
    def placed(self, source: str, keys: Sequence[str]) -> str:
        """SQL: `source`, rows with a TIME, with PLACE.  keys: columns that tell their groups."""

    @abstractmethod
    def replaced(self, source: str) -> str:
        """SQL: `source`, states, by `key`, with PLACE."""

    def spread(self, source: str) -> str | None:
        """SQL: the windows' states, to be merged once more, of `source`, which holds all of a group's merged pieces."""
        del source
        return None

    @property
    @abstractmethod
    def ends(self) -> dict[str, str]:
        """SQL for the columns ENDS of a finished window's state."""

    def to_json(self) -> dict[str, Any]:
        return {"window": type(self).kind, **asdict(self)}


_START, _FIRST, _LAST, _BEGINS = (identifier(f"window {name}") for name in ("start", "first", "last", "begins"))


@dataclass(frozen=True)
class Sliding(Window):
    """Windows of `size` that begin every `slide`, by default when the last one ends; one begins at 1970-01-01 00:00.

    Both are in microseconds, as `duration("10m")` gives them.

    In another zone than UTC, windows of whole days are calendar days, of 23 to 25 hours; shorter ones that do not overlap start
    at local midnight; overlapping ones at multiples of the slide in UTC.
    """

    size: int
    slide: int = 0

    kind: ClassVar[str] = "sliding"

    def __post_init__(self) -> None:
        if self.slide == 0:
            object.__setattr__(self, "slide", self.size)
        if not 0 < self.slide <= self.size:
            raise UsageError("window: the slide must not be longer than the size, or events would be in no window")
        if self.size // self._pane > 10_000:
            raise UsageError(
                f"window: size and slide make {self.size // self._pane} panes a window, more than 10,000"
            )

    @property
    def _pane(self) -> int:
        return math.gcd(self.size, self.slide)

    @property
    def _calendar(self) -> bool:
        return self._pane % DAY == 0 and self.zone != "UTC"

    @property
    def bounds(self) -> dict[str, str]:
        """Of the calendar's windows as the clock of their zone shows it: what it skips or shows twice has one name."""
        return {_START: f"any_value({PLACE})"}

    def placed(self, source: str, keys: Sequence[str]) -> str:
        del keys
        time, zone = TIME, self.zone if self.size == self.slide else "UTC"
        if self._calendar:
            time, zone = f"timezone({literal(self.zone)}, timezone('UTC', {TIME}))", "UTC"
        return f"(SELECT *, {times.window_start(time, self._pane, zone)} AS {PLACE} FROM {source})"

    def replaced(self, source: str) -> str:
        return f"(SELECT *, {_START} AS {PLACE} FROM {source})"

    def spread(self, source: str) -> str | None:
        """The windows that a pane is in start at the multiples of the slide from its end - size to its start."""
        if self.size == self.slide:
            return None
        last = f"epoch_us({_START}) - (epoch_us({_START}) % {self.slide} + {self.slide}) % {self.slide}"
        first = f"epoch_us({_START}) + {self._pane} - {self.size}"
        window = f"unnest(range(({last})::BIGINT, ({first} - 1)::BIGINT, -{self.slide}::BIGINT))"
        windows = f"(SELECT * EXCLUDE ({_START}), {window} AS w FROM {source})"
        return f"(SELECT * EXCLUDE (w), make_timestamp(w) AS {_START} FROM {windows})"

    @property
    def ends(self) -> dict[str, str]:
        ends = [_START, f"({_START} + to_microseconds({self.size}))"]
        if self._calendar:
            # Noon is on every clock; from it the first of two midnights is found, or where one is skipped.
            noons = [f"timezone('UTC', timezone({literal(self.zone)}, {end} + to_hours(12)))" for end in ends]
            ends = [times.window_start(noon, DAY, self.zone) for noon in noons]
        return {name: times.iso(end, self.zone) for name, end in zip(ENDS, ends, strict=True)}


@dataclass(frozen=True)
class Session(Window):
    """Rows of a group between which there is never more than `gap` microseconds; a session ends `gap` behind its last row."""

    gap: int

    kind: ClassVar[str] = "session"

    @property
    def bounds(self) -> dict[str, str]:
        return {_FIRST: f"min({_FIRST})", _LAST: f"max({_LAST})"}

    def placed(self, source: str, keys: Sequence[str]) -> str:
        source = f"(SELECT *, {TIME} AS {_FIRST}, {TIME} AS {_LAST} FROM {source})"
        return self._numbered(source, keys, f"lag({_LAST})", "")

    def replaced(self, source: str) -> str:
        """One may end behind the one before it."""
        return self._numbered(source, ["key"], f"max({_LAST})", " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING")

    def _numbered(self, source: str, keys: Sequence[str], last: str, frame: str) -> str:
        """Stretches with the number of their session: a new one begins where the `last` before ended longer ago than the gap."""
        by = f"PARTITION BY {', '.join(keys)} " if keys else ""
        in_order = f"{by}ORDER BY {_FIRST}"
        new = f"epoch_us({_FIRST}) - epoch_us({last} OVER ({in_order}{frame})) > {self.gap}"
        begins = f"(SELECT *, CASE WHEN {new} THEN 1 ELSE 0 END AS {_BEGINS} FROM {source})"
        # RANGE: one of those that start together begins the session, whichever, and all of them are in it.
        number = f"sum({_BEGINS}) OVER ({in_order} RANGE UNBOUNDED PRECEDING)"
        return f"(SELECT * EXCLUDE ({_BEGINS}), {number} AS {PLACE} FROM {begins})"

    @property
    def ends(self) -> dict[str, str]:
        end = f"({_LAST} + to_microseconds({self.gap}))"
        return {"start": times.iso(_FIRST, self.zone), "end": times.iso(end, self.zone)}


def from_json(value: Mapping[str, Any] | None) -> Window | None:
    """The window that `to_json` wrote."""
    if value is None:
        return None
    fields = dict(value)
    kinds: dict[str, type[Window]] = {kind.kind: kind for kind in (Sliding, Session)}
    return kinds[fields.pop("window")](**fields)
