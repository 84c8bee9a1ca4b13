"""How a flow stands: which steps are done, which are stale and why, which are to do."""

import threading
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Literal

from jobs.errors import FaninError, UsageError
from jobs.flows.delete import deleted, left
from jobs.flows.graph import Graph, Node
from jobs.flows.signature import Parts, differences, identity_of, output_of, parts
from jobs.flows.steps import Delete
from jobs.storage.base import MANIFEST, Entry, join
from jobs.storage.manifest import LIMIT, Manifest
from jobs.storage.places import storage_of
from jobs.storage.verified import listed

Is = Literal["done", "cleaned", "stale", "damaged", "to do", "waiting", "foreign"]


@dataclass(frozen=True)
class State:
    """How a node stands.  why: in words, where it is not done.  parts: what its manifest is to keep; empty while inputs are not known.

    cleaned: its output is not there, and whoever read it is done.  foreign: something else lies at its output.
    """

    node: Node
    state: Is
    why: list[str]
    parts: Parts
    manifest: Manifest | None = None

    @property
    def good(self) -> bool:
        return self.state in ("done", "cleaned")


@dataclass
class States:
    """The states of a graph's nodes, in its order.  forced: steps or nodes that are to run though they are done."""

    graph: Graph
    runner: str
    forced: Set[str] = frozenset()
    found: dict[str, State] = field(default_factory=dict)
    _deleted: dict[str, Any] = field(default_factory=dict)
    _raw: dict[str, Any] = field(default_factory=dict)
    """What paths stand for, looked at once, so that all that read one have seen the same."""
    _lying: dict[str, list[Entry]] = field(default_factory=dict)
    """What lay at each node's output when that was last looked at."""
    _lock: threading.Lock = field(
        default_factory=threading.Lock
    )  # parsing a step's options turns all of standard error aside

    def all(self) -> dict[str, State]:
        """The state of each node; UsageError for an input that is not there and that no step makes."""
        self.found = {}
        self._deleted = {}
        self._raw = {}
        for node in self.graph.whole.values():
            if isinstance(node.step, Delete):
                self._deleted |= _deleted(node)
        for node in self.graph.nodes.values():
            self.found[node.name] = self._state(node, bool({node.name, node.step.name} & self.forced))
        self._clean()
        return self.found

    def again(self, node: Node, forced: bool) -> Mapping[str, State]:
        """The states of a node, and of those that it needs, as they are now. All others are known since `all`, or `made`.

        Others before it are looked at only if something is not as it was: so this costs the same in a flow of any size.
        """
        with self._lock:
            for need in node.needs:
                if need.name not in self._lying:
                    self._again(need, False)
            return self._again(node, forced)

    def made(self, node: Node) -> None:
        """Takes note that a node's output is another one now."""
        self._lying.pop(node.name, None)

    def _again(self, node: Node, forced: bool) -> Mapping[str, State]:
        if isinstance(node.step, Delete):
            self._deleted |= _deleted(node)
        if self._is_as_seen(node):
            before = {need.name: self.found[need.name] for need in node.needs}
            state = self._state(node, forced)
            if state.good or all(one.state != "cleaned" for one in before.values()):
                self.found[node.name] = state
                return {**before, node.name: state}
        part = States(self.graph.until(node), self.runner, {node.name} if forced else frozenset())
        self.found |= part.all()
        self._lying |= part._lying
        return part.found

    def _is_as_seen(self, node: Node) -> bool:
        """Whether all that a node reads and needs is what it was when it was looked at."""
        for one in node.inputs:
            if isinstance(one, str) and self._look(node, one) != self._raw[one]:
                return False
        try:
            return all(not self._remains(need) or list(_lies(need)) == self._lying[need.name] for need in node.needs)
        except FaninError:
            return False

    def _state(self, node: Node, forced: bool) -> State:
        self._lying[node.name], manifest, wrong = _manifest(node)
        inputs: dict[str, Any] = {}
        waits = [f"{need.name} is not done" for need in node.after if not self._good(need)]
        for one in node.inputs:
            if isinstance(one, Node):
                before = self.found[one.name]
                if before.state == "cleaned" or (
                    before.state == "to do" and before.why == ["its output is not there"]
                ):
                    inputs[one.output] = output_of(before.parts["signature"], None)
                elif before.good:
                    inputs[one.output] = output_of(before.parts["signature"], before.manifest)
                else:
                    waits.append(f"{one.name} is {before.state}")
            else:
                inputs[one] = self._identity(node, one)
        new = parts(node, self.runner, inputs)
        if wrong and not (forced and wrong[0] == "damaged"):
            return State(node, wrong[0], [wrong[1]], new)
        if waits:
            return State(node, "waiting" if manifest is None else "stale", waits, new, manifest)
        if forced:
            return State(node, "stale", ["forced"], new, manifest)
        if manifest is None:
            return State(node, "to do", ["its output is not there"], new)
        changed = differences(manifest.step, new)
        if not changed and isinstance(node.step, Delete) and any(self._remains(one) for one in node.inputs):
            changed = ["what it removes is there"]
        return State(node, "stale" if changed else "done", changed, new, manifest)

    def _good(self, node: Node) -> bool:
        return self.found[node.name].good

    def _identity(self, node: Node, path: str) -> Any:
        if path not in self._raw:
            self._raw[path] = self._look(node, path)
        return self._raw[path]

    def _look(self, node: Node, path: str) -> Any:
        """What a path stands for now; of one that has been removed, what it stood for then."""
        was = self._deleted.get(path)
        try:
            return was["was"] if was is not None and left(path, was) != "other" else identity_of(path)
        except UsageError as error:
            raise UsageError(f"{node.step.at('inputs')}{error}") from None

    def _remains(self, one: Node | str) -> bool:
        """Whether a deletion that was done has not removed an input, or that has come again."""
        path = one.output if isinstance(one, Node) else one
        return path not in self._deleted or left(path, self._deleted[path]) != "nothing"

    def _clean(self) -> None:
        """Calls those cleaned whose outputs are not there, and are wanted by none that is to run."""
        for name, state in reversed(list(self.found.items())):
            readers = [self.found[one.name] for one in self.graph.readers[name]]
            absent = state.state in ("to do", "waiting") and state.manifest is None
            wanted = state.node.step.keep and not any(isinstance(one.node.step, Delete) for one in readers)
            if absent and readers and not wanted and all(one.good for one in readers):
                self.found[name] = State(state.node, "cleaned", [], state.parts)


def _lies(node: Node) -> Iterator[Entry]:
    """What lies at a node's output, and in it."""
    storage = storage_of(node.output)
    if there := storage.stat(node.output):
        yield there
        if there.folder:
            yield from storage.list(node.output)


def _manifest(node: Node) -> tuple[list[Entry], Manifest | None, tuple[Is, str] | None]:
    """What lies at a node's output, the manifest of it, and what is wrong with it."""
    lying: list[Entry] = []
    try:
        lying = list(_lies(node))
        data = storage_of(node.output).read(join(node.output, MANIFEST), LIMIT) if lying else None
        if data is None:
            return lying, None, ("foreign", f"{node.output}: exists, and is no output of fanin") if lying else None
        manifest = Manifest.from_json(data, node.output)
        if manifest.step.get("step") != node.step.name:
            told = f"{node.output}: was not made by this step; remove it, or name another output"
            return lying, None, ("foreign", told)
        listed(manifest, node.output, lying[1:])
    except UsageError:
        raise
    except FaninError as error:
        return lying, None, ("damaged", str(error))
    return lying, manifest, None


def _deleted(node: Node) -> Mapping[str, Any]:
    """What a deletion has removed, if it was done: path to its identity then."""
    _, manifest, _ = _manifest(node)
    return deleted(node.output) if manifest is not None else {}
