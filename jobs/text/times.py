"""Event times, strictly read: text to DuckDB's TIMESTAMP in UTC, zones, durations, windows and text again, as SQL.

A TIMESTAMP here is of the years 0001 to 9999 and in UTC. SQL given for an expression mentions it several times:
best give a column. Nothing depends on the session's TimeZone, and no row raises an error.
"""

import difflib
import functools
import re
import zoneinfo

import duckdb

from jobs.errors import UsageError
from jobs.sql import identifier, let, literal

DURATIONS = {"w": 604_800_000_000, "d": 86_400_000_000, "h": 3_600_000_000, "m": 60_000_000, "s": 10**6, "ms": 10**3}
DAY = DURATIONS["d"]
LONGEST = 3_650_000 * DAY
FIRST, LAST = -62_135_596_800, 253_402_300_799  # seconds of the years 0001 to 9999
EPOCHS = {"s": 6, "ms": 3, "us": 0}  # their decimals down to a microsecond
UNITS = ("iso", *EPOCHS, "log")

_YEAR = "(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"  # not 0000, which DuckDB takes for 1 BC
_DATE = f"{_YEAR}-[0-9]{{2}}-[0-9]{{2}}"
_HOUR = "(?:[01][0-9]|2[0-3])"  # not 24, which DuckDB takes for the next day
_TIME = rf"{_DATE}[T ]{_HOUR}:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{{1,6}})?)?"
_OFFSET = f"[+-]{_HOUR}(?::?[0-5][0-9])?"
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_LOG = f"[0-9]{{2}}/{_MONTH}/{_YEAR}:{_HOUR}(?::[0-5][0-9]){{2}} [+-]{_HOUR}[0-5][0-9]"

_DURATION = re.compile("".join(f"(?:([0-9]{{1,15}}){unit})?" for unit in DURATIONS))
_US, _WALL, _EARLY = map(identifier, ("$us", "$wall", "$early"))  # no column's names


def time(value: str, zone: str = "UTC", unit: str = "iso") -> str:
    """SQL that makes the VARCHAR `value` a TIMESTAMP, or NULL where it is no such time of the years 0001 to 9999.

    unit: `iso`, an ISO 8601 date or date and time, to 6 decimals; `s`, `ms` or `us` since 1970, with decimals down
    to a microsecond; `log`, as access logs have it, `10/Oct/2000:13:55:36 -0700`.

    zone: whose clock an `iso` time without an offset tells. What the clock skips in spring is NULL, also as a date's
    midnight; of what it shows twice in autumn the earlier is meant.
    """
    zone = literal(check_zone(zone))
    if unit in EPOCHS:
        return _epoch(value, EPOCHS[unit])
    if unit == "log":
        absolute = f"epoch_us(try_strptime({value}, '%d/%b/%Y:%H:%M:%S %z'))"
        return f"CASE WHEN {_matches(value, _LOG)} THEN {_timestamp(absolute)} END"
    if unit != "iso":
        raise UsageError(f"no unit of time {unit!r}; there are {', '.join(UNITS)}")
    clock = f"TRY_CAST({value} AS TIMESTAMP)"  # takes no notice of an offset
    absolute = _timestamp(f"epoch_us(TRY_CAST({value} AS TIMESTAMPTZ))")
    if zone == "'UTC'":
        plain, offset = f"{_DATE}|{_TIME}Z?", _OFFSET
    else:
        plain, offset = f"{_DATE}|{_TIME}", f"(?:Z|{_OFFSET})"
        clock = _timestamp(_instant(f"epoch_us({clock})", zone, skipped="NULL"))
    return (
        f"CASE WHEN {_matches(value, plain)} THEN {clock} WHEN {_matches(value, _TIME + offset)} THEN {absolute} END"
    )


def duration(text: str) -> int:
    """Microseconds of a duration such as 90s, 30m, 1h30m or 2w.

    >>> duration("1h30m")
    5400000000
    """
    match = _DURATION.fullmatch(text)
    found = zip(match.groups(default="0"), DURATIONS.values(), strict=True) if match else ()
    total = sum(int(count) * size for count, size in found)
    if not 0 < total <= LONGEST:
        raise UsageError(
            f"{text!r} is not a duration; write one such as 500ms, 90s, 30m, 2h, 1h30m, 1d or 2w,"
            f" more than 0 and at most {LONGEST // DAY}d"
        )
    return total


def check_zone(zone: str) -> str:
    """`zone`, if that is the exact name of a time zone; else UsageError with the nearest names."""
    if zone != "UTC" and zone not in _zones():
        near = difflib.get_close_matches(zone, sorted(_zones()), n=3, cutoff=0.5)
        hint = f"near it: {', '.join(near)}" if near else "write one such as UTC, Europe/Berlin or America/New_York"
        raise UsageError(f"no time zone {zone!r}; {hint}")
    return zone


@functools.cache
def _zones() -> frozenset[str]:
    with duckdb.connect(config={"threads": 1}) as connection:
        names = frozenset(name for (name,) in connection.execute("SELECT name FROM pg_timezone_names()").fetchall())
    # ICU alone knows BST, too: Bangladesh's. A machine without tzdata has ICU's names only.
    return names & (zoneinfo.available_timezones() or names)


def window_start(time: str, size: int, zone: str = "UTC") -> str:
    """SQL for the TIMESTAMP at which the window of `size` microseconds starts that holds the TIMESTAMP `time`.

    Windows start at midnight of 1970-01-01 in `zone` and at multiples of `size` from there. Those of whole days are
    calendar days of `zone`, also of 23 or 25 hours: they start at the first of two midnights, or, where the clock
    skips midnight, as it skips. Others are told by the zone's offset at `time`.
    """
    zone = literal(check_zone(zone))
    us = f"epoch_us({time})"
    shift = -(-(10**17) // size) * size  # windows from well before the year 0001 on: // and % cut towards zero
    if zone == "'UTC'":
        return f"make_timestamp(({us} + {shift}) // {size} * {size} - {shift})"
    wall = _wall(us, zone)
    if size % DAY:
        return f"make_timestamp({us} - ({wall} + {shift}) % {size})"
    # Only Toronto, in 1919, ever skipped from before midnight to after it; that day is told to start half an hour late.
    return f"make_timestamp({_instant(f'({wall} + {shift}) // {size} * {size} - {shift}', zone, skipped=_EARLY)})"


def iso(time: str, zone: str = "UTC") -> str:
    """SQL for the TIMESTAMP `time` as ISO 8601 text: 2026-11-21T09:30:00Z, or with the offset of another `zone`.

    With 6 decimals, if not all are 0. An offset of before zones were standardised has seconds, too: +00:53:28.
    """
    zone = literal(check_zone(zone))

    def text(timestamp: str) -> str:
        return f"replace(strftime({timestamp}, '%Y-%m-%dT%H:%M:%S.%f'), '.000000', '')"

    if zone == "'UTC'":
        return f"{text(time)} || 'Z'"
    offset = f"({_WALL} - {_US})"
    digits = f"left(strftime(make_timestamp(abs{offset}), '%H:%M:%S'), if({offset} % 60000000 = 0, 5, 8))"
    body = f"{text(f'make_timestamp({_WALL})')} || if({offset} < 0, '-', '+') || {digits}"
    return let(_US, f"epoch_us({time})", let(_WALL, _wall(_US, zone), body))


def _matches(value: str, pattern: str) -> str:
    return f"regexp_full_match({value}, {literal(pattern)})"


def _epoch(value: str, decimals: int) -> str:
    """A number that is written back the same is a whole one: told in half of a regular expression's time."""
    whole, number = f"TRY_CAST({value} AS BIGINT)", f"TRY_CAST({value} AS DECIMAL(18, {decimals}))"
    first, last = FIRST * 10 ** (6 - decimals), (LAST + 1) * 10 ** (6 - decimals) - 1
    pattern = "-?[0-9]+" + (rf"(?:\.[0-9]{{1,{decimals}}})?" if decimals else "")
    rest = f"(({_US} % 1::DECIMAL(1, 0))::DECIMAL({decimals + 1}, {decimals}) * {10**decimals})::BIGINT"
    return (
        f"CASE WHEN {whole} BETWEEN {first} AND {last} AND {whole}::VARCHAR = {value}"
        f" THEN make_timestamp({whole} * {10**decimals}) WHEN {_matches(value, pattern)}"
        f" THEN {let(_US, number, _timestamp(f'trunc({_US})::BIGINT * {10**decimals} + {rest}'))} END"
    )


def _timestamp(us: str) -> str:
    """SQL for the TIMESTAMP of microseconds since 1970; NULL where its year is not 0001 to 9999."""
    inside = f"{_US} BETWEEN {FIRST * 10**6} AND {LAST * 10**6 + 999_999}"
    return let(_US, us, f"CASE WHEN {inside} THEN make_timestamp({_US}) END")


def _wall(us: str, zone: str) -> str:
    """SQL for what a clock in `zone` shows at an instant, both as microseconds since 1970 as the clock shows it."""
    return f"epoch_us(make_timestamptz({us}) AT TIME ZONE {zone})"


def _instant(wall: str, zone: str, skipped: str) -> str:
    """SQL for the first instant at which a clock in `zone` shows `wall`: the inverse of `_wall`.

    DuckDB's own gives the later of two, and one for a time that is skipped. Offsets are within 16 hours, and no zone
    ever changed its twice in two days: the offset is that of 16 hours before, or else that of 16 hours after.
    """
    around = 16 * DURATIONS["h"]
    early = f"{_WALL} - ({_wall(f'{_WALL} - {around}', zone)} - ({_WALL} - {around}))"
    late = f"({_WALL} - ({_wall(f'{_WALL} + {around}', zone)} - ({_WALL} + {around})))"
    tried = " ".join(f"WHEN {_wall(us, zone)} = {_WALL} THEN {us}" for us in (_EARLY, late))
    chosen = f"CASE WHEN {_EARLY} = {late} THEN {_EARLY} {tried} ELSE {skipped} END"
    return let(_WALL, wall, let(_EARLY, early, chosen))
