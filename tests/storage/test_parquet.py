"""Parquet inputs, from every storage: typed columns, strictly taken, and what does not fit refused by file and row."""

from pathlib import Path

import duckdb
import pytest

from tests import command
from tests.storage.places import Place

ROWS = """
SELECT ['a', 'tab' || chr(9), NULL][1 + i % 3] AS k, (i / 4)::DECIMAL(9, 2) AS money, i::SMALLINT AS n, i * 0.5::DOUBLE AS real,
    TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_seconds(i) AS at, i::VARCHAR AS text, [i] AS list
FROM range({count}) r(i)
"""


def parquet(tmp_path: Path, sql: str) -> bytes:
    file = tmp_path / "made.parquet"
    duckdb.execute(f"COPY ({sql}) TO '{file}' (FORMAT parquet, ROW_GROUP_SIZE 2048)")
    return file.read_bytes()


def test_columns_of_every_storage(place: Place, tmp_path: Path) -> None:
    for number in range(2):
        place.write(f"{place.root}/in/é {number}.parquet", parquet(tmp_path, ROWS.format(count=5000)))
    arguments = ["--format", "parquet", "--key", "k", "--value", "money", "--value", "n", "--scale", "2"]
    out = command.run("run", "sums", f"{place.root}/in", *arguments).ok().out.decode()
    expected: dict[str, tuple[int, int]] = {}
    for i in range(5000):
        key = ["a", "tab\\t", "\\N"][i % 3]
        money, n = expected.get(key, (0, 0))
        expected[key] = (money + round(i * 25) * 2, n + i * 200)
    lines = [f"{k}\t{m // 100}.{m % 100:02d}\t{n // 100}.{n % 100:02d}" for k, (m, n) in sorted(expected.items())]
    assert out.splitlines() == sorted(lines)


def test_both_sides_of_a_join(place: Place, tmp_path: Path) -> None:
    for name, count in (("l", 9), ("r", 2)):
        place.write(f"{place.root}/{name}.parquet", parquet(tmp_path, ROWS.format(count=count)))
    columns = [
        "--format",
        "parquet",
        "--left-columns",
        "n:integer, money:decimal(2)",
        "--right-columns",
        "n:integer, k",
    ]
    done = command.run("join", f"{place.root}/l.parquet", f"{place.root}/r.parquet", "--on", "n", *columns)
    assert done.ok().out == b"0\t0.00\ta\n1\t0.25\ttab\\t\n"


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "in.parquet"
    path.write_bytes(parquet(tmp_path, ROWS.format(count=10)))
    return str(path)


def sums(*arguments: str, input: bytes = b"") -> command.Result:
    return command.run("run", "sums", "--format", "parquet", *arguments, input=input)


def test_times_with_a_zone_are_read_as_such(file: str) -> None:
    out = command.run("run", "windows", file, "--format", "parquet", "--time", "at", "--size", "5s").ok().out
    assert out == b"2026-01-01T00:00:00Z\t2026-01-01T00:00:05Z\t5\n2026-01-01T00:00:05Z\t2026-01-01T00:00:10Z\t5\n"


def test_standard_input(file: str) -> None:
    assert sums("-", "--value", "n", input=Path(file).read_bytes()).ok().out == b"45\n"


def test_text_is_read_strictly_and_told_by_its_row(file: str, tmp_path: Path) -> None:
    assert sums(file, "--value", "text").ok().out == b"45\n"
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(parquet(tmp_path, "SELECT CASE WHEN i = 7 THEN 'x' ELSE '1' END AS text FROM range(9) r(i)"))
    refused = sums(file, str(bad), "--value", "text")
    assert (refused.code, refused.err) == (1, "fanin: column 'text': x is not an integer, in bad.parquet, row 8\n")
    skipped = sums(file, str(bad), "--value", "text", "--on-error", "skip", "--max-bad", "1").ok()
    assert (skipped.out, "1 bad row(s) were left out" in skipped.err) == (b"53\n", True)


@pytest.mark.parametrize(("arguments", "why"), [
    (["--value", "none"], "no column 'none'; it has: k, money, n, real, at, text, list"),
    (["--value", "real"], "column 'real': it is DOUBLE, which cannot be read as integer without loss"),
    (["--value", "money"], "column 'money': it is DECIMAL(9,2), which cannot be read as integer without loss"),
    (["--value", "n", "--key", "list"], "column 'list': it is BIGINT[], which cannot be read as text without loss"),
    (["--value", "n", "-r", "hadoop"], "Hadoop Streaming reads lines, not Parquet; run it with -r local"),
])  # fmt: skip
def test_what_would_lose_something_is_refused(file: str, arguments: list[str], why: str) -> None:
    refused = sums(file, *arguments)
    assert (refused.code, why in refused.err) == (2, True), refused.err


def test_files_that_differ_or_are_none_are_refused(file: str, tmp_path: Path) -> None:
    other, none = tmp_path / "other.parquet", tmp_path / "none.parquet"
    other.write_bytes(parquet(tmp_path, "SELECT 1::BIGINT AS n"))
    none.write_bytes(b"n\n1\n")
    assert (
        f"{other}: column 'n' is BIGINT, where it is SMALLINT in {file}" in sums(file, str(other), "--value", "n").err
    )
    assert f"{none}: cannot be read as Parquet: " in sums(file, str(none), "--value", "n").err
