"""Records as one JSON object: keys inside keys, and inside the last what was measured."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from jobs.errors import FaninError, UsageError
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
    for directory in directories:
        inputs = resolve([directory])
        manifest = inputs.manifests.get(directory.rstrip("/")) or inputs.manifests.get(directory)
        if not manifest or not manifest.columns:
            raise UsageError(f"{directory}: has no manifest that tells its columns, so it cannot be told as JSON")
        keys = _keys(manifest)
        names = [one["name"] for one in manifest.columns]
        if column is not None and column not in names:
            raise UsageError(f"--column: no column {column!r} in {directory}, which has: {', '.join(names)}")
        for file in inputs.files:
            for line in _lines(file):
                _add(
                    told,
                    [(field, one) for field, one in zip(line.split("\t"), manifest.columns, strict=True)],
                    keys,
                    column,
                    directory,
                )
    return _text(told)


def _keys(manifest: Manifest) -> int:
    """How many columns tell a record from the others: its group's keys, its window's start, its bin."""
    plan = Plan.from_dict(manifest.plan)
    return len(plan.group_by) + bool(plan.window) + bool(plan.table)


def _lines(file: InputFile) -> Iterator[str]:
    rest = b""
    for chunk in file.chunks():
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.decode() for line in lines)
    if rest:
        raise FaninError(f"{file.name}: its last record is not whole")


def _add(
    told: dict[str, Any], record: list[tuple[str, Mapping[str, str]]], keys: int, column: str | None, directory: str
) -> None:
    inside, path = told, [field if field == "\\N" else str(_decoded(field)) for field, _ in record[:keys]]
    values = {one["name"]: _value(field, one["type"]) for field, one in record[keys:]}
    found: Any = next(iter(values.values())) if len(values) == 1 else values
    if column is not None:
        found = values.get(column)
    if not path:
        told.update(values if column is None else {column: found})
        return
    for key in path[:-1]:
        inside = inside.setdefault(key, {})
    if path[-1] in inside:
        raise FaninError(f"{directory}: has {' / '.join(path)} once more; merge outputs of the same groups first")
    inside[path[-1]] = found


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
    exact = type.startswith("DECIMAL(") or (type in numbers.FLOATS and text.strip("-") not in ("nan", "inf"))
    return Decimal(text) if exact else text


def _text(value: Any) -> str:
    """JSON, with all digits of a Decimal."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(key)}: {_text(inside)}" for key, inside in value.items()) + "}"
    return f"{value:f}" if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)
