"""Long values kept out of a sort: they wait in a file, and a mark stands for each in its line.

    key TAB long value           key TAB \\r offset : length

No line has another \\r: it would have ended it.
"""

import os
from collections.abc import Iterator
from typing import IO

from jobs.errors import FaninError
from jobs.text.blocks import BLOCK


class Aside:
    """Lines' values longer than `longest` bytes, aside in `file`.  A value follows the `fields`-th separator of a line.

    longest_key: bytes; a longer one raises FaninError.
    """

    def __init__(self, file: IO[bytes], longest: int, longest_key: int, fields: int, separator: bytes) -> None:
        self._file, self._fields, self._separator = file, max(fields, 1), separator
        self._longest, self._longest_key = longest, longest_key
        self._size = 0

    def shortened(self, data: bytes) -> bytes:
        """The lines of `data`, marks for the long values in them, which are written to the file."""
        pieces: list[bytes] = []
        values: list[bytes] = []
        done = start = 0
        most = self._longest
        while len(data) - start > most:
            # The last line end that is near enough leaves short lines behind at once.
            end = data.rfind(b"\n", start, start + most + 1)
            if end < 0:
                end = data.find(b"\n", start + most)
                end = len(data) if end < 0 else end
                value = self._value(data, start, end)
                if value - start > self._longest_key:
                    raise FaninError(
                        f"a mapper has written a key of {value - start} bytes, and keys are sorted in memory:"
                        f" {self._longest_key} are the most; raise --memory, or write a separator behind a shorter key"
                    )
                if end - value > most // 2:
                    pieces += data[done:value], b"\r%d:%d" % (self._size, end - value)
                    values.append(data[value:end])
                    self._size += end - value
                    done = end
            start = end + 1
        if not values:
            return data
        self._file.write(b"".join(values))
        self._file.flush()
        return b"".join([*pieces, data[done:]])

    def _value(self, data: bytes, start: int, end: int) -> int:
        """Where the value of the line from `start` to `end` starts; at its end if it has none."""
        for _ in range(self._fields):
            found = data.find(self._separator, start, end)
            if found < 0:
                return end
            start = found + len(self._separator)
        return start

    def completed(self, data: bytes) -> Iterator[bytes]:
        """The lines of `data` with their values again: whole lines, about a block at a time."""
        head, *rest = data.split(b"\r")
        pieces, size = [head], 0
        for piece in rest:
            mark, _, tail = piece.partition(b"\n")
            offset, _, length = mark.partition(b":")
            pieces += os.pread(self._file.fileno(), int(length), int(offset)), b"\n"
            size += int(length)
            if size >= BLOCK:
                yield b"".join(pieces)
                pieces, size = [], 0
            pieces.append(tail)
        if last := b"".join(pieces):
            yield last
