"""Reading from and writing to S3 stays within the memory a local run has."""

from collections.abc import Callable

import pytest

from jobs.storage.base import join
from tests import command
from tests.storage.places import Place


@pytest.mark.slow
def test_s3_in_and_out_in_bounded_memory(make_place: Callable[[str], Place]) -> None:
    place = make_place("s3")
    words = b"".join(b"word%07d\n" % i for i in range(1_500_000))  # 18 MB; as many groups: an upload in parts
    for number in range(8):
        place.write(join(place.root, f"in/{number}.txt"), words)
    peak = command.peak(
        "run", "word_count", join(place.root, "in"), "-o", join(place.root, "out"), "--memory", "128MB"
    )
    assert peak < 400_000_000
    assert b"good: 1 files, 1500000 records" in command.run("verify", join(place.root, "out")).ok().out
