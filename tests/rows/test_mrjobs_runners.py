"""What mrjob's own local and inline runners get wrong without a word, each beside what comes of it here."""

import bz2
import gzip
import lzma
from pathlib import Path
from typing import NamedTuple

import pytest

from tests import command
from tests.rows.mapreduce import split, text_hash
from tests.rows.test_mrjob import here, job

__all__ = ["here"]  # a fixture

pytestmark = pytest.mark.slow

LINES = """
class Job(MRJob):
    INTERNAL_PROTOCOL = OUTPUT_PROTOCOL = RawProtocol
    def mapper(self, _, line):
        yield line, "1"
    def reducer(self, key, values):
        yield key, str(len(list(values)))
"""


class Both(NamedTuple):
    theirs: command.Result
    ours: command.Result


def both(file: str, *arguments: str, engine: str = "inline") -> Both:
    """The same command line, by mrjob and by us."""
    return Both(
        command.python(file, "-r", engine, "--no-conf", *arguments),
        command.run("run", file, *arguments, "--quiet"),
    )


@pytest.mark.parametrize(("name", "data", "half", "whole"), [
    ("a.gz", gzip.compress(b"a\n", mtime=0) + gzip.compress(b"b\n", mtime=0), b"a\t1\n", b"a\t1\nb\t1\n"),
    ("a.bz2", bz2.compress(b"a\n") + bz2.compress(b"b\n"), b"a\t1\n", b"a\t1\nb\t1\n"),
])  # fmt: skip
def test_files_of_many_members_are_read_to_the_first_ones_end(
    name: str, data: bytes, half: bytes, whole: bytes
) -> None:
    Path(name).write_bytes(data)
    theirs, ours = both(job(LINES), name)
    assert (theirs.ok().out, ours.ok().out) == (half, whole)


def test_a_truncated_file_is_accepted() -> None:
    Path("a.gz").write_bytes(gzip.compress(b"".join(b"%d\n" % n for n in range(50_000)))[:-9])
    theirs, ours = both(job(LINES), "a.gz")
    assert theirs.ok().out
    assert (ours.code, "a.gz" in ours.err, ours.out) == (1, True, b"")


def test_xz_is_read_as_text() -> None:
    Path("a.xz").write_bytes(lzma.compress(b"a\n"))
    theirs, ours = both(job(LINES.replace("RawProtocol", "BytesProtocol").replace('"1"', 'b"1"').replace("str(len(list(values)))", 'b"1"')
        .replace("class Job(MRJob):", "class Job(MRJob):\n    INPUT_PROTOCOL = BytesValueProtocol")), "a.xz")  # fmt: skip
    assert b"\xfd7zXZ" in theirs.ok().out
    assert ours.ok().out == b"a\t1\n"


def test_an_output_that_exists_is_written_into() -> None:
    Path("out").mkdir()
    Path("out/part-00007").write_bytes(b"of another run\t1\n")
    theirs, ours = both(job(LINES), "in.txt", "--output-dir", "out")
    theirs.ok()
    assert Path("out/part-00007").exists()
    assert not Path("out/_SUCCESS").exists()
    assert (ours.code, "already exists" in ours.err) == (2, True)


def test_reducers_partitioner_and_comparator_are_ignored() -> None:
    Path("in.txt").write_bytes(b"".join(b"%d\n" % n for n in range(40)))
    options = ("in.txt", "-D", "mapreduce.job.reduces=3", "--output-dir")
    file = job(LINES)
    command.python(file, "-r", "inline", "--no-conf", *options, "theirs").ok()
    command.run("run", file, *options, "ours").ok()
    expected = [sorted(b"%d\t1" % n for n in range(40) if text_hash(b"%d" % n) % 3 == part) for part in range(3)]
    assert [split(path.read_bytes()) for path in sorted(Path("ours").glob("part-*"))] == expected
    assert [split(path.read_bytes()) for path in sorted(Path("theirs").glob("part-*"))] != expected


def test_a_task_that_fails_is_not_tried_again() -> None:
    flaky = LINES.replace("def mapper(", """def mapper_init(self):
        if os.environ.get("mapreduce_task_attempt_id", "_0").endswith("_0"):
            raise OSError("a moment's trouble")
    def mapper(""")  # fmt: skip
    theirs, ours = both(job(flaky), "in.txt", engine="local")
    assert theirs.code != 0
    assert b"the end\t1\n" in ours.ok().out


def test_a_missing_last_newline_joins_the_records_of_two_mappers() -> None:
    Path("1.txt").write_bytes(b"a\nb")
    Path("2.txt").write_bytes(b"c\n")
    file = job("class Job(MRJob):\n    def mapper_cmd(self):\n        return 'cat'\n")
    command.python(file, "-r", "local", "--no-conf", "1.txt", "2.txt", "--output-dir", "theirs").ok()
    command.run("run", file, "1.txt", "2.txt", "--output-dir", "ours").ok()
    whole = {
        name: b"".join(path.read_bytes() for path in sorted(Path(name).glob("part-*"))) for name in ("theirs", "ours")
    }
    assert whole["theirs"] == b"a\nbc\n"
    assert whole["ours"] == b"a\t\nb\t\nc\t\n"
