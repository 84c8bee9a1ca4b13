"""sums and group_stats over tab-separated columns."""

from pathlib import Path

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
