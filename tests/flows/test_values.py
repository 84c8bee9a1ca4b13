"""Parameters, and what `{...}` in texts stands for."""

import pytest

from jobs.errors import UsageError
from jobs.flows.values import Parameter, filled, given, ranged

VALUES = {"date": "2026-03-01", "n": "5", "file": "logs/2026/a.tar.gz", "text": "x y"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("plain", "plain"),
        ("{date}", "2026-03-01"),
        ("out/{date}/{n}", "out/2026-03-01/5"),
        ("{date-1}", "2026-02-28"),
        ("{date+366}", "2027-03-02"),
        ("{ date }", "2026-03-01"),
        ("{{date}} {{}}", "{date} {}"),
        ("{{{date}}}", "{2026-03-01}"),
        ("{file.name}|{file.stem}", "a.tar.gz|a"),
        ("awk '{{print $1}}' {text}", "awk '{print $1}' x y"),
        ("a..b/../c", "a..b/../c"),
    ],
)
def test_texts_are_filled(text: str, found: str) -> None:
    assert filled(text, VALUES) == found


def test_values_are_not_filled_again() -> None:
    assert filled("{text}", {"text": "{date-6..date}", "date": "2026-03-01"}) == "{date-6..date}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{date-2..date}", ["2026-02-27", "2026-02-28", "2026-03-01"]),
        ("{date..date}", ["2026-03-01"]),
        ("{date-1..date}/{date..date+1}",
         ["2026-02-28/2026-03-01", "2026-02-28/2026-03-02", "2026-03-01/2026-03-01", "2026-03-01/2026-03-02"]),
        ("{n}", ["5"]),
    ],
)  # fmt: skip
def test_ranges_of_days(text: str, found: list[str]) -> None:
    assert list(ranged(text, VALUES)) == found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{dat}", "no value {dat}; there are: date, n, file, text"),
        ("{}", "no value {}"),
        ("{date.year}", "no value {date.year}"),
        ("{date", "a single { has no partner; write {{ for the character"),
        ("date}", "a single } has no partner"),
        ("{n-1}", "n is '5', which is no date to count days from"),
        ("{date-99999}{date-99999999}", "no value"),
        ("{date+99999}{date+99999}{text+1}", "text is 'x y', which is no date"),
        ("{date-6..date}", "a range of days can be in inputs alone"),
        ("{date..date}", "a range of days can be in inputs alone"),
        ("{date..date-1}", "the range begins at 2026-03-01, behind its end 2026-02-28"),
        ("{n..date}", "a range needs two dates"),
        ("{date..}", "no value {}"),
    ],
)
def test_texts_refused(text: str, told: str) -> None:
    with pytest.raises(UsageError) as error:
        filled(text, VALUES)
    assert told in str(error.value)
    assert repr(text) in str(error.value)


def test_a_day_that_no_calendar_has() -> None:
    with pytest.raises(UsageError, match="no date to count days from"):
        filled("{date-99999}", {"date": "0001-01-01"})


@pytest.mark.parametrize(
    ("type", "text", "value"),
    [
        ("text", " a b", " a b"), ("text", "", ""), ("path", "a/b", "a/b"), ("integer", "-07", "-7"),
        ("date", "2026-11-01", "2026-11-01"),
    ],
)  # fmt: skip
def test_parameters(type: str, text: str, value: str) -> None:
    assert given({"p": Parameter(type)}, {"p": text}) == {"p": value}
    assert given({"p": Parameter(type, text)}, {}) == {"p": value}


@pytest.mark.parametrize(
    ("type", "text"),
    [("integer", "1.5"), ("integer", ""), ("integer", "1_000"), ("integer", "٣"), ("integer", " 1"), ("date", "2026-13-01"), ("date", "today"),
     ("path", "")],
)  # fmt: skip
def test_values_of_another_type(type: str, text: str) -> None:
    with pytest.raises(UsageError) as error:
        given({"p": Parameter(type)}, {"p": text})
    assert str(error.value) == f"--set p={text}: {text!r} is no {type}"
    with pytest.raises(UsageError, match=f"is no {type}"):
        Parameter(type, text)


def test_parameters_misspelt_missing_and_of_no_type() -> None:
    with pytest.raises(UsageError, match="--set dat: the flow has no such parameter; it has: date, n"):
        given({"date": Parameter("date"), "n": Parameter()}, {"dat": "1"})
    with pytest.raises(UsageError, match="it has: none"):
        given({}, {"date": "1"})
    with pytest.raises(UsageError, match=r"the parameter date has no default; give --set date=\.\.\."):
        given({"date": Parameter("date")}, {})
    with pytest.raises(UsageError, match="no type 'day'; there are text, path, integer, date"):
        Parameter("day")
