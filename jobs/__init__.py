"""fanin's job library: declare what to extract and how it merges; an engine decides where that happens.

    from jobs import AggregateJob, Count, Sum

AggregateJob is loaded when first asked for: it brings mrjob in, which tasks on a cluster's nodes do without.
"""

from typing import TYPE_CHECKING, Any

from jobs.measures import Count, Measure, Sum

if TYPE_CHECKING:
    from jobs.aggregate import AggregateJob

__all__ = ["AggregateJob", "Count", "Measure", "Sum"]


def __getattr__(name: str) -> Any:
    if name == "AggregateJob":
        from jobs.aggregate import AggregateJob

        return AggregateJob
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
