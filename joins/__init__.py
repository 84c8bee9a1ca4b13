"""fanin's join tools: two inputs, one output; a strategy decides where rows meet.

from joins import JoinJob
"""

from typing import TYPE_CHECKING, Any

from joins.sides import Layout

if TYPE_CHECKING:
    from joins.job import JoinJob

__all__ = ["JoinJob", "Layout"]


def __getattr__(name: str) -> Any:
    if name == "JoinJob":  # it brings mrjob in, which tasks on a cluster's nodes do without
        from joins.job import JoinJob

        return JoinJob
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
