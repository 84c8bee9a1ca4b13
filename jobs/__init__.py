"""fanin's job library: declare what to extract and how it merges; an engine decides where that happens.

    from jobs import AggregateJob, Count, Sum

AggregateJob, and MRJob for jobs of mappers and reducers, are loaded when first asked for: they bring mrjob in, which
tasks on a cluster's nodes do without.
"""

from typing import TYPE_CHECKING, Any

from jobs.measures import Count, CountDistinct, First, Last, Max, Mean, Measure, Min, StdDev, Sum, Variance
from jobs.top import TopK

if TYPE_CHECKING:
    from jobs.aggregate import AggregateJob
    from jobs.job import MRJob

__all__ = [
    "AggregateJob", "Count", "CountDistinct", "First", "Last", "MRJob", "Max", "Mean", "Measure", "Min", "StdDev", "Sum", "TopK",
    "Variance",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "AggregateJob":
        from jobs.aggregate import AggregateJob

        return AggregateJob
    if name == "MRJob":
        from jobs.job import MRJob

        return MRJob
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
