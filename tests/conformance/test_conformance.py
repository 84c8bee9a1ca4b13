"""One body, every engine: each case's part files equal the oracle's, byte by byte."""

from pathlib import Path

import pytest

from tests import command
from tests.conformance.cases import CASES, NOT_ON_HADOOP, ON_YARN, TOGETHER
from tests.conformance.engines import ENGINES

HADOOP = [pytest.mark.hadoop, pytest.mark.slow]
MARKS = {"local": [], "streaming": HADOOP, "yarn": HADOOP}
RUN = {"local": CASES.keys(), "streaming": CASES.keys() - NOT_ON_HADOOP - TOGETHER, "yarn": ON_YARN}
IN_ONE_PART_TOO = {"words", "total", "empty input", "empty input, total", "top pages", "odd lines, one file"}
SLOW = [pytest.mark.slow]


def parts_of(engine: str, name: str) -> tuple[int, ...]:
    """How many parts to write: on Hadoop each is a process, on YARN two, and where the records go is the same code."""
    if engine == "local" or name == "words":
        return 1, 7
    return (1, 3) if engine == "streaming" and name == "top pages" else (3,) if engine == "streaming" else (2,)


def is_slow(name: str, parts: int) -> bool:
    return name.startswith("50 MB") or (parts == 1 and name not in IN_ONE_PART_TOO)


MATRIX = [
    pytest.param(
        engine, name, parts, marks=MARKS[engine] + SLOW * is_slow(name, parts), id=f"{engine}-{name}-{parts}"
    )
    for engine, names in RUN.items()
    for name in CASES
    if name in names
    for parts in parts_of(engine, name)
]


@pytest.mark.parametrize(("engine", "name", "parts"), MATRIX)
def test_same_bytes(engine: str, name: str, parts: int, tmp_path: Path) -> None:
    case = CASES[name]
    plain = case.plain()
    folder = tmp_path / "in"
    folder.mkdir()
    for file, data in plain.items():
        (folder / file).write_bytes(case.stored(file, data))
    expected = case.parts(plain.values(), parts)
    found = ENGINES[engine](case.job, folder, parts)
    for number, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
        assert ours == theirs, f"part {number} of {name}"


@pytest.mark.parametrize("engine", [pytest.param(engine, marks=MARKS[engine]) for engine in ENGINES])
def test_a_line_too_long_is_refused(engine: str, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "long.txt").write_bytes(b"ok\n" + b"x" * ((16 << 20) + 1) + b"\nok\n")
    with pytest.raises(command.Failed, match=r"long\.txt: the line at byte 3 is longer than 16777216 bytes"):
        ENGINES[engine]("word_count", folder, 1)
    assert {path.name for path in tmp_path.iterdir()} <= {"in", "tmp"}
