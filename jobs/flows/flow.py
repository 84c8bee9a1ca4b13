"""A flow, and the graph that it is with its parameters given: one node for each run of a step.

clean ──> hits ──> top          count[a] ─┐
      └─> sessions              count[b] ─┴─> total
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import product

from jobs.errors import UsageError
from jobs.flows.steps import Command, Option, Step
from jobs.flows.values import Parameter, filled, given, ranged
from jobs.storage.base import base_name
from jobs.storage.inputs import resolve

PLACES = {"input": "{input}", "inputs": "{inputs}", "output": "{output}"}  # a command's own, filled in when it runs


@dataclass(frozen=True)
class Flow:
    """Steps, and the parameters whose values their texts may hold.  name: for messages and the lock."""

    name: str
    steps: Sequence[Step]
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    def graph(self, said: Mapping[str, str]) -> "Graph":
        """The graph with the parameters `said`; UsageError for what cannot be run, before anything runs."""
        values = given(self.parameters, said)
        _refuse_twice(self.steps)
        steps = _in_order(self.steps)
        nodes: dict[str, Node] = {}
        of: dict[str, list[Node]] = {}
        for step in steps:
            of[step.name] = list(_nodes(step, values, of))
            nodes |= {node.name: node for node in of[step.name]}
        _refuse_shared(nodes.values())
        return Graph(self.name, values, nodes)

    def run(self, said: Mapping[str, str] | None = None, runner: str = "", jobs: int = 2) -> int:
        """Runs what is not done, with the parameters `said`; how many steps were run. Raises FaninError if one fails."""
        from jobs.flows.journal import Journal, locked
        from jobs.flows.run import Run

        graph = self.graph(said or {})
        with locked(graph), closing(Journal(graph, None)) as journal:
            return Run(graph, runner, jobs, journal, quiet=True).run()


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

    def command(self, runner: str) -> list[str]:
        """The words of fanin's command line.  runner: the engine, '' for each command's own."""
        words = self.step.command(self.words, self.paths, self.output)
        engine = ["-r", runner] if runner and self.step.engines and "--runner" not in self.options else []
        return [words[0], *words[1:], *engine, *self.options]


@dataclass(frozen=True)
class Graph:
    """Nodes by name, each behind those that it needs.  values: of the parameters."""

    name: str
    values: Mapping[str, str]
    nodes: Mapping[str, Node]

    def until(self, step: str) -> "Graph":
        """The part that the step or node `step` needs, and itself."""
        wanted = [node for node in self.nodes.values() if step in (node.name, node.step.name)]
        if not wanted:
            raise UsageError(f"no step {step!r}; there are: {', '.join(self.nodes)}")
        seen: set[str] = set()
        while wanted:
            node = wanted.pop()
            if node.name not in seen:
                seen.add(node.name)
                wanted += node.needs
        return Graph(self.name, self.values, {name: node for name, node in self.nodes.items() if name in seen})


def _refuse_twice(steps: Sequence[Step]) -> None:
    seen: dict[str, Step] = {}
    for step in steps:
        if step.name in seen:
            raise UsageError(f"{step.at()}another step has this name")
        if not step.name.replace("-", "").replace("_", "").isalnum():
            raise UsageError(f"{step.at()}a name has letters, digits, - and _ alone")
        seen[step.name] = step


def _in_order(steps: Sequence[Step]) -> list[Step]:
    """Each step behind those that it needs."""
    by_name = {step.name: step for step in steps}
    needs = {}
    for step in steps:
        needs[step.name] = [one.name for one in (*step.steps(), *step.after)]
        for name in needs[step.name]:
            if name not in by_name:
                raise UsageError(f"{step.at('inputs')}the step {name!r}, which it needs, is not in the flow")
    try:
        return [by_name[name] for name in TopologicalSorter(needs).static_order()]
    except CycleError as error:
        names = list(reversed(error.args[1]))
        raise UsageError(f"{by_name[names[0]].at('inputs')}waits for itself: {' <- '.join(names)}") from None


def _nodes(step: Step, values: Mapping[str, str], of: Mapping[str, list[Node]]) -> Iterator[Node]:
    clash = set(step.foreach) & set(values)
    if clash:
        raise UsageError(f"{step.at('foreach')}{min(clash)!r} is a parameter, too; call it otherwise")
    shards = [_values(step, name, said, values) for name, said in step.foreach.items()]
    short = all(len({base_name(one) for one in shard}) == len(shard) for shard in shards)
    for shard in product(*shards):
        own = dict(zip(step.foreach, shard, strict=True))
        both = {**values, **own}
        name = f"{step.name}[{','.join(base_name(one) if short else one for one in shard)}]" if shard else step.name
        yield Node(
            name,
            step,
            tuple(_inputs(step, both, own, of)),
            tuple(node for one in step.after for node in of[one.name]),
            _said(step, "output", step.output, both),
            tuple(_word(step, word, both) for word in step.words),
            tuple(_options(step, both)),
            own,
        )


def _values(step: Step, name: str, said: Sequence[str] | str, values: Mapping[str, str]) -> list[str]:
    """The values of a name of foreach."""
    try:
        if not isinstance(said, str):
            found = [one for text in said for one in ranged(text, values)]
        else:
            found = [file.name for file in resolve([filled(said, values)]).files]
    except UsageError as error:
        raise UsageError(f"{step.at('foreach')}{name}: {error}") from None
    if not found or len(set(found)) < len(found):
        raise UsageError(f"{step.at('foreach')}{name}: {'has one value twice' if found else 'has no values'}")
    return found


def _inputs(
    step: Step, values: Mapping[str, str], own: Mapping[str, str], of: Mapping[str, list[Node]]
) -> Iterator[str | Node]:
    """Paths and nodes: of a step that has the same names of foreach the node of the same values, else all."""
    for one in step.inputs:
        if isinstance(one, Step):
            common = set(own) & set(one.foreach)
            for node in of[one.name]:
                if all(node.shard[name] == own[name] for name in common):
                    yield node
            continue
        try:
            yield from ranged(one, values)
        except UsageError as error:
            raise UsageError(f"{step.at('inputs')}{error}") from None


def _said(step: Step, key: str, text: str, values: Mapping[str, str]) -> str:
    try:
        return filled(text, values)
    except UsageError as error:
        raise UsageError(f"{step.at(key)}{error}") from None


def _word(step: Step, word: str, values: Mapping[str, str]) -> str:
    if isinstance(step, Command) and "{inputs}" in word and word != "{inputs}":
        raise UsageError(
            f'{step.at(step.key)}{word!r}: {{inputs}} is a word of its own; in a shell\'s script they are "$@"'
        )
    return _said(step, step.key, word, {**values, **(PLACES if isinstance(step, Command) else {})})


def _options(step: Step, values: Mapping[str, str]) -> Iterator[str]:
    for name, value in step.options.items():
        option = f"-{name}" if len(name) == 1 else f"--{name.replace('_', '-')}"
        for text in _texts(value):
            yield option
            if text is not None:
                yield _said(step, "options", text, values)


def _texts(value: Option) -> list[str | None]:
    if value is True:
        return [None]
    if value is False:
        return []
    if isinstance(value, Mapping):
        return [f"{key}={one}" for key, one in value.items()]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [str(one) for one in value]
    return [str(value)]


def _refuse_shared(nodes: Iterable[Node]) -> None:
    """Raises UsageError for two nodes with one output, for one in another's, and for one that is read but not waited for."""
    seen: dict[str, Node] = {}
    all = list(nodes)
    for node in all:
        output = node.output.rstrip("/")
        for other, owner in seen.items():
            if output == other or f"{output}/".startswith(f"{other}/") or f"{other}/".startswith(f"{output}/"):
                raise UsageError(
                    f"{node.step.at('output')}{node.output} is the output of {owner.name}, too, or in it, or around it"
                )
        seen[output] = node
    for node in all:
        for path in node.inputs:
            maker = seen.get(path.rstrip("/")) if isinstance(path, str) else None
            if maker:
                advice = f'name the step, as {{step = "{maker.step.name}"}}'
                raise UsageError(f"{node.step.at('inputs')}{path} is the output of {maker.name}; {advice}")
