"""The examples in docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

import jobs
import joins

MODULES = [
    module.name
    for package in (jobs, joins)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not module.name.endswith("__main__")
]


@pytest.mark.parametrize("module", MODULES)
def test_examples(module: str) -> None:
    assert doctest.testmod(importlib.import_module(module)).failed == 0
