"""Flows that are killed at any moment: a rerun gives what an undisturbed run gives, and nothing is left, or seen, half made."""

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobs import audit
from jobs.errors import FaninError
from tests.flows.running import Here, until

pytestmark = pytest.mark.slow

MOMENTS = int(os.environ.get("FANIN_TEST_MOMENTS", "12"))
MARK = "FANIN_TEST_MARK"  # in the environment of all that a run starts

FLOW = """\
[steps.words]
run = "word_count"
inputs = ["in.txt"]
output = "out/words"
options = {threads = 1}
[steps.sorted]
command = ["sh", "-c", "sleep 0.2; sort -r {input}/part-00000 > {output}/half; sleep 0.2; cat {output}/half > {output}/sorted"]
inputs = [{step = "words"}]
output = "out/sorted"
[steps.top]
streaming = ["-mapper", "cat", "-reducer", "cat"]
inputs = [{step = "sorted"}]
output = "out/top"
options = {threads = 1}
"""
STEPS = ("words", "sorted", "top")


def contents(here: Here) -> dict[str, bytes]:
    """All that is published: path to bytes, without what tells of time."""
    return {
        str(file.relative_to(here.folder)): file.read_bytes()
        for file in sorted((here.folder / "out").rglob("*"))
        if file.is_file() and file.name != "_MANIFEST.json"
    }


def marked(mark: str) -> list[int]:
    """The processes that have `mark` in their environment, and live."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}\0".encode() in (process / "environ").read_bytes() + b"\0":
                found.append(int(process.name))
        except OSError:
            pass
    return found


def inode(here: Here, step: str) -> int | None:
    """What tells a step's output from one that was there before."""
    try:
        return (here.folder / "out" / step).stat().st_ino
    except FileNotFoundError:
        return None


@contextmanager
def reading(here: Here) -> Iterator[list[str]]:
    """Meanwhile outputs are read all the time; what was seen of them that should not be."""
    seen: list[str] = []
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            for step in STEPS:
                before = inode(here, step)
                if before is None:
                    continue
                try:
                    audit.verify(str(here.folder / "out" / step))
                except FaninError as error:
                    if inode(here, step) == before:  # else it was taken away, or replaced, meanwhile
                        seen.append(str(error))
            time.sleep(0.01)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield seen
    finally:
        over.set()
        reader.join()


@pytest.fixture
def expected(here: Here) -> dict[str, bytes]:
    """What an undisturbed run makes."""
    here.flow(FLOW)
    here.write("in.txt", "".join(f"{number % 97} {number % 13}\n" for number in range(5000)))
    assert here.run() == list(STEPS)
    found = contents(here)
    remove(here)
    return found


def remove(here: Here) -> None:
    for step in STEPS:
        for file in (here.folder / "out" / step).glob("*"):
            file.unlink()
        (here.folder / "out" / step).rmdir()
    assert here.names("out") == []


def interrupted(here: Here, number: int, seconds: float, mark: str) -> int:
    """A run that gets a signal after so many seconds; its exit code."""
    process = here.start(env={**os.environ, MARK: mark})
    try:
        time.sleep(seconds)
        process.send_signal(number)
    finally:
        process.communicate()
    return process.returncode


@pytest.mark.timeout(7200)
def test_killed_at_random_moments(here: Here, expected: dict[str, bytes]) -> None:
    chance = random.Random(9)
    begin = time.monotonic()
    here.run()
    whole = time.monotonic() - begin
    remove(here)
    with reading(here) as seen:
        for moment in range(MOMENTS):
            mark = f"{os.getpid()}-{moment}"
            interrupted(here, signal.SIGKILL, chance.uniform(0, whole), mark)
            if moment % 2:  # every other time without waiting for what has lost its flow
                until("the end of its processes", lambda mark=mark: not marked(mark))  # type: ignore[misc]
            again = here.fanin("run", "flow.toml", "-q", env={**os.environ, MARK: mark})
            assert again.code == 0, again.err
            assert contents(here) == expected
            until("the end of its processes", lambda mark=mark: not marked(mark))  # type: ignore[misc]
            assert here.names("out") == sorted(STEPS)
            remove_all(here)
    assert seen == []


def remove_all(here: Here) -> None:
    """As `remove`, with no reader in between seeing half of it."""
    for step in STEPS:
        (here.folder / "out" / step).rename(here.folder / "gone")
        for file in (here.folder / "gone").iterdir():
            file.unlink()
        (here.folder / "gone").rmdir()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_at_random_moments(here: Here, expected: dict[str, bytes], number: int) -> None:
    chance = random.Random(number)
    for moment in range(max(3, MOMENTS // 8)):
        mark = f"{os.getpid()}-{number}-{moment}"
        code = interrupted(here, number, chance.uniform(0.3, 3), mark)
        assert code in (128 + number, -number, 0)  # -number: before it could listen
        assert not marked(mark)  # it has waited for them
        assert [name for name in here.names("out") if name.startswith(".")] == []
        here.run()
        assert contents(here) == expected
        remove(here)


def test_a_replaced_output_is_never_seen_in_part(here: Here, expected: dict[str, bytes]) -> None:
    """Forced runs that are killed: a reader finds the old output, the new one, or for a moment none."""
    here.run()
    chance = random.Random(3)
    with reading(here) as seen:
        for moment in range(max(3, MOMENTS // 4)):
            mark = f"{os.getpid()}-forced-{moment}"
            process = here.start(
                "--force", "words", "--force", "sorted", "--force", "top", env={**os.environ, MARK: mark}
            )
            time.sleep(chance.uniform(0.5, 4))
            process.kill()
            process.communicate()
            until("the end of its processes", lambda mark=mark: not marked(mark))  # type: ignore[misc]
            here.run("--force", "words", "--force", "sorted", "--force", "top")
            assert contents(here) == expected
            assert here.names("out") == sorted(STEPS)
    assert seen == []


def test_an_intermediate_damaged_between_steps(here: Here, expected: dict[str, bytes]) -> None:
    """By one bit: told by name where it is read, and made again on request."""
    here.run("--until", "words")
    part = here.folder / "out/words/part-00000"
    data = bytearray(part.read_bytes())
    data[7] ^= 1
    part.write_bytes(data)
    assert "out/words/part-00000: damaged: its CRC32C is" in here.fails(1)
    assert here.names("out") == ["words"]
    assert here.run("--force", "words") == ["words", "sorted", "top"]
    assert contents(here) == expected

    sorted_ = here.folder / "out/sorted/sorted"
    sorted_.write_bytes(sorted_.read_bytes()[:-1])
    assert "sorted: out/sorted/sorted: has" in here.fails(1)
    assert here.run("--force", "sorted") == ["sorted"]
    assert contents(here) == expected


def test_a_step_that_is_killed_takes_its_program_along(here: Here) -> None:
    here.flow('[steps.one]\ncommand = ["sh", "-c", "sleep 300"]\noutput = "out/one"\n')
    mark = f"{os.getpid()}-step"
    process = here.start(env={**os.environ, MARK: mark})
    try:
        (folder,) = until("its folder", lambda: list(here.folder.glob("out/.one.attempt-*/_spill/command")))
        until("its program", lambda: len(marked(mark)) >= 3)
        child = int(folder.parents[1].name.split("-")[2])  # the tag has the id of the step's process
        os.kill(child, signal.SIGKILL)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "one failed, exit code -9" in err.decode()
    finally:
        process.kill()
        process.communicate()
    until("the end of its processes", lambda: not marked(mark), seconds=20)
