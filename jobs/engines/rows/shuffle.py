"""The shuffle: what mappers wrote, divided among reducers and sorted, in bounded memory; one DuckDB query that spills.

    files ── blocks ── lines ── key, part, record ── ORDER BY part, key ──> write(part, records)

A byte is a character on the way: text is decoded as latin-1, whose order in DuckDB is that of the bytes, and which holds any of
them. Long values are kept aside: a sort that spills has thousands of rows of each of its runs in memory, and a batch of its
result has 131,072.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from jobs import stages
from jobs.database import Limits, database
from jobs.engines.rows import key_fields
from jobs.engines.rows.aside import Aside
from jobs.engines.rows.key_fields import KeyField
from jobs.engines.rows.machine import ADVICE, longest
from jobs.errors import FaninError, UsageError
from jobs.sql import literal
from jobs.text.arrow import BlockStream, StreamFailed, records
from jobs.text.blocks import blocks, with_newlines
from jobs.text.partition import TEXT, hashed_latin, modulo
from jobs.text.records import NEWLINE

SHARE = 1 << 19
"""The longest value that is sorted with its key is this share of the memory: a batch of such is a quarter of it."""
KEY_SHARE = 16
"""The longest key is this share of the memory."""
CUT = 1 << 18  # bytes that are encoded and written at a time


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
    jobs.database.explain_failure tells it, where memory or the disk is too small, and FaninError for too long a line or key.
    """
    refused: list[FaninError] = []

    def texts() -> Iterator[str]:
        try:
            yield from _texts(files, aside, limits.memory)
        except FaninError as error:
            refused.append(error)
            raise

    with ExitStack() as stack, _in_own_words(refused):
        if limits.spill:
            limits.spill.mkdir(parents=True, exist_ok=True)
        file = stack.enter_context(tempfile.TemporaryFile(dir=limits.spill))
        aside = Aside(file, limits.memory // SHARE, limits.memory // KEY_SHARE, keys.fields, keys.separator.encode())
        connection = stack.enter_context(database(limits))
        connection.register("blocks", BlockStream(texts))
        for number, _, data in records(connection.sql(query(keys, parts))):
            for piece in _pieces(data, CUT):
                text = piece if piece.isascii() else piece.decode().encode("latin-1")
                for whole in aside.completed(text) if b"\r" in text else [text]:
                    write(number, whole)


@contextmanager
def _in_own_words(refused: Sequence[FaninError]) -> Iterator[None]:
    """Raises what a stream has raised, and not what DuckDB says of it."""
    try:
        yield
    except (duckdb.Error, StreamFailed):
        if refused:
            raise refused[0] from None
        raise


def query(keys: Keys, parts: int) -> str:
    """SQL from the table `blocks` to the rows (part, record) in order, all text as latin-1."""
    separator = literal(_latin(keys.separator))
    if keys.fields > 1:
        key = f"array_to_string(string_split(line, {separator})[1:{keys.fields}], {separator})"
    else:
        key = f"split_part(line, {separator}, 1)"
    between = literal(_latin(keys.reducer_separator))
    value = f"substring(line, length(key) + {1 + len(_latin(keys.separator))})"
    record = f"key || {between} || {value} || {NEWLINE}"
    if keys.separator == keys.reducer_separator:
        record = f"if(strlen(key) = strlen(line), line || {separator}, line) || {NEWLINE}"
    keyed = f"SELECT {key} AS key, line FROM ({stages.lines()})"
    divided = f"SELECT ({_part(keys, parts)})::INTEGER AS part, key, {record} AS record FROM ({keyed})"
    order = key_fields.order(keys.order or (), "key", _latin(keys.key_separator))
    by = order if parts == 1 else ["part", *order]
    return f"SELECT part, record FROM ({divided}) ORDER BY {', '.join(by)}"


def _part(keys: Keys, parts: int) -> str:
    if parts == 1:
        return "0"
    if keys.partition is None:
        return modulo(hashed_latin("key", TEXT), parts)
    return modulo(key_fields.hashed(keys.partition, "key", _latin(keys.key_separator)), parts)


def _latin(text: str) -> str:
    return text.encode().decode("latin-1")


def _texts(files: Sequence[Path], aside: Aside, memory: int) -> Iterator[str]:
    """The text of all blocks."""
    for file in files:
        with open(file, "rb", buffering=0) as stream:
            for block in blocks(stream.read, "a mapper's output", longest(memory), False, ADVICE):
                yield aside.shortened(with_newlines(block.data)).decode("latin-1")


def _pieces(data: memoryview, size: int) -> Iterator[bytes]:
    """Whole lines, about `size` bytes at a time: a batch as a whole may be large."""
    most = size
    while data:
        piece = bytes(data[:most])
        if end := piece.rfind(b"\n") + 1:
            yield piece[:end]
            data, most = data[end:], size
        else:
            most *= 2
