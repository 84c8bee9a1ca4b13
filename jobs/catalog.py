"""Jobs by name: the ready ones, and those in files and modules of a user's own."""

import difflib
import importlib
import importlib.util
import pkgutil
import sys
import traceback
from inspect import isabstract
from pathlib import Path
from types import ModuleType

from mrjob.job import MRJob as PlainMRJob

import jobs
from jobs.aggregate import AggregateJob
from jobs.errors import UsageError
from jobs.job import MRJob, adopted


def find(name: str) -> type[MRJob]:
    """The job class that `name` says: word_count, my_job.py, my_job.py:MyJob or package.module:MyJob.

    A class of mrjob's own becomes one of ours. Raises UsageError for an unknown job, with the nearest names, and for a file that holds none or several.
    """
    place, _, wanted = name.partition(":")
    if place.endswith(".py"):
        module = _from_file(Path(place))
    elif wanted or "." in place:
        module = _imported(place)
    elif place in ready():
        module = importlib.import_module(f"jobs.{place}")
    else:
        near = difflib.get_close_matches(place, ready(), n=3, cutoff=0.4) or ready()
        raise UsageError(f"unknown job {name!r}; ready jobs near it: {', '.join(near)}; or name a file.py:Class")
    return adopted(_choose(_jobs_of(module), wanted, name))


def ready() -> list[str]:
    """The names of the jobs that come with fanin: modules here that declare one."""
    names = [module.name for module in pkgutil.iter_modules(jobs.__path__) if not module.ispkg]
    return sorted(name for name in names if _jobs_of(importlib.import_module(f"jobs.{name}")))


def _jobs_of(module: ModuleType) -> dict[str, type[PlainMRJob]]:
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, PlainMRJob)
        and value not in (AggregateJob, MRJob) and value.__module__ == module.__name__ and not isabstract(value)
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
