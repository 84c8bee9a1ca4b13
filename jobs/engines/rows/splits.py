"""Splits of files: what one map task reads, as Hadoop's FileInputFormat, NLineInputFormat and LineRecordReader have it.

    bytes    |alpha\nbra|vo\ncharlie\n|delta\n|
    lines    |alpha   bravo |charlie   delta|   |        one that starts in a split, or right behind it, is read with it

The largest split is the first task, and so makes the first part where there is no reducer.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from jobs.engines.rows.lines import all_have_tabs, record
from jobs.engines.rows.machine import ADVICE, MAX_LINE
from jobs.engines.rows.step import LINES_INPUT, Step
from jobs.errors import UsageError
from jobs.storage.inputs import InputFile
from jobs.storage.local import STDIN, Local
from jobs.text.blocks import Block, blocks, with_newlines
from jobs.text.compression import decompressed, suffix

SLOP = 1.1  # the last split of a file may be so much larger than the others
SCAN = 1 << 16
LINE_END = re.compile(rb"\r\n?|\n")


@dataclass(frozen=True)
class Split:
    """Bytes `start` to `end` of a local file that is not compressed, for the lines that start behind `start`, and up to `end`.

    end: None for the whole of any file.  paired, keyed: those of a step.  max_line: bytes of the longest line.
    """

    file: InputFile
    start: int = 0
    end: int | None = None
    paired: bytes = b""
    keyed: bytes = b""
    max_line: int = MAX_LINE

    @property
    def uri(self) -> str:
        """The file as Hadoop calls it in a task's environment."""
        name = self.file.name
        return name if "://" in name or name == STDIN else f"file:{os.path.abspath(name)}"

    @property
    def length(self) -> int:
        return (self.file.size or 0 if self.end is None else self.end) - self.start

    def __str__(self) -> str:
        return f"{self.file.name}, bytes {self.start} to {self.start + self.length}"

    def chunks(self) -> Iterator[bytes]:
        """Its lines, each ended by \\n, some at a time."""
        if self.end is None:
            raw, first, left = self.file.open(), 0, float("inf")
        else:
            raw = self.file.storage.open(self.file.entry)  # verified already
            first = _line_behind(raw.fileno(), self.start) if self.start else 0
            left = _line_behind(raw.fileno(), self.end) - first
        with decompressed(raw, self.file.name) as stream:
            stream.seek(first) if first else None

            def read(size: int) -> bytes:
                nonlocal left
                data = stream.read(int(min(size, left)))
                left -= len(data)
                return data

            for block in blocks(read, self.file.name, self.max_line, first == 0, ADVICE):
                yield self._read(block, first)

    def _read(self, block: Block, first: int) -> bytes:
        """A block's lines, as a mapper reads them.  first: the byte of the file where blocks start."""
        if self.keyed and not self.paired:
            return b"".join(b"%d%b%b\n" % (first + at, self.keyed, line) for at, line in _lines(block))
        lines = with_newlines(block.data) + b"\n"
        if not self.paired or (self.paired == self.keyed == b"\t" and all_have_tabs(lines)):
            return lines
        if not self.keyed:
            return b"".join(line.partition(self.paired)[2] + b"\n" for line in lines.split(b"\n")[:-1])
        return b"".join(record(line, 1, self.paired, self.keyed) for line in lines.split(b"\n")[:-1])


def splits(files: Sequence[InputFile], step: Step, workers: int, max_line: int) -> list[Split]:
    """The splits of files, the largest first. They are Hadoop's; for reducers, who see no difference, `workers` of them or more.

    What a manifest lists is verified before it is read in pieces.
    """
    if step.by_line:
        count = max(1, step.number("mapreduce.input.lineinputformat.linespermap"))
        found = [split for file in files for split in _by_lines(file, count, max_line)]
    else:
        most = max(step.number("mapreduce.job.maps"), workers if step.parts else 0, 1)
        goal = sum(file.size or 0 for file in files) // most
        size = max(step.number("mapreduce.input.fileinputformat.split.minsize"), min(goal, step.block_size), 1)
        found = [split for file in files for split in _of(file, size)]
    read = {"paired": step.paired, "keyed": step.keyed, "max_line": max_line}
    return [replace(split, **read) for split in sorted(found, key=lambda split: -split.length)]  # type: ignore[arg-type]


def _of(file: InputFile, size: int) -> list[Split]:
    length = file.size
    if length is None or length <= size * SLOP or suffix(file.name) or not isinstance(file.storage, Local):
        return [Split(file)]
    _verify(file)
    cuts = [0]
    while length - cuts[-1] > size * SLOP:
        cuts.append(cuts[-1] + size)
    return [Split(file, start, end) for start, end in zip(cuts, [*cuts[1:], length], strict=True)]


def _by_lines(file: InputFile, count: int, max_line: int) -> Iterator[Split]:
    """A split for every `count` lines. Each starts at the line end in front of its first line, which is read behind it."""
    if suffix(file.name) or not isinstance(file.storage, Local):
        raise UsageError(f"{file.name}: {LINES_INPUT} divides no compressed file, and here but local ones; copy it")
    _verify(file)
    with open(file.name, "rb") as stream:
        found = blocks(stream.read, file.name, max_line, False, ADVICE)
        starts = [
            at for number, at in enumerate(at for block in found for at, _ in _lines(block)) if number % count == 0
        ]
    for start, end in zip(starts, [*starts[1:], file.size or 0], strict=True):
        yield Split(file, max(0, start - 1), end - 1)


def _verify(file: InputFile) -> None:
    """Reads a file that a manifest lists to its end, where its checksum is compared."""
    if file.listed:
        for _ in file.chunks():
            pass


def _line_behind(descriptor: int, position: int) -> int:
    """Where the line starts that is behind the one at `position`, or the rest of that; the file's end if there is none."""
    while data := os.pread(descriptor, SCAN, position):
        if match := LINE_END.search(data):
            end = position + match.end()
            return end + (match[0] == b"\r" and os.pread(descriptor, 1, end) == b"\n")
        position += len(data)
    return position


def _lines(block: Block) -> Iterator[tuple[int, bytes]]:
    """Where each line of a block starts, and the line without its end."""
    at = block.start
    for line in (block.data + b"\n").splitlines(keepends=True):
        yield at, line.rstrip(b"\r\n")
        at += len(line)
