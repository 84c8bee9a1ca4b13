"""Flows run: what begins when, what is told, what fails, and two runs at once."""

import json
import os
import shlex
import shutil
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from jobs.flows import state
from jobs.flows.file import load
from jobs.flows.folds import Folds
from jobs.flows.graph import Node
from jobs.flows.journal import place
from jobs.flows.state import States
from jobs.storage.inputs import resolve
from tests import command
from tests.flows.running import Here, until
from tests.storage.places import Place

WAITS = "while ls gate 2>&- | grep -qx {0}; do sleep 0.05; done; echo {0} > {{output}}/x"


def waiting(name: str, inputs: str = "[]", more: str = "") -> str:
    """A step that waits while there is a file gate/NAME."""
    return f"""
[steps.{name}]
command = ["sh", "-c", "{WAITS.format(name)}"]
inputs = {inputs}
output = "out/{name}"
{more}
"""


@pytest.mark.slow
def test_one_feeds_several_and_several_feed_one_side_by_side(here: Here) -> None:
    here.flow(
        waiting("source")
        + waiting("left", '[{step = "source"}]')
        + waiting("right", '[{step = "source"}]')
        + waiting("more", '[{step = "source"}]')
        + waiting("last", '[{step = "left"}, {step = "right"}, {step = "more"}]')
    )
    for name in ("left", "right", "more"):
        here.write(f"gate/{name}", "")
    process = here.start("--events", "events", "--jobs", "2")

    def told() -> list[tuple[str, str]]:
        return [(one["event"], one["step"]) for one in here.events()]

    try:
        until("two at once", lambda: len(told()) >= 4)
        assert told()[:2] == [("started", "source"), ("done", "source")]
        assert sorted(told()[2:]) == [("started", "left"), ("started", "right")]
        (here.folder / "gate/right").unlink()
        until("the third", lambda: len(told()) >= 6)
        assert told()[4:] == [("done", "right"), ("started", "more")]
        (here.folder / "gate/more").unlink()
        until("its end", lambda: len(told()) >= 7)
        (here.folder / "gate/left").unlink()
        _, err = process.communicate(timeout=120)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, err.decode()
    assert told()[6:] == [("done", "more"), ("done", "left"), ("started", "last"), ("done", "last")]
    assert err.decode().endswith("fanin: flow: done; 5 of 5 steps were run\n")
    one = here.events()[-1]
    assert one.keys() == {"time", "flow", "event", "step", "output"}
    assert (one["flow"], one["output"]) == ("flow", "out/last")


FAILING = """\
[steps.bad]
command = ["sh", "-c", "echo so it is >&2; exit 3"]
output = "out/bad"
[steps.behind]
command = ["sh", "-c", "touch {output}/x"]
inputs = [{step = "bad"}]
output = "out/behind"
[steps.beside]
command = ["sh", "-c", "sleep 1; touch {output}/x"]
output = "out/beside"
[steps.later]
command = ["sh", "-c", "touch {output}/x"]
inputs = [{step = "beside"}]
output = "out/later"
"""


def test_a_step_that_fails(here: Here) -> None:
    """Those beside it end; no other begins. The message has its words and its command."""
    here.flow(FAILING)
    err = here.fails(1, "--events", "events")
    assert (
        "fanin: bad failed, exit code 1:\n  so it is\n  fanin: sh: exit code 3\n  its command: fanin command out/bad"
        in err
    )
    told = [(one["event"], one["step"]) for one in here.events()]
    assert sorted(told) == [("done", "beside"), ("failed", "bad"), ("started", "bad"), ("started", "beside")]
    assert here.names("out") == ["beside"]
    shown = here.fanin("show", "flow.toml").ok().out.decode().splitlines()
    states = {line.split()[0]: " ".join(line.split()[1:-1]) for line in shown[1:] if line[2] != " "}
    assert shown[0] == "flow"
    assert states == {
        "bad": "failed",
        "behind": "to do out/behind <-",
        "beside": "done",
        "later": "to do out/later <-",
    }
    assert any("bad failed, exit code 1:" in line for line in shown)
    here.flow(FAILING.replace("exit 3", "touch {output}/x"))
    assert sorted(here.run()) == ["bad", "behind", "later"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["no-such-program"], "no-such-program: cannot be started: there is no such program"),
        (["sh", "-c", "kill -9 $$"], "sh: killed by signal 9"),
        (["sh", "-c", "mkdir {output}/x"], "the command has written 'x'; only plain files that are not hidden are published"),
        (["sh", "-c", "touch {output}/.x"], "the command has written '.x'"),
        (["sh", "-c", "touch {output}/_x"], "the command has written '_x'"),
        (["sh", "-c", "ln -s /etc/passwd {output}/x"], "the command has written 'x'"),
        (["cat", "{input}"], "'{input}': there are 2 inputs; a word {inputs} stands for all of them"),
    ],
)  # fmt: skip
def test_commands_that_publish_nothing(here: Here, words: list[str], told: str) -> None:
    from jobs.errors import FaninError
    from jobs.flows.command import main

    here.write("a", "1\n")
    with pytest.raises(FaninError) as error:
        main(["out/c", "2", "a", "a", *words])
    assert told in str(error.value)
    assert here.names("out") == []


def test_the_last_word_of_a_command_is_its_own(here: Here) -> None:
    """It replaces no output because a program of its has an option of that name."""
    here.flow("""\
[steps.a]
command = ["sh", "-c", "echo $1 > {output}/x", "sh", "--overwrite"]
output = "out/a"
""")
    for again in ([], ["--force", "a"]):
        assert here.run(*again) == ["a"]
        assert here.read("out/a/x") == "--overwrite\n"


def test_a_command(here: Here) -> None:
    from jobs.flows.command import main

    for name in ("a", "b {output}", "c.txt"):
        here.write(f"in/{name}", f"{name}\n")
    main(
        [
            "out/c",
            "2",
            "in/a",
            "in/b {output}",
            "sh",
            "-c",
            'cat "$@" > {output}/all.txt; printf x > "{output}/é x"',
            "sh",
            "{inputs}",
        ]
    )
    assert here.names("out/c") == ["_MANIFEST.json", "_SUCCESS", "all.txt", "é x"]
    assert here.read("out/c/all.txt") == "a\nb {output}\n"
    (manifest,) = resolve(["out/c"]).manifests.values()
    assert [(file.name, file.size, file.records) for file in manifest.files] == [("all.txt", 13, 2), ("é x", 1, 0)]
    assert [Path(one.path).name for one in manifest.inputs] == ["a", "b {output}"]
    assert manifest.counters == {"read": 13, "records": 2}
    main(["out/d", "1", "in/c.*", "sh", "-c", "cat {input} > {output}/x"])
    assert here.read("out/d/x") == "c.txt\n"
    main(["out/e", "1", "in/b {output}", "cp", "{input}", "{output}/x"])
    assert here.read("out/e/x") == "b {output}\n"


def test_what_a_command_leaves_running_is_ended(here: Here) -> None:
    from jobs.flows.command import main

    main(["out/c", "0", "sh", "-c", "echo $$ > {output}/pid; sleep 300 & echo $! > {output}/child"])
    child = here.read("out/c/child").strip()
    until("its end", lambda: not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text())


def test_a_damaged_input_is_told_before_the_command_runs(here: Here) -> None:
    from jobs.errors import FaninError
    from jobs.flows.command import main

    main(["out/c", "0", "sh", "-c", "echo 1 > {output}/x"])
    here.write("out/c/x", "2\n")
    with pytest.raises(FaninError, match="out/c/x: damaged: its CRC32C"):
        main(["out/d", "1", "out/c", "sh", "-c", "touch {output}/x; touch ran"])
    assert here.names() == ["out"]


SHARDS = """\
[parameters]
date = "date"
[steps.day]
command = ["sh", "-c", "cat {input} > {output}/x"]
inputs = ["in/{day}/{kind}.txt"]
output = "out/day/{day}-{kind}"
foreach = {day = ["{date-2..date}"], kind = ["a", "b"]}
[steps.again]
command = ["sh", "-c", "cat {input}/x > {output}/x"]
inputs = [{step = "day"}]
output = "out/again/{day}-{kind}"
foreach = {day = ["{date-2..date}"], kind = ["a", "b"]}
[steps.kinds]
command = ["sh", "-c", 'for one in "$@"; do cat "$one/x"; done > {output}/x', "sh", "{inputs}"]
inputs = [{step = "again"}]
output = "out/kinds/{kind}"
foreach = {kind = ["a", "b"]}
[steps.all]
command = ["sh", "-c", 'for one in "$@"; do cat "$one/x"; done > {output}/x', "sh", "{inputs}"]
inputs = [{step = "kinds"}]
output = "out/all"
"""


def shards(here: Here) -> None:
    here.flow(SHARDS)
    for day in ("27", "28"):
        for kind in "ab":
            here.write(f"in/2026-02-{day}/{kind}.txt", f"{day}{kind}\n")
    for kind in "ab":
        here.write(f"in/2026-03-01/{kind}.txt", f"01{kind}\n")


def test_shards_are_wired_to_those_of_the_same_values(here: Here) -> None:
    shards(here)
    nodes = load("flow.toml").graph({"date": "2026-03-01"}).nodes
    days = ["2026-02-27", "2026-02-28", "2026-03-01"]
    assert [name for name in nodes if name.startswith("day")] == [
        f"day[{day},{kind}]" for day in days for kind in "ab"
    ]
    for day in days:
        assert nodes[f"again[{day},a]"].nodes == [nodes[f"day[{day},a]"]]
    assert nodes["kinds[b]"].nodes == [nodes[f"again[{day},b]"] for day in days]
    assert nodes["all"].nodes == [nodes["kinds[a]"], nodes["kinds[b]"]]


@pytest.mark.slow
def test_shards_run(here: Here) -> None:
    shards(here)
    said = ("--set", "date=2026-03-01", "--jobs", "4")
    assert len(here.run(*said, "--until", "kinds[b]")) == 7
    assert here.names("out/kinds") == ["b"]
    assert len(here.run(*said)) == 15 - 7
    assert here.read("out/all/x") == "27a\n28a\n01a\n27b\n28b\n01b\n"
    here.write("in/2026-02-28/a.txt", "other\n")
    assert here.run(*said) == ["day[2026-02-28,a]", "again[2026-02-28,a]", "kinds[a]", "all"]
    assert here.read("out/all/x") == "27a\nother\n01a\n27b\n28b\n01b\n"
    assert sorted(here.run(*said, "--force", "kinds")) == ["kinds[a]", "kinds[b]"]
    assert here.run(*said) == []
    for kind in "ab":
        here.write(f"in/2026-03-02/{kind}.txt", f"02{kind}\n")
    ran = here.run("--set", "date=2026-03-02", "--jobs", "4")  # two of its days are done
    assert sorted(ran) == sorted([
        "day[2026-03-02,a]", "day[2026-03-02,b]", "again[2026-03-02,a]", "again[2026-03-02,b]", "kinds[a]", "kinds[b]", "all",
    ])  # fmt: skip


@pytest.mark.slow
def test_shards_that_come_later_leave_the_others_as_they_are(here: Here) -> None:
    """One of the same name in another folder gives them longer names."""
    here.flow("""\
[steps.copy]
command = ["cp", "{input}", "{output}/x"]
inputs = ["{file}"]
output = "out/{file}"
foreach = {file = "in/*/*"}
""")
    here.write("in/1/a", "1\n")
    assert here.run() == ["copy[a]"]
    here.write("in/2/a", "2\n")
    assert here.run() == ["copy[in/2/a]"]


@pytest.mark.slow
def test_dry_run_and_until(here: Here) -> None:
    here.flow(FAILING)
    told = here.fanin("run", "flow.toml", "--dry-run", "--until", "later").ok().out.decode()
    assert told.splitlines()[0::2] == ["beside: its output is not there", "later: its output is not there"]
    assert told.splitlines()[1] == "  fanin command out/beside 0 sh -c 'sleep 1; touch {output}/x'"
    assert here.names() == ["flow.toml"]
    assert "no step 'latr'; there are: bad, beside" in here.fails(2, "--until", "latr")
    assert "no step 'latr'" in here.fails(2, "--force", "latr")
    assert "--jobs: 0 is too small" in here.fails(2, "--jobs", "0")
    assert "--set x: write --set NAME=VALUE" in here.fails(2, "--set", "x")
    assert "the flow has no such parameter; it has: none" in here.fails(2, "--set", "x=1")
    assert "--events none/e: cannot be written: No such file" in here.fails(2, "--events", "none/e")


def test_a_dry_run_says_what_a_run_runs(here: Here) -> None:
    """Also of a deletion, and where an output is replaced."""
    here.write("in/a", "1\n")
    here.flow("""\
[steps.kept]
command = ["cp", "{input}", "{output}/x"]
inputs = ["in/*"]
output = "out/kept"
[steps.gone]
delete = ["in/*"]
after = ["kept"]
output = "out/gone"
""")
    for again in ((), ("--force", "gone")):
        told = here.fanin("run", "flow.toml", "--dry-run", *again).ok().out.decode().splitlines()[1::2]
        here.run(*again)
        ran = [shlex.join(event["command"]) for event in here.events() if event["event"] == "started"]
        assert told == [f"  fanin {command}" for command in ran]
    assert ran == ["delete --overwrite out/gone 1 out/kept 'in/*'"]
    nothing = here.fanin("run", "flow.toml", "--dry-run").ok()
    assert (nothing.out, nothing.err) == (b"", "fanin: flow: nothing is to be run\n")


@pytest.mark.parametrize("engine", ["hadoop", "emr"])
def test_an_output_where_the_engine_does_not_write_is_refused_before_anything_runs(here: Here, engine: str) -> None:
    """Hadoop would have it in the user's home on HDFS, and the next step would look for it here."""
    here.write("in.txt", "a\n")
    here.flow("""\
[steps.copied]
command = ["cp", "{input}", "{output}/x"]
inputs = ["in.txt"]
output = "out/copied"
[steps.words]
run = "word_count"
inputs = [{step = "copied"}]
output = "out/words"
""")
    refused = f"flow.toml:8: step words: out/words: -r {engine} does not write here; name a place on "
    assert refused in here.fails(2, "-r", engine)
    assert refused in here.fails(2, "-r", engine, "--dry-run")
    here.flow(here.read("flow.toml") + f'options = {{runner = "{engine}"}}\n')
    assert refused in here.fails(2)
    assert here.names() == ["flow.toml", "in.txt"]


def test_events_on_standard_output(here: Here) -> None:
    here.flow(waiting("one"))
    result = here.fanin("run", "flow.toml", "--events", "-", "-q").ok()
    assert [json.loads(line)["event"] for line in result.out.splitlines()] == ["started", "done"]
    assert result.err == ""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted(here: Here, number: int, code: int) -> None:
    here.flow(waiting("one"))
    here.write("gate/one", "")
    process = here.start()
    until("the program", lambda: here.folder.glob("out/.one.attempt-*/_spill/command"))
    until("its folder", lambda: list(here.folder.glob("out/.one.attempt-*/_spill/command")))
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (code, b"fanin: interrupted; nothing was published\n")
    assert here.names("out") == []


@pytest.mark.slow
def test_a_second_run_is_told_of_the_first(here: Here) -> None:
    """Of whatever part of the flow it is; with other parameters it is another."""
    here.flow(
        '[parameters]\np = {default = "x"}\n'
        + waiting("one").replace("out/one", "out/{p}/one")
        + waiting("two", '[{step = "one"}]').replace("out/two", "out/{p}/two")
    )
    here.write("gate/one", "")
    process = here.start()
    try:
        until("the first", lambda: list(here.folder.glob("out/x/.one.attempt-*")))
        busy = f"fanin: flow: another run of this flow is under way, process {process.pid}; wait for it\n"
        assert here.fails(1) == busy
        assert here.fails(1, "--until", "two") == busy
        assert here.fanin("clean", "flow.toml").err == busy
        assert here.fanin("show", "flow.toml").ok().out.decode().splitlines()[1].split() == [
            "one",
            "running",
            "out/x/one",
        ]
        assert here.fails(1) == busy
        here.flow(here.read("flow.toml").replace("-qx one;", "-qx none;"))
        assert here.run("--set", "p=y") == ["one", "two"]
        (here.folder / "gate/one").unlink()
        process.communicate(timeout=60)
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()


def test_the_lock_is_of_the_outputs(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'name = "{0}"\n[parameters]\nout = "path"\nn = {{default = "1"}}\n' + SHARDS.partition("\n")[2].replace(
        '"date"', '{{type = "date", default = "2026-03-01"}}', 1
    ).replace("{", "{{").replace("}", "}}").replace("{{{{", "{{").replace("}}}}", "}}").replace(
        "out/all", "{{out}}/all"
    )
    here.flow(text.format("v1.2"))
    shards_of = load("flow.toml").graph({"out": "x"})
    assert place(shards_of, ".lock").name.startswith("v1.2-")
    same = [{"out": "./x"}, {"out": str(here.folder / "x")}, {"out": "x", "n": "2"}]
    assert {place(load("flow.toml").graph(said), ".lock") for said in same} == {place(shards_of, ".lock")}
    others = [{"out": "y"}, {"out": "x", "date": "2026-03-02"}]
    assert place(shards_of, ".lock") not in {place(load("flow.toml").graph(said), ".lock") for said in others}
    here.flow(text.format("v1.3"))
    assert place(load("flow.toml").graph({"out": "x"}), ".lock") != place(shards_of, ".lock")
    monkeypatch.chdir("/")
    assert place(load(str(here.folder / "flow.toml")).graph({"out": "x"}), ".lock") != place(shards_of, ".lock")


@pytest.mark.slow
def test_two_runs_that_do_not_see_each_other(here: Here, tmp_path: Path) -> None:
    """With the lock out of the way: who publishes first has made it, the other goes on with that."""
    here.flow(
        """\
[steps.one]
command = ["sh", "-c", "echo $RUN > {output}/x; sleep $RUN; echo $RUN > {output}/y"]
output = "out/one"
[steps.two]
command = ["sh", "-c", "cat {input}/x {input}/y > {output}/z"]
inputs = [{step = "one"}]
output = "out/two"
"""
    )
    runs = [
        here.start(env={**os.environ, "RUN": seconds, "XDG_STATE_HOME": str(tmp_path / seconds)})
        for seconds in ("1", "4")
    ]
    told = [run.communicate(timeout=120)[1].decode() for run in runs]
    assert [run.returncode for run in runs] == [0, 0], told
    made = {here.read("out/one/x"), here.read("out/one/y")}
    assert len(made) == 1
    assert here.read("out/two/z") == made.pop() * 2
    assert here.names("out") == ["one", "two"]
    assert here.run() == []


CHANGING = waiting("one", '["in.txt"]') + waiting("two", '[{step = "one"}]') + waiting("three", '[{step = "two"}]')


@pytest.mark.parametrize(
    ("held", "path", "told"),
    [
        ("one", "in.txt", "two: needs out/one, and that is stale: in.txt changed"),
        ("two", "out/two/x", "two: out/two: exists, and is no output of fanin"),
        ("two", "out/one/x", "three: needs out/two, and that is stale: one is damaged"),
    ],
)
def test_what_changes_while_steps_run_is_not_built_upon(here: Here, held: str, path: str, told: str) -> None:
    here.flow(CHANGING)
    here.write("in.txt", "1\n")
    here.write(f"gate/{held}", "")
    process = here.start()
    try:
        until("its program", lambda: list(here.folder.glob(f"out/.{held}.attempt-*/_spill/command")))
        here.write(path, "another\n")
        (here.folder / "gate" / held).unlink()
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 1
    assert told in err.decode()
    assert "three" not in here.names("out")


@pytest.mark.parametrize("count", [3, 30])
def test_the_start_of_a_step_looks_at_what_it_needs_alone(
    here: Here, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """However many others there are, and stand before what it needs."""
    here.flow("""\
[steps.shard]
command = ["true"]
inputs = ["in/{n}"]
output = "out/shard/{n}"
foreach = {n = [NUMBERS]}
[steps.all]
command = ["true"]
inputs = [{step = "shard"}]
output = "out/all"
[steps.again]
command = ["true"]
inputs = [{step = "shard"}]
after = ["all"]
output = "out/again/{n}"
foreach = {n = [NUMBERS]}
""".replace("NUMBERS", ", ".join(f'"{number}"' for number in range(count))))  # fmt: skip
    for number in range(count):
        here.write(f"in/{number}", "")
    graph = load("flow.toml").graph({})
    states = States(graph, "")
    states.all()
    looks: list[str] = []

    def noted(look: Callable[[Node], object], node: Node) -> object:
        looks.append(node.name)
        return look(node)

    for name in ("_manifest", "_lies"):
        monkeypatch.setattr(state, name, partial(noted, getattr(state, name)))
    states.again(graph.nodes["shard[2]"], False)
    states.made(graph.nodes["shard[2]"])
    states.again(graph.nodes["again[2]"], False)
    assert set(looks) == {"shard[2]", "all", "again[2]"}
    assert len(looks) < 12


def test_what_is_said_while_several_steps_begin_is_heard(here: Here) -> None:
    """Parsing their options takes what is printed then."""
    here.write(
        "slow.py",
        "import time\nfrom jobs import AggregateJob, Count\nclass Slow(AggregateJob):\n"
        "    rows = 'SELECT line FROM lines'\n    group_by = ['line']\n    measures = {'n': Count()}\n"
        "    def load_args(self, args):\n        super().load_args(args)\n        time.sleep(self.options.late)\n"
        "    def configure_args(self):\n        super().configure_args()\n"
        "        self.add_passthru_arg('--late', type=float)\n",
    )
    here.write("in.txt", "a\n")
    here.flow("".join(f"""\
[steps.{name}]
run = "slow.py:Slow"
inputs = ["in.txt"]
output = "out/{name}"
options = {{late = {late}}}
""" for name, late in (("one", 0.2), ("two", 0.4))))  # fmt: skip
    assert here.fanin("run", "flow.toml").ok().err.endswith("fanin: flow: done; 2 of 2 steps were run\n")


def test_a_step_of_very_many_inputs(here: Here) -> None:
    """More than the environment of a process may hold."""
    here.flow("""\
[steps.all]
command = ["sh", "-c", "echo $# > {output}/x", "sh", "{inputs}"]
inputs = ["INPUTS"]
output = "out/all"
""".replace('"INPUTS"', ", ".join(f'"in/{"long" * 20}{number}"' for number in range(1500))))  # fmt: skip
    for number in range(1500):
        here.write(f"in/{'long' * 20}{number}", "")
    assert here.run() == ["all"]
    assert here.read("out/all/x") == "1500\n"
    assert here.run() == []


@pytest.mark.slow
def test_globs_of_earlier_outputs_are_merged(here: Here) -> None:
    here.write("in.txt", "a b a\n")
    for number in range(3):
        command.run("run", "word_count", "in.txt", "-o", f"old/{number}/count", "--keep-partials").ok()
    here.flow("""\
[steps.merged]
merge = ["old/*/count"]
output = "out/merged"
[steps.reduced]
reduce = ["old/*/count"]
output = "out/reduced"
fan = 2
""")
    here.run()
    assert here.read("out/merged/part-00000") == here.read("out/reduced/part-00000") == "a\t6\nb\t3\n"
    nodes = load("flow.toml").graph({}).nodes
    assert Folds(nodes["reduced"], 2).last() == [f"old/{number}/count" for number in range(3)]
    shutil.rmtree("old/2")
    assert here.standing() == {"merged": "stale: old/*/count changed", "reduced": "stale: old/*/count changed"}


MIXED = """\
[parameters]
there = "path"
[steps.words]
run = "word_count"
inputs = ["in.txt"]
output = "{there}/words"
options = {keep-partials = true}
[steps.again]
merge = [{step = "words"}, "before"]
output = "out/again"
[steps.sorted]
bucket = [{step = "words"}]
output = "{there}/sorted"
options = {on = "word", buckets = 2}
[steps.joined]
join = [{step = "sorted"}, {step = "again"}]
output = "{there}/joined"
options = {on = "word"}
[steps.streamed]
streaming = ["-mapper", "cat", "-reducer", "NONE"]
inputs = [{step = "joined"}]
output = "out/streamed"
[steps.total]
reduce = [{step = "words"}]
output = "{there}/total"
"""


@pytest.mark.slow
def test_storages_mixed_in_one_flow(here: Here, make_place: Callable[[str], Place]) -> None:
    storage = make_place("s3")
    here.flow(MIXED)
    here.write("in.txt", "b a b\n")
    command.run("run", "word_count", "in.txt", "-o", "before", "--keep-partials", cwd=here.folder).ok()
    said = ("--set", f"there={storage.root}")
    assert sorted(here.run(*said)) == ["again", "joined", "sorted", "streamed", "total", "words"]
    assert here.read("out/again/part-00000") == "a\t2\nb\t4\n"
    (streamed,) = (name for name in here.names("out/streamed") if name.startswith("part"))
    assert sorted(line.rstrip("\t") for line in here.read(f"out/streamed/{streamed}").splitlines()) == [
        "a\t1\t2",
        "b\t2\t4",
    ]
    assert here.run(*said) == []
    here.write("in.txt", "b a b \n")  # the same words
    assert here.run(*said) == ["words"]
    assert here.run(*said, "--force", "joined") == ["joined"]
    assert here.run(*said) == []
    here.write("in.txt", "b b\n")
    assert len(here.run(*said)) == 6


def test_what_a_command_will_write_is_read_as_its_name_says(here: Here) -> None:
    """Which nobody can look at before it is there; and nothing is stale once it is."""
    here.flow("""\
[steps.made]
command = ["sh", "-c", "printf 'k,n\\\\na,1\\\\na,2\\\\n' > {output}/rows.csv"]
output = "made"
[steps.total]
run = "sums"
inputs = [{step = "made"}]
options = {key = "k", value = "n"}
output = "total"
""")
    assert here.run() == ["made", "total"]
    assert here.read("total/part-00000") == "a\t3\n"
    assert here.run() == []
