"""What goes wrong with mappers and reducers: told so that a person can mend it, nothing published, no process left."""

import io
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.errors import FaninError, UsageError
from jobs.streaming import main
from tests import command

ALONE = ("--threads", "1", "-D", "mapreduce.job.maps=1")
ONCE = ("-D", "mapreduce.map.maxattempts=1", "-D", "mapreduce.reduce.maxattempts=1")
BIG = b"some line of text that a mapper may read or not\n" * 40_000


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with an input."""
    (tmp_path / "in.txt").write_bytes(b"a\t1\nb\t2\nc\t3\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> bytes:
    """The output of `fanin streaming`, one part."""
    main([*ALONE, "-input", "in.txt", "-output", "out", "--quiet", *arguments])
    return Path("out/part-00000").read_bytes()


def failing(*arguments: str, error: type[FaninError] = FaninError) -> str:
    """What is said of a command line that fails; nothing is left of it."""
    before = everything()
    with pytest.raises(error) as caught:
        run(*arguments)
    assert everything() == before
    return str(caught.value)


def everything() -> list[str]:
    """What there is, but for what Python keeps of modules that it has imported."""
    return sorted(str(path) for path in Path().rglob("*") if "__pycache__" not in path.parts)


def script(name: str, text: str) -> str:
    """A file of bash; its absolute path."""
    Path(name).write_text(text)
    return os.path.abspath(name)


def survivors(mark: str) -> list[str]:
    """The command lines of processes in whose environment MARK says `mark`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"MARK={mark}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            pass
    return found


def gone(mark: str) -> bool:
    """Whether none is left, within five seconds."""
    end = time.monotonic() + 5
    while survivors(mark) and time.monotonic() < end:
        time.sleep(0.05)
    return not survivors(mark)


# A task that fails


def test_a_crash_is_told_with_its_command_its_input_and_its_last_words() -> None:
    crash = script(
        "crash.sh", "echo first words >&2; echo reporter:counter:a,b,1 >&2; head -1; echo last words >&2; exit 3\n"
    )
    told = failing(*ONCE, "-mapper", f"bash {crash} x")
    assert told.splitlines() == [
        "mapper 0 failed: exit code 3", "  first words", "  last words", f"  command: bash {crash} x", "  input: in.txt, bytes 0 to 12",
    ]  # fmt: skip


@pytest.mark.parametrize(("arguments", "told"), [
    (("-mapper", "bash -c 'kill -SEGV $$'"), "mapper 0 failed: killed by signal 11"),
    (("-mapper", "cat", "-reducer", "bash -c 'cat >/dev/null; echo why >&2; exit 7'"), "reducer 0 failed: exit code 7\n  why"),
    (("-mapper", "cat", "-combiner", "false", "-reducer", "cat"), "combiner 0 failed: exit code 1"),
    (("-mapper", "cat", "-reducer", "no-such-program -x"), "no program 'no-such-program' in the task's folder or on PATH; -files"),
    (("-mapper", "./no-such-program"), "no program './no-such-program'"),
    (("-mapper", "no_first_line", "-files", "no_first_line"), "Exec format error; its first line must be like #!/usr/bin/env python3"),
])  # fmt: skip
def test_each_way_to_fail_is_told(arguments: tuple[str, ...], told: str) -> None:
    script("no_first_line", "cat\n")
    assert told in failing(*ONCE, *arguments)


def test_a_task_is_tried_four_times_or_as_often_as_is_said(here: Path) -> None:
    tried = script("tried.sh", f"echo x >> {here}/tried; exit 1\n")
    Path("tried").touch()
    for often, options in ((4, ()), (1, ONCE), (2, ("-D", "mapred.map.max.attempts=2"))):
        Path("tried").write_text("")
        told = failing(*options, "-mapper", f"bash {tried}")
        assert len(Path("tried").read_text().splitlines()) == often
        assert (f"failed {often} times: " in told) == (often > 1)


FLAKY = """
echo reporter:counter:group,counter,3 >&2
echo reporter:status:working >&2
case $mapreduce_task_attempt_id in
    *_0) head -1; exit 1;;
    *) cat;;
esac
"""


@pytest.mark.parametrize("stdin", [False, True])
def test_what_a_failed_attempt_wrote_and_counted_is_forgotten(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, stdin: bool
) -> None:
    flaky = script("flaky.sh", FLAKY)
    kinds = ("-mapper", "-combiner", "-reducer")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\t1\nb\t2\nc\t3\n")))
    main(
        [
            "-input",
            "-" if stdin else "in.txt",
            "-output",
            "out",
            *ALONE,
            *(word for kind in kinds for word in (kind, f"bash {flaky}")),
        ]
    )
    assert Path("out/part-00000").read_bytes() == b"a\t1\nb\t2\nc\t3\n"
    told = capsys.readouterr().err
    assert "counter group, counter: 9" in told
    assert "mapper 0 failed, and is tried again: exit code 1" in told


def test_an_exit_code_that_is_no_failure() -> None:
    assert (
        run("-D", "stream.non.zero.exit.is.failure=false", "-mapper", "bash -c 'cat; exit 1'")
        == b"a\t1\nb\t2\nc\t3\n"
    )


def test_a_mapper_that_leaves_much_of_its_input_fails_as_on_hadoop() -> None:
    Path("in.txt").write_bytes(BIG)
    for mapper in ("head -1", "true"):
        told = failing(*ONCE, "-mapper", mapper)
        assert "ended before it had read all of its input" in told


def test_a_mapper_may_leave_what_fits_in_hadoops_buffer() -> None:
    Path("in.txt").write_bytes(BIG[:120_000])
    for mapper, output in (
        ("true", b""),
        ("bash -c 'exec <&-; sleep 0.1; echo x'", b"x\t\n"),
        ("head -1", BIG[:48].replace(b"\n", b"\t\n")),
    ):
        assert run("--overwrite", "-mapper", mapper) == output


# A task that hangs, and a run that is ended


HANGING = "echo started > $PLACE/started; sleep 1000 & sleep 1000\n"


def test_a_hung_task_is_killed_and_all_that_it_has_started(here: Path) -> None:
    hung = script("hung.sh", HANGING.replace("$PLACE", "/dev/null; echo"))
    mark = ("-cmdenv", f"MARK={here}")
    told = failing(*ONCE, *mark, "-D", "mapreduce.task.timeout=400", "-mapper", f"bash {hung}")
    assert "did nothing for 0.4 s and was killed; -D mapreduce.task.timeout=MS allows more" in told
    assert gone(str(here))


def test_what_a_task_leaves_in_the_background_is_killed(here: Path) -> None:
    leaves = script("leaves.sh", "(sleep 1000; echo late) & cat\n")
    assert run("-cmdenv", f"MARK={here}", "-mapper", f"bash {leaves}") == b"a\t1\nb\t2\nc\t3\n"
    assert gone(str(here))


def test_a_task_that_speaks_does_not_hang() -> None:
    slow = script("slow.sh", "for i in $(seq 12); do sleep 0.15; echo reporter:status:$i >&2; done; cat\n")
    assert run(*ONCE, "-D", "mapreduce.task.timeout=1500", "-mapper", f"bash {slow}").startswith(b"a\t1\n")


JOB = """
import os, subprocess, time
from mrjob.job import MRJob

class Hangs(MRJob):
    def mapper(self, _, line):
        open(os.environ["PLACE"] + "/started", "w").close()
        subprocess.Popen(["sleep", "1000"])
        time.sleep(1000)

if __name__ == "__main__":
    Hangs.run()
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("kind", ["command", "class"])
def test_no_process_outlives_its_run(here: Path, kind: str, number: signal.Signals) -> None:
    script("hangs.sh", HANGING)
    script("hangs.py", JOB)
    place = ("--cmdenv" if kind == "class" else "-cmdenv", f"PLACE={here}")
    arguments = {
        "command": ["streaming", *place, "-input", "in.txt", "-output", "out", "-mapper", f"bash {here}/hangs.sh"],
        "class": ["run", "hangs.py", "in.txt", "-o", "out", *place],
    }[kind]
    before = everything()
    process = subprocess.Popen(
        [command.FANIN, *arguments], env=os.environ | {"MARK": str(here)}, stderr=subprocess.PIPE
    )
    end = time.monotonic() + 30
    while not Path("started").exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(number)
    _, told = process.communicate(timeout=30)
    assert gone(str(here)), survivors(str(here))
    Path("started").unlink()
    if number == signal.SIGKILL:
        command.run("streaming", "-input", "in.txt", "-output", "out", "-mapper", "cat").ok()
        assert [path for path in everything() if not path.startswith("out/")] == sorted([*before, "out"])
    else:
        assert (process.returncode, told.decode()) == (128 + number, "fanin: interrupted; nothing was published\n")
        assert everything() == before


UNTOLD = """
import os, signal, subprocess
from jobs.engines.rows.reaper import Reaper
mark = os.environ["MARK"]
reaper = Reaper(f"JOB={mark}")
subprocess.Popen(["sleep", "1000"], env={"MARK": mark, "JOB": mark}, start_new_session=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_child_that_was_just_being_started_is_killed_too(here: Path) -> None:
    environment = {**os.environ, "MARK": str(here), "PYTHONPATH": str(Path(__file__).parents[2])}
    assert subprocess.run([sys.executable, "-c", UNTOLD], env=environment).returncode == -signal.SIGKILL
    assert gone(str(here))


@pytest.fixture
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    disk = tmp_path_factory.mktemp("disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("reducers", [0, 1])
def test_a_full_disk(small_disk: Path, reducers: int) -> None:
    Path("in.txt").write_bytes(BIG)
    with pytest.raises(FaninError, match="(?i)no space left|disk full"):
        main(
            [
                "-input",
                "in.txt",
                "-output",
                f"{small_disk}/out",
                "-q",
                *ONCE,
                "-mapper",
                "sed p",
                "-numReduceTasks",
                str(reducers),
            ]
        )
    assert list(small_disk.iterdir()) == []


# Command lines that are refused


LIB = "org.apache.hadoop.mapred.lib"
REFUSED = [
    (("-mapper", f"{LIB}.IdentityMapper"), "-mapper .*IdentityMapper: is Java's.*give -mapper cat"),
    (("-mapper", "cat", "-reducer", "aggregate"), "-reducer aggregate: is Java's"),
    (("-mapper", "cat", "-combiner", "com.example.Sum"), "-combiner com.example.Sum: is Java's"),
    (("-mapper", "cat", "-partitioner", "com.example.Mine"), "-partitioner com.example.Mine: is Java's"),
    (("-mapper", "cat", "-inputformat", "org.apache.hadoop.mapred.SequenceFileInputFormat"), "-inputformat .*: is Java's"),
    (("-mapper", "cat", "-inputformat", "com.example.TextInputFormat"), "-inputformat com.example.TextInputFormat: is Java's"),
    (("-mapper", "cat", "-inputformat", "NLineInputFormat"), "here there are .*org.apache.hadoop.mapred.lib.NLineInputFormat"),
    (("-mapper", "cat", "-inputformat", "org.apache.hadoop.mapred.lib.CombineTextInputFormat"), "CombineTextInputFormat: is Java's"),
    (("-mapper", "cat", "-D", "key.value.separator.in.input.line=é"), "must be one ASCII character"),
    (("-mapper", "cat", "-D", "dfs.blocksize=64x"), "dfs.blocksize=64x: not a size"),
    (("-mapper", "cat", "-outputformat", "org.apache.hadoop.mapred.SequenceFileOutputFormat"), "-outputformat .*: is Java's"),
    (("-mapper", "cat", "-D", "mapred.output.key.comparator.class=com.example.Mine"), "the comparator com.example.Mine: is Java's"),
    (("-mapper", "cat", "-D", "mapred.output.compress=true"), "parts are not compressed here"),
    (("-mapper", "cat", "-D", "stream.map.output=typedbytes"), "here there are text and keyonlytext"),
    (("-mapper", "cat", "-D", "stream.map.output=keyonlytext"), r"reducers.*\(null\)"),
    (("-mapper", "cat", "-D", "mapreduce.job.reduces=two"), "mapreduce.job.reduces=two: not a number"),
    (("-mapper", "cat", "-D", "mapreduce.job.reduces=-1"), "mapreduce.job.reduces=-1: not a number"),
    (("-mapper", "cat", "-cmdenv", "NAME"), "-cmdenv NAME: write -cmdenv NAME=VALUE"),
    (("-mapper", "cat", "-D", "x"), "-D x: write -D NAME=VALUE"),
    (("-mapper", " "), "no command"),
    (("-reducer", "cat"), "-mapper: none is given"),
    (("-mapper",), "-mapper: takes a value"),
    (("-mapper", "cat", "-input", "missing.txt"), "missing.txt: no such file or folder"),
    (("-mapper", "cat", "-files", "missing.py"), "missing.py: no such file"),
    (("-mapper", "cat", "-files", "in.txt,in.txt"), "another file is called 'in.txt'"),
    (("-mapper", "cat", "-files", "in.txt#../x"), "'../x' is no name for a file"),
    (("-mapper", "cat", "-archives", "in.txt"), "in.txt: cannot be unpacked"),
    (("-mapper", "cat", "-conf", "in.txt"), "-conf in.txt: is no XML: syntax error: line 1, column 0; correct it"),
    (("-mapper", "cat", "-conf", "none.xml"), "-conf none.xml: cannot be read: No such file or directory"),
    *((("-mapper", "cat", "-D", setting), f"-D {setting}: changes what is written, and is not understood here") for setting in (
        "textinputformat.record.delimiter=;", "mapreduce.map.failures.maxpercent=5", "stream.map.input=rawbytes",
        "mapreduce.job.output.group.comparator.class=x", "mapreduce.input.linerecordreader.line.maxlength=9",
        "mapreduce.input.pathFilter.class=x", "mapreduce.job.partitioner.class=x",
    )),
]  # fmt: skip


LONG = "a line is held in memory, and may take half of --memory: raise that"


@pytest.mark.parametrize(("size", "mapper", "told"), [
    (40_000_000, "cat", f"in.txt: the line at byte 4 is longer than 32000000 bytes; {LONG}"),
    (5_000_000, "cat", "a mapper has written a key of 5000000 bytes, and keys are sorted in memory: 4000000 are the most; raise --memory"),
    (1, "sh -c 'cat; echo; printf \"key\t\"; head -c 40000000 /dev/zero'", f"a mapper's output: the line at byte 7 is longer than 32000000 bytes; {LONG}"),
])  # fmt: skip
def test_a_line_too_large_for_the_memory_is_refused(here: Path, size: int, mapper: str, told: str) -> None:
    (here / "in.txt").write_bytes(b"a\t1\n" + b"x" * size)
    assert told in failing("--memory", "64MB", "-mapper", mapper, "-reducer", "cat")


def test_what_hadoop_leaves_out_of_a_variable_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    main(["-input", "in.txt", "-output", "out", "-mapper", "cat", "-cmdenv", "KEY=secret other words"])
    assert "-cmdenv KEY=...: Hadoop ends a value at a blank; left out behind it: 2 word(s)" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "why"), REFUSED)
def test_what_cannot_be_is_refused(arguments: tuple[str, ...], why: str) -> None:
    assert re.search(why, failing(*arguments, error=UsageError))


@pytest.mark.parametrize(
    "arguments", [("-libjars", "x.jar"), ("-io", "typedbytes"), ("-lazyOutput",), ("-inputreader", "x")]
)
def test_options_that_are_not_understood_are_refused(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run("-mapper", "cat", *arguments)
    assert (caught.value.code, arguments[0] in capsys.readouterr().err) == (2, True)


def test_an_output_that_exists_is_refused_or_replaced() -> None:
    run("-mapper", "cat")
    with pytest.raises(UsageError, match="out: already exists"):
        run("-mapper", "cat")
    assert run("--overwrite", "-mapper", "sed s/a/A/") == b"A\t1\nb\t2\nc\t3\n"


@pytest.mark.parametrize("missing", ["-input", "-output"])
def test_input_and_output_must_be_said(missing: str) -> None:
    said = {"-input": "in.txt", "-output": "out", "-mapper": "cat"}
    del said[missing]
    with pytest.raises(UsageError, match="give -input PATH and -output DIR"):
        main([word for pair in said.items() for word in pair])


def member(name: str, **more: object) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    for attribute, value in more.items():
        setattr(found, attribute, value)
    return found


@pytest.mark.parametrize("hostile", [
    member("../escaped"), member("/tmp/escaped"), member("a/../../escaped"), member("link", type=tarfile.SYMTYPE, linkname="../../../escaped"),
    member("link", type=tarfile.SYMTYPE, linkname="/etc/passwd"), member("link", type=tarfile.LNKTYPE, linkname="../../escaped"),
    member("device", type=tarfile.CHRTYPE),
], ids=lambda one: f"{one.name} {one.linkname}")  # fmt: skip
def test_nothing_of_a_hostile_archive_lands_outside(hostile: tarfile.TarInfo) -> None:
    with tarfile.open("hostile.tar.gz", "w:gz") as archive:
        archive.addfile(hostile)
    if hostile.name.startswith("/"):  # the leading / is taken off, as tar does
        assert (
            run("-archives", "hostile.tar.gz#a", "-mapper", "bash -c 'cat >/dev/null; find -L . -type f'")
            == b"./a/tmp/escaped\t\n"
        )
        assert not Path(hostile.name).exists()
    else:
        assert "hostile.tar.gz: cannot be unpacked" in failing(
            "-archives", "hostile.tar.gz", "-mapper", "cat", error=UsageError
        )


def test_names_of_a_hostile_zip_stay_inside() -> None:
    with zipfile.ZipFile("hostile.zip", "w") as archive:
        archive.writestr("../../escaped", b"x")
        archive.writestr("/escaped", b"x")
    assert (
        run("-archives", "hostile.zip#a", "-mapper", "bash -c 'cat >/dev/null; find -L . -type f'")
        == b"./a/escaped\t\n"
    )
