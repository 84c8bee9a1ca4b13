"""The join of two sorted inputs, as coreutils join does it: each is read once, nothing is sorted, and memory does not grow.

left blocks  ── l ── tagged lines ──┐
                                    ├─ runs of whole keys, or pieces of one ─ merged ──> part file ── manifest ── publish
right blocks ── r ── tagged lines ──┘

Each side is in the byte order of its encoded key columns, with a tab behind each, over all of its files: as fanin writes
records, and as LC_ALL=C sort -t$'\\t' -k1,1 leaves a tsv file whose keys hold no byte below tab. Rows that can be in no
output are anywhere. Held in memory: a few blocks of each side, and a large key's rows of the smaller one, then spilled.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import duckdb

from jobs.database import database, output_columns
from jobs.engines.describe import Made
from jobs.engines.local import Settings, attempt, limits_of, write
from jobs.engines.progress import Progress
from jobs.errors import FaninError, UsageError
from jobs.spill import Spill
from jobs.sql import identifier, literal
from jobs.stages import lines as split
from jobs.storage.inputs import InputFile
from jobs.storage.output import Output, PartWriter
from jobs.text.arrow import StreamFailed, records
from jobs.text.formats import MISFIT
from jobs.text.records import TAB
from jobs.text.sources import Reading
from joins import shuffle, stages
from joins.database import open_join
from joins.local import Sources, counted, described, readings_of, smaller, together
from joins.merge import Merge
from joins.plan import NAMES, JoinPlan, Name, other
from joins.runs import runs_of_two

UNSORTED = "a key is not in order"
NUMBER = identifier("fanin's number")


def run(plan: JoinPlan, sources: Sources, path: str, settings: Settings) -> Counter[str]:
    """Joins, and publishes the output directory `path`; gives the counters.

    Raises FaninError, and leaves nothing, when anything fails.
    """
    if settings.parts > 1 and not plan.aggregate:
        raise UsageError(f"--parts {settings.parts}: --presorted writes one part, in order of its inputs")
    both = together(sources)
    readings = readings_of(plan)
    with attempt(path, settings, both.files, *readings.values()) as (output, progress):
        limits = replace(limits_of(settings, output), threads=1)  # lines stay in order
        with Spill(output.spill) as spill, database(limits) as connection:
            columns = _write(connection, output, plan, sources, readings, settings.parts, progress)
        counters = counted(readings, output, spill)
        made = Made(plan.job, plan.to_dict(), both, settings.arguments, counters)
        output.publish(described(made, plan, columns, settings.parts))
    return counters


def _write(
    connection: duckdb.DuckDBPyConnection,
    output: Output,
    plan: JoinPlan,
    sources: Sources,
    readings: Mapping[Name, Reading],
    parts: int,
    progress: Progress,
) -> list[Mapping[str, str]]:
    """Writes the records, or what is aggregated of them; gives the columns of what is written."""
    blocks: dict[Name, list[str]] = {name: [] for name in NAMES}  # the one that is read
    plan, columns = open_join(connection, plan, {name: partial(iter, blocks[name]) for name in NAMES})
    first = smaller(sources)
    tags = shuffle.tags(first)
    lines = {
        name: _Sorted(connection, plan, name, tags[name], readings[name], sources[name].files, blocks[name]).lines()
        for name in NAMES
    }

    def merge(write: Callable[[str], None]) -> Merge:
        merging = Merge(connection, plan, first, write, ordered=False)
        for run in runs_of_two(lines[first], lines[other(first)], len(plan.left.keys)):
            merging.take(run)
        return merging

    if not plan.aggregate:
        part = output.part(0)
        merge(lambda sql: _append(connection, sql, part))
        part.close()
        return columns
    types = {column["name"]: column["type"] for column in columns}
    connection.execute(f"CREATE VIEW partial AS {merge(lambda _: None).states}")
    write(connection, output, plan.aggregate, types, parts, progress)
    return output_columns(connection, plan.aggregate, types)


def _append(connection: duckdb.DuckDBPyConnection, sql: str, part: PartWriter) -> None:
    for _, count, data in records(connection.sql(sql)):
        part.write(data, count)


@dataclass(frozen=True)
class _Sorted:
    """A side's tagged lines, seen to be in order.  block: what the side's view is to read next."""

    connection: duckdb.DuckDBPyConnection
    plan: JoinPlan
    name: Name
    tag: str
    reading: Reading
    files: Sequence[InputFile]
    block: list[str]

    def lines(self) -> Iterator[bytes]:
        """The lines, a block at a time; FaninError, naming file and line, where they are not in order."""
        last = b""
        by = f"{stages.key_text(self.plan, self.name)} || {TAB}"
        lines = f"SELECT {shuffle.line(self.plan, self.name, self.tag)} AS record, {by} AS sorted_by FROM {shuffle.kept(self.plan, self.name)}"
        before = f"SELECT *, lag(sorted_by) OVER () AS before FROM ({lines})"
        checked = f"CASE WHEN before > sorted_by THEN error({literal(UNSORTED)}) ELSE record END"
        for text in self.reading.texts(self.files):
            self.block[:] = [text]
            try:
                found = self.connection.sql(f"SELECT 0 AS part, {checked} AS record FROM ({before})")
                data = b"".join(bytes(some) for _, _, some in records(found))
            except (duckdb.Error, StreamFailed) as error:
                if UNSORTED in str(error):
                    self._refuse(last)
                raise
            if data:
                if last > data:
                    self._refuse(last)
                last = self._key(data, data.rfind(b"\n", 0, -1) + 1)
                yield data

    def _key(self, data: bytes, start: int) -> bytes:
        """The key of the line at `start`, with a tab behind each column."""
        keys = len(self.plan.left.keys)
        return b"\t".join(data[start : data.index(b"\n", start)].split(b"\t", keys)[:keys]) + b"\t"

    def _refuse(self, last: bytes) -> None:
        """Raises FaninError for the first line of the block that comes behind one with a greater key."""
        side, alias = self.plan.sides[self.name], stages.ALIAS[self.name]
        rows = f"SELECT * EXCLUDE ({MISFIT}), row_number() OVER () AS {NUMBER} FROM ({side.input.view('fail')})"
        known = "true" if self.plan.keeps(self.name) else stages.known(self.plan, self.name)
        found = self.connection.execute(
            f"WITH lines AS ({split(identifier(f'{self.name} blocks'))})"
            f" SELECT {stages.key_text(self.plan, self.name)} || {TAB}, {NUMBER} FROM ({rows}) AS {alias}"
            f" WHERE {known} AND (\n{side.where or 'true'}\n)"
        ).fetchall()
        file, piece = self.reading.recent[-1]
        keys = [last, *(key.encode() for key, _ in found)]
        for (before, key), (_, number) in zip(pairwise(keys), found, strict=True):
            if before > key:
                inside = piece.text.split("\n", number - 1)[: number - 1]
                line = piece.line + number - 1 + sum(text.count("\r") for text in inside)
                raise FaninError(
                    f"{file}:{line}: the {self.name} side is not sorted: the key {key[:-1].decode()!r} comes behind"
                    f" {before[:-1].decode()!r}; LC_ALL=C sort it by its keys, or join it without --presorted"
                )
