"""Bytes cut into blocks of whole lines, and blocks decoded to text.

Lines end at \\n, \\r\\n or a lone \\r, as Hadoop's LineRecordReader ends them. A block of about 1 MiB is cut at
any of them; what is left of a line waits in a list, so that a long line is joined once. A \\r at the end of what
was read waits too: its \\n may be still to come. A UTF-8 byte order mark at byte 0 is no part of the text.

    read      |alpha\\nbra|vo\\r|\\ncharlie|
    blocks    |alpha|   |bravo|   |charlie|      each without its last line end
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from jobs.errors import FaninError

BLOCK = 1 << 20
BOM = b"\xef\xbb\xbf"
REPLACEMENT = "\ufffd"


@dataclass(frozen=True)
class Block:
    """Whole lines of a file: at least one, the last without its line end.  start: the first one's byte."""

    name: str
    start: int
    data: bytes


class Piece(NamedTuple):
    """Text of whole lines of a file.  line: the number of the first one, from 1.  lines: how many.

    bytes: what it was in the file.  read: bytes taken from the file for it.  replaced: sequences that were no UTF-8.
    """

    text: str
    bytes: int
    read: int
    replaced: int
    line: int
    lines: int = 1


def blocks(
    read: Callable[[int], bytes],
    name: str,
    max_line: int,
    bom: bool = True,
    advice: str = "raise --max-line to read it",
) -> Iterator[Block]:
    """The blocks of one file, read by `read(size)`, which gives `size` bytes except at the file's end.

    bom: whether a byte order mark at the start is dropped; not where Hadoop has read the file and done so.
    advice: for somebody with a longer line.
    Holds a block and a line of at most `max_line` bytes; a longer one raises FaninError with file and byte.
    """
    size = max(min(BLOCK, max_line), len(BOM))
    rest: list[bytes] = []  # an unfinished line, or one whose \r may be half of \r\n
    start = length = 0  # where rest starts, and its bytes
    chunk = read(size)
    if bom and chunk.startswith(BOM):
        chunk, start = chunk[len(BOM) :] or read(size), len(BOM)
    while chunk:
        if rest and rest[-1].endswith(b"\r"):
            if not chunk.startswith(b"\n"):
                yield Block(name, start, b"".join(rest)[:-1])
                rest, start, length = [], start + length, 0
        elif length + len(chunk) > max_line and length + _first_line(chunk) > max_line:
            raise FaninError(f"{name}: the line at byte {start} is longer than {max_line} bytes; {advice}")
        end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r", 0, len(chunk) - 1))
        if end >= 0:
            data = b"".join([*rest, chunk[:end]]) if rest else chunk[:end]
            if chunk[end] == 10 and data.endswith(b"\r"):
                data = data[:-1]
            block, rest = Block(name, start, data), []
            start += length + end + 1
            length = 0
            yield block
        if tail := chunk[end + 1 :]:
            rest.append(tail)
            length += len(tail)
        chunk = read(size)
    if rest:
        yield Block(name, start, b"".join(rest).removesuffix(b"\r"))


def with_newlines(data: bytes) -> bytes:
    """Lines ended by \\n alone."""
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data


def _first_line(chunk: bytes) -> int:
    """The length of the chunk's first line, or of the whole chunk."""
    ends = (chunk.find(b"\n"), chunk.find(b"\r"))
    return min((end for end in ends if end >= 0), default=len(chunk))


def decode(block: Block, strict: bool) -> tuple[str, int, int]:
    """A block's text with \\n alone between lines, how many lines, and how many invalid UTF-8 sequences became U+FFFD in it.

    Sequences are replaced as Python's errors="replace" does; `strict` raises FaninError with file and byte.
    """
    replaced = 0
    try:
        text = block.data.decode()
    except UnicodeDecodeError as error:
        if strict:
            raise FaninError(
                f"{block.name}: invalid UTF-8 at byte {block.start + error.start} ({error.reason});"
                " without --strict it is read as U+FFFD"
            ) from None
        text = block.data.decode(errors="replace")
        replaced = text.count(REPLACEMENT) - block.data.count(REPLACEMENT.encode())
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text, _lines(with_newlines(block.data)), replaced


def _lines(data: bytes) -> int:
    """A deletion goes from one \\n to the next, where bytes.count looks at each byte, at half the speed and less."""
    return len(data) - len(data.replace(b"\n", b"")) + 1
