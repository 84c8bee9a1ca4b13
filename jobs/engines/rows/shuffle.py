"""The shuffle: what mappers wrote, divided among reducers and sorted, in bounded memory; one DuckDB query that spills.

    files ── blocks ── lines ── key, part, record ── ORDER BY part, key ──> write(part, records)

A byte is a character on the way: text is decoded as latin-1, whose order in DuckDB is that of the bytes, and which holds any of
them. A value too long to be sorted waits in a file, and a carriage return and its place there stand for it in the record: there is
no other carriage return, since it ends a line.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from jobs import stages
from jobs.database import Limits, database
from jobs.engines.rows import key_fields
from jobs.engines.rows.key_fields import KeyField
from jobs.errors import UsageError
from jobs.sql import literal
from jobs.text.arrow import BlockStream, records
from jobs.text.blocks import BLOCK, blocks
from jobs.text.partition import TEXT, hashed_latin, modulo
from jobs.text.records import NEWLINE

LONG = 1024
"""Bytes of a line from which its value waits in a file: a result's batch has 131,072 lines, and must fit in memory."""


@dataclass(frozen=True)
class Keys:
    """How map output lines are keyed, divided among reducers, and sorted; as the settings of Hadoop Streaming tell.

    fields: of the line that are its key (stream.num.map.output.key.fields), ended by `separator`
    (stream.map.output.field.separator).  reducer_separator: what a reducer sees in its place.
    key_separator: between the fields of a key (mapreduce.map.output.key.field.separator), for `partition` and `order`.
    partition: what KeyFieldBasedPartitioner divides by; None for HashPartitioner.
    order: what KeyFieldBasedComparator orders by; None for the bytes of the key.
    """

    fields: int = 1
    separator: str = "\t"
    reducer_separator: str = "\t"
    key_separator: str = "\t"
    partition: tuple[KeyField, ...] | None = None
    order: tuple[KeyField, ...] | None = None

    def __post_init__(self) -> None:
        if len(self.key_separator.encode()) > 1 and (self.partition or self.order):
            raise UsageError(
                f"mapreduce.map.output.key.field.separator={self.key_separator}: must be one byte; Hadoop miscounts others"
            )
        for separator in (self.separator, self.reducer_separator, self.key_separator):
            if not separator or set(separator) & set("\r\n"):
                raise UsageError(f"the field separator {separator!r}: must be one character or more, and end no line")


def shuffle(
    files: Sequence[Path], keys: Keys, parts: int, limits: Limits, write: Callable[[int, bytes], object]
) -> None:
    """Divides the map output lines in `files` among `parts` reducers and sorts them.

    write: gets whole lines, as reducers read them, of part after part, each in the order of its keys.
    Lines end at \\n, \\r\\n or a lone \\r. The values of a key are in no particular order. Raises duckdb.Error, as
    jobs.database.explain_failure tells it, where memory or the disk is too small.
    """
    with ExitStack() as stack:
        if limits.spill:
            limits.spill.mkdir(parents=True, exist_ok=True)
        waiting = stack.enter_context(tempfile.TemporaryFile(dir=limits.spill))
        connection = stack.enter_context(database(limits))
        connection.register("blocks", BlockStream(lambda: _texts(files, keys, waiting)))
        for number, _, data in records(connection.sql(query(keys, parts))):
            text = bytes(data)
            if not text.isascii():
                text = text.decode().encode("latin-1")
            for whole in _complete(text, waiting):
                write(number, whole)


def query(keys: Keys, parts: int) -> str:
    """SQL from the table `blocks` to the rows (part, record) in order, all text as latin-1."""
    separator = literal(_latin(keys.separator))
    if keys.fields > 1:
        key = f"array_to_string(string_split(line, {separator})[1:{keys.fields}], {separator})"
    else:
        key = f"if(contains(line, {separator}), substring(line, 1, instr(line, {separator}) - 1), line)"
    between = literal(_latin(keys.reducer_separator))
    value = f"substring(line, length(key) + {1 + len(_latin(keys.separator))})"
    record = f"key || {between} || {value} || {NEWLINE}"
    if keys.separator == keys.reducer_separator:
        record = f"if(length(key) = length(line), line || {separator}, line) || {NEWLINE}"
    keyed = f"SELECT {key} AS key, line FROM ({stages.lines()})"
    divided = f"SELECT ({_part(keys, parts)})::INTEGER AS part, key, {record} AS record FROM ({keyed})"
    order = key_fields.order(keys.order or (), "key", _latin(keys.key_separator))
    return f"SELECT part, record FROM ({divided}) ORDER BY {', '.join(['part', *order])}"


def _part(keys: Keys, parts: int) -> str:
    if parts == 1:
        return "0"
    if keys.partition is None:
        return modulo(hashed_latin("key", TEXT), parts)
    return modulo(key_fields.hashed(keys.partition, "key", _latin(keys.key_separator)), parts)


def _latin(text: str) -> str:
    return text.encode().decode("latin-1")


def _texts(files: Sequence[Path], keys: Keys, waiting: IO[bytes]) -> Iterator[str]:
    """The text of all blocks, with places for values that are written to `waiting`."""
    separator = keys.separator.encode()
    for file in files:
        with open(file, "rb", buffering=0) as stream:
            for block in blocks(stream.read, str(file), sys.maxsize, bom=False):
                data = block.data
                if b"\r" in data:
                    data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
                yield b"".join(_shortened(data, separator, keys.fields, waiting)).decode("latin-1")
    waiting.flush()


def _shortened(data: bytes, separator: bytes, fields: int, waiting: IO[bytes]) -> Iterator[bytes]:
    """Pieces of lines, long values in them replaced by `\\r`, where they are in `waiting`, `:`, and their length."""
    done = start = 0
    while len(data) - start > LONG:
        end = data.rfind(b"\n", start, start + LONG + 1)
        if end < 0:
            end = data.find(b"\n", start + LONG)
            end = len(data) if end < 0 else end
            value = _value(data, start, end, separator, fields)
            if end - value > LONG // 2:
                yield data[done:value]
                yield b"\r%d:%d" % (waiting.tell(), end - value)
                waiting.write(memoryview(data)[value:end])
                done = end
        start = end + 1
    yield data[done:] if done else data


def _value(data: bytes, start: int, end: int, separator: bytes, fields: int) -> int:
    """Where the value of the line from `start` to `end` starts; at its end if it has none."""
    for _ in range(max(fields, 1)):
        found = data.find(separator, start, end)
        if found < 0:
            return end
        start = found + len(separator)
    return start


def _complete(text: bytes, waiting: IO[bytes]) -> Iterator[bytes]:
    """Lines with the values that are in `waiting` in their places."""
    head, *rest = text.split(b"\r")
    pieces, size = [head], 0
    for piece in rest:
        place, _, tail = piece.partition(b"\n")
        offset, length = map(int, place.split(b":"))
        pieces += os.pread(waiting.fileno(), length, offset), b"\n"
        size += length
        if size >= BLOCK:
            yield b"".join(pieces)
            pieces, size = [], 0
        if tail:
            pieces.append(tail)
    if pieces:
        yield b"".join(pieces)
