"""Jobs over columns that their options name: the options that tell the input's format."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar

from jobs.aggregate import AggregateJob
from jobs.errors import UsageError
from jobs.storage.inputs import resolve
from jobs.suffixes import format_of
from jobs.text.formats import Csv, Format, JsonLines, Log, Parquet, Tsv
from jobs.text.log_format import NAMED
from jobs.text.numbers import DIGITS
from jobs.text.sources import Reading

KNOWN = ("tsv", "csv", "jsonl", "parquet", *NAMED)


class TabularJob(AggregateJob, ABC):
    """An aggregate job over an input of columns, in a format that the command line tells, or else the names of the files.

    A subclass says which columns it takes, and of which types.  unnamed: the format of files whose names tell none.
    """

    unnamed: ClassVar[str] = "tsv"

    def configure_args(self) -> None:
        super().configure_args()
        add = self.add_passthru_arg
        add("--format", metavar="F", help=f"{', '.join(KNOWN)}, or an nginx log_format (default what .csv, .jsonl and"
            f" .parquet say, else {self.unnamed})")  # fmt: skip
        add(
            "--header",
            action="store_true",
            help="files begin with their columns' names; so do those with named columns",
        )
        add("--delimiter", default=",", metavar="C", help="between a csv's columns (default a comma)")
        add("--null", metavar="TEXT", help=r"what stands for null (default \N in tsv, nothing in csv)")
        add("--time-zone", default="UTC", metavar="ZONE", help="of times without one, as Europe/Berlin (default UTC)")

    @abstractmethod
    def columns(self) -> Mapping[str, str]:
        """The columns that the options name, each with its type."""

    @cached_property
    def format(self) -> str:
        """The input's format, as --format says it; UsageError where names of files are to, and do not agree."""
        if self.options.format:
            return str(self.options.format)
        reading = Reading(self._max_line(), self.options.strict)
        return format_of(resolve(self._inputs() or ["-"]), reading, self.options.delimiter, self.unnamed)

    @property
    def input(self) -> Format:  # type: ignore[override]
        options, columns, format = self.options, self.columns(), self.format
        if not columns:
            raise UsageError("no columns; name some, by --key or --value")
        header = options.header or not all(name.isdecimal() for name in columns)
        if format == "tsv":
            return Tsv(columns, header, "\\N" if options.null is None else options.null, zone=options.time_zone)
        if format == "csv":
            return Csv(columns, header, options.null or "", delimiter=options.delimiter, zone=options.time_zone)
        if format == "jsonl":
            return JsonLines(columns, zone=options.time_zone)
        if format == "parquet":
            return Parquet(columns, zone=options.time_zone)
        return Log(columns, format, zone=options.time_zone)


def number(decimals: int) -> str:
    """The type of an exact number of so many decimals, an option's."""
    if not 0 <= decimals < DIGITS:
        raise UsageError(f"--scale {decimals}: a number has 0 to {DIGITS - 1} decimals")
    return f"decimal({decimals})" if decimals else "integer"
