"""A reduce that does not wait: what shards publish is folded, some at a time, until one fold of all that is left makes the output.

    a b c d  e f g h  i        fan = 4
    └──1──┘  └──2──┘  │        folded while i is under way
       └──────┴───────┘        the output

Folds lie beside the output, hidden, under a name that tells of what they are; a run that is interrupted finds those of before.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from jobs.errors import FaninError
from jobs.flows.graph import Node
from jobs.flows.signature import Parts, output_of
from jobs.storage.base import MANIFEST, base_name, join
from jobs.storage.inputs import expanded, resolve
from jobs.storage.manifest import LIMIT, Manifest, digest
from jobs.storage.places import storage_of


@dataclass(frozen=True)
class Fold:
    """Some inputs of a reduce, or folds, that make one."""

    node: Node
    inputs: tuple[str, ...]
    level: int
    output: str

    @property
    def parts(self) -> Parts:
        """What its manifest is to keep of it."""
        return {"step": base_name(self.output), "inputs": {path: _content(path) for path in self.inputs}}


class Folds:
    """The folds of one reduce.  fan: how many outputs one of them takes."""

    def __init__(self, node: Node, fan: int) -> None:
        self.node, self._fan = node, fan
        self._waiting: dict[int, list[str]] = {}
        self._missing = {one.output for one in node.nodes}
        self._under_way = 0
        for one in node.inputs:
            if isinstance(one, str):
                self._waiting.setdefault(0, []).extend(expanded(one))

    @property
    def complete(self) -> bool:
        """Whether all inputs are there, and what is left of them fits into the last fold."""
        return not self._missing and not self._under_way and len(self.last()) <= self._fan

    def last(self) -> list[str]:
        """What the last fold takes: all that waits."""
        return [path for level in sorted(self._waiting) for path in self._waiting[level]]

    def add(self, path: str) -> None:
        """An input that has been published."""
        self._missing.discard(path)
        self._waiting.setdefault(0, []).append(path)

    def next(self) -> Fold | None:
        """A fold that can begin, each only once; None while there is none."""
        while not self.complete:
            full = [level for level, waiting in sorted(self._waiting.items()) if len(waiting) >= self._fan]
            some = (full[0], self._fan) if full else self._rest()
            if not some:
                return None
            level, count = some
            inputs, self._waiting[level] = tuple(self._waiting[level][:count]), self._waiting[level][count:]
            fold = Fold(
                self.node, inputs, level, join(_place(self.node), digest([_content(path) for path in inputs])[:16])
            )
            self._under_way += 1
            if not _is_there(fold):
                return fold
            self.folded(fold)
        return None

    def adopt(self) -> None:
        """Takes the folds that an earlier run has left, in whatever order it made them, in place of the inputs that they are of."""
        left = dict(_left(self.node))
        levels = {path: level for level, waiting in self._waiting.items() for path in waiting}
        count = -1
        while count != len(left):  # as some are of others
            count = len(left)
            for one, inputs in list(left.items()):
                if inputs.keys() <= levels.keys() and all(_content(path) == inputs[path] for path in inputs):
                    levels[one] = 1 + max(levels.pop(path) for path in inputs)
                    del left[one]
        self._waiting = {}
        for path, level in levels.items():
            self._waiting.setdefault(level, []).append(path)

    def folded(self, fold: Fold) -> None:
        """A fold that has been published."""
        self._under_way -= 1
        self._waiting.setdefault(fold.level + 1, []).append(fold.output)

    def _rest(self) -> tuple[int, int] | None:
        """Once all inputs are there: the lowest level, to be folded though it is not full, as too much waits for the last fold."""
        if self._missing or self._under_way:
            return None
        level = next(level for level, waiting in sorted(self._waiting.items()) if waiting)
        if len(self._waiting[level]) == 1:
            above = next(one for one, waiting in sorted(self._waiting.items()) if waiting and one > level)
            self._waiting[above] += self._waiting.pop(level)
            return above, min(self._fan, len(self._waiting[above]))
        return level, len(self._waiting[level])


def clean(node: Node) -> None:
    """Removes the folds of a reduce."""
    storage = storage_of(_place(node))
    if storage.stat(_place(node)):
        storage.erase(_place(node))


def _place(node: Node) -> str:
    parent, slash, name = node.output.rstrip("/").rpartition("/")
    return f"{parent}{slash}.{name}.folds"


def _left(node: Node) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The folds that lie there, whole, and what they are of."""
    storage = storage_of(_place(node))
    for entry in storage.list(_place(node)) if storage.stat(_place(node)) else ():
        if not base_name(entry.path).startswith("."):
            with suppress(FaninError):  # one that is damaged is made again
                for manifest in resolve([entry.path]).manifests.values():
                    if inputs := manifest.step.get("inputs"):
                        yield entry.path, inputs


def _is_there(fold: Fold) -> bool:
    """Whether an earlier run has made a fold; one that is damaged is removed."""
    storage = storage_of(fold.output)
    if not storage.stat(fold.output):
        return False
    try:
        return bool(resolve([fold.output]).manifests)
    except FaninError:
        storage.erase(fold.output)
        return False


def _content(path: str) -> dict[str, str]:
    data = storage_of(path).read(join(path, MANIFEST), LIMIT)
    return output_of("", Manifest.from_json(data or b"", path))
