"""Jobs that declare a plan for our own engines: the options of those."""

from abc import ABC, abstractmethod
from typing import Any

from jobs.database import parse_size
from jobs.engines.local import Settings
from jobs.errors import UsageError
from jobs.job import ANYWHERE, MRJob
from jobs.plan import MAX_LINE


class PlannedJob(MRJob, ABC):
    """A job class that only declares; its plan is run by the engine that `-r` names."""

    heeded = ANYWHERE

    def configure_args(self) -> None:
        """Declares options, as in mrjob: call super(), then self.add_passthru_arg(...)."""
        super().configure_args()
        add = self.arg_parser.add_argument_group("fanin, engines of columns").add_argument
        add("--parts", type=int, metavar="N", help="part files to write, as N reducers would (default 1)")
        add("--max-line", default=f"{MAX_LINE}B", metavar="SIZE", help="refuse longer lines (default 16 MiB)")
        add("--strict", action="store_true", help="refuse invalid UTF-8 instead of reading it as U+FFFD")

    @abstractmethod
    def _runner(self, engine: str) -> Any: ...

    def _settings(self) -> Settings:
        options = self.options
        return Settings(
            parts=self._parts() or 1,
            memory=options.memory and at_least("--memory", parse_size(options.memory), 64_000_000),
            threads=None if options.threads is None else at_least("--threads", options.threads, 1),
            overwrite=options.overwrite,
            quiet=bool(options.quiet),
            arguments=self._arguments(),
        )

    def _parts(self) -> int | None:
        """The number of part files that is asked for, if one is."""
        reducers = (self.options.jobconf or {}).get("mapreduce.job.reduces")
        parts = self.options.parts
        parts = _number("-D mapreduce.job.reduces", reducers) if parts is None else parts
        return parts if parts is None else at_least("--parts", parts, 1)

    def _max_line(self) -> int:
        return at_least("--max-line", parse_size(self.options.max_line), 1024)


def _number(option: str, value: str | None) -> int | None:
    if value is None:
        return None
    if not value.isdecimal():
        raise UsageError(f"{option}={value}: not a number")
    return int(value)


def at_least(option: str, value: int, least: int) -> int:
    """`value`; UsageError, naming the option, if it is less than `least`."""
    if value < least:
        raise UsageError(f"{option}: {value} is too small; it must be at least {least}")
    return value
