"""TopK: what a job may do with its finished groups, once there is nothing left to merge."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from jobs.errors import DeclarationError


@dataclass(frozen=True)
class TopK:
    """Keeps the k groups with the greatest values of the measure `by`; ties go to the least key, by its bytes.

    A second stage over finished groups, never a merge of partial tops: the top of a union is that of its parts' tops
    only where no group lies in two parts. The output is in that order, in one part. Nulls come last.
    ascending: the least values instead.
    """

    by: str
    k: int
    ascending: bool = False

    def check(self, group_by: tuple[str, ...], measures: Mapping[str, object]) -> None:
        """Refuses a stage that does not fit a job's groups."""
        if self.by not in measures:
            raise DeclarationError(
                "then", f"TopK by {self.by!r}, which is none of: {', '.join(measures) or 'no measure'}"
            )
        if not group_by:
            raise DeclarationError("then", "TopK of a job without group_by, which has one group")
        if self.k < 1:
            raise DeclarationError("then", f"TopK of {self.k}; it must keep 1 at least")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
