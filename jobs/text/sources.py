"""The text of many files as one stream of blocks, read side by side where there are cores for it."""

import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import IO, NamedTuple, Protocol, TypeVar

from jobs.text.blocks import blocks, decode
from jobs.text.compression import decompressed

T = TypeVar("T")


class Source(Protocol):
    """A file to read: its name in messages, and its raw bytes."""

    @property
    def name(self) -> str: ...
    def open(self) -> IO[bytes]: ...


class Piece(NamedTuple):
    """A block's text; the bytes it was, those read from the file for it, and the sequences replaced in it."""

    text: str
    bytes: int
    read: int
    replaced: int


@dataclass
class Reading:
    """How text is read, and what was met on the way.

    counters: `lines`; `bytes` of text; `read`, bytes taken from files; `invalid_utf8`, sequences replaced by U+FFFD.
    progress: called after each block.  error: what stopped the reading, which DuckDB would only quote.
    """

    max_line: int
    strict: bool
    readers: int = 1
    progress: Callable[[Counter[str]], None] = lambda _: None
    counters: Counter[str] = field(default_factory=Counter)
    error: BaseException | None = None

    def texts(self, sources: Iterable[Source]) -> Iterator[str]:
        """The text of every block of all sources; their order is that of the sources with one reader only."""
        streams = [partial(self._pieces, source) for source in sources]
        in_turn = (piece for stream in streams for piece in stream())
        return self._counted(in_turn if self.readers == 1 else side_by_side(streams, self.readers))

    def lines(self, stream: IO[bytes], name: str) -> Iterator[str]:
        """The text of every block of lines that Hadoop has already read out of a file."""
        return self._counted(
            Piece(text, len(block.data), len(block.data), replaced)
            for block in blocks(stream.read, name, self.max_line, bom=False)
            for text, replaced in [decode(block, self.strict)]
        )

    def _counted(self, pieces: Iterable[Piece]) -> Iterator[str]:
        try:
            for piece in pieces:
                lines = piece.text.count("\n") + 1
                self.counters.update(lines=lines, bytes=piece.bytes, read=piece.read, invalid_utf8=piece.replaced)
                self.progress(self.counters)
                yield piece.text
        except (Exception, KeyboardInterrupt) as error:
            self.error = error
            raise

    def _pieces(self, source: Source) -> Iterator[Piece]:
        raw = source.open()
        position = 0
        with decompressed(raw, source.name) as stream:
            for block in blocks(stream.read, source.name, self.max_line):
                text, replaced = decode(block, self.strict)
                before, position = position, raw.tell() if raw.seekable() else position + len(block.data)
                yield Piece(text, len(block.data), position - before, replaced)


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
