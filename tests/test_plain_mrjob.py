"""mrjob is imported without setuptools, and compares versions as it does with it."""

import sys
from itertools import product
from typing import Any

import pytest
from setuptools._distutils.version import LooseVersion

from jobs import plain_mrjob
from tests import command

LOADED = "import sys, jobs.job, jobs.catalog; print([name for name in sys.modules if 'distutils' in name or 'setuptools' in name])"
VERSIONS = [
    "0.20",
    "0.20.2",
    "0.20.203",
    "1.0.3",
    "2",
    "2.0",
    "2.7.1-amzn-0",
    "2.7.1",
    "3.4.10",
    "3.4.2",
    "3.4.2-SNAPSHOT",
]


def test_setuptools_is_not_loaded_and_no_distutils_of_ours_is_left() -> None:
    said = command.call(sys.executable, "-c", LOADED).ok().out.decode()
    assert set(eval(said)) <= {"_distutils_hack"}  # a hook that setuptools puts into every Python


@pytest.mark.filterwarnings("ignore:distutils Version classes are deprecated")
def test_versions_are_in_distutils_order() -> None:
    ours: Any = plain_mrjob.LooseVersion
    theirs: Any = LooseVersion
    for one, other in product(VERSIONS, repeat=2):
        assert (ours(one) >= ours(other)) == (theirs(one) >= theirs(other)), (one, other)
        assert (ours(one) == ours(other)) == (theirs(one) == theirs(other)), (one, other)
