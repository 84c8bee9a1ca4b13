"""Jobs that flows are tested with."""

from collections.abc import Iterator

from jobs import MRJob


class Copy(MRJob):
    """Of mappers and reducers: each line, and how often it occurs."""

    def mapper(self, _: object, line: str) -> Iterator[tuple[str, int]]:
        yield line, 1

    def reducer(self, line: str, ones: Iterator[int]) -> Iterator[tuple[str, int]]:
        yield line, sum(ones)
