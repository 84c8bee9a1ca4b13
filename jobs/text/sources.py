"""The text of many files as one stream of blocks, read side by side where there are cores for it."""

import queue
import re
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import IO, Protocol, TypeVar

from jobs.errors import UsageError
from jobs.text.blocks import BOM, Piece, blocks, decode
from jobs.text.compression import decompressed

T = TypeVar("T")
RECENT = 16  # pieces of about 1 MiB; more than may be under way in a task


class Source(Protocol):
    """A file to read: its name in messages, and its raw bytes."""

    @property
    def name(self) -> str: ...
    def open(self) -> IO[bytes]: ...


class Shape(Protocol):
    """What makes blocks of records of a file's blocks of lines; see jobs.text.formats.Format.reshape."""

    def reshape(self, pieces: Iterator[Piece], name: str, start: bool, whole: bool) -> Iterator[Piece]: ...


@dataclass
class Reading:
    """How text is read, and what was met on the way.

    counters: `lines`; `bytes` of text; `read`, bytes taken from files; `invalid_utf8`, sequences replaced by U+FFFD.
    progress: called after each block.  error: what stopped the reading, which DuckDB would only quote.
    shape: how lines become records, if they are not them.  recent: the last pieces, by file, to find a record's line in.
    """

    max_line: int
    strict: bool
    readers: int = 1
    progress: Callable[[Counter[str]], None] = lambda _: None
    shape: Shape | None = None
    counters: Counter[str] = field(default_factory=Counter)
    error: BaseException | None = None
    recent: deque[tuple[str, Piece]] = field(default_factory=lambda: deque(maxlen=RECENT))

    def texts(self, sources: Iterable[Source]) -> Iterator[str]:
        """The text of every block of all sources; their order is that of the sources with one reader only."""
        streams = [partial(self._named, source) for source in sources]
        in_turn = (piece for stream in streams for piece in stream())
        return self._counted(in_turn if self.readers == 1 else side_by_side(streams, self.readers))

    def lines(self, stream: IO[bytes], name: str, start: bool) -> Iterator[str]:
        """The text of every block of lines that Hadoop has already read out of a file.  start: from its byte 0."""
        pieces = self._numbered(
            (*decode(block, self.strict), len(block.data), len(block.data))
            for block in blocks(stream.read, name, self.max_line, bom=False)
        )
        return self._counted((name, piece) for piece in self._shaped(pieces, name, start, whole=False))

    def head(self, source: Source, lines: int) -> list[str]:
        """The first lines of a source, fewer if its first block has fewer."""
        with decompressed(source.open(), source.name) as stream:
            for block in blocks(stream.read, source.name, self.max_line):
                return decode(block, self.strict)[0].split("\n", lines)[:lines]
        return []

    def _counted(self, pieces: Iterable[tuple[str, Piece]]) -> Iterator[str]:
        try:
            for name, piece in pieces:
                self.counters.update(
                    lines=piece.lines, bytes=piece.bytes, read=piece.read, invalid_utf8=piece.replaced
                )
                self.progress(self.counters)
                if self.shape:
                    self.recent.append((name, piece))
                yield piece.text
        except (Exception, KeyboardInterrupt) as error:
            self.error = error
            raise

    def _named(self, source: Source) -> Iterator[tuple[str, Piece]]:
        pieces = self._numbered(self._decoded(source))
        yield from ((source.name, piece) for piece in self._shaped(pieces, source.name, start=True, whole=True))

    def _decoded(self, source: Source) -> Iterator[tuple[str, int, int, int, int]]:
        """For each block its text, its lines, the sequences replaced in it, its bytes, and those read from the file for it."""
        raw = source.open()
        position = 0
        with decompressed(raw, source.name) as stream:
            for block in blocks(stream.read, source.name, self.max_line):
                before, position = position, raw.tell() if raw.seekable() else position + len(block.data)
                yield (*decode(block, self.strict), len(block.data), position - before)

    def _numbered(self, texts: Iterable[tuple[str, int, int, int, int]]) -> Iterator[Piece]:
        line = 1
        for text, lines, replaced, size, read in texts:
            yield Piece(text, size, read, replaced, line, lines)
            line += lines

    def _shaped(self, pieces: Iterator[Piece], name: str, start: bool, whole: bool) -> Iterator[Piece]:
        return self.shape.reshape(pieces, name, start, whole) if self.shape else pieces


def peeked(lines: int) -> list[str]:
    """The first lines of standard input, which is still to be read from its start."""
    data = sys.stdin.buffer.peek().removeprefix(BOM)  # type: ignore[union-attr]  # it is a BufferedReader
    *whole, _ = re.split(rb"\r\n|\r|\n", data, maxsplit=lines)
    if data and not whole:
        raise UsageError("-: its first line is not there at once, or too long; for a header give a file")
    return [line.decode(errors="replace") for line in whole]


def side_by_side(streams: Sequence[Callable[[], Iterator[T]]], readers: int) -> Iterator[T]:
    """All items of all streams, drawn by `readers` threads and at most as many items ahead; any order.

    The first error of a stream ends all of them and is raised here.
    """
    waiting = iter(streams)
    ready: queue.Queue[tuple[T] | BaseException | None] = queue.Queue(readers)
    stop = threading.Event()
    lock = threading.Lock()

    def put(item: tuple[T] | BaseException | None) -> None:
        while not stop.is_set():
            try:
                ready.put(item, timeout=0.1)
                break
            except queue.Full:
                pass

    def draw() -> None:
        try:
            while not stop.is_set():
                with lock:
                    stream = next(waiting, None)
                if stream is None:
                    break
                for item in stream():
                    if stop.is_set():
                        return
                    put((item,))
            put(None)
        except BaseException as error:
            put(error)

    threads = [threading.Thread(target=draw, daemon=True) for _ in range(readers)]
    for thread in threads:
        thread.start()
    try:
        finished = 0
        while finished < readers:
            item = ready.get()
            if isinstance(item, BaseException):
                raise item
            if item is None:
                finished += 1
            else:
                yield item[0]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
