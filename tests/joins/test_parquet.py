"""Joins of Parquet: with their own types, or as texts, beside text; refused where lines alone are read."""

from pathlib import Path

import duckdb
import pytest

from jobs.errors import FaninError
from joins import JoinJob
from tests import command
from tests.joins.oracle import HOWS

LEFT = "SELECT [1, 2, 2, NULL, 30][i + 1]::BIGINT AS id, 'u' || chr(9) || i AS url, DATE '2026-01-01' + i::INTEGER AS day FROM range(5) r(i)"
RIGHT = "SELECT i::INTEGER AS id, (i / 4)::DECIMAL(9, 2) AS amount, TIMESTAMP '2026-01-01 00:00:00' + to_seconds(i) AS at, i % 2 = 0 AS even FROM range(2, 5) r(i)"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the same rows are as Parquet and as text, and the test is."""
    monkeypatch.chdir(tmp_path)
    for name, sql in (("l", LEFT), ("r", RIGHT)):
        duckdb.execute(f"COPY ({sql}) TO '{name}.parquet' (FORMAT parquet)")
    (tmp_path / "l.tsv").write_bytes(
        b"id\turl\tday\n"
        + b"".join(b"%s\tu\\t%d\t2026-01-0%d\n" % (id, n, n + 1) for n, id in enumerate(b"1 2 2 \\N 30".split()))
    )
    rows = zip((2, 3, 4), (b"0.50", b"0.75", b"1.00"), (b"true", b"false", b"true"), strict=True)
    (tmp_path / "r.tsv").write_bytes(
        b"id\tamount\tat\teven\n"
        + b"".join(b"%d\t%s\t2026-01-01T00:00:0%dZ\t%s\n" % (n, a, n, e) for n, a, e in rows)
    )
    return tmp_path


def joined(*arguments: str) -> bytes:
    return command.run("join", *arguments, "--on", "id").ok().out


@pytest.mark.parametrize("how", HOWS)
def test_the_records_are_those_of_the_same_rows_as_text(how: str) -> None:
    typed = ["--header", "--left-columns", "id:integer, url, day:date"]
    typed += ["--right-columns", "id:integer, amount:decimal(2), at:time, even:boolean"]
    expected = joined("l.tsv", "r.tsv", "--how", how, *typed)
    assert expected
    assert joined("l.parquet", "r.parquet", "--how", how) == expected
    mixed = ["--left-format", "parquet", "--header", *typed[3:]]
    assert joined("l.parquet", "r.tsv", "--how", how, *mixed) == expected


def test_a_self_join_by_texts_of_several_files() -> None:
    duckdb.execute(f"COPY ({LEFT}) TO 'm.parquet' (FORMAT parquet)")
    sides = ["--left", "l.parquet", "--left", "m.parquet", "--right", "l.parquet", "--format", "parquet"]
    found = joined(*sides, "--left-columns", "id:text", "--right-columns", "id:text", "--left-where", "id <> '2'")
    assert found == b"1\n" * 2 + b"30\n" * 2


def test_buckets_and_counts_and_what_is_told_of_it(folder: Path) -> None:
    command.run(
        "join", "l.parquet", "r.parquet", "--format", "parquet", "--on", "id", "--max-rows", "2", "-o", "out"
    ).ok()
    manifest = (folder / "out" / "_MANIFEST.json").read_text()
    assert '"lines": 8' in manifest
    assert command.run("verify", "out").ok()
    for name in "lr":
        command.run(
            "bucket", f"{name}.parquet", "--format", "parquet", "--on", "id", "--buckets", "2", "-o", name
        ).ok()
    sides = ["l", "r", "--strategy", "partitioned", "--left-columns", "id:integer, url, day:date"]
    sides += ["--right-columns", "id:integer, amount, at, even"]
    assert b"".join(sorted(joined(*sides).splitlines(True))) == (folder / "out" / "part-00000").read_bytes()
    keys = command.run("hot-keys", "l.parquet", "--format", "parquet", "--on", "id", "--json").ok().out
    assert b'{"key": {"id": "2"}, "rows": 2, ' in keys


REFUSED = [
    (["l.parquet", "r.parquet", "--format", "parquet", "-r", "hadoop"], "-r hadoop: it reads lines, not Parquet"),
    (["l.parquet", "r.parquet", "--format", "parquet", "-r", "hadoop", "--explain"], "-r hadoop: it reads lines"),
    (["l.parquet", "r.parquet", "--format", "parquet", "--presorted"], "--presorted: it reads lines, not Parquet"),
    (["l.parquet", "r.tsv", "--left-format", "parquet"], "'id' is HUGEINT on the left, and 'id' VARCHAR on the right"),
    (["l.parquet", "list.parquet", "--format", "parquet"], "list.parquet: column 'list' is INTEGER\\[\\], which no record holds; .*--right-columns"),
    (["l.parquet", "r.tsv", "--format", "parquet"], "r.tsv: cannot be read as Parquet"),
    (["l.parquet", "r.parquet", "--format", "parquet", "--left-columns", "x"], "--on: the left side has no column 'id'; it has: x"),
    (["l.parquet", "r.parquet", "--format", "parquet", "--left-columns", "id:integer, x"], "l.parquet: no column 'x'; it has: id, url, day"),
    (["-", "r.parquet", "--format", "parquet"], "-: Parquet from there is read once it runs; name its columns with --left-columns"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "why"), REFUSED)
def test_what_cannot_be_is_refused(arguments: list[str], why: str, folder: Path) -> None:
    duckdb.execute("COPY (SELECT 1 AS id, [1] AS list) TO 'list.parquet' (FORMAT parquet)")
    before = sorted(folder.iterdir())
    with (
        pytest.raises(FaninError, match=why) as caught,
        JoinJob([*arguments, "--on", "id", "--output-dir", "out"]).make_runner() as runner,
    ):
        runner.run()
    assert caught.value.exit_code == 2
    assert sorted(folder.iterdir()) == before
