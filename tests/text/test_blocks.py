"""Blocks: whole lines, whatever the reads, their line ends and their size."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import FaninError
from jobs.text.blocks import Block, blocks, decode

PIECES = st.lists(
    st.sampled_from([b"a", b"bb", b"\r", b"\n", b"\r\n", b"\xef\xbb\xbf", b"\xc3\xa9", b"\x00"]), max_size=60
)


def split(found: list[Block]) -> list[str]:
    return [line for block in found for line in decode(block, strict=False)[0].split("\n")]


def expected(data: bytes) -> list[str]:
    pieces = re.split(rb"\r\n|\r|\n", data.removeprefix(b"\xef\xbb\xbf"))
    return [piece.decode(errors="replace") for piece in (pieces if pieces[-1] else pieces[:-1])]


@given(PIECES, st.integers(1, 80))
def test_lines_do_not_depend_on_where_blocks_are_cut(pieces: list[bytes], size: int) -> None:
    data = b"".join(pieces)
    longest = max(map(len, re.split(rb"\r\n|\r|\n", data)), default=0)
    found = list(blocks(io.BytesIO(data).read, "f", max(size, longest)))
    assert split(found) == expected(data)


@given(PIECES, st.integers(3, 80))
def test_a_block_starts_where_it_says(pieces: list[bytes], size: int) -> None:
    data = b"".join(pieces)
    longest = max(map(len, re.split(rb"\r\n|\r|\n", data)), default=0)
    for block in blocks(io.BytesIO(data).read, "f", max(size, longest)):
        assert data[block.start : block.start + len(block.data)] == block.data


@given(PIECES, st.integers(3, 12))
def test_a_line_longer_than_allowed_is_refused_and_no_other(pieces: list[bytes], limit: int) -> None:
    data = b"".join(pieces).removeprefix(b"\xef\xbb\xbf")
    start, too_long = 0, []
    for line in re.split(rb"(\r\n|\r|\n)", data):
        if len(line) > limit and line not in (b"\r\n",):
            too_long.append(start)
        start += len(line)
    if data.startswith(b"\xef\xbb\xbf"):
        return  # a second mark is text; its offsets are the first test's business
    if too_long:
        with pytest.raises(FaninError, match=rf"f: the line at byte {too_long[0]} is longer than {limit} bytes"):
            list(blocks(io.BytesIO(data).read, "f", limit))
    else:
        assert split(list(blocks(io.BytesIO(data).read, "f", limit))) == expected(data)


def test_a_line_of_exactly_the_limit_passes_with_any_end() -> None:
    for end in (b"\n", b"\r", b"\r\n", b""):
        data = b"x" * 10 + end
        assert split(list(blocks(io.BytesIO(data).read, "f", 10))) == ["x" * 10]


def test_a_long_line_is_joined_once() -> None:
    reads = [b"x" * 1000] * 5000 + [b"\nend"]
    (first, last) = blocks(lambda _: reads.pop(0) if reads else b"", "f", 10_000_000)
    assert (len(first.data), last.data, last.start) == (5_000_000, b"end", 5_000_001)


@given(st.binary(max_size=60))
def test_invalid_utf8_is_replaced_and_counted_as_python_does(data: bytes) -> None:
    data = data.replace(b"\r", b"")
    text, lines, replaced = decode(Block("f", 0, data), strict=False)
    assert (text, lines) == (data.decode(errors="replace"), data.count(b"\n") + 1)
    try:
        data.decode()
        assert replaced == 0
    except UnicodeDecodeError:
        assert replaced == text.count("\ufffd") - data.count("\ufffd".encode()) > 0


def test_strict_names_the_file_and_the_byte() -> None:
    _, block = blocks(io.BytesIO(b"\xef\xbb\xbfok\r\nb\xffad").read, "log.txt", 100)
    with pytest.raises(FaninError, match=r"log\.txt: invalid UTF-8 at byte 8 "):
        decode(block, strict=True)
