"""The ready jobs that join: pages by the age of their viewers, and a year of flights with airlines and planes."""

import random
from collections import Counter, defaultdict
from fractions import Fraction
from pathlib import Path

import pytest

from tests import command, flights
from tests.conformance.oracle import half_even
from tests.joins_tools.rows import Row, line, write

FLIGHTS = ["--format", "csv", "--null", "NA"]


def records(*arguments: str) -> list[str]:
    """What a command prints, by lines."""
    return command.run(*arguments).ok().out.decode().split("\n")[:-1]


# Viewer ages


@pytest.mark.parametrize("how", ["inner", "left"])
def test_views_by_page_and_age(tmp_path: Path, how: str) -> None:
    rng = random.Random(7)
    users: list[Row] = [(f"u{n}", f"name {n}", rng.choice(["17", "30", "41", None])) for n in range(50)]
    events: list[Row] = [
        (rng.choice(["/a", "/b", "/b\t", None]), rng.choice([*(f"u{n}" for n in range(60)), None]))
        for _ in range(500)
    ]
    paths = [write(tmp_path / "e", ["url", "user_id"], events), write(tmp_path / "u", ["id", "name", "age"], users)]
    ages = {user: age for user, _, age in users}
    views = Counter((url, ages.get(user)) for url, user in events if how == "left" or user in ages)
    assert len(views) > 12
    expected = sorted((line(group), str(n)) for group, n in views.items())
    found = records("run", "viewer_ages", *map(str, paths), "--how", how)
    assert found == ["\t".join(pair) for pair in expected]


def test_columns_of_other_names(tmp_path: Path) -> None:
    events = write(tmp_path / "e", ["page", "who"], [("/a", "1"), ("/a", "1"), ("/b", "2")])
    users = write(tmp_path / "u", ["who", "page", "years"], [("1", "home", "30"), ("2", "home", "41")])
    options = ["--on", "who", "--url", "page", "--age", "years", "-o", str(tmp_path / "out")]
    command.run("run", "viewer_ages", str(events), str(users), *options).ok()
    assert records("cat", str(tmp_path / "out")) == ["/a\t30\t2", "/b\t41\t1"]
    refused = command.run("run", "viewer_ages", str(events), str(users), "--on", "who")
    assert (refused.code, 'does not have a column named "url"' in refused.err) == (2, True), refused.err


# Flights


@pytest.mark.slow
def test_flights_of_planes_that_nobody_knows(tmp_path: Path) -> None:
    planes = {plane for plane, _ in flights.rows("planes.csv", "tailnum", "year")}
    unknown = Counter(plane for plane, _ in flights.rows("flights.csv", "tailnum", "year") if plane not in planes)
    paths = [str(flights.path(name)) for name in ("flights.csv", "planes.csv")]
    out = str(tmp_path / "out")
    command.run("join", *paths, "--on", "tailnum", "--how", "anti", *FLIGHTS, "-o", out).ok()
    found = Counter(record.split("\t")[0] for record in records("cat", out))
    assert found == {"\\N" if plane is None else plane: n for plane, n in unknown.items()}
    assert (found.total(), found["\\N"]) == (52_606, 2_512)
    known = command.run("join", *paths, "--on", "tailnum", "--how", "semi", *FLIGHTS).ok().out
    assert known.count(b"\n") == 336_776 - 52_606


@pytest.mark.slow
def test_planes_and_delays_by_airline_and_manufacturer(tmp_path: Path) -> None:
    makers = {row[0]: row[1] for row in flights.rows("planes.csv", "tailnum", "manufacturer")}
    airlines = {row[0]: row[1] for row in flights.rows("airlines.csv", "carrier", "name")}
    groups: dict[Row, list[Row]] = defaultdict(list)
    for carrier, plane, delay in flights.rows("flights.csv", "carrier", "tailnum", "arr_delay"):
        groups[airlines[carrier], makers.get(plane) if plane else None].append((plane, delay))
    expected = []
    for group, flown in groups.items():
        delays = [Fraction(delay) for _, delay in flown if delay]
        mean = half_even(sum(delays, Fraction()) / len(delays), 2) if delays else None
        planes = len({plane for plane, _ in flown if plane})
        expected.append((line(group), line([str(len(flown)), str(planes), mean])))
    carried = str(tmp_path / "carried")
    paths = [str(flights.path(name)) for name in ("flights.csv", "airlines.csv", "planes.csv")]
    command.run("join", *paths[:2], "--on", "carrier", *FLIGHTS, "-o", carried).ok()
    assert records("run", "flight_planes", carried, paths[2]) == ["\t".join(pair) for pair in sorted(expected)]
    assert len(expected) == 70


@pytest.mark.slow
def test_the_commonest_planes_of_a_year() -> None:
    counted = Counter(plane for plane, _ in flights.rows("flights.csv", "tailnum", "year"))
    nulls = counted.pop(None)
    commonest = sorted(counted.items(), key=lambda one: (-one[1], one[0]))[:3]
    found = records("hot-keys", str(flights.path("flights.csv")), "--on", "tailnum", "--top", "3", *FLIGHTS)
    assert found[0] == f"336,776 rows; {nulls:,} of them (0.75%) have a null key, which matches nothing"
    assert [row.split()[:2] for row in found[3:6]] == [[plane, str(n)] for plane, n in commonest]
