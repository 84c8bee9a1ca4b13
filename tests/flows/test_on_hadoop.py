"""Flows on the lab's cluster: outputs on HDFS, or some of them, and a driver that dies."""

import os
import random
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from jobs import audit
from tests import command, lab
from tests.engines.hadoop.conftest import Yarn, kill, own_lab, own_yarn
from tests.flows.running import Here, until
from tests.storage.places import Place

__all__ = ["own_lab", "own_yarn"]
pytestmark = [pytest.mark.hadoop, pytest.mark.slow]

KILLED = ("application", "NodeManager", "NameNode", "driver", "container")
MOMENTS = int(os.environ.get("FANIN_TEST_LAB_MOMENTS", "3"))

JOBS = Path(__file__).parents[1] / "engines" / "hadoop" / "jobs_under_test.py"
LINES = 60_000

FLOW = """\
[parameters]
there = "path"
source = "path"
[steps.slow]
run = "JOBS:Slow"
inputs = ["{source}"]
output = "{there}/slow"
options = {jobconf = ["mapreduce.job.name=MARK"]}
[steps.words]
run = "word_count"
inputs = [{step = "slow"}]
output = "{there}/words"
options = {jobconf = ["mapreduce.framework.name=local"]}
[steps.top]
run = "word_count"
inputs = [{step = "words"}]
output = "LAST"
options = {jobconf = ["mapreduce.framework.name=local"]}
"""


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Yarn:
    return of_this_process(lab.environment(), monkeypatch)


@pytest.fixture
def own_cluster(own_yarn: Yarn, monkeypatch: pytest.MonkeyPatch) -> Yarn:
    """One whose daemons may be killed."""
    return of_this_process(own_yarn.env, monkeypatch)


def of_this_process(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Yarn:
    for name, value in env.items():
        if os.environ.get(name) != value and name != "XDG_STATE_HOME":
            monkeypatch.setenv(name, value)
    return Yarn(dict(os.environ))


def flow(here: Here, yarn: Yarn, last: str) -> None:
    """The flow, and its input."""
    here.flow(FLOW.replace("JOBS", str(JOBS)).replace("MARK", yarn.mark).replace("LAST", last))
    yarn.place.write(f"{yarn.root}/in.txt", b"".join(b"%d\n" % number for number in range(LINES)))


def test_a_driver_killed_takes_its_application_along_and_a_rerun_finishes(here: Here, cluster: Yarn) -> None:
    """Its step on YARN is under way; all outputs on HDFS."""
    yarn = cluster
    flow(here, yarn, "{there}/top")
    said = ("--set", f"there={yarn.root}/out", "--set", f"source={yarn.root}/in.txt")
    process = here.start(*said, "-r", "hadoop")
    try:
        until("a mapper", lambda: yarn.tasks("map"))
    finally:
        process.kill()
        process.communicate()
    until("the end of the application", lambda: yarn.states() == {"KILLED"})
    until("the end of its tasks", lambda: not yarn.tasks("map"))
    until("the end of the attempt", lambda: yarn.place.names(f"{yarn.root}/out") == [])

    assert here.run(*said, "-r", "hadoop") == ["slow", "words", "top"]
    assert yarn.place.read(f"{yarn.root}/out/slow/part-00000") == b"".join(
        sorted(b"%d\t1\n" % number for number in range(LINES))
    )
    assert yarn.place.names(f"{yarn.root}/out") == ["slow", "top", "words"]
    assert here.run(*said, "-r", "hadoop") == []
    assert here.run(*said, "-r", "local") == []  # of which engine they are makes no difference


def end(what: str, yarn: Yarn, driver: int) -> None:
    """Ends a part of the cluster, or of what runs there, if there is one now; daemons start again."""
    if what == "driver":
        kill(driver)
    elif what == "container":
        for task in yarn.tasks("map")[:1] + yarn.tasks("reduce")[:1]:
            kill(task)
    elif what == "application":
        for app in yarn.applications():
            yarn.kill(app["id"])  # which may have ended meanwhile
    else:
        yarn.restart(what)


@pytest.mark.timeout(7200)
def test_killed_on_the_cluster_at_random_moments(here: Here, own_cluster: Yarn) -> None:
    """Reruns, disturbed too, end as an undisturbed run does; what can be seen before is whole; and nothing is left."""
    yarn, chance = own_cluster, random.Random(4)
    flow(here, yarn, "{there}/top")

    def said(folder: str) -> list[str]:
        return ["--set", f"there={yarn.root}/{folder}", "--set", f"source={yarn.root}/in.txt", "-r", "hadoop"]

    def contents(folder: str) -> list[bytes]:
        return [yarn.place.read(f"{yarn.root}/{folder}/{step}/part-00000") for step in ("slow", "words", "top")]

    begin = time.monotonic()
    assert here.run(*said("expected")) == ["slow", "words", "top"]
    whole = time.monotonic() - begin
    expected = contents("expected")
    runs = count()
    folder = f"out{next(runs)}"
    for moment in range(MOMENTS):
        what = KILLED[moment % len(KILLED)]
        process = here.start(*said(folder))
        try:
            time.sleep(chance.uniform(0.1, 0.6) * whole)
            end(what, yarn, process.pid)
            _, told = process.communicate(timeout=280)
        finally:
            process.kill()
        print(f"{what}: {process.returncode}, {told.decode(errors='replace').strip().splitlines()[-1:]}")
        until("the end of the applications", lambda: yarn.states() <= {"FINISHED", "FAILED", "KILLED"}, seconds=280)
        until("the end of its tasks", lambda: not yarn.tasks("map") + yarn.tasks("reduce"))
        begun = folder in yarn.place.names(yarn.root)
        seen = [step for step in (yarn.place.names(f"{yarn.root}/{folder}") if begun else []) if step[0] not in "._"]
        assert all(audit.verify(f"{yarn.root}/{folder}/{step}") for step in seen)
        if len(seen) == 3 or moment == MOMENTS - 1:  # else the rerun is what is disturbed next
            again = here.fanin("run", "flow.toml", "-q", *said(folder))
            assert again.code == 0, (what, again.err)
            assert contents(folder) == expected
            assert yarn.place.names(f"{yarn.root}/{folder}") == ["slow", "top", "words"]
            folder = f"out{next(runs)}"


def test_local_inputs_and_results_with_intermediates_on_hdfs(
    here: Here, make_place: Callable[[str], Place], cluster: Yarn
) -> None:
    del cluster
    place = make_place("hdfs")
    here.flow("""\
[parameters]
there = "path"
[steps.words]
run = "word_count"
inputs = ["in.txt"]
output = "{there}/words"
options = {runner = "local", keep-partials = true}
[steps.sorted]
bucket = [{step = "words"}]
output = "{there}/sorted"
options = {on = "word", buckets = 2}
[steps.joined]
join = [{step = "sorted"}, {step = "words"}]
output = "{there}/joined"
options = {on = "word", runner = "hadoop", jobconf = ["mapreduce.framework.name=local"]}
[steps.copied]
streaming = ["-mapper", "cat", "-reducer", "NONE"]
inputs = [{step = "joined"}]
output = "out/copied"
[steps.total]
reduce = [{step = "words"}, "{there}/old"]
output = "out/total"
""")
    here.write("in.txt", "b a b\n")
    command.run("run", "word_count", "in.txt", "-o", f"{place.root}/old", "--keep-partials").ok()
    said = ("--set", f"there={place.root}")
    assert sorted(here.run(*said)) == ["copied", "joined", "sorted", "total", "words"]
    assert here.read("out/total/part-00000") == "a\t2\nb\t4\n"
    lines = [
        line
        for name in here.names("out/copied")
        if name.startswith("part")
        for line in here.read(f"out/copied/{name}").splitlines()
    ]
    assert sorted(line.rstrip("\t") for line in lines) == ["a\t1\t1", "b\t2\t2"]
    assert place.names(place.root) == ["joined", "old", "sorted", "words"]
    assert here.run(*said) == []
    here.write("in.txt", "b a b  \n")  # the same words
    assert here.run(*said) == ["words"]
