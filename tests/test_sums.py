"""sums and group_stats over columns, and which format these are read in."""

import gzip
from pathlib import Path

import duckdb
import pytest

from tests import command

TOWNS = b"Seattle\t4000000\nTown\t25000\nSeattle\t25000\nTown\t\\N\n"


def test_totals_by_key_and_of_all() -> None:
    assert command.run("run", "sums", "-", "--key", "1", "--value", "2", input=TOWNS).ok().out == (
        b"Seattle\t4025000\nTown\t25000\n"
    )
    assert command.run("run", "sums", "-", "--value", "2", input=TOWNS).ok().out == b"4050000\n"
    assert command.run("run", "sums", "-", "--value", "2", input=b"").ok().out == b"\\N\n"


@pytest.mark.parametrize("options", [
    ["--format", "csv"], ["--format", "csv", "--delimiter", "\t"], ["--format", "jsonl"], ["--format", "parquet"],
    ["--format", "csv", "--header"],
])  # fmt: skip
def test_records_of_fanin_are_read_as_such_or_refused(options: list[str], tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    command.run("run", "word_count", "-", "-o", out, input=b'a,\\ "b"\n').ok()
    done = command.run("run", "sums", out, "--key", "1", "--value", "2", *options)
    assert (done.code, done.out) == (2, b"")
    assert f"{out}: fanin wrote it, as tab-separated records; read it with --format tsv, not as" in done.err
    assert command.run("run", "sums", out, "--value", "2").ok().out == b"2\n"


CSV, JSONL = b"k,n\na,1\nb,2\n", b'{"k": "a", "n": 1}\n{"k": "b", "n": 2}\n'
FILES = {
    "in.csv": CSV, "IN.CSV": CSV, "in.csv.gz": gzip.compress(CSV), "in.jsonl": JSONL, "in.tsv": b"k\tn\na\t1\nb\t2\n",
    "in.txt": b"k\tn\na\t1\nb\t2\n", "tabs.csv": b"k\tn\na\t1\nb\t2\n", "folder/one.csv": CSV, "folder/two.csv": b"", "empty.csv": b"",
}  # fmt: skip


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same rows in files of several formats."""
    folder = tmp_path_factory.mktemp("named")
    (folder / "folder").mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    rows = "SELECT * FROM (VALUES ('a', 1), ('b', 2)) AS t(k, n)"
    duckdb.execute(f"COPY ({rows}) TO '{folder}/in.parquet'")
    return folder


@pytest.mark.parametrize(("arguments", "times"), [
    (["in.csv"], 1), (["IN.CSV"], 1), (["in.csv.gz"], 1), (["in.jsonl"], 1), (["in.parquet"], 1), (["in.txt"], 1), (["folder"], 1),
    (["in.tsv", "in.txt"], 2), (["in.csv", "in.csv.gz", "folder/*"], 3), (["tabs.csv", "--format", "tsv"], 1),
    (["tabs.csv", "in.txt", "--format", "tsv"], 2), (["empty.csv", "folder"], 1),
])  # fmt: skip
def test_files_are_read_as_their_names_say(arguments: list[str], times: int, named: Path) -> None:
    done = command.run("run", "sums", *arguments, "--key", "k", "--value", "n", cwd=named).ok()
    assert done.out == f"a\t{times}\nb\t{2 * times}\n".encode()


@pytest.mark.parametrize(("arguments", "why"), [
    (["sums", "in.csv", "in.tsv"], "in.csv: the names of it and of files beside it say csv and tsv; give --format"),
    (["sums", "in.*"], "say csv and jsonl and parquet and tsv; give --format"),
    (["sums", "in.csv", "in.jsonl"], "say csv and jsonl; give --format"), (["sums", "-", "in.csv"], "say csv and tsv; give --format"),
    (["sums", "tabs.csv"], "tabs.csv: its name says csv, its first line tsv; give --format"),
    (["sums", "in.parquet", "-r", "hadoop"], "-r hadoop: Hadoop Streaming reads lines, not Parquet"),
    (["sessions", "in.csv", "in.txt"], "say combined and csv; give --format"),
])  # fmt: skip
def test_names_that_differ_or_deceive_are_refused(arguments: list[str], why: str, named: Path) -> None:
    columns = ["--key", "k", *(["--value", "n"] if arguments[0] == "sums" else [])]
    refused = command.run("run", *arguments, *columns, cwd=named)
    assert why in refused.err
    assert (refused.code, refused.out) == (2, b"")


def test_several_columns_and_scales() -> None:
    lines = b"a\\tb\tx\t0.10\t1\na\\tb\tx\t0.2\t-1\n"
    columns = ["--key", "2", "--key", "1", "--value", "3", "--value", "4", "--scale", "2"]
    assert command.run("run", "sums", "-", *columns, input=lines).ok().out == b"x\ta\\tb\t0.30\t0.00\n"


@pytest.mark.slow
def test_ten_million_tenths_are_a_million(tmp_path: Path) -> None:
    (tmp_path / "tenths").write_bytes(b"0.1\n" * 10_000_000)
    assert (
        command.run("run", "sums", str(tmp_path / "tenths"), "--value", "1", "--scale", "1").ok().out
        == b"1000000.0\n"
    )


def test_statistics() -> None:
    out = command.run("run", "group_stats", "-", "--key", "1", "--value", "2", input=TOWNS).ok().out.decode()
    assert out.splitlines() == [
        "Seattle\t2\t4025000\t2012500.0000\t25000\t4000000\t2810749.4552",
        "Town\t2\t25000\t25000.0000\t25000\t25000\t\\N",
    ]


@pytest.mark.parametrize(("options", "why"), [
    (["--value", "3"], "-:1: column '3': there is none, in the line Seattle\t4000000"),
    (["--value", "1"], "-:1: column '1': Seattle is not an integer, in the line Seattle\t4000000"),
    (["--value", "0"], "column '0': without a header columns are called by their number, from 1"),
    (["--value", "2", "--scale", "-1"], "--scale -1: a number has 0 to 27 decimals"),
    (["--value", "2", "--scale", "28"], "--scale 28: a number has 0 to 27 decimals"),
    ([], "no columns; name some, by --key or --value"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(options: list[str], why: str) -> None:
    refused = command.run("run", "sums", "-", *options, input=TOWNS)
    assert refused.code in (1, 2)
    assert why in refused.err
