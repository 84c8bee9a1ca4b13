"""What dies, hangs or is missing on a cluster: the job ends right or fails clean, and leaves nothing that runs."""

import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.engines.hadoop.conftest import JOBS, Yarn, kill
from tests.waiting import until

pytestmark = [pytest.mark.hadoop, pytest.mark.slow]

LINES = 400_000
EXPECTED = b"".join(sorted(b"%d\t1\n" % number for number in range(LINES)))


def slow(yarn: Yarn) -> list[str]:
    """A job of two mappers that take about ten seconds each."""
    yarn.place.write(f"{yarn.root}/in/numbers.txt", b"".join(b"%d\n" % number for number in range(LINES)))
    return [f"{JOBS}:Slow", f"{yarn.root}/in", "-o", f"{yarn.root}/out", *yarn.name()]


@pytest.fixture
def going(yarn: Yarn) -> Iterator["subprocess.Popen[bytes]"]:
    """The slow job, with a mapper at work."""
    process = yarn.start(*slow(yarn))
    try:
        until("a mapper", lambda: yarn.tasks("map"))
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_mapper_killed_is_run_again(yarn: Yarn, going: "subprocess.Popen[bytes]") -> None:
    kill(yarn.tasks("map")[0])
    _, told = going.communicate(timeout=200)
    assert going.returncode == 0, told.decode()
    assert b"an attempt failed; Hadoop tries again" in told
    assert yarn.place.read(f"{yarn.root}/out/part-00000") == EXPECTED
    assert yarn.place.names(yarn.root) == ["in", "out"]


def test_a_driver_stopped_takes_its_application_along(yarn: Yarn, going: "subprocess.Popen[bytes]") -> None:
    """By SIGTERM; below by SIGINT."""
    going.terminate()
    _, told = going.communicate(timeout=60)
    assert going.returncode == 143
    assert told == b"fanin: interrupted; nothing was published\n"
    assert yarn.states() == {"KILLED"}
    assert yarn.place.names(yarn.root) == ["in"]
    until("the end of the mappers", lambda: not yarn.tasks("map"))


def test_a_driver_killed_takes_its_application_along(yarn: Yarn, going: "subprocess.Popen[bytes]") -> None:
    going.kill()
    going.wait()
    until("the end of the application", lambda: yarn.states() == {"KILLED"})
    until("the end of the mappers", lambda: not yarn.tasks("map"))
    assert "out" not in yarn.place.names(yarn.root)
    yarn.place.write(f"{yarn.root}/small.txt", b"a\n")
    yarn.run("word_count", f"{yarn.root}/small.txt", "-o", f"{yarn.root}/out").ok()
    assert yarn.place.names(yarn.root) == ["in", "out", "small.txt"]


def submitting(yarn: Yarn) -> bool:
    """Whether Hadoop's client runs, on its way to submit our job."""
    return subprocess.run(["pgrep", "-f", f"/java .*{yarn.mark}"], stdout=subprocess.DEVNULL).returncode == 0


def test_a_driver_stopped_before_it_has_submitted(yarn: Yarn) -> None:
    process = yarn.start(*slow(yarn))
    until("the client's JVM", lambda: submitting(yarn))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    time.sleep(3)
    assert yarn.states() <= {"KILLED"}
    assert yarn.place.names(yarn.root) == ["in"]


def test_an_application_killed_by_another_is_told(yarn: Yarn, going: "subprocess.Popen[bytes]") -> None:
    (name,) = [app["id"] for app in yarn.applications()]
    yarn.kill(name).ok()
    _, told = going.communicate(timeout=60)
    assert going.returncode == 1
    assert f"{name} KILLED: " in told.decode()
    assert yarn.place.names(yarn.root) == ["in"]


def test_a_task_that_hangs_is_told(yarn: Yarn, going: "subprocess.Popen[bytes]") -> None:
    assert going.stderr
    stopped: set[int] = set()
    start = time.monotonic()
    while not select.select([going.stderr], [], [], 0.2)[0]:  # Hadoop starts a second attempt of a slow task
        for process in set(yarn.tasks("map")) - stopped:
            os.kill(process, signal.SIGSTOP)
            stopped.add(process)
    assert time.monotonic() - start < 40  # 30 of silence, and what came before
    state = r"map \d+ %, reduce 0 %; 1 NodeManager up; application_\w+ is RUNNING in queue root.default"
    assert re.match(rf"fanin: no progress for 2\d s: {state}", going.stderr.readline().decode())
    for process in stopped:
        os.kill(process, signal.SIGCONT)
    going.communicate(timeout=200)
    assert going.returncode == 0
    assert yarn.place.read(f"{yarn.root}/out/part-00000") == EXPECTED


def test_no_such_queue(yarn: Yarn) -> None:
    yarn.place.write(f"{yarn.root}/in.txt", b"a\n")
    start = time.monotonic()
    failed = yarn.run("word_count", f"{yarn.root}/in.txt", "-D", "mapreduce.job.queuename=nosuch")
    assert failed.code == 1
    assert "unknown queue: nosuch" in failed.err
    assert time.monotonic() - start < 30


def test_a_task_too_large_for_its_container_is_killed_and_said(yarn: Yarn) -> None:
    yarn.place.write(f"{yarn.root}/in.txt", b"".join(b"%d\n" % number for number in range(8_000_000)))
    greedy = [
        "--cmdenv",
        "FANIN_MEMORY=6000000000",
        "-D",
        "mapreduce.map.maxattempts=1",
        "-D",
        "mapreduce.job.maps=1",
    ]
    failed = yarn.run("word_count", f"{yarn.root}/in.txt", "-o", f"{yarn.root}/out", *greedy)
    assert failed.code == 1
    assert "PHYSICAL" in failed.err
    assert yarn.place.names(yarn.root) == ["in.txt"]


def test_five_million_words_in_a_small_container(yarn: Yarn) -> None:
    yarn.place.write(f"{yarn.root}/in.txt", b"".join(b"%d\n" % number for number in range(5_000_000)))
    yarn.run("word_count", f"{yarn.root}/in.txt", "-o", f"{yarn.root}/out", "-D", "mapreduce.job.maps=1").ok()
    expected = b"".join(sorted(b"%d\t1\n" % number for number in range(5_000_000)))
    assert yarn.place.read(f"{yarn.root}/out/part-00000") == expected


def test_a_node_manager_killed_and_restarted(own_yarn: Yarn) -> None:
    yarn = own_yarn
    process = yarn.start(*slow(yarn))
    until("a mapper", lambda: yarn.tasks("map"))
    yarn.restart("NodeManager")
    _, told = process.communicate(timeout=240)
    left = {"in", "out"} if process.returncode == 0 else {"in"}
    assert set(yarn.place.names(yarn.root)) == left, told.decode()
    if process.returncode == 0:
        assert yarn.place.read(f"{yarn.root}/out/part-00000") == EXPECTED
    assert yarn.states() <= {"FINISHED", "FAILED", "KILLED"}
    until("the end of the mappers", lambda: not yarn.tasks("map"))


def test_no_node_manager_and_no_resource_manager(own_yarn: Yarn) -> None:
    yarn = own_yarn
    yarn.place.write(f"{yarn.root}/in.txt", b"a\n")
    kill(yarn.daemon("NodeManager"))
    until("the ResourceManager to notice", lambda: not yarn.ask("metrics")["clusterMetrics"]["activeNodes"])
    for words in ("no NodeManager is up", "no ResourceManager is up"):
        start = time.monotonic()
        failed = yarn.run("word_count", f"{yarn.root}/in.txt", "-o", f"{yarn.root}/out")
        assert time.monotonic() - start < 30
        assert failed.code == 1
        assert words in failed.err
        assert yarn.place.names(yarn.root) == ["in.txt"]
        if "Node" in words:
            kill(yarn.daemon("ResourceManager"))
