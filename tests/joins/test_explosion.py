"""How many rows would match: counted exactly, or estimated from a sample of files larger than it."""

from pathlib import Path

import pytest

from jobs.errors import FaninError
from joins import JoinJob, sample
from joins.planner import choose
from tests import command


def planned(*arguments: str, max_rows: int) -> None:
    job = JoinJob([*arguments])
    sources = job.sources()
    choose(job.plan(sources), sources, "sort_merge", 4, max_rows=max_rows)


def test_a_sample_tells_about_how_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "BYTES", 1 << 20)  # one block of a side is read, and there are six
    left, right = tmp_path / "l.tsv", tmp_path / "r.tsv"
    left.write_bytes(b"id\turl\n" + b"".join(b"u%07d\t/abc\n" % (n * 7919 % 1000) for n in range(450_000)))
    right.write_bytes(b"id\tage\n" + b"".join(b"u%07d\t3\n" % n for n in range(1000)))
    sides = [str(left), str(right), "--on", "id"]
    planned(*sides, max_rows=460_000)
    with pytest.raises(
        FaninError, match=r"about 4[45]\d{4} rows, as a sample of both sides tells, would match"
    ) as caught:
        planned(*sides, max_rows=440_000)
    assert caught.value.exit_code == 1


def test_nothing_matches_nothing(tmp_path: Path) -> None:
    for name, text in (("l.tsv", "id\n1\n"), ("r.tsv", "")):
        (tmp_path / name).write_text(text)
    planned(str(tmp_path / "l.tsv"), str(tmp_path / "r.tsv"), "--on", "id", "--right-columns", "id", max_rows=0)


def test_standard_input_cannot_be_counted_first(tmp_path: Path) -> None:
    (tmp_path / "r.tsv").write_text("1\ta\n")
    sides = ["-", str(tmp_path / "r.tsv"), "--on", "1"]
    done = command.run("join", *sides, "-r", "hadoop", "--explain", "--max-rows", "9", input=b"1\tb\n")
    assert (done.code, "standard input can be read only once" in done.err) == (2, True), done.err
