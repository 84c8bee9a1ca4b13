"""fanin's join tools: two inputs, one output; a strategy decides where rows meet.

    from joins import JoinJob, Layout

Both are loaded when first asked for: they bring in what tasks on a cluster's nodes do without.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from joins.job import JoinJob
    from joins.sides import Layout

__all__ = ["JoinJob", "Layout"]


def __getattr__(name: str) -> Any:
    if name == "JoinJob":
        from joins.job import JoinJob

        return JoinJob
    if name == "Layout":
        from joins.sides import Layout

        return Layout
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
