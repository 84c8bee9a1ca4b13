"""A flow's file: TOML, and Flow and its steps in another form. Errors name the line.

name = "pages"
[parameters]
date = "date"                                   # or {type = "date", default = "2026-11-01"}
[steps.clean]
run = "my_jobs.py:Clean"
inputs = ["logs/{date}/*.gz"]
output = "out/{date}/clean"
[steps.top]
run = "top_pages"
inputs = [{step = "clean"}]
output = "out/{date}/top"
options = {n = 5}
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobs.errors import UsageError
from jobs.flows.flow import Flow
from jobs.flows.steps import KINDS, Step
from jobs.flows.values import Parameter

OWN = {"run": "job", "streaming": "arguments", "command": "arguments"}  # what a kind's own key sets
READ = ("join", "bucket", "merge", "reduce", "delete")  # kinds whose own key says their inputs
FIELDS = ("inputs", "output", "options", "foreach", "after", "version", "keep", "fan")


def load(path: str) -> Flow:
    """The flow of a file; UsageError names file and line."""
    try:
        text = Path(path).read_text()
        said = tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: is no TOML: {error}") from None
    lines = Lines(path, text)
    for key in said:
        if key not in ("name", "parameters", "steps"):
            raise UsageError(f"{lines.at(key)}no such key; there are name, parameters and steps")
    steps = said.get("steps")
    if not isinstance(steps, dict) or not steps:
        raise UsageError(f"{path}: has no steps; write a table [steps.NAME] for each")
    parameters = {name: _parameter(lines, name, one) for name, one in said.get("parameters", {}).items()}
    made: dict[str, Step] = {}
    for name in steps:
        _step(name, steps, made, lines, ())
    return Flow(str(said.get("name") or Path(path).stem), [made[name] for name in steps], parameters)


class Lines:
    """Where keys stand in a file."""

    def __init__(self, path: str, text: str) -> None:
        self.path, self._lines = path, text.splitlines()

    def at(self, key: str, table: str = "") -> str:
        """Where a key of a table is said, to begin an error with."""
        number = self.of(table).get(key) or self.of(table).get("")
        return f"{self.path}:{number}: " if number else f"{self.path}: "

    def of(self, table: str) -> dict[str, int]:
        """The lines of the keys of a table, and '' for its head."""
        found: dict[str, int] = {}
        inside = table == ""
        for number, line in enumerate(self._lines, 1):
            if head := re.match(r"\s*\[+\s*([^\]]+?)\s*\]", line):
                name = re.sub(r"[\"'\s]", "", head[1])
                inside = name == table
                if inside:
                    found[""] = number
                elif table and name.startswith(f"{table}."):
                    found.setdefault(name[len(table) + 1 :].partition(".")[0], number)
            elif inside and (key := re.match(r"\s*[\"']?([A-Za-z0-9_-]+)[\"']?\s*[=.]", line)):
                found.setdefault(key[1], number)
        return found


def _parameter(lines: Lines, name: str, said: Any) -> Parameter:
    try:
        if isinstance(said, str):
            return Parameter(said)
        if isinstance(said, dict) and said.keys() <= {"type", "default"}:
            default = said.get("default")
            return Parameter(said.get("type", "text"), None if default is None else str(default))
        raise UsageError("write a type, or {type = ..., default = ...}")
    except UsageError as error:
        raise UsageError(f"{lines.at(name, 'parameters')}parameter {name}: {error}") from None


def _step(name: str, all: Mapping[str, Any], made: dict[str, Step], lines: Lines, waiting: tuple[str, ...]) -> Step:
    """The step `name`, and before it those that it names."""
    if name in made:
        return made[name]
    table = f"steps.{name}"

    def wrong(key: str, text: str) -> UsageError:
        return UsageError(f"{lines.at(key, table)}step {name}: {text}")

    if name in waiting:
        raise wrong("inputs", f"waits for itself: {' <- '.join([*waiting[waiting.index(name) :], name])}")
    said = all[name]
    kinds = [kind for kind in KINDS if isinstance(said, dict) and kind.key in said]
    if len(kinds) != 1:
        raise wrong("", f"needs one of the keys {', '.join(kind.key for kind in KINDS)}, and has {len(kinds)}")
    kind = kinds[0]
    for key in said:
        if key not in (*FIELDS, kind.key) or (key == "fan" and kind.key != "reduce"):
            raise wrong(key, f"no such key {key!r}; there are {', '.join((kind.key, *FIELDS[:-1]))}")

    def step_of(key: str, other: Any) -> Step:
        if not isinstance(other, str) or other not in all:
            raise wrong(key, f"there is no step {other!r}; there are {', '.join(all)}")
        return _step(other, all, made, lines, (*waiting, name))

    def read(key: str) -> list[str | Step]:
        found: list[str | Step] = []
        for one in _list(said.get(key, [])):
            if isinstance(one, dict) and one.keys() == {"step"}:
                found.append(step_of(key, one["step"]))
            elif isinstance(one, str):
                found.append(one)
            else:
                raise wrong(key, f'{one!r} is no input; write a path, or {{step = "NAME"}}')
        return found

    fields: dict[str, Any] = {key: said[key] for key in FIELDS if key in said}
    if kind.key in READ:
        if "inputs" in said:
            raise wrong("inputs", f"the inputs of a {kind.key} stand behind {kind.key} =")
        fields["inputs"] = read(kind.key)
    else:
        fields["inputs"] = read("inputs")
        fields[OWN[kind.key]] = said[kind.key]
    if "after" in said:
        fields["after"] = [step_of("after", other) for other in _list(said["after"])]
    if "output" not in said:
        raise wrong("", "has no output")
    _check_types(kind, fields, wrong)
    if kind.key == "join" and len(fields["inputs"]) != 2:
        raise wrong("join", f"has {len(fields['inputs'])} inputs, and a join has a left one and a right one")
    made[name] = kind(name=name, file=lines.path, lines=lines.of(table), **fields)
    return made[name]


def _check_types(kind: type[Step], fields: Mapping[str, Any], wrong: Any) -> None:
    texts = {"output", "version", "job"}
    for key, value in fields.items():
        good = {
            **{name: isinstance(value, str) for name in texts},
            "keep": isinstance(value, bool),
            "fan": isinstance(value, int) and value > 1,
            "arguments": isinstance(value, list) and all(isinstance(word, str) for word in value),
            "options": isinstance(value, dict),
            "foreach": isinstance(value, dict) and all(isinstance(one, str | list) for one in value.values()),
        }.get(key, True)
        if not good:
            name = kind.key if key in OWN.values() else key
            raise wrong(name, f"{value!r} is no {name}")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
