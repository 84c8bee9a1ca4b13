"""How common keys are, from a sample of both sides that the driver reads: enough to choose a strategy, not to answer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from jobs.database import Limits, database
from jobs.sql import identifier
from jobs.storage.inputs import InputFile
from jobs.storage.local import STDIN
from jobs.text.arrow import BlockStream
from jobs.text.sources import Reading
from joins import stages
from joins.explosion import Matches, matches
from joins.local import Sources
from joins.plan import NAMES, JoinPlan, Name

FILES = 16
BYTES = 32 << 20  # of a side
KEYS = 1000


@dataclass(frozen=True)
class Sample:
    """Estimates.  rows: of each side.  keys: encoded join key to its rows on each side, of keys that are common on one.

    nulls: rows of each side whose key is null, or has a null column.  matches: rows that would match.
    """

    rows: Mapping[Name, int]
    nulls: Mapping[Name, int]
    keys: Mapping[str, Mapping[Name, int]]
    matches: Matches

    @property
    def all_rows(self) -> int:
        return sum(self.rows.values())


def sample(plan: JoinPlan, sources: Sources) -> Sample:
    """Estimates from the first bytes of some files of each side.  Files in order of their keys mislead it."""
    rows, nulls, keys, of_each = {}, {}, {}, {}
    with TemporaryDirectory() as spill, database(Limits(512_000_000, 2, Path(spill))) as connection:
        for name in NAMES:
            files = [file for file in sources[name].files if file.name != STDIN and file.size != 0]
            chosen = files[:: max(1, -(-len(files) // FILES))]
            reading = Reading(plan.max_line, plan.strict, shape=plan.sides[name].input)
            connection.register("some blocks", BlockStream(lambda: _some(reading, chosen)))  # noqa: B023  (read at once)
            view, known, counted = stages.ALIAS[name], stages.known(plan, name), _counted(name)
            side = stages.side(plan.sides[name], identifier("some blocks"), view)
            connection.execute(f"CREATE VIEW {view} AS {side}")
            connection.execute(
                f"CREATE TEMP TABLE {counted} AS SELECT {stages.key_text(plan, name)} AS key, ({known}) AS known,"
                f" count(*) AS n FROM {view} GROUP BY ALL"
            )
            totals = "coalesce(sum(n), 0)::BIGINT, coalesce(sum(n) FILTER (NOT known), 0)::BIGINT"
            seen, without = connection.execute(f"SELECT {totals} FROM {counted}").fetchall()[0]
            common = f"SELECT key, n FROM {counted} WHERE known ORDER BY n DESC, key LIMIT {KEYS}"
            found = dict(connection.execute(common).fetchall())
            more = of_each[name] = (
                sum(file.size or 0 for file in files) / max(reading.counters["read"], 1) if files else 1
            )
            rows[name], nulls[name] = round(seen * more), round(without * more)
            keys[name] = {key: round(n * more) for key, n in found.items()}
        matched = matches(
            connection, {name: f"(SELECT key, n FROM {_counted(name)} WHERE known)" for name in NAMES}, of_each
        )
    common_keys = keys["left"].keys() | keys["right"].keys()
    both = {key: {name: keys[name].get(key, 0) for name in NAMES} for key in common_keys}
    return Sample(rows, nulls, both, matched)


def _counted(name: Name) -> str:
    """The table of a side's keys."""
    return identifier(f"{name} counts")


def _some(reading: Reading, files: list[InputFile]) -> Iterator[str]:
    for file in files:
        end = reading.counters["bytes"] + BYTES // len(files)
        for text in reading.texts([file]):
            yield text
            if reading.counters["bytes"] >= end:
                break
