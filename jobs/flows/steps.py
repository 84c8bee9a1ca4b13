"""The steps that a flow is made of: what each runs, reads and writes. They declare, and are run elsewhere."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

Option = str | int | float | bool | Sequence[str | int] | Mapping[str, str | int]
"""--name value; true: the name alone; a list: the option again and again; a table: --name KEY=VALUE for each."""


@dataclass(frozen=True, kw_only=True)
class Step(ABC):
    """One step.

    name: letters, digits, `_` and `-`.  inputs: paths, globs, and other steps, whose outputs they are.
    output: the directory that it publishes, unlike any other step's.  options: of the command, by their long names.
    foreach: a name to the values it has, or to a glob, whose files are meant: one run of the step for each; `{name}` in texts is it.
    after: steps that must be done before, though nothing is read of them.
    version: of the code of Python mappers and commands, in place of their files' bytes.
    keep: whether the output stays when intermediates are cleaned.
    lines: where the step and its keys are said, for errors: '' and keys to line numbers of `file`.
    """

    name: str
    inputs: Sequence["str | Step"] = ()
    output: str
    options: Mapping[str, Option] = field(default_factory=dict)
    foreach: Mapping[str, Sequence[str] | str] = field(default_factory=dict)
    after: Sequence["Step"] = ()
    version: str | None = None
    keep: bool = True
    file: str = ""
    lines: Mapping[str, int] = field(default_factory=dict)

    key: ClassVar[str]
    """What a flow's file calls this kind of step."""
    engines: ClassVar[bool] = True
    """Whether it takes -r."""

    @abstractmethod
    def command(self, words: Sequence[str], inputs: Sequence[str], output: str) -> list[str]:
        """The words of fanin's command line.  words: its own, filled in."""

    @property
    def words(self) -> Sequence[str]:
        """Texts of this kind's own that are filled in, and are a part of what is declared."""
        return ()

    def at(self, key: str = "") -> str:
        """Where `key` is said, to begin an error with."""
        kind = self.lines.get(self.key) if key == "inputs" else None  # where some kinds say them
        line = self.lines.get(key) or kind or self.lines.get("")
        place = f"{self.file}:{line}: " if line else ""
        return f"{place}step {self.name}: "

    def steps(self) -> list["Step"]:
        """The steps whose outputs it reads."""
        return [one for one in self.inputs if isinstance(one, Step)]


@dataclass(frozen=True, kw_only=True)
class Run(Step):
    """A job: word_count, my_job.py:MyJob, package.module:MyJob."""

    job: str
    key: ClassVar[str] = "run"

    @property
    def words(self) -> Sequence[str]:
        return [self.job]

    def command(self, words: Sequence[str], inputs: Sequence[str], output: str) -> list[str]:
        return ["run", *words, *inputs, "--output-dir", output]


@dataclass(frozen=True, kw_only=True)
class Join(Step):
    """A join of two inputs, the left one and the right one."""

    key: ClassVar[str] = "join"

    def command(self, words: Sequence[str], inputs: Sequence[str], output: str) -> list[str]:
        return ["join", *words, *inputs, "--output-dir", output]


@dataclass(frozen=True, kw_only=True)
class Bucket(Step):
    """Rows divided by key."""

    key: ClassVar[str] = "bucket"

    def command(self, words: Sequence[str], inputs: Sequence[str], output: str) -> list[str]:
        return ["bucket", *words, *inputs, "--output-dir", output]


@dataclass(frozen=True, kw_only=True)
class Merge(Step):
    """Outputs of one job, each with --keep-partials, reduced again once all are there."""

    key: ClassVar[str] = "merge"
    engines: ClassVar[bool] = False

    def command(self, words: Sequence[str], inputs: Sequence[str], output: str) -> list[str]:
        return ["merge", *words, *inputs, "--output-dir", output]


@dataclass(frozen=True, kw_only=True)
class Reduce(Merge):
    """The same, and it does not wait: what has been published is folded while other shards are still under way.

    fan: outputs that one fold takes.
    """

    fan: int = 4
    key: ClassVar[str] = "reduce"


@dataclass(frozen=True, kw_only=True)
class Streaming(Step):
    """A command line of Hadoop Streaming, without -input and -output."""

    arguments: Sequence[str]
    key: ClassVar[str] = "streaming"
    engines: ClassVar[bool] = False

    @property
    def words(self) -> Sequence[str]:
        return self.arguments

    def command(self, words: Sequence[str], inputs: Sequence[str], output: str) -> list[str]:
        return ["streaming", *words, *(word for path in inputs for word in ("-input", path)), "-output", output]


@dataclass(frozen=True, kw_only=True)
class Command(Step):
    """Any program: it writes files into the folder {output}, which are published when it has ended with 0.

    A word {inputs} stands for the paths of all inputs, globs expanded, {input} for the only one.
    """

    arguments: Sequence[str]
    key: ClassVar[str] = "command"
    engines: ClassVar[bool] = False

    @property
    def words(self) -> Sequence[str]:
        return self.arguments

    def command(self, words: Sequence[str], inputs: Sequence[str], output: str) -> list[str]:
        return ["command", output, str(len(inputs)), *inputs, *words]


@dataclass(frozen=True, kw_only=True)
class Delete(Step):
    """Removes its inputs, once the outputs of the steps in `after` have been verified to the byte. Its output tells what it removed."""

    key: ClassVar[str] = "delete"
    engines: ClassVar[bool] = False

    def command(self, words: Sequence[str], inputs: Sequence[str], output: str) -> list[str]:
        """words: the outputs to be verified."""
        return ["delete", output, str(len(words)), *words, *inputs]


KINDS: tuple[type[Step], ...] = (Run, Join, Bucket, Merge, Reduce, Streaming, Command, Delete)
