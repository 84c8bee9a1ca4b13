"""fanin's job library: declare what to extract and how it merges; an engine decides where that happens.

    from jobs import AggregateJob, Count, Sum

Each is loaded when it is first asked for: AggregateJob and MRJob bring mrjob in, others DuckDB, and tasks do without what they
do not need.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobs.aggregate import AggregateJob
    from jobs.event_time import Session, Sliding
    from jobs.job import MRJob
    from jobs.measures import (
        ApproxCountDistinct,
        Count,
        CountDistinct,
        First,
        InOrder,
        Last,
        Max,
        Mean,
        Measure,
        Min,
        Quantile,
        Span,
        StdDev,
        Sum,
        Variance,
        WeightedHistogram,
    )
    from jobs.text.formats import Csv, JsonLines, Log, Parquet, Tsv
    from jobs.text.times import duration
    from jobs.top import TopK

__all__ = [
    "AggregateJob", "ApproxCountDistinct", "Count", "CountDistinct", "Csv", "First", "InOrder", "JsonLines", "Last", "Log", "MRJob", "Max", "Mean",
    "Measure", "Min", "Parquet", "Quantile", "Session", "Sliding", "Span", "StdDev", "Sum", "TopK", "Tsv", "Variance", "WeightedHistogram", "duration",
]  # fmt: skip

PLACES = {
    "jobs.aggregate": ("AggregateJob",), "jobs.job": ("MRJob",), "jobs.event_time": ("Session", "Sliding"), "jobs.top": ("TopK",),
    "jobs.text.formats": ("Csv", "JsonLines", "Log", "Parquet", "Tsv"), "jobs.text.times": ("duration",),
}  # fmt: skip
"""Where those are that are no measures."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    place = next((place for place, names in PLACES.items() if name in names), "jobs.measures")
    return getattr(import_module(place), name)
