"""One body, every engine: each case's part files equal the oracle's, byte by byte."""

from pathlib import Path

import pytest

from tests import command
from tests.conformance.cases import CASES, NOT_ON_HADOOP, ON_YARN
from tests.conformance.engines import ENGINES

HADOOP = [pytest.mark.hadoop, pytest.mark.slow]
MARKS = {"local": [], "streaming": HADOOP, "yarn": HADOOP}
RUN = {"local": CASES.keys(), "streaming": CASES.keys() - NOT_ON_HADOOP, "yarn": ON_YARN}
LARGE = [pytest.mark.slow]
MATRIX = [
    pytest.param(
        engine, name, parts, marks=MARKS[engine] + LARGE * name.startswith("50 MB"), id=f"{engine}-{name}-{parts}"
    )
    for engine, names in RUN.items()
    for name in CASES
    if name in names
    for parts in ((1, 7) if engine != "yarn" or name == "words" else (7,))
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
