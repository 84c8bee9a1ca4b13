"""Compressed files: read whole, or refused by name."""

import bz2
import gzip
import io
import lzma
from collections.abc import Callable

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import FaninError
from jobs.text.compression import DECOMPRESSORS, decompressed

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd.compress,
}
TEXT = b"".join(b"line %d\n" % (i * i) for i in range(50_000))


class ShortReads(io.BytesIO):
    """A raw file whose reads give a few bytes at a time."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(7, size) if size and size > 0 else 7)

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return super().readinto(buffer[:7])


def read(name: str, data: bytes) -> bytes:
    return decompressed(io.BytesIO(data), name).read()


def test_every_compression_has_its_test() -> None:
    assert COMPRESS.keys() == DECOMPRESSORS.keys()


@pytest.mark.parametrize("suffix", COMPRESS)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4))
def test_all_streams_are_read(suffix: str, parts: list[bytes]) -> None:
    assert read("f" + suffix, b"".join(map(COMPRESS[suffix], parts))) == b"".join(parts)


@pytest.mark.parametrize("suffix", COMPRESS)
def test_large_and_in_short_reads(suffix: str) -> None:
    data = COMPRESS[suffix](TEXT)
    assert read("f" + suffix.upper(), data) == TEXT
    assert decompressed(ShortReads(data), "f" + suffix).read() == TEXT


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.999, 1])
def test_cut_short_is_refused_by_name(suffix: str, share: float) -> None:
    data = COMPRESS[suffix](TEXT)
    cut = data[: min(int(len(data) * share), len(data) - 1)]
    with pytest.raises(FaninError, match=rf"log{suffix}: cut short"):
        read("log" + suffix, cut)


@pytest.mark.parametrize("suffix", COMPRESS)
def test_a_second_stream_cut_short_is_refused(suffix: str) -> None:
    data = COMPRESS[suffix](TEXT)
    with pytest.raises(FaninError, match=rf"log{suffix}: cut short"):
        read("log" + suffix, data + data[:-3])


@pytest.mark.parametrize("suffix", COMPRESS)
def test_garbage_is_refused_by_name(suffix: str) -> None:
    data = COMPRESS[suffix](TEXT)
    for wrong in (b"plain text, no compression at all\n" * 3, data + b"garbage behind the last stream"):
        with pytest.raises(FaninError, match=rf"log{suffix}: not valid {suffix} data"):
            read("log" + suffix, wrong)


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz"])
def test_a_flipped_byte_is_refused(suffix: str) -> None:
    data = bytearray(COMPRESS[suffix](TEXT))
    data[len(data) // 2] ^= 0x40
    with pytest.raises(FaninError, match=rf"log{suffix}: "):
        read("log" + suffix, bytes(data))


def test_zero_padding_between_and_behind_streams_is_no_data() -> None:
    member = gzip.compress(b"a\n")
    assert read("f.gz", member + b"\0" * 512 + member + b"\0" * 100_000) == b"a\na\n"


@pytest.mark.parametrize("suffix", COMPRESS)
def test_compressed_data_under_a_plain_name_is_refused(suffix: str) -> None:
    with pytest.raises(FaninError, match=rf"log\.txt: holds {suffix} data"):
        read("log.txt", COMPRESS[suffix](TEXT))


def test_text_that_only_begins_like_bzip2_is_text() -> None:
    assert read("f.txt", b"BZh9 is how bzip2 files begin\n") == b"BZh9 is how bzip2 files begin\n"


@pytest.mark.parametrize("name", ["f.lz4", "f.snappy", "f.zip", "f.Z", "f.deflate"])
def test_a_compression_that_is_not_read_is_refused(name: str) -> None:
    with pytest.raises(FaninError, match="are not read"):
        read(name, b"anything")
