"""Reduce again: the partial states that outputs have kept become one output of the same job, as often as one likes.

partial parts ── lines ──> DuckDB: unshuffled, merged, final, records ──> part files ── manifest ── publish
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import duckdb

from jobs import stages
from jobs.database import database, open_lines
from jobs.engines.describe import describe
from jobs.engines.local import Settings, attempt, limits_of, write
from jobs.errors import UsageError
from jobs.plan import Plan
from jobs.spill import Spill
from jobs.storage.base import MANIFEST, base_name, join
from jobs.storage.inputs import InputFile, Inputs, refuse_repeated
from jobs.storage.manifest import PARTIAL, Manifest, Partials, digest
from jobs.storage.places import storage_of
from jobs.storage.verified import published
from jobs.text.sources import Reading

MAX_LINE = 1 << 30  # of a state, which holds values of several lines
FREE = (
    "max_bad",
    "max_line",
    "strict",
    "input",
)  # what plans may differ in; of an input format more than its columns and zone


def run(directories: Sequence[str], path: str, settings: Settings) -> Counter[str]:
    """Merges the outputs `directories` of one job into the output directory `path`; gives the counters.

    Their counters are added up. Raises FaninError, and leaves nothing, when they are not of the same job, one is given twice,
    or is in another already, or anything fails.
    """
    refuse_repeated(directories)
    inputs, manifests = _kept(directories)
    _refuse_merged(inputs.manifests)
    plan = Plan.from_dict(manifests[0].plan)
    partials = manifests[0].partials
    reading = Reading(MAX_LINE, strict=True)
    with attempt(path, settings, inputs.files, reading) as (output, progress):
        with Spill(output.spill) as spill, database(limits_of(settings, output)) as connection:
            merge(connection, plan, partials, reading, inputs.files)
            kept = replace(partials, files=output.partials)
            write(connection, output, plan, partials.rows, settings.parts, progress)
        added = sum((Counter(manifest.counters) for manifest in manifests), Counter[str]())
        counters = +Counter({**added, "records": output.records, "spilled": spill.most})
        output.publish(partial(
            describe, plan, inputs, arguments=settings.arguments, columns=manifests[0].columns, counters=counters,
            samples=[sample for manifest in manifests for sample in manifest.samples][:3], partials=kept,
        ))  # fmt: skip
    return counters


def merge(
    connection: duckdb.DuckDBPyConnection,
    plan: Plan,
    partials: Partials,
    reading: Reading,
    files: Sequence[InputFile],
) -> None:
    """Makes the table `partial`, merged from files of states.  partials: what their columns are."""
    open_lines(connection, lambda: reading.texts(files))
    unshuffled = f"({stages.unshuffled(len(plan.group_by), partials.states)})"
    connection.execute(f"CREATE TEMP TABLE partial AS {stages.merge(plan, partials.rows, unshuffled)}")


def _kept(directories: Sequence[str]) -> tuple[Inputs, list[Manifest]]:
    """The files of states that the directories have kept; UsageError, naming two, where these are of different jobs."""
    inputs, manifests = Inputs([], {}), []
    for directory in directories:
        storage = storage_of(directory)
        entry = storage.stat(directory)
        if not entry or not entry.folder or not storage.stat(join(directory, MANIFEST)):
            raise UsageError(f"{directory}: is no output directory of fanin")
        manifest, files = published(storage, directory, storage.list(directory), partials=True)
        if not manifest.partials.states:
            raise UsageError(f"{directory}: has kept no partial states; run its job with --keep-partials")
        inputs.manifests[directory] = manifest
        inputs.files.extend(
            InputFile(file, storage, listed) for file, listed in zip(files, manifest.partials.files, strict=True)
        )
        manifests.append(manifest)
    for directory, manifest in zip(directories, manifests, strict=True):
        for name, ours, theirs in _differences(manifests[0], manifest):
            raise UsageError(
                f"{directory}: is of another job than {directories[0]}: its {name} is {theirs}, not {ours}"
            )
    return inputs, manifests


def _refuse_merged(manifests: Mapping[str, Manifest]) -> None:
    """UsageError for what one of the outputs was merged from, if it is given, too, or another was merged from it."""
    counted = {manifest.digest: path for path, manifest in manifests.items()}
    for path, manifest in manifests.items():
        merged = any(base_name(file.path).startswith(PARTIAL) for file in manifest.inputs)
        for origin in manifest.origins if merged else ():
            other = counted.setdefault(origin.digest, path)
            if other != path:
                raise UsageError(
                    f"{origin.path}: would count twice, by {other} and by {path}, which was merged from it"
                )


def _differences(first: Manifest, other: Manifest) -> list[tuple[str, Any, Any]]:
    ours, theirs = _essence(first), _essence(other)
    return [(name, ours[name], theirs.get(name)) for name in ours if digest(ours[name]) != digest(theirs.get(name))]


def _essence(manifest: Manifest) -> dict[str, Any]:
    """What must be the same for states to be merged."""
    plan = {name: value for name, value in manifest.plan.items() if name not in FREE}
    columns = manifest.plan.get("input") or {}
    told = {f"input's {name}": columns.get(name) for name in ("columns", "zone")}
    return {**plan, **told, "states": manifest.partials.states, "rows' types": manifest.partials.rows}
