"""What Hadoop writes of a line that a child has written: its key and its value, and a separator between them."""

from collections.abc import Iterator
from pathlib import Path

from jobs.engines.rows.machine import ADVICE
from jobs.engines.rows.step import KEY_ONLY, Step
from jobs.text.blocks import blocks, with_newlines

NEITHER = bytes(set(range(256)) - set(b"\t\n"))


def records(path: Path, step: Step, kind: str, max_line: int) -> Iterator[bytes]:
    """The lines of a part, some at a time, of what a child has written to `path`.  kind: map or reduce.

    Its lines end at \\n, \\r\\n and a lone \\r. One without a separator is a key alone, and gets one.
    """
    fields = step.number(f"stream.num.{kind}.output.key.fields")
    between = step.said(f"stream.{kind}.output.field.separator").encode()
    written = step.said("mapreduce.output.textoutputformat.separator").encode()
    as_they_are = step.settings.get(f"stream.{kind}.output") == KEY_ONLY
    plain = between == written == b"\t" and fields == 1
    with open(path, "rb") as stream:
        for block in blocks(stream.read, f"a {kind} task's output", max_line, False, ADVICE):
            lines = with_newlines(block.data) + b"\n"
            if as_they_are or (plain and all_have_tabs(lines)):
                yield lines
            else:
                yield b"".join(record(line, fields, between, written) for line in lines.split(b"\n")[:-1])


def all_have_tabs(lines: bytes) -> bool:
    """Whether each line holds a tab; it costs 2 ns a byte.

    >>> all_have_tabs(b"a\\t1\\n\\t\\n"), all_have_tabs(b"a\\t1\\n\\n")
    (True, False)
    """
    marks = lines.translate(None, NEITHER)
    return not marks.startswith(b"\n") and b"\n\n" not in marks


def record(line: bytes, fields: int, between: bytes, written: bytes) -> bytes:
    """A line whose first `fields` are the key, with `written` between that and the value."""
    pieces = line.split(between, fields)
    value = pieces.pop() if len(pieces) > fields else b""
    return between.join(pieces) + written + value + b"\n"
