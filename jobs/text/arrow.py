"""Text in and out of DuckDB through the Arrow C stream, block by block, without a copy on the way out.

In: arro3 makes a lazy stream of an iterator of blocks. Out: the result's stream is read by ctypes, straight from
its buffers (a column of strings is one run of bytes and its offsets), and not by arro3: pulled by arro3 itself, the
query would enter arro3's input stream on a thread that arro3 believes to hold the interpreter, and crash.
Layout: https://arrow.apache.org/docs/format/CStreamInterface.html
"""

import ctypes
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema

SCHEMA = Schema([Field("block", DataType.string())])


class Streamable(Protocol):
    """Anything with the Arrow PyCapsule stream method, such as a DuckDB relation."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any: ...


class StreamFailed(Exception):
    """A query failed behind the first batch of its result."""


class BlockStream:
    """An Arrow source of one column, `block`, from `texts()`, called anew each time a query reads the source."""

    def __init__(self, texts: Callable[[], Iterable[str]]) -> None:
        self._texts = texts

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:
        del requested_schema  # there is one schema to be had
        return RecordBatchReader.from_batches(SCHEMA, map(_batch, self._texts())).__arrow_c_stream__()


def _batch(text: str) -> RecordBatch:
    return RecordBatch.from_arrays([Array([text], DataType.string())], schema=SCHEMA)


class _CArray(ctypes.Structure):
    """struct ArrowArray."""


_CArray._fields_ = [
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_CArray))),
    ("dictionary", ctypes.c_void_p),
    ("release", ctypes.CFUNCTYPE(None, ctypes.POINTER(_CArray))),
    ("private_data", ctypes.c_void_p),
]


class _CStream(ctypes.Structure):
    """struct ArrowArrayStream."""


_CStream._fields_ = [
    ("get_schema", ctypes.c_void_p),
    ("get_next", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_CStream), ctypes.POINTER(_CArray))),
    ("get_last_error", ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.POINTER(_CStream))),
    ("release", ctypes.c_void_p),
    ("private_data", ctypes.c_void_p),
]

_view = ctypes.pythonapi.PyMemoryView_FromMemory
_view.restype = ctypes.py_object
_view.argtypes = [ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int]
READ_ONLY = 0x100  # PyBUF_READ

_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype = ctypes.c_void_p
_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


def records(result: Streamable) -> Iterator[tuple[int, int, memoryview]]:
    """Batches of a result with the columns (part INTEGER, record VARCHAR), none null, ordered by part.

    Yields (part, number of records, their bytes) for each run of one part; the bytes are valid until the next.
    """
    capsule = result.__arrow_c_stream__()
    stream = _CStream.from_address(_pointer(capsule, b"arrow_array_stream"))
    while True:
        batch = _CArray()
        if stream.get_next(stream, batch):
            raise StreamFailed((stream.get_last_error(stream) or b"the result stream failed").decode())
        if not batch.release:
            return
        try:
            yield from _runs(batch)
        finally:
            batch.release(batch)


def _runs(batch: _CArray) -> Iterator[tuple[int, int, memoryview]]:
    part_column, record_column = (batch.children[i].contents for i in range(2))
    size = batch.length
    parts = _buffer(part_column, 1, ctypes.c_int32, size)
    ends = _buffer(record_column, 1, ctypes.c_int32, size + 1)
    data = record_column.buffers[2]
    first = 0
    while first < size:
        part = parts[first]
        last = size if parts[size - 1] == part else _end_of_run(parts, first, size)
        length = ends[last] - ends[first]
        if length:
            yield part, last - first, _view(data + ends[first], length, READ_ONLY)
        first = last


def _buffer(column: _CArray, index: int, type: type[ctypes.c_int32], size: int) -> ctypes.Array[ctypes.c_int32]:
    start = column.buffers[index] + ctypes.sizeof(type) * column.offset
    return (type * size).from_address(start)


def _end_of_run(parts: "ctypes.Array[ctypes.c_int32]", first: int, size: int) -> int:
    """The first index behind `first` with another part, by bisection: parts ascend."""
    low, high = first, size
    while high - low > 1:
        middle = (low + high) // 2
        if parts[middle] == parts[first]:
            low = middle
        else:
            high = middle
    return high
