"""The commonest keys of an input, counted exactly, and what salting them would do.

    fanin hot-keys events.tsv --on user_id [--top 20] [--reducers 8] [--json] [-r hadoop]

A join's reducer gets all rows of a key, so the one with the commonest key is the last to end. Null keys are told apart:
they match nothing, and a join may spread them as it likes.

Counting is what an aggregate job does best: each mapper sends one line a key that it has met, however common this is, and
one pass gives the exact counts of all keys. Candidates by Misra and Gries would take less memory in a mapper, where
DuckDB spills, but come with bounds of their counts: to be exact they take a second pass over the input, which costs more
than the keys that this one shuffles. Held in memory: the distinct keys, then spilled to disk.
"""

import io
from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from math import ceil

from jobs import AggregateJob, Count, TopK
from jobs.errors import UsageError
from jobs.plan import Plan
from jobs.planned import at_least
from jobs.sql import identifier
from jobs.storage.inputs import resolve
from jobs.text.formats import Format
from jobs.text.sources import Reading
from joins import one_input
from joins.key_counts import Key, KeyCounts, as_json, as_table
from joins.plan import Side

OF, ROWS = "rows of", "number of rows"
ALL, KNOWN, KEY = "all", "all keys", "key"  # the totals come first in a top: no key has more rows, or a lesser name


class HotKeys(AggregateJob):
    """The commonest keys of an input, counted exactly, and what salting them would do."""

    measures = {ROWS: Count()}

    def configure_args(self) -> None:
        super().configure_args()
        add = self.add_passthru_arg
        one_input.add_options(add)
        add(
            "--top",
            type=int,
            default=20,
            metavar="N",
            help="how many keys are told, beside all hot ones (default 20)",
        )
        add("--reducers", type=int, default=8, metavar="N", help="of the join that is asked about (default 8)")
        add("--share", metavar="S", help="of all rows; a key with more is hot: 5%% or 0.05 (default 1/N)")
        add("--json", action="store_true", help="tell it to a program")

    def plan(self) -> Plan:
        if self.options.on_error != "fail":
            raise UsageError(f"--on-error {self.options.on_error}: a join reads every row or fails; leave it out")
        return super().plan()

    def load_args(self, args: Sequence[str]) -> None:
        super().load_args(args)
        self.options.cat_output = True  # what is told is made of the records, wherever these go

    @cached_property
    def side(self) -> Side:
        """The input, its columns known."""
        reading = Reading(self._max_line(), self.options.strict)
        return one_input.side(self.options, resolve(self.options.args or ["-"]), reading)

    @property
    def input(self) -> Format:  # type: ignore[override]
        return self.side.input

    @property
    def rows(self) -> str:  # type: ignore[override]
        of, keys = identifier(OF), [identifier(key) for key in self.side.keys]
        known = " AND ".join(f"{key} IS NOT NULL" for key in keys)
        groups = f"CASE WHEN {known} THEN ['{ALL}', '{KNOWN}', '{KEY}'] ELSE ['{ALL}'] END AS {of}"
        where = f"\nWHERE (\n{self.side.where}\n)" if self.side.where else ""
        told = [f"CASE WHEN {of} = '{KEY}' THEN {key} END AS {key}" for key in keys]
        found = f"SELECT {', '.join([groups, *keys])} FROM input AS l{where}"
        return f"SELECT {', '.join([of, *told])} FROM (SELECT {', '.join([f'unnest({of}) AS {of}', *keys])} FROM ({found}))"

    @property
    def group_by(self) -> Sequence[str]:  # type: ignore[override]
        return [OF, *self.side.keys]

    @property
    def share(self) -> Fraction:
        """The share of all rows above which a key is hot."""
        reducers = at_least("--reducers", self.options.reducers, 1)
        return share_of(self.options.share) if self.options.share else Fraction(1, reducers)

    @property
    def then(self) -> TopK:  # type: ignore[override]
        hot = ceil(1 / self.share)  # no more keys can have so much each
        return TopK(ROWS, max(at_least("--top", self.options.top, 1), hot) + 2)

    def run_job(self) -> None:
        """Runs all of the job, and tells what it has found."""
        out, self._stdout = self.stdout, io.BytesIO()
        super().run_job()
        records, self._stdout = self._stdout.getvalue(), out
        counts = key_counts(self.side.keys, records)
        tell = as_json if self.options.json else as_table
        out.write(f"{tell(counts, self.options.top, self.share)}\n".encode())
        out.flush()


def share_of(text: str) -> Fraction:
    """A share as a user writes it.

    >>> share_of("5%"), share_of("0.05")
    (Fraction(1, 20), Fraction(1, 20))
    """
    digits = text.removesuffix("%")
    if digits.isascii() and digits.replace(".", "", 1).isdecimal():
        share = Fraction(digits) / (1 if digits == text else 100)
        if 0 < share <= 1:
            return share
    raise UsageError(f"--share {text!r}: write a share of all rows, as 5% or 0.05")


def key_counts(names: Sequence[str], records: bytes) -> KeyCounts:
    """What the records of this job say.  names: of the key's columns."""
    totals, keys = {ALL: 0, KNOWN: 0}, []
    for line in records.decode().split("\n")[:-1]:
        of, *key, rows = line.split("\t")
        if of == KEY:
            keys.append(Key(tuple(key), int(rows)))
        else:
            totals[of] = int(rows)
    return KeyCounts(tuple(names), totals[ALL], totals[ALL] - totals[KNOWN], tuple(keys))


if __name__ == "__main__":
    HotKeys.run()
