"""`fanin streaming` against a few lines of Python, and against the real streaming jar with the same command lines."""

from collections import Counter
from pathlib import Path

import pytest

from jobs.streaming import main
from tests import command, lab
from tests.rows.mapreduce import Key, Lines, grouped
from tests.rows.programs import PROGRAMS, Program

OURS = ("-D", "mapreduce.job.maps=1", "--threads", "1", "--quiet")


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """A program, its files in the current directory."""
    found = PROGRAMS[request.param]
    for folder, files in ((tmp_path, found.inputs), (tmp_path / "shipped", found.shipped)):
        folder.mkdir(exist_ok=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    return found


def command_line(program: Program, output: str) -> list[str]:
    inputs = [word for name in program.inputs for word in ("-input", name)]
    return [*program.arguments, *inputs, "-output", output]


def parts(folder: str) -> list[Lines]:
    """The lines of each part."""
    files = [path.read_bytes() for path in sorted(Path(folder).glob("part-*"))]
    assert all(data.endswith(b"\n") or not data for data in files)
    return [data.split(b"\n")[:-1] for data in files]


def alike(found: list[Lines], expected: list[Lines], key: Key, in_order: bool = True) -> None:
    """The same parts: in each the same keys in the same order, and the same lines of each key."""
    one, two = ([grouped(part, key) for part in some] for some in (found, expected))
    if in_order:
        assert one == two
    else:
        assert Counter(map(str, one)) == Counter(map(str, two))


def test_the_parts_are_those_of_mapreduce(program: Program) -> None:
    main([*OURS, *command_line(program, "out")])
    expected = program.expected(program.inputs)
    alike(parts("out"), expected, program.key)


@pytest.fixture(scope="session")
def jar() -> dict[str, str]:
    """The environment in which Hadoop runs."""
    return lab.environment()


def run_jar(jar: dict[str, str], *arguments: str) -> command.Result:
    """The real streaming jar, in one process, over files of this machine."""
    local = [
        f"-D{name}" for name in ("mapreduce.framework.name=local", "fs.defaultFS=file:///", "hadoop.tmp.dir=tmp")
    ]
    return command.call("hadoop", "jar", jar["HADOOP_STREAMING_JAR"], *local, *arguments, env=jar)


@pytest.mark.hadoop
def test_the_parts_are_those_of_the_streaming_jar(program: Program, jar: dict[str, str]) -> None:
    """Mappers' parts in any order: there the largest split is the first."""
    run_jar(jar, "-Dmapreduce.job.maps=1", *command_line(program, "theirs")).ok()
    alike(parts("theirs"), program.expected(program.inputs), program.key, in_order=not program.maps)
    main([*OURS, *command_line(program, "ours")])
    alike(parts("ours"), parts("theirs"), program.key, in_order=not program.maps)
