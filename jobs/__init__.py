"""fanin's job library: declare what to extract and how it merges; an engine decides where that happens.

    from jobs import AggregateJob, Count, Sum

AggregateJob, and MRJob for jobs of mappers and reducers, are loaded when first asked for: they bring mrjob in, which
tasks on a cluster's nodes do without.
"""

from typing import TYPE_CHECKING, Any

from jobs.event_time import Session, Sliding
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
)  # fmt: skip
from jobs.text.formats import Csv, JsonLines, Log, Parquet, Tsv
from jobs.text.times import duration
from jobs.top import TopK

if TYPE_CHECKING:
    from jobs.aggregate import AggregateJob
    from jobs.job import MRJob

__all__ = [
    "AggregateJob", "ApproxCountDistinct", "Count", "CountDistinct", "Csv", "First", "InOrder", "JsonLines", "Last", "Log", "MRJob", "Max", "Mean",
    "Measure", "Min", "Parquet", "Quantile", "Session", "Sliding", "Span", "StdDev", "Sum", "TopK", "Tsv", "Variance", "WeightedHistogram", "duration",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "AggregateJob":
        from jobs.aggregate import AggregateJob

        return AggregateJob
    if name == "MRJob":
        from jobs.job import MRJob

        return MRJob
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
