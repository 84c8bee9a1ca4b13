"""`fanin streaming` against a few lines of Python, and against the real streaming jar with the same command lines."""

import re
from collections import Counter
from pathlib import Path

import pytest

from jobs.streaming import main
from tests import command, lab
from tests.rows.mapreduce import Key, Lines, grouped
from tests.rows.programs import PROGRAMS, Program
from tests.storage.places import HdfsPlace

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


def alike(found: list[Lines], expected: list[Lines], key: Key) -> None:
    """The same parts: in each the same keys in the same order, and the same lines of each key."""
    one, two = ([grouped(part, key) for part in some] for some in (found, expected))
    assert one == two


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
    run_jar(jar, "-Dmapreduce.job.maps=1", *command_line(program, "theirs")).ok()
    alike(parts("theirs"), program.expected(program.inputs), program.key)
    main([*OURS, *command_line(program, "ours")])
    alike(parts("ours"), parts("theirs"), program.key)


@pytest.mark.hadoop
@pytest.mark.slow
@pytest.mark.parametrize("program", ["word count with a combiner", "secondary sort"], indirect=True)
def test_the_parts_are_those_of_a_cluster(program: Program, jar: dict[str, str]) -> None:
    place = HdfsPlace(jar["FANIN_LAB_HDFS"])
    for name, data in program.inputs.items():
        place.write(f"{place.root}/{name}", data)
    inputs = [word for name in program.inputs for word in ("-input", f"{place.root}/{name}")]
    whole = [*program.arguments, *inputs, "-output", f"{place.root}/out"]
    command.call("hadoop", "jar", jar["HADOOP_STREAMING_JAR"], *whole, env=jar).ok()
    names = [name for name in sorted(place.names(f"{place.root}/out")) if name.startswith("part-")]
    theirs = [place.read(f"{place.root}/out/{name}").split(b"\n")[:-1] for name in names]
    main([*OURS, *command_line(program, "ours")])
    alike(parts("ours"), theirs, program.key)


BLOCK = 1000
CUT: dict[str, bytes] = {
    "fixed": b"".join(b"%09d\n" % number for number in range(320)),  # its blocks end with lines
    "dos": b"".join(b"dos %d\r\n" % number for number in range(311)),
    "mac": b"".join(b"%d\r" % number for number in range(500)),
    "mixed": b"".join(
        b"%d%b" % (number, ends) for number in range(150) for ends in (b"\r\n", b"\n", b"\r", b"\r\r\n")
    ),
    "long": b"short\n" + b"x" * 3500 + b"\nbehind",
    "small": b"a\nb",
    "slop": b"1234567\n" * 137,
    "none": b"",
}
SHOWING = ("-mapper", """sh -c 'echo "$map_input_start+$map_input_length"; cat'""", "-reducer", "NONE")


def cut(data: bytes) -> list[tuple[int, int, Lines]]:
    """The splits of a file: start, length, lines. A line is read with the split in which its predecessor ends."""
    starts = [0]
    while len(data) - starts[-1] > BLOCK * 1.1:
        starts.append(starts[-1] + BLOCK)
    lines, position = [], 0
    for line in re.findall(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$", data):
        lines.append((position, line.rstrip(b"\r\n")))
        position += len(line)
    return [
        (start, end - start, [line for at, line in lines if start < at <= end or at == start == 0])
        for start, end in zip(starts, [*starts[1:], len(data)], strict=True)
    ]


@pytest.fixture
def cut_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Lines]:
    """Files in the current directory; the parts that mappers alone make of them: the largest split first."""
    monkeypatch.chdir(tmp_path)
    for name, data in CUT.items():
        Path(name).write_bytes(data)
    found = sorted((one for data in CUT.values() for one in cut(data)), key=lambda one: -one[1])
    return [[line + b"\t" for line in (b"%d+%d" % (start, length), *lines)] for start, length, lines in found]


def test_mappers_alone_make_a_part_of_each_block(cut_files: list[Lines]) -> None:
    inputs = [word for name in CUT for word in ("-input", name)]
    main(["--quiet", "-D", f"dfs.blocksize={BLOCK}", *SHOWING, *inputs, "-output", "out"])
    assert parts("out") == cut_files


@pytest.mark.hadoop
def test_the_jar_makes_the_same_parts_of_blocks(cut_files: list[Lines], jar: dict[str, str]) -> None:
    inputs = [word for name in CUT for word in ("-input", name)]
    run_jar(jar, f"-Dfs.local.block.size={BLOCK}", *SHOWING, *inputs, "-output", "theirs").ok()
    assert parts("theirs") == cut_files


@pytest.mark.parametrize(("options", "count"), [
    ((), 2), (("--threads", "7"), 2), (("-D", "mapreduce.job.maps=3"), 3), (("-D", "mapreduce.job.maps=0"), 1),
    (("-D", "mapreduce.input.fileinputformat.split.maxsize=10"), 2),  # which is for the other API
    (("-D", "mapreduce.input.fileinputformat.split.minsize=4000"), 1), (("-D", "dfs.blocksize=1k"), 4),
])  # fmt: skip
def test_how_many_parts_mappers_alone_make(cut_files: list[Lines], options: tuple[str, ...], count: int) -> None:
    del cut_files
    main(["--quiet", *options, "-mapper", "cat", "-reducer", "NONE", "-input", "fixed", "-output", "out"])
    assert len(parts("out")) == count
    assert sorted(line[:-1] for part in parts("out") for line in part) == CUT["fixed"].splitlines()


TOLD = "^(map_input|mapred_(t|job_id)|mapreduce_(task_(id|attempt|partition|ismap)|map_input|job_(id|reduces)|framework)|my_)"
ASKING = (
    "-D", "my.own-setting=1", "-D", "mapreduce.job.maps=1", "-D", "mapreduce.job.reduces=1", "-input", "odd näme 50%25.txt", "-input", "b.txt",
    "-mapper", f"bash -c \"cat >/dev/null; env | grep -E '{TOLD}'\"", "-reducer", f"bash -c \"cat; env | grep -E '{TOLD}'\"",
)  # fmt: skip


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "odd näme 50%25.txt").write_bytes(b"a line longer\n")
    (tmp_path / "b.txt").write_bytes(b"b\n")
    monkeypatch.chdir(tmp_path)


def told(output: str) -> Counter[str]:
    """What tasks have told of their environment, the job's number left out."""
    (part,) = parts(output)
    return Counter(
        re.sub(r"(task|attempt|job)_[0-9a-z]+_\d+", r"\1_JOB", line.decode().rstrip("\t")) for line in part
    )


def expected_to_be_told(folder: Path) -> Counter[str]:
    found: Counter[str] = Counter()
    for kind, number, name, size in (("m", 0, "odd näme 50%25.txt", 14), ("m", 1, "b.txt", 2), ("r", 0, "", 0)):
        map = "true" if kind == "m" else "false"
        task, attempt = f"task_JOB_{kind}_{number:06d}", f"attempt_JOB_{kind}_{number:06d}_0"
        found.update([
            f"mapreduce_task_id={task}", f"mapred_tip_id={task}", f"mapreduce_task_attempt_id={attempt}", f"mapred_task_id={attempt}",
            f"mapreduce_task_partition={number}", f"mapred_task_partition={number}",
            f"mapreduce_task_ismap={map}", f"mapred_task_is_map={map}",
            "mapreduce_job_id=job_JOB", "mapred_job_id=job_JOB", "mapreduce_job_reduces=1", "mapreduce_framework_name=local", "my_own_setting=1",
        ])  # fmt: skip
        for prefix in ("map_input", "mapreduce_map_input") if name else ():
            found.update([f"{prefix}_file=file:{folder}/{name}", f"{prefix}_start=0", f"{prefix}_length={size}"])
    return found


@pytest.mark.usefixtures("inputs")
def test_tasks_are_told_what_they_are_in_their_environment(tmp_path: Path) -> None:
    main(["--threads", "1", *ASKING, "-output", "out"])
    assert told("out") == expected_to_be_told(tmp_path)


@pytest.mark.hadoop
@pytest.mark.usefixtures("inputs")
def test_tasks_of_the_jar_are_told_the_same(tmp_path: Path, jar: dict[str, str]) -> None:
    run_jar(jar, *ASKING, "-output", "out").ok()
    assert told("out") == expected_to_be_told(tmp_path)


@pytest.mark.hadoop
@pytest.mark.parametrize(
    ("mapper", "size", "code"), [("head -1", 1_000_000, 1), ("true", 120_000, 0), ("head -1", 120_000, 0)]
)
def test_the_jar_fails_a_mapper_that_leaves_much_of_its_input(
    tmp_path: Path, jar: dict[str, str], monkeypatch: pytest.MonkeyPatch, mapper: str, size: int, code: int
) -> None:
    """As ours does: test_failures.py."""
    (tmp_path / "in.txt").write_bytes((b"some line of text\n" * 100_000)[:size])
    monkeypatch.chdir(tmp_path)
    arguments = ["-Dmapreduce.job.maps=1", "-input", "in.txt", "-output", "out", "-mapper", mapper]
    done = run_jar(jar, *arguments)
    assert done.code == code
    assert "Broken pipe" in done.err or code == 0


@pytest.mark.parametrize("count", [200, pytest.param(2_000, marks=pytest.mark.slow)])
def test_each_line_knows_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Many small files; their names are told to their tasks alone."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for number in range(count):
        Path(f"in/{number}.txt").write_text("".join(f"line {n} of {number}\n" for n in range(number % 4)))
    mapper = """sh -c 'sed "s|^|$mapreduce_map_input_file\t|"'"""
    main(["--quiet", "-input", "in", "-output", "out", "-mapper", mapper, "-numReduceTasks", "2"])
    expected = Counter(
        f"file:{tmp_path}/in/{n}.txt\tline {i} of {n}".encode() for n in range(count) for i in range(n % 4)
    )
    assert Counter(line for part in parts("out") for line in part) == expected
