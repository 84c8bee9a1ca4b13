"""Splits of files: what one map task reads, whole lines of one file each, as Hadoop's FileInputFormat and LineRecordReader have it."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from jobs.engines.rows.lines import MAX_LINE
from jobs.engines.rows.step import LINES_INPUT, Step
from jobs.errors import UsageError
from jobs.storage.inputs import InputFile
from jobs.storage.local import STDIN, Local
from jobs.text.blocks import Block, blocks, with_newlines
from jobs.text.compression import decompressed, suffix

SLOP = 1.1  # the last split of a file may be so much larger than the others
SCAN = 1 << 16


@dataclass(frozen=True)
class Split:
    """Bytes `start` to `end` of a file, whole lines; end is None for all that is behind start.

    keyed: what stands between the byte where a line starts and the line; where it is empty, a line comes alone.
    """

    file: InputFile
    start: int = 0
    end: int | None = None
    keyed: bytes = b""

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
        with decompressed(self.file.open(), self.file.name) as stream:
            stream.seek(self.start) if self.start else None
            left = float("inf") if self.end is None else self.end - self.start

            def read(size: int) -> bytes:
                nonlocal left
                data = stream.read(int(min(size, left)))
                left -= len(data)
                return data

            for block in blocks(read, self.file.name, MAX_LINE, bom=self.start == 0):
                if self.keyed:
                    yield b"".join(b"%d%b%b\n" % (self.start + at, self.keyed, line) for at, line in _lines(block))
                else:
                    yield with_newlines(block.data) + b"\n"


def splits(files: Sequence[InputFile], step: Step, workers: int) -> list[Split]:
    """The splits of files, in their order: `workers` of them or more, where files can be split and are not too small.

    What a manifest lists is verified before it is read in pieces.
    """
    if step.by_line:
        count = max(1, step.number("mapreduce.input.lineinputformat.linespermap"))
        return [split for file in files for split in _by_lines(file, count, step.keyed)]
    total = sum(file.size or 0 for file in files)
    goal = total // max(step.number("mapreduce.job.maps"), workers, 1)
    least = step.number("mapreduce.input.fileinputformat.split.minsize")
    most = step.number("mapreduce.input.fileinputformat.split.maxsize")
    size = max(least, min(goal, most), 1)
    return [replace(split, keyed=step.keyed) for file in files for split in _of(file, size)]


def _of(file: InputFile, size: int) -> list[Split]:
    length = file.size
    whole = length is None or suffix(file.name) or not isinstance(file.storage, Local)
    if length == 0 and not whole:
        return [Split(file, 0, 0)]
    if whole or length is None or length <= size * SLOP:
        return [Split(file)]
    if file.listed:
        for _ in file.chunks():  # to its end, where its checksum is compared
            pass
    found, start = [], 0
    with open(file.name, "rb") as stream:
        while length - start > size * SLOP:
            end = _line_end(stream.fileno(), start + size, length)
            if end >= length:
                break
            found.append(Split(file, start, end))
            start = end
    return [*found, Split(file, start, length)]


def _line_end(descriptor: int, position: int, length: int) -> int:
    """The first byte at or behind `position` in front of which a line has ended by \\n."""
    position -= 1
    while position < length:
        data = os.pread(descriptor, SCAN, position)
        if (found := data.find(b"\n")) >= 0:
            return position + found + 1
        position += len(data) or length
    return length


def _by_lines(file: InputFile, count: int, keyed: bytes) -> Iterator[Split]:
    """A split for every `count` lines."""
    if suffix(file.name):
        raise UsageError(f"{file.name}: {LINES_INPUT} divides no compressed file; decompress it")
    with file.open() as stream:
        found = blocks(stream.read, file.name, MAX_LINE)
        starts = [
            at for number, at in enumerate(at for block in found for at, _ in _lines(block)) if number % count == 0
        ]
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        yield Split(file, start, end, keyed)


def _lines(block: Block) -> Iterator[tuple[int, bytes]]:
    """Where each line of a block starts, and the line without its end."""
    at = block.start
    for line in (block.data + b"\n").splitlines(keepends=True):
        yield at, line.rstrip(b"\r\n")
        at += len(line)
