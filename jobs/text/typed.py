"""Types of columns as a user writes them, and the strict reading of a text as one of them."""

import re
from collections.abc import Callable
from typing import NamedTuple

from jobs.errors import UsageError
from jobs.sql import literal
from jobs.text import numbers, times


class Type(NamedTuple):
    """what: a value of it, in an error.  duckdb: DuckDB's type.  read: SQL of a text's value, NULL if it is none."""

    what: str
    duckdb: str
    read: Callable[[str], str]


FORMS = "text, integer, decimal(2), float, boolean, date, time, time(s), time(ms), time(us) or time(log)"
FLOAT = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(inf|Infinity)|nan|NaN"
DATE = times._DATE  # not of the year 0000
UNITS = {"": "iso", "s": "s", "ms": "ms", "us": "us", "log": "log"}
TIMES = {
    "": "a time as 2026-11-21T09:30:00Z",
    "s": "a time in seconds since 1970",
    "ms": "a time in milliseconds since 1970",
    "us": "a time in microseconds since 1970",
    "log": "a time as 21/Nov/2026:09:30:00 +0000",
}


def parse(type: str, zone: str = "UTC") -> Type:
    """The type that a user calls `type`.  zone: of times that do not say theirs.

    text, integer (28 digits), decimal(S) (28 digits, S of them decimals), float, boolean (true, false), date, time
    (ISO 8601), and times as numbers since 1970 or in access logs. Times become TIMESTAMPs, UTC.
    """
    match = re.fullmatch(r"([a-z]+)(?:\( *([a-z0-9]*) *\))?", type.strip().lower())
    name, argument = match.groups(default="") if match else ("", "")
    if name == "decimal" and argument.isdecimal() and 0 < int(argument) < numbers.DIGITS:
        scale = int(argument)
        what = f"a number of at most {scale} decimals"
        return Type(what, f"DECIMAL({numbers.DIGITS},{scale})", lambda text: f"CASE {numbers.read(text, scale)} END")
    if name == "time" and argument in UNITS:
        return Type(TIMES[argument], "TIMESTAMP", lambda text: times.time(text, zone, UNITS[argument]))
    plain = {
        "text": Type("a text", "VARCHAR", lambda text: text),
        "integer": Type("an integer", "HUGEINT", lambda text: f"CASE {numbers.read(text, 0)} END"),
        "float": Type("a number", "DOUBLE", _matched(FLOAT, "DOUBLE")),
        "boolean": Type("true or false", "BOOLEAN", _matched("true|false", "BOOLEAN")),
        "date": Type("a date as 2026-11-21", "DATE", _matched(DATE, "DATE")),
    }
    if type.strip().lower() not in plain:
        raise UsageError(f"{type!r} is no type of a column; there are {FORMS}")
    return plain[name]


def _matched(pattern: str, type: str) -> Callable[[str], str]:
    return lambda text: f"CASE WHEN regexp_full_match({text}, {literal(pattern)}) THEN TRY_CAST({text} AS {type}) END"
