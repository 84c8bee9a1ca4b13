"""A flow's run: each step is a fanin command of its own, started once all that it needs is there and verified."""

import json
import os
import shlex
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Container, Mapping, Sequence, Set
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from itertools import pairwise
from typing import Any

from jobs.errors import FaninError, UsageError
from jobs.flows import lifeline
from jobs.flows.folds import Fold, Folds, clean
from jobs.flows.graph import Graph, Node
from jobs.flows.journal import Journal
from jobs.flows.state import State, States
from jobs.flows.steps import Command, Delete, Reduce
from jobs.secrets import concealed
from jobs.storage.places import storage_of

TOLD = 30  # lines of a failed step
LOOK = 1.0


class StepFailed(FaninError):
    """A step that failed, as its command told it."""


def plan(states: Mapping[str, State], runner: str) -> list[State]:
    """The nodes that a run runs, in order; FaninError for a damaged output, and UsageError for one at which something else lies, or
    that is not where its engine writes.
    """
    foreign = [state for state in states.values() if state.state == "foreign"]
    if foreign:
        raise UsageError(f"{foreign[0].node.name}: {foreign[0].why[0]}")
    damaged = [state for state in states.values() if state.state == "damaged"]
    if damaged:
        state = damaged[0]
        raise FaninError(f"{state.node.name}: {state.why[0]}; --force {state.node.name} makes it again")
    planned = [state for state in states.values() if not state.good]
    for state in planned:
        _refuse_unseen(state.node, runner)
    return planned


def _refuse_unseen(node: Node, runner: str) -> None:
    """Raises UsageError for an output without a scheme from Hadoop, which has it in the user's home on HDFS: it is looked for here."""
    engine = ""
    for option, value in pairwise(node.command(runner) if node.step.engines else ()):
        engine = value if option in ("-r", "--runner") else engine
    if engine in ("hadoop", "emr") and "://" not in node.output:
        places = "hdfs:// or s3://" if engine == "hadoop" else "s3:// or the cluster's hdfs://"
        raise UsageError(
            f"{node.step.at('output')}{node.output}: -r {engine} does not write here; name a place on {places}"
        )


def command(node: Node, runner: str, inputs: Sequence[str] | None = None) -> list[str]:
    """The words of fanin's command line that runs a node, and replaces its output if there is one."""
    words = node.command(runner, inputs)
    if not storage_of(node.output).stat(node.output):
        return words
    first = isinstance(node.step, Command | Delete)  # whose last words are a user's own
    return [words[0], "--overwrite", *words[1:]] if first else [*words, "--overwrite"]


@dataclass
class Run:
    """One run of a graph.  jobs: steps at a time.  runner: the engine that steps are given, '' for their own."""

    graph: Graph
    runner: str
    jobs: int
    journal: Journal
    forced: Set[str] = frozenset()
    quiet: bool = False
    _running: dict[Future[None], Node | Fold] = field(default_factory=dict)
    _states: States = field(init=False)
    _order: TopologicalSorter[str] = field(init=False)
    _free: set[str] = field(default_factory=set)
    """Nodes for which all that they need is done."""
    _ready: deque[Node] = field(default_factory=deque)
    _folds: dict[str, Folds] = field(default_factory=dict)
    _feeds: dict[str, list[Folds]] = field(default_factory=dict)
    """The folds that wait for a node."""
    _folding: deque[Folds] = field(default_factory=deque)
    """Those of which something has come, so that there may be one to begin."""
    _ran: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> int:
        """Runs all that is not done; how many steps were run. FaninError once one has failed, and those beside it have ended."""
        self._states = States(self.graph, self.runner, self.forced)
        states = self._states.all()
        planned = {state.node.name for state in plan(states, self.runner)}
        left: dict[str, list[str]] = {}  # with those that each needs of them
        for name, state in states.items():
            needs = [need.name for need in state.node.needs if need.name in left]
            if name in planned or (state.state == "done" and needs):  # behind what is made again it may be stale then
                left[name] = needs
            else:
                self.journal.tell("skipped", step=name, state=state.state)
        for name, node in self.graph.nodes.items():
            if isinstance(node.step, Reduce):
                self._prepare(node, left) if name in left else clean(node)
        self._order = TopologicalSorter(left)
        self._order.prepare()
        failed = None
        with ThreadPoolExecutor(self.jobs) as pool:
            try:
                self._start(pool)
                while self._running:
                    done, _ = wait(self._running, return_when=FIRST_COMPLETED)
                    for future in done:
                        failed = self._ended(self._running.pop(future), future.exception()) or failed
                    if failed is None:
                        self._start(pool)
            finally:
                self._over.set()
        if failed:
            raise failed
        return len(self._ran)

    def _prepare(self, node: Node, left: Container[str]) -> None:
        """Begins the folds of a reduce; with those that an earlier run has left, unless the step is forced."""
        assert isinstance(node.step, Reduce)
        if self._is_forced(node):
            clean(node)
        self._folds[node.name] = folds = Folds(node, node.step.fan)
        for one in node.nodes:
            if one.name in left:
                self._feeds.setdefault(one.name, []).append(folds)
            else:
                folds.add(one.output)
        folds.adopt()
        self._folding.append(folds)

    def _start(self, pool: ThreadPoolExecutor) -> None:
        """Starts what can be, as far as there is room: folds first, then nodes that need nothing that is left."""
        for name in self._order.get_ready():
            self._free.add(name)
            self._consider(self.graph.nodes[name])
        while self._folding and len(self._running) < self.jobs:
            if fold := self._folding[0].next():
                self._running[pool.submit(self._fold, fold)] = fold
            else:
                self._consider(self._folding.popleft().node)
        while self._ready and len(self._running) < self.jobs:
            node = self._ready.popleft()
            self._running[pool.submit(self._node, node)] = node

    def _consider(self, node: Node) -> None:
        """Makes a node ready if all that it needs is done, and, of a reduce, no more is left than the last fold takes."""
        if node.name in self._free and (node.name not in self._folds or self._folds[node.name].complete):
            self._free.remove(node.name)
            self._ready.append(node)

    def _ended(self, what: Node | Fold, error: BaseException | None) -> BaseException | None:
        """Takes note of what has ended; its error."""
        if error:
            if isinstance(what, Node):
                self.journal.tell("failed", step=what.name, error=str(error))
            return error
        if isinstance(what, Fold):
            self._folds[what.node.name].folded(what)
            self._folding.append(self._folds[what.node.name])
            return None
        if what.name in self._folds:
            clean(what)
        for folds in self._feeds.get(what.name, ()):
            folds.add(what.output)
            self._folding.append(folds)
        self._order.done(what.name)
        return None

    def _node(self, node: Node) -> None:
        """Runs a node, whose inputs are all there now, unless it is done all the same."""
        state = self._state(node, self._is_forced(node))
        if state.good:
            self.journal.tell("skipped", step=node.name, state=state.state)
            return
        folds = self._folds.get(node.name)
        words = command(node, self.runner, folds.last() if folds else None)
        self.journal.tell("started", step=node.name, why=state.why, command=concealed(words))
        try:
            self._call(node.name, words, state.parts)
        except StepFailed:
            if self._over.is_set() or self._is_forced(node) or not self._state(node, False).good:
                raise
            self.journal.say(f"{node.name}: another run has published it")
        else:
            self._ran.append(node.name)
            self._states.made(node)
        self.journal.tell("done", step=node.name, output=node.output)

    def _state(self, node: Node, forced: bool) -> State:
        """How a node stands; FaninError if it cannot run, as what it needs is not there or damaged."""
        states = self._states.again(node, forced)
        try:
            plan({one.name: states[one.name] for one in (*node.needs, node)}, self.runner)
        except UsageError as error:  # of what has come since the run began, which has read something
            raise FaninError(str(error)) from error
        for one in node.needs:
            if not states[one.name].good:
                raise FaninError(
                    f"{node.name}: needs {one.output}, and that is {states[one.name].state}: {'; '.join(states[one.name].why)}"
                )
        return states[node.name]

    def _is_forced(self, node: Node) -> bool:
        return bool({node.name, node.step.name} & self.forced)

    def _fold(self, fold: Fold) -> None:
        """Merges some of a reduce's inputs while others are under way."""
        self.journal.tell("folding", step=fold.node.name, inputs=fold.inputs, output=fold.output)
        self._call(f"{fold.node.name} (a fold)", ["merge", *fold.inputs, "--output-dir", fold.output], fold.parts)
        self.journal.tell("folded", step=fold.node.name, output=fold.output)

    def _call(self, name: str, words: Sequence[str], parts: Mapping[str, Any]) -> None:
        """Runs a fanin command on a life line; StepFailed with what it said, if it fails."""
        ours, theirs = os.pipe()
        try:
            process = subprocess.Popen(
                lifeline.command(ours, words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                pass_fds=[ours], start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(ours)
        said: list[str] = []
        reader = threading.Thread(target=lambda: said.extend(_lines(process)), daemon=True)
        reader.start()
        with suppress(BrokenPipeError):  # it says itself why it has ended
            _write(theirs, json.dumps(parts).encode() + b"\n")
        try:
            while process.poll() is None and not self._over.wait(0.02):
                pass
        finally:
            os.close(theirs)  # it has ended, or is told to
            code = process.wait()
            reader.join(LOOK)
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        if code:
            told = "\n".join(f"  {line}" for line in said[-TOLD:])
            raise StepFailed(
                f"{name} failed, exit code {code}:\n{told}\n  its command: fanin {shlex.join(concealed(words))}"
            )
        for line in said:
            if not self.quiet:
                self.journal.say(f"{name}: {line.removeprefix('fanin: ')}")


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _lines(process: "subprocess.Popen[bytes]") -> list[str]:
    assert process.stdout
    return process.stdout.read().decode(errors="replace").splitlines()
