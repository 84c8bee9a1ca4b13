"""What a value does that does not fit its column, and headers, as the command tells and counts them."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests import command

GOOD = "a\t1\n"
JOBS = """\
from jobs import AggregateJob, Count, Csv, Sum


class Lines(AggregateJob):
    input = Csv({"1": "text", "2": "integer"})
    measures = {"lines": Count(), "sum": Sum("2")}


class Renamed(AggregateJob):
    input = Csv({"1": "text", "2": "integer"})
    rows = 'SELECT "1" AS k, "2" AS v FROM input'
    group_by = ["k"]
    measures = {"sum": Sum("v")}


class Path(AggregateJob):
    input = Csv({"k": "text", "v": "integer"}, header=True)
    rows = 'SELECT k, v, misfit AS why FROM input'
    bad = "why"
    group_by = ["k"]
    measures = {"sum": Sum("v")}
"""


def written(folder: Path, files: dict[str, str | bytes]) -> list[str]:
    """The files' paths, in this order."""
    for name, text in files.items():
        data = text.encode() if isinstance(text, str) else text
        (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return [str(folder / name) for name in files]


def manifest(directory: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((directory / "_MANIFEST.json").read_text())
    return told


def output(directory: Path) -> str:
    return (directory / "part-00000").read_text()


LOG = '::1 - - [21/Nov/2026:09:30:00 +0000] "GET {} HTTP/1.1" 200 {} "-" "-"\n'
TABLE = ["--key", "1", "--value", "2"]
NAMED = ["--format", "csv", "--key", "k", "--value", "v"]


@pytest.mark.parametrize(("files", "options", "why"), [
    ({"a": GOOD, "b": f"{GOOD}k\tx\n{GOOD}"}, TABLE, "b:2: column '2': x is not an integer, in the line k\tx"),
    ({"a": GOOD * 300_000 + "k\tx\n" + GOOD}, TABLE, "a:300001: column '2': x is not an integer, in the line k\tx"),
    ({"a.gz": GOOD * 3 + "k\n"}, TABLE, "a.gz:4: column '2': there is none, in the line k"),
    ({"a": 'k,v\n"a\nb",1\r\n"c\r\nd",1.5\n'}, NAMED, "a:4: column 'v': 1.5 is not an integer, in the line \"c\rd\",1.5"),
    ({"a": "k,v\na,1\n", "b": "\ufeffk,v\r\na,1\r\nb,x\r\n"}, NAMED, "b:3: column 'v': x is not an integer, in the line b,x"),
    ({"a": "k,v\n" + '"a\n",1\n' * 200_000 + "b,x\n"}, NAMED, "a:400002: column 'v': x is not an integer, in the line b,x"),
    ({"a": 'k,v\na,1\nb"c"d,1\n'}, NAMED, "a:3: quotes that do not fit, in the line b\"c\"d,1"),
    ({"a": '{"k":"a","v":1}\n{"k":"a","v":1.5}\n'}, ["--format", "jsonl", "--key", "k", "--value", "v"],
     'a:2: column \'v\': 1.5 is not an integer, in the line {"k":"a","v":1.5}'),
    ({"a": LOG.format("/", 5) + LOG.format("/", "-") + "?\n"}, ["--format", "combined", "--key", "path", "--value", "body_bytes_sent"],
     "a:3: no line of the log format, in the line ?"),
    ({"a": 'k,v\na,1\n"b,1\n'}, NAMED, "a:3: a quote is opened here and never closed"),
])  # fmt: skip
def test_a_misfit_stops_the_run_and_is_told_by_file_and_line(
    files: dict[str, str | bytes], options: Sequence[str], why: str, tmp_path: Path
) -> None:
    paths = written(tmp_path, files)
    failed = command.run("run", "sums", *paths, *options, "-o", str(tmp_path / "out"))
    assert (failed.code, failed.err) == (1, f"fanin: {tmp_path / why}\n")
    assert not (tmp_path / "out").exists()


def test_a_misfit_of_standard_input() -> None:
    failed = command.run("run", "sums", "-", *TABLE, input=b"a\t1\r\na\t1\rb\t2.0")
    assert (failed.code, failed.err) == (1, "fanin: -:3: column '2': 2.0 is not an integer, in the line b\t2.0\n")


MIXED = "a\t1\na\tx\nb\ty\nc\t\\N\na\t2\nd\n"
SAID = [
    "column '2': x is not an integer, in the line a\tx", "column '2': y is not an integer, in the line b\ty",
    "column '2': there is none, in the line d",
]  # fmt: skip


@pytest.mark.parametrize(
    ("on_error", "out"), [("null", "a\t3\nb\t\\N\nc\t\\N\nd\t\\N\n"), ("skip", "a\t3\nc\t\\N\n")]
)
def test_misfits_are_null_or_their_rows_left_out_and_counted(on_error: str, out: str, tmp_path: Path) -> None:
    """The first three are samples."""
    paths = written(tmp_path, {"a": MIXED, "b": "e\tz\n"})
    limit = ["--max-bad", "60%", "--on-error", on_error]
    done = command.run("run", "sums", *paths, *TABLE, *limit, "-o", str(tmp_path / "out")).ok()
    assert "4 bad row(s)" in done.err
    assert output(tmp_path / "out") == out + "e\t\\N\n" * (on_error == "null")
    told = manifest(tmp_path / "out")
    assert (told["counters"]["bad_rows"], told["counters"]["lines"], told["samples"]) == (4, 7, SAID)


@pytest.mark.parametrize(
    ("on_error", "limit", "most"), [("null", "2", 2), ("skip", "3", 3), ("skip", "49%", 2), ("null", "50%", 3)]
)
def test_more_bad_rows_than_may_be_are_refused(on_error: str, limit: str, most: int, tmp_path: Path) -> None:
    [path] = written(tmp_path, {"a": MIXED})
    out = tmp_path / "out"
    done = command.run("run", "sums", path, *TABLE, "--on-error", on_error, "--max-bad", limit, "-o", str(out))
    if most == 3:
        assert (done.code, manifest(out)["counters"]["bad_rows"]) == (0, 3)
        return
    said = "".join(f"\n  {text}" for text in SAID)
    assert done.err == f"fanin: 3 bad rows in 6 lines; --max-bad allows {limit}. Some of them:{said}\n"
    assert (done.code, out.exists()) == (1, False)


@pytest.mark.parametrize(("text", "out"), [
    ("", {"null": "0\t\\N\n", "skip": "0\t\\N\n"}), ("a,x\n", {"null": "1\t\\N\n", "skip": "0\t\\N\n"}),
])  # fmt: skip
def test_one_total_is_one_row_of_whatever_there_is(text: str, out: dict[str, str], tmp_path: Path) -> None:
    [path, job] = written(tmp_path, {"a": text, "job.py": JOBS})
    for on_error, expected in out.items():
        options = ["--on-error", on_error, "--max-bad", "100%"]
        assert command.run("run", f"{job}:Lines", path, *options).ok().out.decode() == expected


def test_quotes_that_do_not_fit_stop_every_run(tmp_path: Path) -> None:
    [path, job] = written(tmp_path, {"a": 'a,1\n"a"b,1\n', "job.py": JOBS})
    for on_error in ("null", "skip"):
        failed = command.run("run", f"{job}:Lines", path, "--on-error", on_error, "--max-bad", "100%")
        assert (failed.code, failed.err) == (1, f'fanin: {path}:2: quotes that do not fit, in the line "a"b,1\n')


def test_a_job_that_selects_columns_says_which_tells_of_misfits(tmp_path: Path) -> None:
    [path, named, job] = written(tmp_path, {"a": "a,x\n", "b": "k,v\na,x\nb,1\n", "job.py": JOBS})
    assert "column '2': x is not an integer" in command.run("run", f"{job}:Renamed", path).err
    refused = command.run("run", f"{job}:Renamed", path, "--on-error", "skip")
    assert refused.code == 2
    assert "no text column 'misfit' in rows, which yields: k, v" in refused.err
    options = ["--on-error", "skip", "--max-bad", "1"]
    assert command.run("run", f"{job}:Path", named, *options).ok().out == b"b\t1\n"


# Headers


def test_files_with_the_same_header_and_others_with_nothing(tmp_path: Path) -> None:
    """Of several kinds: with a byte order mark, compressed, without a last line end, a header alone, empty."""
    paths = written(tmp_path, {
        "empty": "", "alone": "k,v\n", "open": "k,v", "a": "k,v\r\na,1\r\n", "bom": b"\xef\xbb\xbfk,v\na,2", "b.gz": "k,v\n\"b\",3\n", "c": "k,v\rk,4\r",
    })  # fmt: skip
    assert command.run("run", "sums", *paths, *NAMED).ok().out == b"a\t3\nb\t3\nk\t4\n"
    numbers = ["--format", "csv", "--header", "--key", "1", "--value", "2"]
    assert command.run("run", "sums", *paths, *numbers, "-o", str(tmp_path / "out")).ok().out == b""
    assert output(tmp_path / "out") == "a\t3\nb\t3\nk\t4\n"
    assert manifest(tmp_path / "out")["counters"]["lines"] == 4
    assert command.run("run", "sums", *paths[:3], *NAMED).ok().out == b""


def test_a_header_of_standard_input(tmp_path: Path) -> None:
    text = b"\xef\xbb\xbfk\tv\na\t1\n"
    [path] = written(tmp_path, {"a": "k\tv\na\t2\n"})
    assert command.run("run", "sums", "-", path, "--key", "k", "--value", "v", input=text).ok().out == b"a\t3\n"


@pytest.mark.parametrize(("files", "options", "why"), [
    ({"a": "k,v\n", "b": "v,k\n"}, NAMED, "{b}: its columns are v, k, where {a} begins with k, v"),
    ({"a": "v,k,v\n"}, NAMED, "{a}: its header has the column 'v' more than once; call it by its number"),
    ({"a": "k,w,x\n"}, NAMED, "{a}: no column 'v' in its header, which has: k, w, x"),
    ({"a": "k,v\n"}, [*NAMED, "--value", "V"], "csv: the columns 'v' and 'V' differ in nothing but case"),
])  # fmt: skip
def test_headers_that_do_not_fit(
    files: dict[str, str | bytes], options: Sequence[str], why: str, tmp_path: Path
) -> None:
    paths = written(tmp_path, files)
    refused = command.run("run", "sums", *paths, *options)
    said = why.format(**dict(zip(files, paths, strict=True)))
    assert (refused.code, refused.err) == (2, f"fanin: {said}\n")


def test_an_output_is_read_by_the_names_of_its_columns(tmp_path: Path) -> None:
    [path] = written(tmp_path, {"a": "x,y,z\na\tb,1,5\nc,2,\na\tb,3,6\n"})
    out = str(tmp_path / "out")
    columns = ["--key", "x", "--value", "y", "--value", "z"]
    command.run("run", "sums", path, "--format", "csv", *columns, "-o", out, "--parts", "3").ok()
    again = command.run("run", "sums", out, "--key", "x", "--value", "sum z", "--value", "sum y").ok()
    assert again.out == b"a\\tb\t11\t4\nc\t\\N\t2\n"
    missing = command.run("run", "sums", out, "--value", "y")
    assert missing.code == 2
    assert missing.err.endswith("no column 'y' in its header, which has: x, sum y, sum z\n")
    other = command.run("run", "sums", out, path, "--value", "sum y")
    assert other.code == 2
    assert f"fanin: {path}: its columns are x,y,z, where {out}/part-0000" in other.err


# Histograms of histograms


def histogram(folder: Path, name: str, text: str, bins: str) -> str:
    [path] = written(folder, {f"{name}.tsv": text})
    command.run("run", "histogram", path, "--value", "1", "--bins", bins, "-o", str(folder / name)).ok()
    return str(folder / name)


MERGE = ["run", "histogram", "--merge", "--value", "bin"]


def test_histograms_of_equal_bins_become_one_and_others_are_refused_by_their_files(tmp_path: Path) -> None:
    one = histogram(tmp_path, "one", "1\n1\n3\n", "equal:0:4:4")
    two = histogram(tmp_path, "two", "1\n2\n", "equal:0:4:4")
    other = histogram(tmp_path, "other", "1\n", "equal:0:4:2")
    merged = command.run(*MERGE, one, two, "--count", "n").ok().out.decode()
    assert [line.split("\t")[:3] for line in merged.splitlines()] == [
        ["[1, 2)", "2", "3"],
        ["[2, 3)", "1", "1"],
        ["[3, 4)", "1", "1"],
    ]
    edges = {name: output(Path(name)).rstrip("\n").rpartition("\t")[2] for name in (one, other)}
    refused = command.run(*MERGE, one, other, "--count", "n")
    assert (refused.code, refused.err) == (
        2,
        f"fanin: {other}/part-00000: its 'edges' is {edges[other]!r},"
        f" where that of {one}/part-00000 is {edges[one]!r}\n",
    )


def test_distributions_of_ones_own_need_no_edges_and_those_in_them_must_be_the_same(tmp_path: Path) -> None:
    paths = written(tmp_path, {
        "a": "kids\tshare\tall\n0\t0.75\t100\n1\t0.25\t100\n", "b": "kids\tshare\tall\n1\t1\t300\n",
        "c": "kids\tshare\tall\tedges\n0\t1\t1\tx\n1\t0\t1\ty\n",
    })  # fmt: skip
    columns = ["--share", "share", "--population", "all", "--scale", "2"]
    merge = ["run", "histogram", "--merge", "--value", "kids", *columns]
    merged = command.run(*merge, *paths[:2]).ok().out.decode()
    assert [line.split("\t") for line in merged.splitlines()] == [
        ["0", "1", "75.00", "0.187500", "0.187500", "\\N"],
        ["1", "2", "325.00", "0.812500", "1.000000", "\\N"],
    ]
    refused = command.run(*merge, paths[2])
    assert (refused.code, refused.err) == (
        1,
        f"fanin: {paths[2]}:3: column 'edges': y is not 'x', as elsewhere, in the line 1\t0\t1\ty\n",
    )


def test_a_line_is_found_whatever_else_does_not_fit_in_it(tmp_path: Path) -> None:
    """The column that nobody takes is wrong, too, and comes first."""
    (tmp_path / "job.py").write_text(
        "from jobs import AggregateJob, Csv, Sum\n"
        "class Job(AggregateJob):\n"
        '    input = Csv({"1": "integer", "2": "integer"})\n'
        "    rows = 'SELECT \"2\" AS b FROM input'\n"
        '    measures = {"sum": Sum("b")}\n'
    )
    file = tmp_path / "in.csv"
    file.write_text("1,1\nx,y\n")
    refused = command.run("run", f"{tmp_path}/job.py:Job", str(file))
    assert (refused.code, refused.err) == (
        1, f"fanin: {file}:2: column '2': y is not an integer, in the line x,y\n",
    )  # fmt: skip


def test_what_a_job_calls_bad_is_not_measured(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(
        "from jobs import AggregateJob, Sum\n"
        "class Job(AggregateJob):\n"
        "    rows = \"SELECT line AS x, CASE WHEN line = 'x' THEN 'an x' END AS why FROM lines\"\n"
        '    bad = "why"\n'
        '    measures = {"sum": Sum("x")}\n'
    )
    done = command.run("run", f"{tmp_path}/job.py:Job", "-", "--max-bad", "50%", input=b"1\nx\n2\n").ok()
    assert (done.out, "1 bad row(s) were left out" in done.err) == (b"3\n", True)


@pytest.mark.parametrize(("name", "format", "rows"), [
    ("in.csv", "csv", ["k,v", "a,1", "b,2,3"]), ("in.csv", "csv", ["k,v", "a,1", '"b,2",3,4']),
    ("in.csv", "csv", ["k,v", "a,1", ""]), ("in.tsv", "tsv", ["k\tv", "a\t1", "b\t2\t3"]),
])  # fmt: skip
def test_lines_have_the_columns_of_the_header(name: str, format: str, rows: list[str], tmp_path: Path) -> None:
    """One with more might have a delimiter in a value, and then what is behind it is of another column."""
    (file,) = written(tmp_path, {name: "".join(f"{row}\n" for row in rows)})
    job = ["sums", file, "--format", format, "--key", "k", "--value", "v"]
    refused = command.run("run", *job)
    width = len(rows[2].replace('"b,2"', "b").split("\t" if format == "tsv" else ","))
    assert (refused.code, refused.out) == (1, b"")
    assert f"{file}:3: it has {width} columns, where there should be 2, in the line" in refused.err
    skipped = command.run("run", *job, "--on-error", "skip", "--max-bad", "1").ok()
    assert skipped.out == b"a\t1\n" and "1 bad row(s) were left out" in skipped.err


def test_a_column_that_json_lines_do_not_have_is_told(tmp_path: Path) -> None:
    """It is null where it is missing, and may be rare, so that nothing is refused."""
    (file,) = written(
        tmp_path, {"in.jsonl": '{"user": "u", "bytes": 3}\n{"user": "u"}\n[1]\n{\n' + "[" * 9999 + "\n"}
    )
    job = ["sums", file, "--format", "jsonl", "--on-error", "skip", "--max-bad", "99", "--key", "user", "--value"]
    assert "first lines" not in command.run("run", *job, "bytes").ok().err
    told = command.run("run", *job, "byts").ok()
    assert told.out == b"u\t\\N\n"
    assert f"no 'byts' in the first lines of {file}; a line without it has null there" in told.err
    assert "first lines" not in command.run("run", *job, "byts", "--quiet").ok().err
