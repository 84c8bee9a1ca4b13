"""How a flow stands: which steps are done, which are stale and why, which are to do."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Literal

from jobs.errors import FaninError, UsageError
from jobs.flows.delete import deleted, left
from jobs.flows.flow import Graph, Node
from jobs.flows.signature import Parts, differences, identity_of, output_of, parts
from jobs.flows.steps import Delete
from jobs.storage.base import MANIFEST, join
from jobs.storage.manifest import LIMIT, Manifest
from jobs.storage.places import storage_of
from jobs.storage.verified import published

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
    _deleted: Mapping[str, Any] = field(default_factory=dict)
    _raw: dict[str, Any] = field(default_factory=dict)
    """What paths stand for, looked at once, so that all that read one have seen the same."""

    def all(self) -> dict[str, State]:
        """The state of each node; UsageError for an input that is not there and that no step makes."""
        self.found = {}
        self._deleted = _deleted(self.graph)
        self._raw = {}
        for node in self.graph.nodes.values():
            self.found[node.name] = self._state(node)
        self._clean()
        return self.found

    def _state(self, node: Node) -> State:
        manifest, wrong = _manifest(node)
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
        forced = bool({node.name, node.step.name} & self.forced)
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
        """What a path stands for; of one that has been removed, what it stood for then."""
        if path not in self._raw:
            was = self._deleted.get(path)
            try:
                gone = was is not None and left(path, was) != "other"
                self._raw[path] = was["was"] if was is not None and gone else identity_of(path)
            except UsageError as error:
                raise UsageError(f"{node.step.at('inputs')}{error}") from None
        return self._raw[path]

    def _remains(self, one: Node | str) -> bool:
        """Whether a deletion that was done has not removed an input, or that has come again."""
        path = one.output if isinstance(one, Node) else one
        return path not in self._deleted or left(path, self._deleted[path]) != "nothing"

    def _clean(self) -> None:
        """Calls those cleaned whose outputs are not there, and are wanted by none that is to run."""
        for name, state in reversed(list(self.found.items())):
            readers = [one for one in self.found.values() if state.node in one.node.nodes]
            absent = state.state in ("to do", "waiting") and state.manifest is None
            wanted = state.node.step.keep and not any(isinstance(one.node.step, Delete) for one in readers)
            if absent and readers and not wanted and all(one.good for one in readers):
                self.found[name] = State(state.node, "cleaned", [], state.parts)


def _manifest(node: Node) -> tuple[Manifest | None, tuple[Is, str] | None]:
    """What lies at a node's output, and what is wrong with it."""
    storage = storage_of(node.output)
    try:
        data = storage.read(join(node.output, MANIFEST), LIMIT)
        if data is None:
            there = storage.stat(node.output)
            return None, ("foreign", f"{node.output}: exists, and is no output of fanin") if there else None
        manifest = Manifest.from_json(data, node.output)
        if manifest.step.get("step") != node.step.name:
            return None, ("foreign", f"{node.output}: was not made by this step; remove it, or name another output")
        published(storage, node.output, storage.list(node.output))
    except UsageError:
        raise
    except FaninError as error:
        return None, ("damaged", str(error))
    return manifest, None


def _deleted(graph: Graph) -> dict[str, Any]:
    """What the flow's own deletions have removed: path to its identity then."""
    found: dict[str, Any] = {}
    for node in graph.whole.values():
        if isinstance(node.step, Delete):
            manifest, _ = _manifest(node)
            if manifest is not None:
                found |= deleted(node.output)
    return found
