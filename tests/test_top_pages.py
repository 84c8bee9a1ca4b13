"""top_pages: bad lines are counted, sampled and limited; formats and fields are the user's."""

import json
from pathlib import Path

import pytest

from tests import command

LOG = Path(__file__).parent / "data" / "apache_access.log"


def test_lines_that_do_not_fit_are_counted_and_sampled(tmp_path: Path) -> None:
    told = command.run("run", "top_pages", str(LOG), "-o", str(tmp_path / "out"), "-n", "1").ok()
    assert told.err == "fanin: 1 bad row(s) were left out; --max-bad 0 refuses and shows some\n"
    assert (tmp_path / "out" / "part-00000").read_bytes() == b"/favicon.ico\t807\n"
    manifest = json.loads((tmp_path / "out" / "_MANIFEST.json").read_bytes())
    assert manifest["counters"] | {"bad_rows": 1, "lines": 10_000, "records": 1} == manifest["counters"]
    (sample,) = manifest["samples"]
    why, _, line = sample.partition(", in the line ")
    assert why == "no line of the log format"
    assert line.encode() in LOG.read_bytes()


@pytest.mark.parametrize(("limit", "code"), [("0", 1), ("1", 0), ("0.009%", 1), ("0.01%", 0)])
def test_too_many_of_them_are_refused(tmp_path: Path, limit: str, code: int) -> None:
    result = command.run("run", "top_pages", str(LOG), "-o", str(tmp_path / "out"), "--max-bad", limit)
    assert result.code == code
    assert (
        code == 0
        or f"1 bad rows in 10000 lines; --max-bad allows {limit}. Some of them:\n  no line of the log format, in the line 46.118"
        in result.err
    )
    assert (tmp_path / "out").exists() == (code == 0)


def test_formats_and_fields_of_ones_own() -> None:
    lines = b"a 200\nb 404\nb 200\n"
    command_line = ["run", "top_pages", "-", "--format", "$host $status", "--by"]
    assert command.run(*command_line, "host", input=lines).ok().out == b"b\t2\na\t1\n"
    assert command.run(*command_line, "status", "-n", "1", input=lines).ok().out == b"200\t2\n"
    refused = command.run(*command_line, "host", "--max-bad", "0", input=b"a\nb 200\n")
    assert (refused.code, refused.err) == (1, "fanin: 1 bad rows in 2 lines; --max-bad allows 0\n")


@pytest.mark.parametrize(("options", "why"), [
    (["--by", "nothing"], "nothing"), (["--format", "$a$b"], "nothing between $a and $b"),
    (["--max-bad", "-1"], "neither a number"), (["--max-bad", "1.5"], "neither a number"), (["-n", "0"], "keep 1 at least"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(options: list[str], why: str) -> None:
    refused = command.run("run", "top_pages", str(LOG), *options)
    assert refused.code == 2
    assert why in refused.err
