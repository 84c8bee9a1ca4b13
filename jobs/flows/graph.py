"""What a flow is once its parameters are given: nodes, one for each run of a step, and what each of them needs.

clean ──> hits ──> top          count[a] ─┐
      └─> sessions              count[b] ─┴─> total
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from jobs.errors import UsageError
from jobs.flows.steps import Delete, Step


@dataclass(frozen=True)
class Node:
    """One run of a step, its texts filled in.

    inputs: paths, and nodes whose outputs they are.  after: nodes that must be done, too.  shard: its values of foreach.
    """

    name: str
    step: Step
    inputs: tuple["str | Node", ...]
    after: tuple["Node", ...]
    output: str
    words: tuple[str, ...]
    options: tuple[str, ...]
    shard: Mapping[str, str]

    @property
    def nodes(self) -> list["Node"]:
        """Those whose outputs it reads."""
        return [one for one in self.inputs if isinstance(one, Node)]

    @property
    def needs(self) -> list["Node"]:
        """Those that must be done before it."""
        return [*self.nodes, *self.after]

    @property
    def paths(self) -> list[str]:
        """What it reads, as paths."""
        return [one.output if isinstance(one, Node) else one for one in self.inputs]

    def command(self, runner: str, inputs: Sequence[str] | None = None) -> list[str]:
        """The words of fanin's command line.  runner: the engine, '' for each command's own.  inputs: paths in place of its own."""
        own = [one.output for one in self.after] if isinstance(self.step, Delete) else self.words
        words = self.step.command(own, self.paths if inputs is None else inputs, self.output)
        engine = ["-r", runner] if runner and self.step.engines and "--runner" not in self.options else []
        return [*words, *engine, *self.options]


@dataclass(frozen=True)
class Graph:
    """Nodes by name, each behind those that it needs.

    key: what tells the flow, with its parameters, from others.  values: of the parameters.  whole: all nodes, where these are a part.
    """

    name: str
    key: str
    values: Mapping[str, str]
    nodes: Mapping[str, Node]
    whole: Mapping[str, Node]

    @cached_property
    def readers(self) -> Mapping[str, Sequence[Node]]:
        """Of each node those that read its output."""
        found: dict[str, list[Node]] = {name: [] for name in self.nodes}
        for node in self.nodes.values():
            for name in {one.name for one in node.nodes}:
                found[name].append(node)
        return found

    def until(self, step: str | Node) -> "Graph":
        """The part that a node, or the step or node of that name, needs, and itself."""
        wanted = [step] if isinstance(step, Node) else self._named(step)
        seen: set[str] = set()
        while wanted:
            node = wanted.pop()
            if node.name not in seen:
                seen.add(node.name)
                wanted += node.needs
        return replace(self, nodes={name: node for name, node in self.nodes.items() if name in seen})

    def _named(self, step: str) -> list[Node]:
        found = [node for node in self.nodes.values() if step in (node.name, node.step.name)]
        if not found:
            raise UsageError(f"no step {step!r}; there are: {', '.join(self.nodes)}")
        return found
