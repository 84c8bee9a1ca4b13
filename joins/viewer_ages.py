"""How old are the viewers of each page? Events joined with users, and counted by page and age.

    fanin run viewer_ages events.tsv users.tsv -o OUT [--on user_id=id] [--url url] [--age age]

Events are the left side, with the columns `--url` and the user; users the right one, with an id and their `--age`. Output is
`url<TAB>age<TAB>views`, in order of these. Views of users that are not among the users are left out, or told with a null age:
`--how left`. One job joins and counts, so that no joined row is ever written. Held in memory: the users, or one of a key's
sides, and the distinct pages and ages, then spilled to disk.
"""

from collections.abc import Mapping
from dataclasses import replace

from jobs import Count
from jobs.sql import identifier
from jobs.storage.inputs import Inputs
from joins import JoinJob
from joins.plan import JoinPlan, Name


class ViewerAges(JoinJob):
    """Views of each page by the age of the user."""

    on = "user_id=id"
    group_by, measures = ["url", "age"], {"views": Count()}

    def configure_args(self) -> None:
        super().configure_args()
        self.add_passthru_arg("--url", default="url", metavar="COLUMN", help="of events: the page (default url)")
        self.add_passthru_arg("--age", default="age", metavar="COLUMN", help="of users: how old (default age)")

    def plan(self, sources: Mapping[Name, Inputs]) -> JoinPlan:
        url, age = identifier(self.options.url), identifier(self.options.age)
        return replace(super().plan(sources), select=self.options.select or f"l.{url} AS url, r.{age} AS age")


if __name__ == "__main__":
    ViewerAges.run()
