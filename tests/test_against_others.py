"""Ready jobs against others' answers: DuckDB by hand, Python's statistics and fractions, boost-histogram, awk and sort.

Over a year of flights, a real access log, and random numbers.
"""

import json
import os
import random
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from hashlib import sha256
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import boost_histogram as bh
import duckdb
import pytest

from tests import command, flights
from tests.conformance.oracle import written

pytestmark = pytest.mark.slow

LOG = Path(__file__).parent / "data" / "apache_access.log"
NEW_YORK = ZoneInfo("America/New_York")
PRECISE = Context(prec=80)

Record = tuple[list[str | None], list[str | None]]
"""Keys and values."""


def fanin(job: str, path: Path, *options: str) -> list[str]:
    """The records of a job over a file."""
    return command.run("run", job, str(path), *options).ok().out.decode().splitlines()


def fanin_csv(job: str, path: Path, *options: str) -> list[str]:
    return fanin(job, path, "--format", "csv", "--null", "NA", *options)


def encoded(records: Iterable[Record]) -> list[str]:
    """Those records as lines, in the order of their keys, those of a key in the order they come in."""
    return b"".join(written(records, 1)).decode().splitlines()


def by_hand(sql: str, path: Path) -> list[tuple[Any, ...]]:
    """What DuckDB answers about the table of a file, `flights`."""
    with duckdb.connect(config={"threads": 1}) as connection:
        return connection.execute(
            f"WITH flights AS (FROM read_csv($1, nullstr = 'NA')) {sql}", [str(path)]
        ).fetchall()


def fixed(value: Fraction | int, decimals: int) -> str:
    """A number's decimals, the last of them rounded half to even."""
    return f"{Decimal(round(value * 10**decimals)).scaleb(-decimals, PRECISE):f}"


def rounded(value: Decimal, decimals: int) -> str:
    return f"{value.quantize(Decimal(1).scaleb(-decimals), context=PRECISE):f}"


def statistics_of(values: Sequence[Decimal], scale: int) -> list[str | None]:
    """What group_stats tells of numbers that are not null, as Python's statistics has it."""
    exact = [Fraction(value) for value in values]
    with localcontext(PRECISE):
        deviation = rounded(statistics.stdev(values), scale + 4)
    mean = fixed(statistics.mean(exact), scale + 4)
    return [fixed(sum(exact), scale), mean, *(fixed(end, scale) for end in (min(exact), max(exact))), deviation]


# A year of flights: statistics


def test_delays_of_each_carrier_are_those_of_a_query_by_hand() -> None:
    options = ["--key", "carrier", "--value", "arr_delay"]
    found = [line.split("\t") for line in fanin_csv("group_stats", flights.path("flights.csv"), *options)]
    told = by_hand(
        """SELECT carrier, count(*), sum(arr_delay), min(arr_delay), max(arr_delay), count(arr_delay),
            stddev_samp(arr_delay) FROM flights GROUP BY carrier ORDER BY carrier""",
        flights.path("flights.csv"),
    )
    assert len(found) == len(told) == 16
    assert sum(int(line[1]) for line in found) == 336_776
    for line, (*exact, delays, spread) in zip(found, told, strict=True):
        carrier, n, total, mean, least, greatest, deviation = line
        assert [carrier, *map(int, (n, total, least, greatest))] == exact
        assert mean == fixed(Fraction(int(total), delays), 4)
        assert float(deviation) == pytest.approx(spread, rel=1e-9, abs=0.5001e-4)


def test_delays_of_each_carrier_are_those_of_pythons_statistics() -> None:
    delays: dict[str | None, list[Decimal | None]] = defaultdict(list)
    for carrier, delay in flights.rows("flights.csv", "carrier", "arr_delay"):
        delays[carrier].append(None if delay is None else Decimal(delay))
    records: list[Record] = []
    for carrier, all_of in delays.items():
        values = [delay for delay in all_of if delay is not None]
        records.append(([carrier], [str(len(all_of)), *statistics_of(values, 0)]))
    options = ["--key", "carrier", "--value", "arr_delay"]
    assert fanin_csv("group_stats", flights.path("flights.csv"), *options) == encoded(records)


# Histograms


@pytest.mark.parametrize(("low", "high", "bins"), [(-100, 500, 60), (-30, 150, 36)])
def test_seats_in_bins_of_delay_are_those_of_boost_histogram(tmp_path: Path, low: int, high: int, bins: int) -> None:
    seats = {row[0]: row[1] for row in flights.rows("planes.csv", "tailnum", "seats")}
    columns = flights.rows("flights.csv", "origin", "arr_delay", "tailnum")
    rows = [(origin, delay, seats.get(plane)) for origin, delay, plane in columns]
    path = tmp_path / "flights.csv"
    lines = (",".join("NA" if text is None else text for text in row) for row in rows)
    path.write_text("\n".join(["origin,arr_delay,seats", *lines]))

    edges = [str(edge) for edge in range(low, high + 1, (high - low) // bins)]
    names = ["underflow", *(f"[{a}, {b})" for a, b in pairwise(edges)), "overflow", "nan", "null"]
    lows, highs = [None, *edges, None, None], [*edges, None, None, None]
    digest = sha256(",".join(edges).encode()).hexdigest()[:8]
    records: list[Record] = []
    for airport in sorted({origin or "" for origin, _, _ in rows}):
        here = [(delay, int(weight)) for at, delay, weight in rows if at == airport and weight is not None]
        known = [(int(delay), weight) for delay, weight in here if delay is not None]
        unknown = [weight for delay, weight in here if delay is None]
        axis = bh.axis.Regular(bins, low, high)
        weighted = bh.Histogram(axis, storage=bh.storage.Weight())
        weighted.fill([delay for delay, _ in known], weight=[weight for _, weight in known])
        counted = bh.Histogram(axis, storage=bh.storage.Int64())
        counted.fill([delay for delay, _ in known])
        view: Any = weighted.view(flow=True)  # its doubles are whole numbers below 2^53
        weights = [*map(int, view["value"].tolist()), 0, sum(unknown)]
        squares = [*map(int, view["variance"].tolist()), 0, sum(weight**2 for weight in unknown)]
        ns = [*map(int, counted.view(flow=True).tolist()), 0, len(unknown)]
        for place, (n, until) in enumerate(zip(ns, accumulate(weights), strict=True)):
            shares = [fixed(Fraction(part, sum(weights)), 6) for part in (weights[place], until)]
            error = rounded(Decimal(squares[place]).sqrt(PRECISE), 3)
            values = [names[place], lows[place], highs[place], str(n), str(weights[place]), *shares, error, digest]
            records += [([airport], values)] * (n > 0)
    assert {"overflow", "null"} <= {str(values[0]) for _, values in records}
    assert low < -86 or [values[0] for _, values in records].count("underflow") == 3
    options = ["--key", "origin", "--value", "arr_delay", "--weight", "seats", "--bins", f"equal:{low}:{high}:{bins}"]
    assert fanin_csv("histogram", path, *options) == encoded(records)


# Windows


def instant(text: str | None) -> datetime:
    """Of a time_hour, such as 2013-01-01T10:00:00Z."""
    assert text
    return datetime.fromisoformat(text)


def hour_of(when: datetime) -> tuple[str, str]:
    ends = (when, when + timedelta(hours=1))  # the data's times are those of hours
    return ends[0].astimezone(NEW_YORK).isoformat(), ends[1].astimezone(NEW_YORK).isoformat()


def day_of(when: datetime) -> tuple[str, str]:
    midnight = when.astimezone(NEW_YORK).replace(hour=0)
    return midnight.isoformat(), (midnight + timedelta(days=1)).isoformat()  # on New York's calendar


def windows_of(of: Callable[[datetime], tuple[str, str]]) -> list[str]:
    """Departures and minutes late of each airport, in the window that each time is of."""
    found: dict[tuple[str | None, str | None], list[str | None]] = {}
    for origin, time, delay in flights.rows("flights.csv", "origin", "time_hour", "arr_delay"):
        found.setdefault((origin, time), []).append(delay)
    windows: dict[tuple[str | None, tuple[str, str]], list[str | None]] = {}
    for (origin, time), delays in sorted(found.items(), key=lambda one: instant(one[0][1])):
        windows.setdefault((origin, of(instant(time))), []).extend(delays)
    records: list[Record] = []
    for (origin, ends), delays in windows.items():
        known = [int(delay) for delay in delays if delay is not None]
        records.append(([origin], [*ends, str(len(delays)), str(sum(known)) if known else None]))
    return encoded(records)


def local_times(path: Path) -> Path:
    """The flights with the minute of their departure on New York's clock, without an offset, for a time."""
    names = ("origin", "year", "month", "day", "hour", "minute", "arr_delay")
    with path.open("w") as file:
        file.write("origin,local,arr_delay\n")
        for origin, year, month, day, hour, minute, delay in flights.rows("flights.csv", *names):
            file.write(f"{origin},{year}-{month:0>2}-{day:0>2} {hour:0>2}:{minute:0>2},{delay or 'NA'}\n")
    return path


HOURS = [
    "JFK\t2013-03-09T23:00:00-05:00\t2013-03-10T00:00:00-05:00\t2\t",
    "JFK\t2013-03-10T05:00:00-04:00\t2013-03-10T06:00:00-04:00\t2\t",
    "JFK\t2013-11-02T23:00:00-04:00\t2013-11-03T00:00:00-04:00\t3\t",
    "JFK\t2013-11-03T05:00:00-05:00\t2013-11-03T06:00:00-05:00\t1\t",
]
DAYS = [
    "JFK\t2013-03-10T00:00:00-05:00\t2013-03-11T00:00:00-04:00\t",
    "JFK\t2013-11-03T00:00:00-04:00\t2013-11-04T00:00:00-05:00\t",
]
"""What the lines begin with where New York's clock is changed."""


@pytest.mark.slow
@pytest.mark.parametrize(("size", "of", "changes"), [("1h", hour_of, HOURS), ("1d", day_of, DAYS)])
def test_departures_in_hours_and_days_of_new_york(
    tmp_path: Path, size: str, of: Callable[[datetime], tuple[str, str]], changes: list[str]
) -> None:
    options = ["--key", "origin", "--value", "arr_delay", "--size", size, "--time-zone", "America/New_York"]
    expected = windows_of(of)
    assert all(sum(line.startswith(start) for line in expected) == 1 for start in changes)
    assert fanin_csv("windows", flights.path("flights.csv"), "--time", "time_hour", *options) == expected
    assert fanin_csv("windows", local_times(tmp_path / "local.csv"), "--time", "local", *options) == expected


def test_sliding_windows_are_those_of_a_query_by_hand(tmp_path: Path) -> None:
    """Over the clock's times as if they were UTC."""
    path = local_times(tmp_path / "local.csv")
    told = by_hand(
        """, hours AS (SELECT origin, date_trunc('hour', local) AS h, count(*) AS n, sum(arr_delay) AS late
                FROM flights GROUP BY ALL),
            starts AS (SELECT unnest(range(min(h) - INTERVAL 3 HOUR, max(h) + INTERVAL 3 HOUR, INTERVAL 1 HOUR)) AS s
                FROM hours)
        SELECT origin, s, s + INTERVAL 3 HOUR, sum(n)::BIGINT, sum(late)::BIGINT FROM hours, starts
        WHERE h >= s AND h < s + INTERVAL 3 HOUR GROUP BY origin, s ORDER BY origin, s""",
        path,
    )
    expected = [
        f"{origin}\t{start.isoformat()}Z\t{end.isoformat()}Z\t{n}\t{chr(92) + 'N' if late is None else late}"
        for origin, start, end, n, late in told
    ]
    options = ["--time", "local", "--size", "3h", "--slide", "1h", "--key", "origin", "--value", "arr_delay"]
    assert fanin_csv("windows", path, *options) == expected
    assert sum(n for *_, n, _ in told) == 3 * 336_776


# Sessions


def utc(when: datetime) -> str:
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")


@pytest.mark.slow
def test_where_each_plane_flew_without_a_longer_pause() -> None:
    departures: dict[str | None, list[tuple[str, str]]] = {}
    for plane, time, airport in flights.rows("flights.csv", "tailnum", "time_hour", "dest"):
        departures.setdefault(plane, []).append((str(time), str(airport)))
    gap = timedelta(hours=10)
    records: list[Record] = []
    pauses: Counter[timedelta] = Counter()
    for plane, clicks in departures.items():
        sessions: list[list[tuple[datetime, str]]] = []
        for text, airport in sorted(clicks):
            when = instant(text)
            pause = when - sessions[-1][-1][0] if sessions else gap * 2
            pauses[pause] += 1
            if pause > gap:
                sessions.append([])
            sessions[-1].append((when, airport))
        for flown in sessions:
            first, last = flown[0][0], flown[-1][0]
            path = json.dumps([airport for _, airport in flown], separators=(",", ":"))
            seconds = f"{(last - first) // timedelta(seconds=1)}.000000"
            records.append(([plane], [utc(first), utc(last + gap), str(len(flown)), seconds, path]))
    assert pauses[gap] > 1000, "some pauses are as long as the gap"
    options = ["--key", "tailnum", "--time", "time_hour", "--time-type", "time", "--page", "dest", "--gap", "10h"]
    assert fanin_csv("sessions", flights.path("flights.csv"), *options) == encoded(records)


# An access log

AWK = r"""awk -F'"' 'NF >= 7 && $NF == "" && split($2, word, " ") == 3 && word[3] ~ /^HTTP\/[0-9.]+$/ { n[word[2]]++ }
    END { for (page in n) print page "\t" n[page] }' "$0" | sort -t "$(printf '\t')" -k2,2nr -k1,1 | head -n "$1" """


@pytest.mark.parametrize("n", [20, 500, 10_000])
def test_pages_of_a_log_are_those_of_awk_and_sort(n: int) -> None:
    pages = command.call("sh", "-c", AWK, str(LOG), str(n), env=os.environ | {"LC_ALL": "C"}).ok()
    assert pages.err == ""
    told = pages.out.decode().splitlines()
    assert len(told) == min(n, 1498)
    assert n < 10_000 or sum(int(line.split("\t")[1]) for line in told) == 9999
    assert fanin("top_pages", LOG, "-n", str(n)) == told


# Numbers


def decimals(digits: int, scale: int) -> list[tuple[str, str]]:
    """10,000 lines of a key and a number of at most `scale` decimals, in all the forms that a text of one may have."""
    chosen = random.Random(digits)
    lines = []
    for _ in range(10_000):
        number = str(chosen.randrange(10 ** chosen.randint(1, digits - scale)))
        fraction = "".join(chosen.choices("0123456789", k=chosen.randint(0, scale)))
        sign, zeros = chosen.choice(["", "+", "-"]), chosen.choice(["", "00"]) if digits < 28 else ""
        lines.append((chosen.choice("abcdefg"), f"{sign}{zeros}{number}{'.' if fraction else ''}{fraction}"))
    return lines


def of_keys(lines: Iterable[tuple[str, str]]) -> dict[str, list[Decimal]]:
    found: dict[str, list[Decimal]] = {}
    for key, number in lines:
        found.setdefault(key, []).append(Decimal(number))
    return found


@pytest.mark.parametrize(("digits", "scale"), [(28, 0), (28, 4), (28, 27), (12, 2)])
def test_sums_of_random_decimals(tmp_path: Path, digits: int, scale: int) -> None:
    lines = decimals(digits, scale)
    path = tmp_path / "numbers"
    path.write_text("".join(f"{key}\t{number}\n" for key, number in lines))
    options = ["--key", "1", "--value", "2", "--scale", str(scale)]
    totals = {key: sum(map(Fraction, numbers), Fraction()) for key, numbers in of_keys(lines).items()}
    assert fanin("sums", path, *options) == encoded(([key], [fixed(x, scale)]) for key, x in totals.items())


@pytest.mark.parametrize(("digits", "scale"), [(14, 0), (14, 4), (14, 13), (3, 1)])
def test_statistics_of_random_decimals(tmp_path: Path, digits: int, scale: int) -> None:
    lines = decimals(digits, scale)
    path = tmp_path / "numbers"
    path.write_text("".join(f"{key}\t{number}\n" for key, number in lines))
    options = ["--key", "1", "--value", "2", "--scale", str(scale)]
    records: Iterable[Record] = (
        ([key], [str(len(numbers)), *statistics_of(numbers, scale)]) for key, numbers in of_keys(lines).items()
    )
    assert fanin("group_stats", path, *options) == encoded(records)
