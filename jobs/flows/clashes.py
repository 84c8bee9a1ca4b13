"""What the nodes of one flow may not do to each other, refused before anything runs: share outputs, read them unsaid, merge one twice, delete too early."""

import fnmatch
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from jobs.errors import UsageError
from jobs.flows.graph import Node
from jobs.flows.steps import Delete, Merge
from jobs.storage.inputs import GLOB, expanded, refuse_repeated
from jobs.storage.places import absolute


def refuse_shared(nodes: Iterable[Node]) -> None:
    """Raises UsageError for two nodes with one output, for one in another's, and for one that reads another's unsaid."""
    outputs: dict[str, Node] = {}
    for node in nodes:
        other = outputs.setdefault(whole(node.output), node)
        if other is not node:
            raise UsageError(f"{node.step.at('output')}{node.output} is the output of {other.name}, too")
    paths = sorted(outputs)
    for output, node in outputs.items():
        if around := _around(output.rpartition("/")[0], outputs):
            raise UsageError(
                f"{node.step.at('output')}{node.output} is in {around.output}, the output of {around.name}"
            )
        for path in node.inputs:
            said = whole(path) if isinstance(path, str) else ""
            if made := _around(said, outputs) or outputs.get(_named(said, paths)):
                raise UsageError(
                    f"{node.step.at('inputs')}{path} is the output of {made.name}, and would not be waited for;"
                    f' write {{step = "{made.step.name}"}}'
                )


def refuse_doubled(nodes: Iterable[Node]) -> None:
    """Raises UsageError for a merge of one output with itself, which folds might never see side by side."""
    for node in nodes:
        paths: list[str] = []
        for path in node.paths if isinstance(node.step, Merge) else ():
            with suppress(UsageError):  # what is not there is missed when it is to be read
                paths += expanded(path)
        try:
            refuse_repeated(paths)
        except UsageError as error:
            raise UsageError(f"{node.step.at('inputs')}{error}") from None


def refuse_deletions(nodes: Iterable[Node]) -> None:
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


def whole(path: str) -> str:
    """A path, the same however it is written."""
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
