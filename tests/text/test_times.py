"""Event times: the oracle is Python's datetime and zoneinfo."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import UsageError
from jobs.rowwise import check
from jobs.sql import literal
from jobs.text import times
from jobs.text.arrow import BlockStream
from jobs.text.times import DAY, LONGEST, check_zone, duration, iso, time, window_start
from tests.examples import examples

CONNECTION = duckdb.connect(config={"autoload_known_extensions": False, "autoinstall_known_extensions": False})
CONNECTION.execute("SET TimeZone = 'UTC'")

EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)
FIRST, LAST = ((when - EPOCH) // MICROSECOND for when in (datetime.min, datetime.max))
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
# Apia skipped 2011-12-30; Sao Paulo and Havana skip midnight in spring, Havana's comes twice in autumn
ZONES = [
    *("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"),
    *("Europe/London", "Pacific/Apia", "America/Sao_Paulo", "America/Havana"),
]


def ask(sql: str, values: Sequence[object], type: str = "VARCHAR") -> list[object]:
    """`sql` over x of each value."""
    rows = CONNECTION.execute(f"SELECT {sql} FROM (SELECT unnest($1::{type}[]) AS x)", [list(values)]).fetchall()
    return [row[0] for row in rows]


def read(text: str | None, zone: str = "UTC", unit: str = "iso") -> object:
    [found] = ask(time("x", zone, unit), [text])
    return found


def local(when: datetime, zone: str) -> datetime:
    """What a clock in `zone` shows at `when`, in UTC."""
    return when.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)


def absolute(wall: datetime, zone: ZoneInfo | timezone) -> datetime:
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC).replace(tzinfo=None)


def expected(wall: datetime, zone: str) -> datetime | None:
    """When a clock in `zone` first shows `wall`."""
    try:
        found = absolute(wall, ZoneInfo(zone))
    except OverflowError:
        return None
    return found if local(found, zone) == wall else None


@cache
def changes(zone: str) -> list[datetime]:
    """The hours from which the clocks of `zone` changed, in UTC."""
    hours = [datetime(2011, 1, 1) + timedelta(hours=n) for n in range(2 * 366 * 24)]
    shown = [local(hour, zone) - hour for hour in hours]
    return [hours[n] for n in range(1, len(hours)) if shown[n] != shown[n - 1]]


def moments(zone: str) -> st.SearchStrategy[datetime]:
    """Any time, UTC or a clock's, and above all those about a change of the clock.

    Of the years to come none is near: Python's and DuckDB's zones may be of different releases, such as those before and
    since Cuba's decision to keep its summer time in 2026.
    """
    anywhere = st.datetimes(datetime(2, 1, 1), datetime(2025, 12, 31)) | st.datetimes(
        datetime(2100, 1, 1), datetime(9998, 12, 31)
    )
    if not changes(zone):
        return anywhere
    minutes = st.integers(-30 * 60, 30 * 60).map(lambda n: timedelta(minutes=n))
    exact = st.sampled_from([timedelta(0), MICROSECOND, -MICROSECOND])
    near = st.sampled_from([shown for hour in changes(zone) for shown in (hour, local(hour, zone))])
    return st.one_of(anywhere, st.builds(lambda *parts: sum(parts[1:], parts[0]), near, minutes, exact))


@st.composite
def zoned(draw: st.DrawFn) -> tuple[str, list[datetime]]:
    zone = draw(st.sampled_from(ZONES))
    return zone, draw(st.lists(moments(zone), min_size=1, max_size=30))


def test_the_zones_change_their_clocks_where_the_tests_look() -> None:
    assert [zone for zone in ZONES if not changes(zone)] == ["UTC", "Asia/Kolkata"]
    assert sum(expected(local(hour, "Europe/Berlin") - timedelta(hours=1), "Europe/Berlin") is None
               for hour in changes("Europe/Berlin")) == 2  # fmt: skip


@pytest.mark.parametrize(("text", "when"), [
    ("2026-11-21", datetime(2026, 11, 21)), ("2026-11-21T09:30", datetime(2026, 11, 21, 9, 30)),
    ("2026-11-21 09:30:05", datetime(2026, 11, 21, 9, 30, 5)), ("2026-11-21T09:30:05Z", datetime(2026, 11, 21, 9, 30, 5)),
    ("2026-11-21T09:30:05.25", datetime(2026, 11, 21, 9, 30, 5, 250_000)), ("2026-11-21T09:30Z", datetime(2026, 11, 21, 9, 30)),
    ("2026-11-21T09:30:05.000001+02:00", datetime(2026, 11, 21, 7, 30, 5, 1)), ("2026-11-21 09:30-0530", datetime(2026, 11, 21, 15)),
    ("2026-11-21T09:30:05-08", datetime(2026, 11, 21, 17, 30, 5)), ("2024-02-29", datetime(2024, 2, 29)),
    ("0001-01-01", datetime(1, 1, 1)), ("9999-12-31T23:59:59.999999", datetime.max),
    ("0001-01-01T00:00+00:01", None), ("9999-12-31T23:59-00:01", None),
])  # fmt: skip
def test_iso(text: str, when: datetime | None) -> None:
    assert read(text) == when


@pytest.mark.parametrize(("text", "zone", "when"), [
    ("2026-07-01T12:00", "Europe/Berlin", datetime(2026, 7, 1, 10)), ("2026-07-01T12:00Z", "Europe/Berlin", datetime(2026, 7, 1, 12)),
    ("2026-07-01", "Asia/Kolkata", datetime(2026, 6, 30, 18, 30)), ("2026-07-01T12:00-01", "Asia/Kolkata", datetime(2026, 7, 1, 13)),
    ("2026-03-29T01:59:59.999999", "Europe/Berlin", datetime(2026, 3, 29, 0, 59, 59, 999_999)), ("2026-03-29T02:00", "Europe/Berlin", None),
    ("2026-03-29T02:59", "Europe/Berlin", None), ("2026-03-29T03:00", "Europe/Berlin", datetime(2026, 3, 29, 1)),
    ("2026-10-25T02:30", "Europe/Berlin", datetime(2026, 10, 25, 0, 30)), ("2026-10-25T03:00", "Europe/Berlin", datetime(2026, 10, 25, 2)),
    ("2011-12-30", "Pacific/Apia", None), ("2011-12-30T23:59", "Pacific/Apia", None), ("2011-12-31", "Pacific/Apia", datetime(2011, 12, 30, 10)),
    ("0001-01-01", "Europe/Berlin", None), ("9999-12-31T23:00", "America/New_York", None),
])  # fmt: skip
def test_a_time_without_an_offset_is_of_the_zone(text: str, zone: str, when: datetime | None) -> None:
    assert read(text, zone) == when


@given(zoned())
def test_what_a_clock_shows_is_found_unless_it_skips_it(case: tuple[str, list[datetime]]) -> None:
    zone, walls = case
    assert ask(time("x", zone), [wall.isoformat(" ") for wall in walls]) == [expected(wall, zone) for wall in walls]


def offset_text(form: str, minutes: int) -> str:
    return form.format("-" if minutes < 0 else "+", *divmod(abs(minutes), 60))


OFFSETS = st.one_of(
    st.just(("Z", 0)),
    st.integers(-1439, 1439).map(lambda minutes: (offset_text("{}{:02}:{:02}", minutes), minutes)),
    st.integers(-1439, 1439).map(lambda minutes: (offset_text("{}{:02}{:02}", minutes), minutes)),
    st.integers(-23, 23).map(lambda hours: (offset_text("{}{:02}", hours * 60), hours * 60)),
)


@given(st.lists(st.tuples(st.datetimes(), st.integers(0, 6), OFFSETS)), st.sampled_from("T "), st.sampled_from(ZONES))
def test_an_offset_tells_the_time_whatever_the_zone(
    cases: list[tuple[datetime, int, tuple[str, int]]], between: str, zone: str
) -> None:
    texts: list[str] = []
    whens: list[datetime | None] = []
    for when, decimals, (offset, minutes) in cases:
        wall = when.replace(microsecond=when.microsecond // 10 ** (6 - decimals) * 10 ** (6 - decimals))
        texts.append(wall.isoformat(between, "microseconds")[: 20 + decimals if decimals else 19] + offset)
        try:
            whens.append(absolute(wall, timezone(timedelta(minutes=minutes))))
        except OverflowError:
            whens.append(None)
    assert ask(time("x", zone), texts) == whens


@examples(50)
@given(st.lists(st.one_of(st.integers(FIRST, LAST), st.integers(-(10**18), 10**18), st.integers(-(2**70), 2**70))))
def test_epochs_are_exact(numbers: list[int]) -> None:
    numbers += [FIRST - 1, FIRST, LAST, LAST + 1, -1, 0, 2**63 - 1, -(2**63)]
    whens = [EPOCH + n * MICROSECOND if FIRST <= n <= LAST else None for n in numbers]
    assert ask(time("x", unit="us"), [str(n) for n in numbers]) == whens
    for unit, decimals in (("s", 6), ("ms", 3)):
        split = [("-" * (n < 0), *divmod(abs(n), 10**decimals)) for n in numbers]
        texts = [f"{sign}{whole}.{rest:0{decimals}}" for sign, whole, rest in split]
        assert ask(time("x", unit=unit), texts) == whens
        size = 10**decimals
        whole = [EPOCH + n * size * MICROSECOND if FIRST <= n * size <= LAST else None for n in numbers]
        assert ask(time("x", unit=unit), [str(n) for n in numbers]) == whole


@pytest.mark.parametrize(("text", "unit", "us"), [
    ("1700000000.25", "s", 1_700_000_000_250_000), ("1700000000.000001", "s", 1_700_000_000_000_001), ("-0.5", "s", -500_000),
    ("1700000000123.5", "ms", 1_700_000_000_123_500), ("-0", "us", 0), ("007", "s", 7_000_000), ("0" * 40 + "7", "us", 7),
])  # fmt: skip
def test_epoch(text: str, unit: str, us: int) -> None:
    assert read(text, unit=unit) == EPOCH + us * MICROSECOND


@given(st.lists(st.tuples(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)), st.integers(-1439, 1439))))
def test_times_of_access_logs(cases: list[tuple[datetime, int]]) -> None:
    walls = [(when.replace(microsecond=0), minutes) for when, minutes in cases]
    texts = [
        f"{wall.day:02}/{MONTHS[wall.month - 1]}/{wall.year:04}:{wall.time()} {offset_text('{}{:02}{:02}', minutes)}"
        for wall, minutes in walls
    ]
    whens = [absolute(wall, timezone(timedelta(minutes=minutes))) for wall, minutes in walls]
    assert ask(time("x", unit="log"), texts) == whens
    assert ask(time("x", "Asia/Kolkata", "log"), texts) == whens


JUNK = [
    *("", " ", "\n", "now", "today", "epoch", "infinity", "-infinity", "NULL", "nan", "1_000", "1e9", "0x10", "+1", "--1", "- 1", "1,5"),
    *("1.", ".5", "-.5", "1.5.5", "-", "\u0661", "\uff11", "1700000000 ", " 1700000000", "1700000000\n", "\t1700000000", "1700000000s"),
    *("1\0", "1.0000000", "9" * 19, "9" * 400, "-" + "9" * 19, "2026-01", "20260101T100000Z", "2026-001", "2026-W01-1"),
    *("9223372036854775807", "-9223372036854775808", "9223372036854775808", "253402300800000000", "-62135596800000001"),
]  # fmt: skip
DATES = [
    *(" 2026-01-01", "2026-01-01 ", "2026-01-01\n", "\t2026-01-01", "2026-01-01\0", "2026-01-01T", "2026-01-01Z", "2026-01-01+01:00"),
    *("2026-1-1", "2026-1-01", "2026-01-1", "26-01-01", "02026-01-01", "12026-01-01", "-2026-01-01", "+2026-01-01", "0000-01-01", "2026/01/01"),
    *("2026-00-01", "2026-13-01", "2026-01-00", "2026-01-32", "2026-02-30", "2025-02-29", "1900-02-29", "2026-04-31", "24:00", "10:00"),
    *("2026-01-01 (BC)", "0001-01-01 (BC)", "2026-01-01 AD", "2026\u201301\u201301", "\uff12\uff10\uff12\uff16-01-01", "01.01.2026"),
]  # fmt: skip
CLOCKS = [
    *("24:00", "24:00:00", "25:00", "10:60", "23:59:60", "10", "1:00", "10:0", "10:00:0", "10:00:", " 10:00", "10:00 ", "10:00\n", "1000"),
    *("10:00:00.", "10:00:00.1234567", "10:00:00.0000000", "10:00:00,5", "10:00.5", "\uff11\uff10:00", "10:00:00 PM", "10:00:00 UTC"),
    *("10:00z", "10:00 Z", "10:00ZZ", "10:00Z\n", "10Z", "10:00 +01:00", "10:00+1", "10:00+1:00", "10:00+010", "10:00+01:0", "10:00+01000"),
    *("10:00+24:00", "10:00+01:60", "10:00+01:00:00", "10:00Z+01", "10:00\u221201:00", "10:00 Europe/Berlin", "10:00+", "24:00Z", "23:59:60Z"),
]  # fmt: skip
NO_LOG = [
    *("10/oct/2000:13:55:36 -0700", "10/jan/2000:13:55:36 -0700", "10/OCT/2000:13:55:36 -0700", "1/Oct/2000:13:55:36 -0700", " 1/Oct/2000:13:55:36 -0700"),
    *("10/Okt/2000:13:55:36 -0700", "10/October/2000:13:55:36 -0700", "10/10/2000:13:55:36 -0700", "10/Oct/00:13:55:36 -0700"),
    *("31/Feb/2000:13:55:36 -0700", "29/Feb/1900:13:55:36 -0700", "00/Oct/2000:13:55:36 -0700", "10/Oct/0000:13:55:36 -0700"),
    *("10/Oct/2000:24:00:00 -0700", "10/Oct/2000:13:60:36 -0700", "10/Oct/2000:13:55:60 -0700", "10/Oct/2000:13:55 -0700"),
    *("10/Oct/2000:13:55:36", "10/Oct/2000:13:55:36 ", "10/Oct/2000:13:55:36 -07", "10/Oct/2000:13:55:36 -07:00", "10/Oct/2000:13:55:36 Z"),
    *("10/Oct/2000:13:55:36-0700", "10/Oct/2000:13:55:36  -0700", "10/Oct/2000:13:55:36 -0760", "10/Oct/2000:13:55:36 -2400"),
    *("10/Oct/2000:13:55:36 -0700 ", "10/Oct/2000:13:55:36 -0700\n", " 10/Oct/2000:13:55:36 -0700", "[10/Oct/2000:13:55:36 -0700]"),
    *("10/Oct/2000 13:55:36 -0700", "10/Oct/2000:13:55:36.5 -0700", "\uff11\uff10/Oct/2000:13:55:36 -0700", "-"),
    *("01/Jan/0001:00:00:00 +0001", "31/Dec/9999:23:59:00 -0001"),
]  # fmt: skip
NUMBERS = ["1", "-1", "1.5", "20260101", "1700000000"]
NOWHERE = [*JUNK, *DATES, *(f"2026-01-01{between}{clock}" for clock in CLOCKS for between in "T "), *NO_LOG]
NO_NUMBERS = [*NOWHERE, "2026-01-01", "2026-01-01T10:00Z", "10/Oct/2000:13:55:36 -0700"]
REFUSED = {
    "iso": [*NOWHERE, *NUMBERS, "10/Oct/2000:13:55:36 -0700"],
    "s": [*NO_NUMBERS, "253402300800", "-62135596801", "-62135596800.000001", "1700000000.1234567", "253402300799.9999999"],
    "ms": [*NO_NUMBERS, "253402300800000", "-62135596800001", "1700000000000.1234", "253402300799999.9999"],
    "us": [*NO_NUMBERS, "1.5", "1.0"],
    "log": [*NOWHERE, *NUMBERS, "2026-01-01", "2026-01-01T10:00Z"],
}  # fmt: skip


TEXTS = ["2026-07-01", "2026-07-01 12:00", "2026-07-01T12:00Z", "2026-03-08T02:30", "2026-07-01T12:00:00.5+01:00", "1700000000", "10/Oct/2000:13:55:36 -0700", "1.5"]  # fmt: skip
UNIT_AND_ZONE = [*((unit, "UTC") for unit in times.UNITS), ("iso", "Europe/Berlin")]


@pytest.mark.parametrize(("unit", "zone"), UNIT_AND_ZONE)
def test_what_is_no_time_is_null(unit: str, zone: str) -> None:
    texts = REFUSED[unit]
    assert dict(zip(texts, ask(time("x", zone, unit), texts), strict=True)) == dict.fromkeys(texts)


@pytest.mark.parametrize(("unit", "zone"), UNIT_AND_ZONE)
def test_constants_are_read_as_columns_are(unit: str, zone: str) -> None:
    """DuckDB computes what it can of them beforehand, also what no row would come to."""
    texts = [text for text in JUNK if "\0" not in text] + TEXTS
    alone = [CONNECTION.execute(f"SELECT {time(literal(text), zone, unit)}").fetchall()[0][0] for text in texts]
    assert dict(zip(texts, alone, strict=True)) == dict(zip(texts, ask(time("x", zone, unit), texts), strict=True))


@pytest.mark.parametrize(("unit", "zone"), UNIT_AND_ZONE)
def test_null_is_null(unit: str, zone: str) -> None:
    assert ask(time("x", zone, unit), [None, "", None]) == [None] * 3
    assert ask(iso("x", zone), [None], "TIMESTAMP") == [None]
    assert ask(window_start("x", DAY, zone), [None], "TIMESTAMP") == [None]


@pytest.mark.parametrize(("zone", "when", "text"), [
    ("UTC", datetime(2026, 11, 21, 9, 30), "2026-11-21T09:30:00Z"), ("UTC", datetime(1, 1, 1, 0, 0, 0, 250_000), "0001-01-01T00:00:00.250000Z"),
    ("Europe/Berlin", datetime(2026, 11, 21, 9, 30), "2026-11-21T10:30:00+01:00"), ("UTC", datetime.max, "9999-12-31T23:59:59.999999Z"),
    ("Europe/London", datetime(2026, 11, 21, 9, 30), "2026-11-21T09:30:00+00:00"),
    ("America/New_York", datetime(2026, 7, 1, 3, 0, 0, 1), "2026-06-30T23:00:00.000001-04:00"),
    ("Asia/Kolkata", datetime(2026, 7, 1), "2026-07-01T05:30:00+05:30"), ("Europe/Berlin", datetime(1890, 1, 1), "1890-01-01T00:53:28+00:53:28"),
])  # fmt: skip
def test_iso_text(zone: str, when: datetime, text: str) -> None:
    assert ask(iso("x", zone), [when], "TIMESTAMP") == [text]


@examples(50)
@given(zoned())
def test_iso_text_is_that_of_python_and_is_read_again(case: tuple[str, list[datetime]]) -> None:
    zone, whens = case
    texts = [when.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).isoformat() for when in whens]
    assert ask(iso("x", zone), whens, "TIMESTAMP") == [
        text.replace("+00:00", "Z") if zone == "UTC" else text for text in texts
    ]
    modern = [when for when in whens if when.year > 1980]  # offsets in whole minutes
    assert ask(time(iso("x", zone), "Asia/Kolkata"), modern, "TIMESTAMP") == modern


SIZES = st.one_of(
    st.sampled_from([1, 10**6, 60 * 10**6, 15 * 60 * 10**6, 3600 * 10**6, 7 * 3600 * 10**6, DAY // 2, DAY + 1, DAY * 3 // 2]),
    st.integers(1, 40 * DAY).filter(lambda size: size % DAY),
)  # fmt: skip


@given(zoned(), SIZES)
def test_windows_are_cut_by_the_offset_of_their_time(case: tuple[str, list[datetime]], size: int) -> None:
    zone, whens = case
    starts = [when - (local(when, zone) - EPOCH) % timedelta(microseconds=size) for when in whens]
    assert ask(window_start("x", size, zone), whens, "TIMESTAMP") == starts


@given(zoned(), st.sampled_from([1, 2, 7, 28, 365]))
def test_windows_of_days_are_days_of_the_calendar(case: tuple[str, list[datetime]], days: int) -> None:
    zone, whens = case
    numbers = [(local(when, zone).date() - EPOCH.date()).days // days * days for when in whens]
    midnights = [EPOCH + timedelta(days=number) for number in numbers if number >= -719162]
    whens = [when for when, number in zip(whens, numbers, strict=True) if number >= -719162]  # the year 1
    starts = ask(window_start("x", days * DAY, zone), whens, "TIMESTAMP")
    assert starts == [absolute(midnight, ZoneInfo(zone)) for midnight in midnights]
    for start, when, midnight in zip(starts, whens, midnights, strict=True):
        assert isinstance(start, datetime)
        assert local(start - MICROSECOND, zone) < midnight <= local(start, zone)
        assert start <= when


@pytest.mark.parametrize(("zone", "when", "hours"), [
    ("UTC", datetime(2026, 3, 29, 12), 24), ("Europe/Berlin", datetime(2026, 3, 29, 12), 23), ("Europe/Berlin", datetime(2026, 10, 25, 12), 25),
    ("America/Sao_Paulo", datetime(2018, 11, 4, 12), 23), ("America/Havana", datetime(2025, 11, 2, 12), 25),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 20), 24.5), ("Europe/Berlin", datetime(1950, 1, 1, 12), 24),
])  # fmt: skip
def test_a_day_is_as_long_as_its_clock_says(zone: str, when: datetime, hours: float) -> None:
    [start, end] = ask(window_start("x", DAY, zone), [when, when + timedelta(days=1)], "TIMESTAMP")
    assert isinstance(start, datetime)
    assert isinstance(end, datetime)
    assert start <= when < end == start + timedelta(hours=hours)


def test_the_windows_of_an_hour_that_comes_twice_are_two() -> None:
    first = datetime(2026, 10, 25, 0, 10)
    starts = ask(window_start("x", 3600 * 10**6, "Europe/Berlin"), [first, first + timedelta(hours=1)], "TIMESTAMP")
    assert starts == [datetime(2026, 10, 25, 0), datetime(2026, 10, 25, 1)]
    assert ask(iso("x", "Europe/Berlin"), starts, "TIMESTAMP") == [
        "2026-10-25T02:00:00+02:00",
        "2026-10-25T02:00:00+01:00",
    ]


def everything(zone: str) -> list[str]:
    """SQL of each kind, over a VARCHAR `x`."""
    kinds = [time("x", zone, unit) for unit in times.UNITS]
    when = time("x", zone)
    return [*kinds, iso(when, zone), window_start(when, DAY // 24, zone), window_start(when, 7 * DAY, zone)]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_the_zone_of_the_session_changes_nothing(zone: str) -> None:
    sqls = everything(zone)
    here = [ask(sql, TEXTS) for sql in sqls]
    CONNECTION.execute("SET TimeZone = 'America/New_York'")
    try:
        assert [ask(sql, TEXTS) for sql in sqls] == here
    finally:
        CONNECTION.execute("SET TimeZone = 'UTC'")
    assert all(any(found is not None for found in column) for column in here)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_all_of_it_is_row_wise(zone: str) -> None:
    def unread() -> Iterator[str]:
        raise AssertionError("input was read")
        yield ""

    with duckdb.connect() as connection:
        connection.register("blocks", BlockStream(unread))
        connection.execute("CREATE VIEW lines AS SELECT block AS x FROM blocks")
        for sql in everything(zone):
            check(connection, f"SELECT {sql} AS y FROM lines")
        with pytest.raises(UsageError, match="now"):
            check(connection, "SELECT now() AS y FROM lines")


@pytest.mark.parametrize(("text", "us"), [
    ("90s", 90 * 10**6), ("30m", 1800 * 10**6), ("2h", 7200 * 10**6), ("1d", DAY), ("500ms", 500_000), ("1h30m", 5400 * 10**6),
    ("2w", 14 * DAY), ("1m500ms", 60_500_000), ("1w2d3h4m5s6ms", 9 * DAY + 11_045_006_000), ("0h5s", 5 * 10**6), ("3650000d", LONGEST),
])  # fmt: skip
def test_durations(text: str, us: int) -> None:
    assert duration(text) == us


@pytest.mark.parametrize("text", [
    "", "0s", "0h0m", "5", "s", "1.5h", "-1h", "+1h", "1 h", " 1h", "1h ", "1h\n", "30m1h", "1h1h", "1H", "1y", "1us", "1h30", "1_0s", "1e3s",
    "\uff11s", "\u0661s", "3650001d", "9" * 30 + "s", "9" * 9999 + "s",
])  # fmt: skip
def test_no_durations(text: str) -> None:
    with pytest.raises(
        UsageError, match=r"is not a duration; write one such as 500ms, 90s, 30m, 2h, 1h30m, 1d or 2w, more than 0"
    ):
        duration(text)


@pytest.mark.parametrize("zone", [*ZONES, "Etc/GMT+5", "America/Argentina/Buenos_Aires", "CET"])
def test_zones(zone: str) -> None:
    assert check_zone(zone) == zone
    assert f"AT TIME ZONE '{zone}'" in window_start("x", 1, zone) or zone == "UTC"


@pytest.mark.parametrize(("zone", "near"), [
    ("europe/berlin", "near it: .*Europe/Berlin"), ("Berlin", "near it: .*Europe/Berlin"), ("America/NewYork", "near it: .*America/New_York"),
    ("utc", "write one such as UTC, Europe/Berlin or"), ("", "write one such as"), ("+01:00", "write one such as"), ("BST", "near it: "),
    ("IST", "near it: "), ("UTC' || error('x') || '", "write one such as"), ("UTC\0", "near it: .*UTC"),
])  # fmt: skip
def test_what_is_no_zone_is_refused_everywhere(zone: str, near: str) -> None:
    for use in (
        check_zone,
        lambda zone: time("x", zone),
        lambda zone: iso("x", zone),
        lambda zone: window_start("x", 1, zone),
    ):
        with pytest.raises(UsageError, match=rf"^no time zone {re.escape(repr(zone))}; {near}"):
            use(zone)


@pytest.mark.parametrize(("known", "accepted", "refused"), [
    ({"Europe/Berlin", "Made/Up"}, "Europe/Berlin", {"Made/Up", "Asia/Kolkata"}), (set(), "Europe/Berlin", {"Made/Up"}),
])  # fmt: skip
def test_a_zone_is_one_that_both_know_and_python_may_know_none(
    monkeypatch: pytest.MonkeyPatch, known: set[str], accepted: str, refused: set[str]
) -> None:
    monkeypatch.setattr("zoneinfo.available_timezones", lambda: known)
    times._zones.cache_clear()
    try:
        assert check_zone(accepted) == accepted
        for zone in refused:
            with pytest.raises(UsageError):
                check_zone(zone)
    finally:
        times._zones.cache_clear()


def test_an_unknown_unit_is_refused() -> None:
    with pytest.raises(UsageError, match="no unit of time 'min'; there are iso, s, ms, us, log"):
        time("x", unit="min")
