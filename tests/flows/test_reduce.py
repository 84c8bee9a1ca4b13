"""Reduces that do not wait: their trees of folds, and what comes out."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.flows import Flow, Reduce, Run
from jobs.flows import folds as under_test
from jobs.flows.file import load
from jobs.flows.folds import Fold, Folds
from tests import command
from tests.flows.running import Here, until


def reduce_of(count: int, raw: int, fan: int) -> Reduce:
    values = [f"{number}" for number in range(count)]
    shards = Run(name="s", job="word_count", inputs=["x"], output="out/{n}", foreach={"n": values})
    return Reduce(name="total", inputs=[shards, *(f"raw/{n}" for n in range(raw))], output="out/total", fan=fan)


@given(st.integers(1, 40), st.integers(0, 12), st.integers(2, 6), st.randoms(use_true_random=False), st.floats(0, 1))
def test_each_input_is_folded_once_and_no_fold_is_too_large(
    count: int, raw: int, fan: int, random: Any, kept: float
) -> None:
    """Shards in any order, folds ending in any order, some of them there already."""
    step = reduce_of(count, raw, fan)
    graph = Flow("f", [*step.steps(), step]).graph({})
    leaves = {path: [path] for path in graph.nodes["total"].paths}  # what each output or fold has in it
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(under_test, "_content", lambda path: {"content": path})
        patch.setattr(under_test, "_is_there", lambda fold: note(fold) and random.random() < kept)

        def note(fold: Fold) -> bool:
            assert 2 <= len(fold.inputs) <= fan
            assert fold.output not in leaves
            leaves[fold.output] = [leaf for path in fold.inputs for leaf in leaves[path]]
            return True

        folds = Folds(graph.nodes["total"], fan)
        coming = [node.output for node in graph.nodes["total"].nodes]
        random.shuffle(coming)
        running: list[Fold] = []
        while not folds.complete:
            while fold := folds.next():
                running.append(fold)
            if folds.complete:
                break
            assert coming or running, "nothing is left to wait for"
            if coming and (not running or random.random() < 0.5):
                folds.add(coming.pop())
            else:
                folds.folded(running.pop(random.randrange(len(running))))
        assert not coming
        assert not running
        last = folds.last()
        assert 1 <= len(last) <= fan
        assert sorted(leaf for path in last for leaf in leaves[path]) == sorted(graph.nodes["total"].paths)


def shards(here: Here, count: int, fan: int = 2) -> None:
    """A flow of so many shards, each as late as the file late/N says, and their total."""
    here.write(
        "shard.py",
        """\
import os, sys, time
from pathlib import Path
from jobs import AggregateJob, Count, Mean, Sum

class Shard(AggregateJob):
    rows = "SELECT line[:1] AS word, length(line) AS size FROM lines"
    group_by = ["word"]
    measures = {"count": Count(), "sizes": Sum("size"), "mean": Mean("size")}

    def make_runner(self):
        gate = Path("gate") / Path(self.options.args[0]).name
        while gate.exists():
            time.sleep(0.02)
        return super().make_runner()
""",
    )
    for number in range(count):
        here.write(f"in/{number}", "".join(f"{letter}{'x' * number}\n" for letter in "abcab"))
    here.flow(f"""\
[steps.shard]
run = "shard.py"
inputs = ["{{file}}"]
output = "out/{{file.name}}"
foreach = {{file = "in/*"}}
options = {{keep-partials = true, threads = 1}}
keep = false
[steps.total]
reduce = [{{step = "shard"}}]
output = "out/total"
fan = {fan}
""")


def total(here: Here) -> bytes:
    return (here.folder / "out/total/part-00000").read_bytes()


def of(here: Here, *kinds: str) -> list[tuple[str, str]]:
    return [(event["event"], event["step"]) for event in here.events() if event["event"] in kinds]


def merged(here: Here) -> bytes:
    """The total without folds."""
    shards = [f"out/{name}" for name in here.names("out") if name.isdigit()]
    command.run("merge", *shards, "-o", "../merged", "--overwrite", cwd=here.folder).ok()
    return (here.folder / "../merged/part-00000").read_bytes()


def release(here: Here, *names: str) -> None:
    for name in names:
        (here.folder / "gate" / name).unlink()


@pytest.mark.parametrize(("count", "last"), [pytest.param(5, "0", marks=pytest.mark.slow), (3, "2")])
def test_folds_begin_before_the_last_shard_ends(here: Here, count: int, last: str) -> None:
    """The first shard is the last to end, and the last one is: the bytes are the same, those of one merge."""
    shards(here, count)
    here.write(f"gate/{last}", "")
    process = here.start("--events", "events", "--jobs", "2")
    try:
        until("folds of all others", lambda: of(here, "folded") == [("folded", "total")] * (count // 2))
        assert ("done", f"shard[{last}]") not in of(here, "done")
        release(here, last)
        _, told = process.communicate(timeout=120)
        assert process.returncode == 0, told.decode()
    finally:
        process.kill()
        process.communicate()
    assert total(here) == merged(here)
    assert here.names("out") == [*map(str, range(count)), "total"]
    order = [event["event"] for event in here.events() if event["step"] in ("total", f"shard[{last}]")]
    assert order.index("folded") < order.index("done")
    assert here.run() == []


@pytest.mark.parametrize("kind", ["reduce", "merge"])
@pytest.mark.parametrize("inputs", ['{step = "words"}, {step = "words"}', '"raw/a", "raw/*"', '"raw/a", "./raw/a/"'])
def test_an_output_that_is_given_twice_is_refused_before_anything_runs(here: Here, kind: str, inputs: str) -> None:
    """Even where folds would have had them apart."""
    here.write("in.txt", "a\n")
    here.write("raw/a/part-00000", "a\n")
    here.flow(f"""\
[steps.words]
run = "word_count"
inputs = ["in.txt"]
output = "out/words"
[steps.total]
{kind} = [{inputs}]
output = "out/total"
""")
    refused = here.fanin("run", "flow.toml")
    assert re.search(r"flow.toml:6: step total: \S+: is given twice.* and would count twice", refused.err)
    assert refused.code == 2
    assert not (here.folder / "out").exists()


@pytest.mark.slow
def test_a_reduce_that_was_interrupted_goes_on(here: Here) -> None:
    shards(here, 4)
    here.write("gate/3", "")
    process = here.start("--events", "events", "--jobs", "2")
    until("the fold of two", lambda: of(here, "folded"))
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 143
    assert ".total.folds" in here.names("out")
    release(here, "3")
    ran = here.run()
    assert "total" in ran
    assert "shard[3]" in ran
    assert len(of(here, "folding")) <= 1  # the one that was there is not made again
    assert total(here) == merged(here)
    assert here.names("out") == ["0", "1", "2", "3", "total"]

    # A shard that is stale makes a new total; folds left by whoever died after publishing are removed.
    here.write("in/0", "z\n")
    shutil.copytree("out/1", "out/.total.folds/0123456789abcdef")
    assert here.run() == ["shard[0]", "total"]
    assert total(here) == merged(here)
    assert b"\nz\t1\t" in total(here)
    assert here.names("out") == ["0", "1", "2", "3", "total"]
    shutil.copytree("out/1", "out/.total.folds/0123456789abcdef")
    assert here.run() == []
    assert here.names("out") == ["0", "1", "2", "3", "total"]

    # Cleaned shards are not missed, until one is.
    here.fanin("clean", "flow.toml").ok()
    assert here.names("out") == ["total"]
    assert here.run() == []


@pytest.mark.slow
def test_folds_that_are_damaged_are_made_again(here: Here) -> None:
    shards(here, 4)
    here.run("--until", "shard")
    node = load("flow.toml").graph({}).nodes["total"]
    folds = Folds(node, 2)
    for one in node.nodes:
        folds.add(one.output)
    first = folds.next()
    assert first
    command.run("merge", *first.inputs, "-o", first.output).ok()
    (Path(first.output) / "part-00000").write_text("x")
    assert here.run() == ["total"]
    assert len(of(here, "folding")) == 2
    assert here.names("out") == ["0", "1", "2", "3", "total"]


def test_folds_that_were_made_in_another_order_are_used(here: Here) -> None:
    """Also a fold of a fold; not one of an input that is another now."""
    here.write("in.txt", "a\n")
    here.write(
        "fold.py",
        "import sys, json; from jobs.engines.describe import STEP; from jobs.cli import main;"
        " STEP.update(json.loads(sys.argv[1])); sys.exit(main(sys.argv[2:]))",
    )
    names = [f"out/{number}" for number in range(6)]
    for name in names:
        command.run("run", "word_count", "in.txt", "-o", name, "--keep-partials").ok()
    graph = Flow("f", [Reduce(name="total", inputs=names, output="out/total", fan=2)]).graph({})
    node = graph.nodes["total"]

    def publish(*inputs: str) -> Fold:
        fold = Fold(node, inputs, 0, f"out/.total.folds/{inputs[0][-1]}{inputs[1][-1]}")
        command.python("fold.py", json.dumps(fold.parts), "merge", *inputs, "-o", fold.output).ok()
        return fold

    first, second = publish("out/4", "out/0"), publish("out/3", "out/1")
    both = publish(first.output, second.output)
    publish("out/2", "out/5")
    here.write("in.txt", "b\n")
    command.run("run", "word_count", "in.txt", "-o", "out/5", "--keep-partials", "--overwrite").ok()
    folds = Folds(node, 2)
    folds.adopt()
    assert folds.last() == ["out/2", "out/5", both.output]
