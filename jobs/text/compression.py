"""Decompression by a file's suffix, as Hadoop does it, and no reading of half a file.

Every member or stream of a file is read. A file cut short, or with anything behind its last stream, is an error;
so is compressed data under a name that does not say so.
"""

import bz2
import io
import lzma
import sys
import zlib
from collections.abc import Callable
from pathlib import PurePath
from typing import IO, Protocol

from jobs.errors import FaninError, UsageError

READ = 1 << 18  # compressed bytes read at a time

MAGIC = {
    ".gz": (b"\x1f\x8b\x08",),
    ".bz2": tuple(b"BZh%d1AY&SY" % level for level in range(1, 10)),
    ".xz": (b"\xfd7zXZ\x00",),
    ".zst": (b"\x28\xb5\x2f\xfd",),
}
UNREAD = (".deflate", ".lz4", ".snappy", ".lzo", ".lzo_deflate", ".z", ".lzma", ".zip")


class Decompressor(Protocol):
    """What bz2, lzma and zstd give for one stream."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def needs_input(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class Gunzip:
    """zlib's gzip member in the shape of the other decompressors."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)


def _zstd_decompressor() -> Decompressor:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd  # nodes, which read no files themselves, do without
    return zstd.ZstdDecompressor()


DECOMPRESSORS: dict[str, Callable[[], Decompressor]] = {
    ".gz": Gunzip,
    ".bz2": bz2.BZ2Decompressor,
    ".xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ),
    ".zst": _zstd_decompressor,
}


def suffix(name: str) -> str:
    """The compression that `name` says, in lower case, or ''; a compression that is not read is refused."""
    end = PurePath(name).suffix.lower()
    if end in UNREAD:
        raise UsageError(f"{name}: {end} files are not read; decompress it, or use .gz, .bz2, .xz or .zst")
    return end if end in DECOMPRESSORS else ""


def decompressed(raw: IO[bytes], name: str) -> IO[bytes]:
    """The plain bytes of `raw`, whose reads may be short, by the suffix of `name`.

    Raises FaninError, naming the file, when it is cut short, damaged, or compressed without a suffix that says so.
    """
    end = suffix(name)
    buffered = io.BufferedReader(raw, READ)  # type: ignore[type-var]
    if end:
        return io.BufferedReader(_Streams(buffered, end, name), 1 << 20)
    refuse_disguised(buffered.peek(16), name)
    return buffered


def refuse_disguised(head: bytes, name: str) -> None:
    """Raises FaninError if the first bytes of a file, by its name uncompressed, say that it is compressed."""
    for other, magics in MAGIC.items():
        if head.startswith(magics):
            raise FaninError(f"{name}: holds {other} data under a name without {other}; rename it to be read")


class _Streams(io.RawIOBase):
    """All streams of a compressed file, one behind the other."""

    def __init__(self, source: IO[bytes], end: str, name: str) -> None:
        self._source, self._end, self._name = source, end, name
        self._stream = DECOMPRESSORS[end]()
        self._streams = 0
        self._fed = False  # whether the stream has had a byte
        self._waiting = b""  # bytes behind a finished stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while True:
            if self._stream.eof and not self._next_stream():
                return 0
            data = b""
            if self._stream.needs_input:
                data = self._waiting or self._source.read(READ)
                self._waiting = b""
                if not data and (self._fed or not self._streams):
                    raise FaninError(f"{self._name}: cut short: the file ends inside its {self._end} data")
                self._fed = self._fed or bool(data)
            try:
                plain = self._stream.decompress(data, len(buffer))
            except Exception as error:  # each library has its own
                raise FaninError(f"{self._name}: not valid {self._end} data: {error}") from error
            if plain:
                buffer[: len(plain)] = plain
                return len(plain)

    def _next_stream(self) -> bool:
        """Starts on the next stream; False when the file holds no more. Zero bytes may pad streams."""
        rest = self._stream.unused_data
        self._streams += 1
        while True:
            rest = rest.lstrip(b"\0")
            if rest:
                break
            rest = self._source.read(READ)
            if not rest:
                return False
        self._stream, self._waiting, self._fed = DECOMPRESSORS[self._end](), rest, False
        return True

    def close(self) -> None:
        self._source.close()
        super().close()
