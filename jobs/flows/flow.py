"""A flow, and the graph that it is with its parameters given: one node for each run of a step.

clean ──> hits ──> top          count[a] ─┐
      └─> sessions              count[b] ─┴─> total
"""

import fnmatch
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from itertools import product

from jobs.errors import UsageError
from jobs.flows.steps import Command, Delete, Join, Option, Step
from jobs.flows.values import NAME, Parameter, filled, given, names, ranged
from jobs.storage.base import base_name
from jobs.storage.inputs import GLOB, resolve
from jobs.storage.local import STDIN
from jobs.storage.manifest import digest
from jobs.storage.places import absolute

Shard = tuple[tuple[str, str], ...]
GIVEN = ("-o", "--output-dir", "--overwrite")
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
        _refuse_deletions(nodes.values())
        return Graph(self.name, _key(of, values), values, nodes, nodes)

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
    wired = {one.name: _by_shard(of[one.name], set(step.foreach) & set(one.foreach)) for one in step.steps()}
    short = all(len({base_name(one) for one in shard}) == len(shard) for shard in shards)
    for shard in product(*shards):
        own = dict(zip(step.foreach, shard, strict=True))
        both = {**values, **own}
        name = f"{step.name}[{','.join(base_name(one) if short else one for one in shard)}]" if shard else step.name
        node = Node(
            name,
            step,
            tuple(_inputs(step, both, own, wired)),
            tuple(node for one in step.after for node in of[one.name]),
            _said(step, "output", step.output, both),
            tuple(_word(step, word, both) for word in step.words),
            tuple(_options(step, both)),
            own,
        )
        _check(node)
        yield node


def _check(node: Node) -> None:
    """Raises UsageError for what no run of a step can be given."""
    step, count = node.step, len(node.inputs)
    if isinstance(step, Join) and count != 2:
        raise UsageError(f"{step.at('inputs')}has {count} inputs, and a join has a left one and a right one")
    if not count and not isinstance(step, Command):
        raise UsageError(f"{step.at('inputs')}has no inputs")
    if STDIN in node.inputs:
        raise UsageError(f"{step.at('inputs')}{STDIN!r}: standard input cannot be a step's; name a file")
    if isinstance(step, Command | Delete) and node.options:
        raise UsageError(f"{step.at('options')}a {step.key} has none")


def _values(step: Step, name: str, said: Sequence[str] | str, values: Mapping[str, str]) -> list[str]:
    """The values of a name of foreach."""
    if not re.fullmatch(NAME, name):
        raise UsageError(f"{step.at('foreach')}{name}: is no name; it has letters, digits and _ alone")
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


def _by_shard(nodes: Iterable[Node], common: Set[str]) -> Mapping[Shard, list[Node]]:
    """A step's nodes, by their values of the names of foreach that another one has, too."""
    found: dict[Shard, list[Node]] = {}
    for node in nodes:
        found.setdefault(_shard(node.shard, common), []).append(node)
    return found


def _shard(values: Mapping[str, str], names: Set[str]) -> Shard:
    return tuple((name, values[name]) for name in sorted(names))


def _inputs(
    step: Step, values: Mapping[str, str], own: Mapping[str, str], wired: Mapping[str, Mapping[Shard, list[Node]]]
) -> Iterator[str | Node]:
    """Paths and nodes: of a step that has the same names of foreach the node of the same values, else all."""
    for one in step.inputs:
        if isinstance(one, Step):
            shard = _shard(own, set(own) & set(one.foreach))
            if shard not in wired[one.name]:
                told = ", ".join(f"{name} = {value!r}" for name, value in shard)
                raise UsageError(f"{step.at('inputs')}the step {one.name} is run for no {told}")
            yield from wired[one.name][shard]
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
        if any(one.startswith(option) for one in GIVEN):  # as argparse takes what is short for one
            raise UsageError(f"{step.at('options')}{option}: the flow itself says where the output goes")
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
    """Raises UsageError for two nodes with one output, for one in another's, and for one that reads another's unsaid."""
    outputs: dict[str, Node] = {}
    for node in nodes:
        other = outputs.setdefault(_whole(node.output), node)
        if other is not node:
            raise UsageError(f"{node.step.at('output')}{node.output} is the output of {other.name}, too")
    paths = sorted(outputs)
    for output, node in outputs.items():
        if around := _around(output.rpartition("/")[0], outputs):
            raise UsageError(
                f"{node.step.at('output')}{node.output} is in {around.output}, the output of {around.name}"
            )
        for path in node.inputs:
            whole = _whole(path) if isinstance(path, str) else ""
            if made := _around(whole, outputs) or outputs.get(_named(whole, paths)):
                raise UsageError(
                    f"{node.step.at('inputs')}{path} is the output of {made.name}, and would not be waited for;"
                    f' write {{step = "{made.step.name}"}}'
                )


def _refuse_deletions(nodes: Iterable[Node]) -> None:
    """Raises UsageError for a deletion of what none before it has read, or of what another might still read."""
    readers: dict[str, list[Node]] = {}
    for node in nodes:
        for path in node.paths if not isinstance(node.step, Delete) else ():
            readers.setdefault(path, []).append(node)
    for node in nodes:
        for path in node.paths if isinstance(node.step, Delete) else ():
            if path not in readers:
                raise UsageError(f"{node.step.at('inputs')}{path}: no step reads what is so called")
            before = _before(node)
            for reader in readers[path]:
                if reader.name not in before:
                    raise UsageError(
                        f"{node.step.at('after')}{path} is read by {reader.name}, which is not waited for"
                    )


def _before(node: Node) -> set[str]:
    """The names of all nodes that must be done before one."""
    seen: set[str] = set()
    wanted = list(node.after)
    while wanted:
        one = wanted.pop()
        if one.name not in seen:
            seen.add(one.name)
            wanted += one.needs
    return seen


def _key(of: Mapping[str, Sequence[Node]], values: Mapping[str, str]) -> str:
    """Of the outputs; of a step that is run for each of some things, which may come and go, as it is declared."""
    told = []
    for nodes in of.values():
        step = nodes[0].step
        texts = [
            step.output,
            *(text for said in step.foreach.values() for text in ([said] if isinstance(said, str) else said)),
        ]
        own = (
            {name: values[name] for name in sorted(set().union(*map(names, texts)) & set(values))}
            if step.foreach
            else {}
        )
        told.append([_whole(step.output if step.foreach else nodes[0].output), own])
    return digest(sorted(told, key=str))


def _whole(path: str) -> str:
    return absolute(path).rstrip("/")


def _around(path: str, outputs: Mapping[str, Node]) -> Node | None:
    """The node whose output is `path`, or a folder that it is in."""
    while path and path not in outputs:
        path = path.rpartition("/")[0]
    return outputs.get(path)


def _named(path: str, outputs: Sequence[str]) -> str:
    """One of the sorted `outputs` that the glob `path` names, or in which it can name something; else ''."""
    if first := GLOB.search(path):
        begin, names = path[: first.start()], path.split("/")
        at = bisect_left(outputs, begin)
        while at < len(outputs) and outputs[at].startswith(begin):
            found = outputs[at].split("/")
            if len(found) <= len(names) and all(map(fnmatch.fnmatchcase, found, names)):
                return outputs[at]
            at += 1
    return ""
