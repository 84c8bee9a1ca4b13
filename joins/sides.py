"""The two inputs of a join: how their lines are read, as options tell, and which columns there are."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jobs.errors import UsageError
from jobs.storage.inputs import Inputs
from jobs.text.formats import Csv, Format, Head, JsonLines, Log, Parquet, Tsv
from jobs.text.formats.separated import NUMBER, Separated
from joins.plan import Name, Side


@dataclass(frozen=True)
class Layout:
    """What options tell of a side.

    format: '' for that which the files' names tell; tsv, csv, jsonl, parquet, common, combined, or an nginx log_format.  header: whether files begin with their columns' names.
    columns: `name` or `name:type`, by comma: all of a line's, in order, if there is no header; those that are wanted, if there is.
    """

    format: str = ""
    header: bool = False
    columns: str = ""
    delimiter: str = ","
    null: str | None = None
    zone: str = "UTC"
    where: str = ""


def add_options(add: Callable[..., Any]) -> None:
    """The options that tell a Layout, but its columns and condition.  add: a job's add_passthru_arg."""
    add("--format", metavar="F", help="tsv, csv, jsonl, parquet, common, combined or an nginx log_format (default what .csv,"
        " .jsonl and .parquet say, else tsv)")  # fmt: skip
    add("--header", action="store_true", help="files begin with their columns' names")
    add("--delimiter", metavar="C", help="between a csv's columns (default a comma)")
    add("--null", metavar="TEXT", help=r"what stands for null (default \N in tsv, nothing in csv)")
    add("--time-zone", metavar="ZONE", help="of times without one (default UTC)")


def told(options: Any, declared: Layout, name: Name | None) -> Layout:
    """The Layout that options tell of a side, or of the only input: as declared where they do not."""
    o = vars(options)
    where = o[f"{name}_where" if name else "where"]

    def said(option: str, default: Any) -> Any:
        own = o.get(f"{name}_{option}") if name else None
        value = o.get(option) if own is None else own
        return default if value is None else value

    return Layout(
        said("format", declared.format),
        o["header"] or declared.header,
        said("columns", declared.columns),
        said("delimiter", declared.delimiter),
        said("null", declared.null),
        said("time_zone", declared.zone),
        declared.where if where is None else where,
    )


def bound(
    layout: Layout,
    keys: Sequence[str],
    heads: Sequence[Head],
    name: Name | None,
    found: Mapping[str, str] | None = None,
) -> Side:
    """The side `name` as its options and the heads of its files tell it; UsageError where they do not fit.

    name: None for the only input of a tool that prepares a join.  found: the columns of Parquet, if no options give them.
    Columns are called by their names, where there is a header or options give them, else by number, from 1.
    """
    declared = declared_columns(layout.columns, name)
    if layout.format not in ("tsv", "csv"):
        return _checked(_named(layout, declared or found or {}, name), keys, layout.where, name)
    known = next((head.columns for head in heads if head.columns is not None), None)
    by_number = all(NUMBER.fullmatch(key) for key in keys)
    headed = layout.header or known is not None or not (declared or by_number)
    if declared and not headed:
        if heads and _split(layout, heads[0]) == list(declared):
            raise UsageError(
                f"{heads[0].name}: it begins with the names of its columns, {', '.join(declared)}; give --header"
            )
        numbers = {column: number for number, column in enumerate(declared, 1)}
        format = replace(_separated(layout, declared, numbers), width=len(declared))
        return _checked(format, _called(keys, list(declared)), layout.where, name)
    if not heads:
        if declared:
            return bound(replace(layout, header=False), keys, heads, name)
        raise UsageError(f"{_called_side(name)} is empty, so that nothing tells its columns; give {option(name)}")
    names = list(known) if known is not None else _split(layout, heads[0])
    if not headed:
        columns = {str(number): "text" for number, _ in enumerate(names, 1)}
        format = replace(_separated(layout, columns, None), width=len(names))
        return _checked(format, keys, layout.where, name)
    twice = sorted({column for column in names if names.count(column) > 1})
    if twice and not declared:
        raise UsageError(
            f"{heads[0].name}: its header has the column {twice[0]!r} more than once; say which are wanted with {option(name)}"
        )
    format = _separated(replace(layout, header=True), declared or dict.fromkeys(names, "text"), None).bind(heads)
    return _checked(replace(format, width=len(names)), _called(keys, names), layout.where, name)


def known_heads(inputs: Inputs) -> list[Head]:
    """What fanin's own outputs tell of their columns, where none of their files has a line."""
    return [
        Head(path, [], [column["name"] for column in manifest.columns]) for path, manifest in inputs.manifests.items()
    ]


def declared_columns(text: str, name: Name | None) -> dict[str, str]:
    """Column to type of `id, at:time, amount:decimal(2)`; text is the type of those without one.

    >>> declared_columns("id, amount:decimal(2)", "left")
    {'id': 'text', 'amount': 'decimal(2)'}
    """
    columns: dict[str, str] = {}
    for piece in filter(None, (piece.strip() for piece in text.split(","))):
        column, _, type = piece.partition(":")
        if column.strip() in columns:
            raise UsageError(f"{option(name)}: the column {column.strip()!r} twice")
        columns[column.strip()] = type.strip() or "text"
    return columns


def _named(layout: Layout, declared: Mapping[str, str], name: Name | None) -> Format:
    if layout.format == "parquet":
        return Parquet(declared, zone=layout.zone)
    if not declared:
        raise UsageError(f"{_called_side(name)}: {layout.format} tells no columns; give {option(name)} 'id, at:time'")
    if layout.format == "jsonl":
        return JsonLines(declared, zone=layout.zone)
    return Log(declared, layout.format, zone=layout.zone)


def _separated(layout: Layout, columns: Mapping[str, str], numbers: Mapping[str, int] | None) -> Separated:
    if layout.format == "csv":
        return Csv(
            columns, layout.header, layout.null or "", delimiter=layout.delimiter, zone=layout.zone, numbers=numbers
        )
    null = "\\N" if layout.null is None else layout.null
    return Tsv(columns, layout.header, null, zone=layout.zone, numbers=numbers)


def _split(layout: Layout, head: Head) -> list[str]:
    return _separated(layout, {"1": "text"}, None).split(head.lines[0])


def _called(keys: Sequence[str], names: Sequence[str]) -> list[str]:
    """Keys by name, those that are numbers, too."""
    return [
        names[int(key) - 1] if key not in names and NUMBER.fullmatch(key) and int(key) <= len(names) else key
        for key in keys
    ]


def _checked(format: Format, keys: Sequence[str], where: str, name: Name | None) -> Side:
    for key in keys:
        if key not in format.columns:
            others = ", ".join(format.columns)
            raise UsageError(f"--on: {_called_side(name)} has no column {key!r}; it has: {others}{_swapped(name)}")
        if format.columns[key] == "float":
            raise UsageError(f"--on {key}: floating-point numbers are no keys; declare it as text or decimal(2)")
    return Side(format, tuple(keys), where)


def _swapped(name: Name | None) -> str:
    return f" (--on LEFT=RIGHT names the left side's column first; this is the {name} one)" if name else ""


def _called_side(name: Name | None) -> str:
    return f"the {name} side" if name else "the input"


def option(name: Name | None) -> str:
    """What tells the columns of a side, or of the only input."""
    return f"--{name}-columns" if name else "--columns"


def keys_of(on: str) -> tuple[list[str], list[str]]:
    """The columns of `id`, or `user_id=id`, by comma: of the left side, and of the right one.

    >>> keys_of("user_id=id,region")
    (['user_id', 'region'], ['id', 'region'])
    """
    pairs = [piece.strip() for piece in on.split(",")]
    if not all(re.fullmatch(r"[^=]+(=[^=]+)?", pair) for pair in pairs):
        raise UsageError(f"--on {on!r}: write a column, or LEFT=RIGHT where their names differ, by comma")
    halves = [pair.partition("=") for pair in pairs]
    return [left.strip() for left, _, _ in halves], [(right or left).strip() for left, _, right in halves]
