"""One body, every engine: each case's part files equal the oracle's, byte by byte."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import command
from tests.conformance import oracle
from tests.conformance.cases import CASES


def run_local(job: str, inputs: Sequence[Path], output: Path, parts: int) -> list[bytes]:
    """The part files that `fanin run` writes on this machine."""
    command.run("run", job, *map(str, inputs), "-o", str(output), "--parts", str(parts)).ok()
    names = sorted(path.name for path in output.iterdir() if not path.name.startswith((".", "_")))
    assert names == [f"part-{i:05d}" for i in range(parts)]
    return [(output / name).read_bytes() for name in names]


ENGINES = {"local": run_local}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("parts", [1, 7])
@pytest.mark.parametrize("name", CASES)
def test_same_bytes(name: str, parts: int, engine: str, tmp_path: Path) -> None:
    case = CASES[name]
    plain = case.plain()
    folder = tmp_path / "in"
    folder.mkdir()
    for file, data in plain.items():
        (folder / file).write_bytes(case.stored(file, data))
    expected = oracle.parts(plain.values(), case.keys, parts)
    found = ENGINES[engine](case.job, [folder], tmp_path / "out", parts)
    for number, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
        assert ours == theirs, f"part {number} of {name}"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_line_too_long_is_refused(engine: str, tmp_path: Path) -> None:
    file = tmp_path / "long.txt"
    file.write_bytes(b"ok\n" + b"x" * ((16 << 20) + 1) + b"\nok\n")
    with pytest.raises(command.Failed, match=r"long\.txt: the line at byte 3 is longer than 16777216 bytes"):
        ENGINES[engine]("word_count", [file], tmp_path / "out", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["long.txt"]
