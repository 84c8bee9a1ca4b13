"""Reading several files: one stream, by one reader or many, and no error lost on the way."""

import io
import threading
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import FaninError
from jobs.text.sources import Reading, side_by_side


class Memory:
    """A source that lies in memory."""

    def __init__(self, name: str, data: bytes) -> None:
        self.name, self._data = name, data

    def open(self) -> IO[bytes]:
        return io.BytesIO(self._data)


@given(st.lists(st.binary(max_size=50), max_size=20), st.integers(1, 5))
def test_all_text_arrives_and_is_counted(files: list[bytes], readers: int) -> None:
    files = [b"x" + data for data in files]  # no magic of a compression
    reading = Reading(1 << 20, strict=False, readers=readers)
    texts = list(reading.texts([Memory(f"f{i}", data) for i, data in enumerate(files)]))
    alone = [text for data in files for text in Reading(1 << 20, strict=False).texts([Memory("f", data)])]
    assert sorted(texts) == sorted(alone)
    assert reading.counters["read"] == sum(map(len, files))


@pytest.mark.parametrize("readers", [1, 3])
def test_the_error_of_any_file_ends_the_reading(readers: int) -> None:
    files = [Memory(f"{i}.txt", b"text\n" * 1000) for i in range(20)]
    files[11] = Memory("11.gz", b"no gzip")
    reading = Reading(1 << 20, strict=False, readers=readers)
    with pytest.raises(FaninError, match=r"11\.gz: not valid"):
        list(reading.texts(files))
    assert isinstance(reading.error, FaninError)


def test_no_thread_outlives_a_stream_given_up() -> None:
    before = threading.active_count()
    stream = side_by_side([lambda: iter(range(1000))] * 4, readers=4)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
