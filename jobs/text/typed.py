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
DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
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
    name, _, argument = type.strip().lower().partition("(")
    argument = argument.removesuffix(")").strip() if argument.endswith(")") else argument
    if name == "decimal" and re.fullmatch("[0-9]+", argument) and 0 < int(argument) < numbers.DIGITS:
        scale = int(argument)
        digits = rf"[+-]?0*[0-9]{{1,{numbers.DIGITS - scale}}}(\.[0-9]{{1,{scale}}})?"
        decimal = f"DECIMAL({numbers.DIGITS},{scale})"
        return Type(f"a number of at most {scale} decimals", decimal, _matched(digits, decimal))
    if name == "time" and argument in UNITS:
        return Type(TIMES[argument], "TIMESTAMP", lambda text: times.time(text, zone, UNITS[argument]))
    plain = {
        "text": Type("a text", "VARCHAR", lambda text: text),
        "integer": Type("an integer", "HUGEINT", _matched(f"[+-]?0*[0-9]{{1,{numbers.DIGITS}}}", "HUGEINT")),
        "float": Type("a number", "DOUBLE", _matched(FLOAT, "DOUBLE")),
        "boolean": Type("true or false", "BOOLEAN", _matched("true|false", "BOOLEAN")),
        "date": Type("a date as 2026-11-21", "DATE", _matched(DATE, "DATE")),
    }
    if type.strip().lower() not in plain:
        raise UsageError(f"{type!r} is no type of a column; there are {FORMS}")
    return plain[name]


def _matched(pattern: str, type: str) -> Callable[[str], str]:
    return lambda text: f"CASE WHEN regexp_full_match({text}, {literal(pattern)}) THEN TRY_CAST({text} AS {type}) END"
