"""NOTICE names whatever is installed with fanin."""

import re
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement

NOTICE = Path(__file__).parents[1] / "NOTICE"


def needed(name: str, extras: tuple[str, ...] = ("",)) -> set[str]:
    """The packages that a package needs here, with those that they need."""
    found: set[str] = set()
    for line in requires(name) or []:
        one = Requirement(line)
        if not one.marker or any(one.marker.evaluate({"extra": extra}) for extra in extras):
            found |= {one.name} | needed(one.name)
    return found


def test_each_package_that_comes_along_is_named() -> None:
    words = set(re.findall(r"[\w.-]+\w", NOTICE.read_text()))
    packages = needed("fanin", ("", "hdfs", "s3"))
    assert {"duckdb", "boto3", "fsspec"} <= packages
    assert packages <= words
