"""Parameters of a flow, and `{...}` in its texts.

out/{date}             the parameter date
out/{date-1}           the day before it
out/{date-6..date}     seven texts, one for each of these days: in inputs alone
{{  }}                 a brace
"""

import datetime
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from jobs.errors import UsageError
from jobs.storage.base import base_name

NAME = r"[A-Za-z_][A-Za-z0-9_]*"
DAY = rf"({NAME})(?:([+-])(\d{{1,5}})|\.(name|stem))?"
BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def _date(text: str) -> str:
    return datetime.date.fromisoformat(text).isoformat()


def _integer(text: str) -> str:
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise ValueError
    return str(int(text))


def _path(text: str) -> str:
    if not text:
        raise ValueError
    return text


TYPES: Mapping[str, Callable[[str], str]] = {"text": str, "path": _path, "integer": _integer, "date": _date}


@dataclass(frozen=True)
class Parameter:
    """A value that a run is given.  type: text, path, integer or date (ISO 8601).  default: None where one must be given."""

    type: str = "text"
    default: str | None = None

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise UsageError(f"no type {self.type!r}; there are {', '.join(TYPES)}")
        if self.default is not None:
            object.__setattr__(self, "default", self.value(self.default))

    def value(self, text: str) -> str:
        """`text` as this type writes it; UsageError if it is none."""
        try:
            return TYPES[self.type](text)
        except ValueError:
            raise UsageError(f"{text!r} is no {self.type}") from None


def given(parameters: Mapping[str, Parameter], said: Mapping[str, str]) -> dict[str, str]:
    """The value of each parameter, of those `said` and of defaults; UsageError for one that is missing, unknown or wrong."""
    for name in said:
        if name not in parameters:
            raise UsageError(
                f"--set {name}: the flow has no such parameter; it has: {', '.join(parameters) or 'none'}"
            )
    values = {}
    for name, parameter in parameters.items():
        if name in said:
            try:
                values[name] = parameter.value(said[name])
            except UsageError as error:
                raise UsageError(f"--set {name}={said[name]}: {error}") from None
        elif parameter.default is None:
            raise UsageError(f"the parameter {name} has no default; give --set {name}=...")
        else:
            values[name] = parameter.default
    return values


def names(text: str) -> set[str]:
    """The names that are in the braces of `text`."""
    return {name for match in BRACES.finditer(text) if match[1] for name in re.findall(NAME, match[1])}


def filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with values in its braces; UsageError for a name that is not there, and for a range.

    >>> filled("out/{date-1}/{{x}}", {"date": "2026-03-01"})
    'out/2026-02-28/{x}'
    """
    found = list(ranged(text, values))
    if len(found) != 1 or ".." in "".join(BRACES.findall(text)):
        raise UsageError(f"{text!r}: a range of days can be in inputs alone")
    return found[0]


def ranged(text: str, values: Mapping[str, str]) -> Iterator[str]:
    """`text` for each day of the ranges in it, of which there may be several.

    >>> list(ranged("t/{date-1..date}", {"date": "2026-03-01"}))
    ['t/2026-02-28', 't/2026-03-01']
    """
    pieces: list[list[str]] = []
    end = 0
    for match in BRACES.finditer(text):
        pieces.append([text[end : match.start()]])
        end = match.end()
        if match[0] in ("{{", "}}"):
            pieces.append([match[0][0]])
        elif match[1] is None:
            raise UsageError(f"{text!r}: a single {match[0]} has no partner; write {match[0] * 2} for the character")
        else:
            pieces.append(_inside(match[1], text, values))
    pieces.append([text[end:]])
    return map("".join, product(*pieces))


def _inside(braced: str, text: str, values: Mapping[str, str]) -> list[str]:
    first, dots, last = braced.partition("..")
    if not dots:
        return [_one(braced, text, values)]
    try:
        begin, end = (datetime.date.fromisoformat(_one(side, text, values)) for side in (first, last))
    except ValueError:
        raise UsageError(f"{text!r}: a range needs two dates, as in {{date-6..date}}") from None
    if begin > end:
        raise UsageError(f"{text!r}: the range begins at {begin}, behind its end {end}")
    return [(begin + datetime.timedelta(days)).isoformat() for days in range((end - begin).days + 1)]


def _one(braced: str, text: str, values: Mapping[str, str]) -> str:
    match = re.fullmatch(DAY, braced.strip())
    if not match or match[1] not in values:
        raise UsageError(f"{text!r}: no value {{{braced}}}; there are: {', '.join(values) or 'none'}")
    value = values[match[1]]
    if match[4]:
        name = base_name(value)
        return name if match[4] == "name" else name.partition(".")[0]
    if not match[2]:
        return value
    try:
        days = int(match[2] + match[3])
        return (datetime.date.fromisoformat(value) + datetime.timedelta(days)).isoformat()
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r}: {match[1]} is {value!r}, which is no date to count days from") from None
