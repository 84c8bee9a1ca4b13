"""Records as one JSON object: keys inside keys, and inside the last what was measured."""

import json
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from jobs.errors import FaninError, UsageError
from jobs.event_time import ENDS
from jobs.plan import Plan
from jobs.storage.inputs import InputFile, resolve
from jobs.storage.manifest import Manifest
from jobs.text import numbers

ESCAPED = {"t": "\t", "n": "\n", "r": "\r"}


def nested(directories: Sequence[str], column: str | None = None) -> str:
    """The records of output directories, together, as JSON text.

    Of what was measured one column is told as its value, several as an object; `column` chooses one. Numbers have all their
    digits. A null key is told as `\\N`. Held in memory: all of it.
    """
    told: dict[str, Any] = {}
    depths: dict[int, str] = {}
    for directory in directories:
        inputs = resolve([directory])
        manifest = inputs.manifests.get(directory.rstrip("/")) or inputs.manifests.get(directory)
        if not manifest or not manifest.columns:
            raise UsageError(f"{directory}: has no manifest that tells its columns, so it cannot be told as JSON")
        keys = _keys(manifest)
        types = {one["name"]: one["type"] for one in manifest.columns}
        measured = [name for name in types if name not in keys]
        if column not in (None, *measured):
            raise UsageError(f"--column: no column {column!r} in {directory}, which has: {', '.join(measured)}")
        for depth, other in depths.items():
            if depth != len(keys):
                raise UsageError(f"{directory}: has {len(keys)} key(s), where {other} has {depth}: tell them apart")
        depths[len(keys)] = directory
        chosen = measured if column is None else [column]
        for file in inputs.files:
            for line in _lines(file):
                record = dict(zip(types, line.split("\t"), strict=True))
                path = [_key(record[key]) for key in keys]
                _add(told, path, {name: _value(record[name], types[name]) for name in chosen}, directory)
    return _text(told)


def _keys(manifest: Manifest) -> list[str]:
    """The columns that tell a record from the others: its group's keys, its window's start, its bin."""
    plan = Plan.from_dict(manifest.plan)
    return [*plan.group_by, *ENDS[: bool(plan.window)], *(plan.table[1].fields[:1] if plan.table else ())]


def _lines(file: InputFile) -> Iterator[str]:
    rest = b""
    for chunk in file.chunks():
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.decode() for line in lines)
    if rest:
        raise FaninError(f"{file.name}: its last record is not whole")


def _add(told: dict[str, Any], path: list[str], values: dict[str, Any], directory: str) -> None:
    *before, last = path or [""]
    found = {last: next(iter(values.values())) if len(values) == 1 else values} if path else values
    inside = told
    for key in before:
        inside = inside.setdefault(key, {})
    if twice := inside.keys() & found.keys():
        place = " / ".join([*before, min(twice)])
        raise FaninError(f"{directory}: has {place} once more; merge outputs of the same groups first")
    inside.update(found)


def _key(field: str) -> str:
    """A null is told as `\\N`, and so the text that is written like that as it stands in the record."""
    text = _decoded(field)
    return field if text in (None, "\\N") else str(text)


def _decoded(field: str) -> str | None:
    if field == "\\N":
        return None
    return re.sub(r"\\(.)", lambda match: ESCAPED.get(match[1], match[1]), field)


def _value(field: str, type: str) -> Any:
    text = _decoded(field)
    if text is None or type == "BOOLEAN":
        return {None: None, "true": True, "false": False}[text]
    if type in numbers.INTEGERS:
        return int(text)
    if type in numbers.FLOATS:
        return text if text.strip("-") in ("nan", "inf") else float(text)
    return Decimal(text) if type.startswith("DECIMAL(") else text


def _text(value: Any) -> str:
    """JSON, with all digits of a Decimal."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(key)}: {_text(inside)}" for key, inside in value.items()) + "}"
    return f"{value:f}" if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)
