"""Buckets: their bytes are those of plain Python, their manifest says what they are, and joins find all rows in them."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.storage.inputs import resolve
from joins.bucket import Bucket
from tests import command
from tests.examples import examples
from tests.joins_tools.rows import ODD, Row, line, rows, write


def bucketed(path: Path, out: Path, *options: str) -> list[bytes]:
    """The part files that the job writes."""
    with Bucket([str(path), "--output-dir", str(out), *options]).make_runner() as runner:
        runner.run()
    return [b"".join(file.chunks()) for file in resolve([str(out)]).files]


def expected(found: list[Row], keys: int, buckets: int) -> list[bytes]:
    """The part files of rows whose first columns are the keys, by Hadoop's KeyFieldBasedPartitioner."""
    parts: list[list[tuple[bytes, bytes]]] = [[] for _ in range(buckets)]
    for row in found:
        key, h = line(row[:keys]).encode(), 0
        for byte in key:
            h = (31 * h + (byte - 256 if byte > 127 else byte)) & 0xFFFFFFFF
        parts[(h & 0x7FFFFFFF) % buckets].append((key + b"\t", line(row).encode() + b"\n"))
    return [b"".join(record for _, record in sorted(part)) for part in parts]


@pytest.mark.slow
@examples(15)
@given(found=rows(3), buckets=st.integers(1, 5), keys=st.integers(1, 3))
def test_the_bytes_are_those_of_plain_python(
    tmp_path_factory: pytest.TempPathFactory, found: list[Row], buckets: int, keys: int
) -> None:
    folder = tmp_path_factory.mktemp("bucket")
    path = write(folder / "in.tsv", ["c", "a", "b"], [(row[2], row[0], row[1]) for row in found])
    options = ["--on", ",".join(["a", "b", "c"][:keys]), "--buckets", str(buckets)]
    shown: list[Row] = found if keys > 1 else [(a, c, b) for a, b, c in found]  # keys first, then others as they came
    assert bucketed(path, folder / "out", *options) == expected(shown, keys, buckets)


def test_the_manifest_proves_what_the_buckets_are(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b"v,n\nx,1\ny,NA\n")
    options = ["--format", "csv", "--null", "NA", "--columns", "v, n:integer", "--header", "--where", "v <> 'z'"]
    out = str(tmp_path / "out")
    command.run("bucket", str(tmp_path / "in.csv"), "--on", "n", "--buckets", "3", "-o", out, *options).ok()
    manifest = json.loads((tmp_path / "out" / "_MANIFEST.json").read_bytes())
    assert manifest["order"] == ["n"]
    assert manifest["partitioner"] == {"function": "hadoop-key-fields", "columns": ["n"], "buckets": 3}
    assert manifest["columns"] == [{"name": "n", "type": "HUGEINT"}, {"name": "v", "type": "VARCHAR"}]
    assert (manifest["job"], manifest["encoding"]) == ("joins.bucket:Bucket", "copy-text")
    assert {file["part"]: file["records"] for file in manifest["files"]} == {0: 0, 1: 1, 2: 1}
    assert "3 files, 2 records" in command.run("verify", out).ok().out.decode()
    assert "joins.bucket:Bucket" in command.run("history", out).ok().out.decode()


@pytest.mark.parametrize("how", ["inner", "full", "anti"])
def test_buckets_join_as_the_rows_they_are_of(tmp_path: Path, how: str) -> None:
    left = [(key, f"l{n}", other) for n, key in enumerate(ODD) for other in (None, "x")]
    right = [(f"r{n}", key, "x") for n, key in enumerate(ODD[::2])]
    sides = [write(tmp_path / "l", ["k", "v", "o"], left), write(tmp_path / "r", ["w", "k", "o"], right)]
    divided = [path.with_suffix(".out") for path in sides]
    for path, out in zip(sides, divided, strict=True):
        bucketed(path, out, "--on", "k,o", "--buckets", "4")
    options = ["--on", "k,o", "--how", how]
    found = command.run("join", *map(str, divided), *options).ok().out
    assert found == command.run("join", *map(str, sides), *options).ok().out
    assert found.count(b"\n") == {"inner": 9, "full": 41, "anti": 31}[how]


@pytest.mark.slow
def test_what_does_not_fit_in_memory_is_sorted_on_disk(tmp_path: Path) -> None:
    path, out = tmp_path / "in.tsv", tmp_path / "out"
    with path.open("w") as file:
        file.write("k\tv\n")
        for n in range(1_200_000):
            file.write(f"{n * 7919 % 999_983}\t{n:060}\n")
    options = ["--on", "k", "--buckets", "8", "--memory", "64MB", "--threads", "1", "-o", str(out)]
    assert command.peak("bucket", str(path), *options) < 250_000_000
    assert json.loads((out / "_MANIFEST.json").read_bytes())["counters"]["spilled"] > 0
    lines = [data.split(b"\n")[:-1] for data in (file.read_bytes() for file in sorted(out.glob("part-*")))]
    assert all(part == sorted(part) for part in lines)
    assert sum(map(len, lines)) == 1_200_000


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--buckets", "2"], "give --on"),
        (["--on", "a"], "give --buckets"),
        (["--on", "a,1", "--buckets", "2"], "--on: a is there twice; name it once"),
        (["--on", "a", "--buckets", "0"], "--buckets: 0 is too small"),
        (["--on", "a", "--buckets", "2", "--parts", "3"], "--parts: there is a part file for each bucket"),
        (["--on", "c", "--buckets", "2"], "the input has no column 'c'; it has: a, b\n"),
        (["--on", "a", "--buckets", "2", "-r", "spark"], "-r spark: no such engine"),
        (["--on", "a", "--buckets", "2", "--where", "count(*) > 1"], r"--where 'count\(\*\) > 1': "),
        (
            ["--on", "a", "--buckets", "2", "--header", "--columns", "a:float, b"],
            "floating-point numbers are no keys",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_read(tmp_path: Path, options: list[str], said: str) -> None:
    (tmp_path / "in.tsv").write_bytes(b"a\tb\n1\t2\n3\n")
    done = command.run("bucket", str(tmp_path / "in.tsv"), "-o", str(tmp_path / "out"), *options)
    assert done.code == 2, done.err
    assert re.search(said, done.err), done.err
    assert [path.name for path in tmp_path.iterdir()] == ["in.tsv"]


def test_records_of_fanin_are_not_read_as_csv(tmp_path: Path) -> None:
    (tmp_path / "in.tsv").write_bytes(b"a\tb\n1\t2\n")
    command.run("bucket", str(tmp_path / "in.tsv"), "--on", "b", "--buckets", "1", "-o", str(tmp_path / "out")).ok()
    done = command.run("bucket", str(tmp_path / "out"), "--on", "b", "--buckets", "1", "--format", "csv")
    assert (done.code, "out: fanin wrote it, as tab-separated records; read it with --format tsv" in done.err) == (
        2,
        True,
    )


def test_a_ragged_row_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "in.tsv").write_bytes(b"a\tb\n1\t2\n3\n")
    done = command.run("bucket", str(tmp_path / "in.tsv"), "--on", "b", "--buckets", "2", "-o", str(tmp_path / "out"))
    assert (done.code, "in.tsv:3: it has 1 columns" in done.err) == (1, True), done.err
    assert [path.name for path in tmp_path.iterdir()] == ["in.tsv"]
