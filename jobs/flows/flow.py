"""A flow as it is declared, and how its steps become the nodes of a graph once its parameters are given."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import product

from jobs.errors import UsageError
from jobs.flows.clashes import refuse_deletions, refuse_doubled, refuse_shared, whole
from jobs.flows.graph import Graph, Node
from jobs.flows.steps import Command, Delete, Join, Option, Step
from jobs.flows.values import NAME, Parameter, filled, given, names, ranged
from jobs.storage.base import base_name
from jobs.storage.inputs import resolve
from jobs.storage.local import STDIN
from jobs.storage.manifest import digest

Shard = tuple[tuple[str, str], ...]
GIVEN = ("-o", "--output-dir", "--overwrite")
PLACES = {"input": "{input}", "inputs": "{inputs}", "output": "{output}"}  # a command's own, filled in when it runs


@dataclass(frozen=True)
class Flow:
    """Steps, and the parameters whose values their texts may hold.  name: for messages and the lock."""

    name: str
    steps: Sequence[Step]
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    def graph(self, said: Mapping[str, str]) -> Graph:
        """The graph with the parameters `said`; UsageError for what cannot be run, before anything runs."""
        values = given(self.parameters, said)
        _refuse_twice(self.steps)
        steps = _in_order(self.steps)
        nodes: dict[str, Node] = {}
        of: dict[str, list[Node]] = {}
        for step in steps:
            of[step.name] = list(_nodes(step, values, of))
            nodes |= {node.name: node for node in of[step.name]}
        refuse_shared(nodes.values())
        refuse_doubled(nodes.values())
        refuse_deletions(nodes.values())
        return Graph(self.name, _key(of, values), values, nodes, nodes)

    def run(self, said: Mapping[str, str] | None = None, runner: str = "", jobs: int = 2) -> int:
        """Runs what is not done, with the parameters `said`; how many steps were run. Raises FaninError if one fails."""
        from jobs.flows.journal import Journal, locked
        from jobs.flows.run import Run

        graph = self.graph(said or {})
        with locked(graph), closing(Journal(graph, None)) as journal:
            return Run(graph, runner, jobs, journal, quiet=True).run()


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
        told.append([whole(step.output if step.foreach else nodes[0].output), own])
    return digest(sorted(told, key=str))
