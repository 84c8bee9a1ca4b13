"""The local engine's promises about memory; its answers are the conformance suite's business."""

import json
import os
from pathlib import Path

import pytest

from tests import command


@pytest.mark.slow
def test_twenty_million_distinct_words_in_256_mb(tmp_path: Path) -> None:
    """The peak of the whole process stays under 450 MB, whatever the number of groups: it spills."""
    words = 20_000_000
    file = tmp_path / "words.txt"
    with file.open("w") as out:
        for i in range(0, words, 10):
            out.write(" ".join(f"w{(i + j) * 7919 % words:08d}" for j in range(10)) + "\n")
    peak = command.peak("run", "word_count", str(file), "-o", str(tmp_path / "out"), "--memory", "256MB")
    assert peak < 450_000_000
    with (tmp_path / "out" / "part-00000").open() as lines:
        assert all(line == f"w{i:08d}\t1\n" for i, line in enumerate(lines))
        lines.seek(0, os.SEEK_END)
        assert lines.tell() == words * len("w00000000\t1\n")
    assert json.loads((tmp_path / "out" / "_MANIFEST.json").read_bytes())["counters"]["spilled"] > 100_000_000


@pytest.mark.slow
def test_nothing_is_left_of_a_spill(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("\n".join(f"word{i}" for i in range(2_000_000)))
    command.run("run", "word_count", str(file), "-o", str(tmp_path / "out"), "--memory", "64MB").ok()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "words.txt"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["_MANIFEST.json", "_SUCCESS", "part-00000"]


def test_many_threads_and_readers_give_the_same_bytes(tmp_path: Path) -> None:
    """Eight threads take two readers, which read side by side."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(20):
        (folder / f"{number}.txt").write_text("".join(f"word{i % (number + 50)} é\n" for i in range(20_000)))
    for threads in ("1", "8"):
        out = str(tmp_path / threads)
        command.run("run", "word_count", str(folder), "-o", out, "--threads", threads, "--parts", "3").ok()
    parts = [[(tmp_path / threads / f"part-0000{i}").read_bytes() for i in range(3)] for threads in ("1", "8")]
    assert parts[0] == parts[1]
    assert sum(map(len, parts[0])) > 0
