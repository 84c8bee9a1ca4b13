"""Jobs by name: the ready ones, and those in files and modules of a user's own."""

import difflib
import importlib
import importlib.util
import pkgutil
import sys
import traceback
from collections.abc import Iterator
from inspect import isabstract
from pathlib import Path
from types import ModuleType

from jobs.errors import UsageError
from jobs.job import MRJob, adopted
from jobs.plain_mrjob import MRJob as PlainMRJob

PACKAGES = ("jobs", "joins")
BASES = {"jobs.job:MRJob", "jobs.aggregate:AggregateJob", "joins.job:JoinJob"}


def find(name: str) -> type[MRJob]:
    """The job class that `name` says: word_count, my_job.py, my_job.py:MyJob or package.module:MyJob.

    A class of mrjob's own becomes one of ours. Raises UsageError for an unknown job, with the nearest names, and for a file that holds none or several.
    """
    place, _, wanted = name.partition(":")
    if place.endswith(".py"):
        module = _from_file(Path(place))
    elif wanted or "." in place:
        module = _imported(place)
    elif found := [module for module in _ours(place) if _jobs_of(module)]:
        module = found[0]
    else:
        near = difflib.get_close_matches(place, ready(), n=3, cutoff=0.4) or ready()
        raise UsageError(f"unknown job {name!r}; ready jobs near it: {', '.join(near)}; or name a file.py:Class")
    return adopted(_choose(_jobs_of(module), wanted, name))


def ready() -> list[str]:
    """The names of the jobs that come with fanin: modules here that declare one."""
    return sorted(module.__name__.rpartition(".")[2] for module in _ours() if _jobs_of(module))


def _ours(name: str = "") -> Iterator[ModuleType]:
    """The modules of our packages, or those called `name`."""
    for package in map(importlib.import_module, PACKAGES):
        for module in pkgutil.iter_modules(package.__path__):
            if name in ("", module.name) and not module.ispkg:
                yield importlib.import_module(f"{package.__name__}.{module.name}")


def _jobs_of(module: ModuleType) -> dict[str, type[PlainMRJob]]:
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, PlainMRJob)
        and value.__module__ == module.__name__ and f"{module.__name__}:{name}" not in BASES and not isabstract(value)
    }  # fmt: skip


def _choose(found: dict[str, type[PlainMRJob]], wanted: str, name: str) -> type[PlainMRJob]:
    if wanted:
        if wanted not in found:
            others = ", ".join(found) or "none"
            raise UsageError(f"{name}: no job class {wanted!r} there; those that are: {others}")
        return found[wanted]
    if len(found) != 1:
        which = f"several jobs; name one: {', '.join(found)}" if found else "no job class"
        raise UsageError(f"{name}: holds {which}")
    return next(iter(found.values()))


def _from_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path) if path.is_file() else None
    if spec is None or spec.loader is None:
        raise UsageError(f"{path}: no such job file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(path.parent.resolve()))  # as `python my_job.py` has it, for its own imports
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UsageError(f"{path}: cannot be loaded: {_where(error, path)}") from error
    return module


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise UsageError(f"{name}: cannot be imported: {type(error).__name__}: {error}") from error


def _where(error: Exception, path: Path) -> str:
    said = f"{type(error).__name__}: {error}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path.absolute()]
    return f"{said}\n  {path}:{frames[-1].lineno}: {frames[-1].line}" if frames else said
