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

import datetime
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jobs.errors import UsageError
from jobs.flows.flow import Flow
from jobs.flows.lines import Lines
from jobs.flows.steps import KINDS, Step
from jobs.flows.values import NAME, Parameter

OWN = {"run": "job", "streaming": "arguments", "command": "arguments"}  # what a kind's own key sets
READ = ("join", "bucket", "merge", "reduce", "delete")  # kinds whose own key says their inputs
FIELDS = ("output", "options", "foreach", "after", "version", "keep")


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
            raise UsageError(f"{lines.at(key)}no such key {key!r}; there are name, parameters and steps")
    name, steps, parameters = said.get("name", Path(path).stem), said.get("steps"), said.get("parameters", {})
    if not isinstance(name, str) or not re.fullmatch(r"[\w.-]*\w[\w.-]*", name):
        raise UsageError(f"{lines.at('name')}{name!r} is no name; it has letters, digits, '.', '-' and '_' alone")
    if not isinstance(steps, dict) or not steps:
        raise UsageError(f"{lines.at('steps')}has no steps; write a table [steps.NAME] for each")
    if not isinstance(parameters, dict):
        raise UsageError(f"{lines.at('parameters')}write a table [parameters], with a type for each name")
    made: dict[str, Step] = {}
    for step in steps:
        _step(step, steps, made, lines, ())
    return Flow(
        name, [made[step] for step in steps], {one: _parameter(lines, one, parameters[one]) for one in parameters}
    )


def _parameter(lines: Lines, name: str, said: Any) -> Parameter:
    try:
        if not re.fullmatch(NAME, name):
            raise UsageError("its name has letters, digits and _ alone, and begins with no digit")
        if isinstance(said, str):
            return Parameter(said)
        if not isinstance(said, dict) or not said.keys() <= {"type", "default"}:
            raise UsageError("write a type, or {type = ..., default = ...}")
        type, default = said.get("type", "text"), said.get("default")
        if not isinstance(type, str):
            raise UsageError(f"{type!r} is no type")
        if isinstance(default, bool) or not isinstance(default, str | int | datetime.date | None):
            raise UsageError(f"{default!r} is no default; write a text, an integer or a date")
        return Parameter(type, None if default is None else str(default))
    except UsageError as error:
        raise UsageError(f"{lines.at('parameters', name)}parameter {name}: {error}") from None


def _step(name: str, all: Mapping[str, Any], made: dict[str, Step], lines: Lines, waiting: tuple[str, ...]) -> Step:
    """The step `name`, and before it those that it names."""
    if name in made:
        return made[name]

    def wrong(key: str, text: str) -> UsageError:
        return UsageError(f"{lines.at('steps', name, *([key] if key else []))}step {name}: {text}")

    said = all[name]
    kinds = [kind for kind in KINDS if isinstance(said, dict) and kind.key in said]
    if len(kinds) != 1:
        raise wrong("", f"needs one of the keys {', '.join(kind.key for kind in KINDS)}, and has {len(kinds)}")
    kind = kinds[0]
    own = [kind.key] if kind.key in READ else [kind.key, "inputs"]
    keys = [*own, *FIELDS, *(["fan"] if kind.key == "reduce" else [])]
    for key in said:
        if key not in keys:
            raise wrong(key, f"no such key {key!r}; there are {', '.join(keys)}")

    def step_of(key: str, other: Any) -> Step:
        if not isinstance(other, str) or other not in all:
            raise wrong(key, f"there is no step {other!r}; there are {', '.join(all)}")
        chain = (*waiting, name)
        if other in chain:
            raise wrong(key, f"waits for itself: {' <- '.join((*chain[chain.index(other) :], other))}")
        return _step(other, all, made, lines, chain)

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

    fields: dict[str, Any] = {key: said[key] for key in keys[len(own) :] if key in said}
    fields["inputs"] = read(own[-1])
    if kind.key in OWN:
        fields[OWN[kind.key]] = said[kind.key]
    if "after" in said:
        fields["after"] = [step_of("after", other) for other in _list(said["after"])]
    if "output" not in said:
        raise wrong("", "has no output")
    _check_types(kind, fields, wrong)
    made[name] = kind(name=name, file=lines.path, lines=lines.of("steps", name), **fields)
    return made[name]


def _check_types(kind: type[Step], fields: Mapping[str, Any], wrong: Any) -> None:
    good: Mapping[str, Callable[[Any], bool]] = {
        "output": _is_text,
        "version": _is_text,
        "job": _is_text,
        "keep": lambda value: isinstance(value, bool),
        "fan": lambda value: isinstance(value, int) and value > 1,
        "arguments": lambda value: _are_texts(value) and bool(value),
        "options": lambda value: isinstance(value, dict) and all(map(_is_option, value.values())),
        "foreach": lambda value: isinstance(value, dict) and all(_is_text(one) or _are_texts(one) for one in value.values()),
    }  # fmt: skip
    for key, value in fields.items():
        if key in good and not good[key](value):
            name = kind.key if key in OWN.values() else key
            raise wrong(name, f"{value!r} is no {name}")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_option(value: Any) -> bool:
    several = value.values() if isinstance(value, dict) else _list(value)
    return all(isinstance(one, str | int | float) for one in several)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
