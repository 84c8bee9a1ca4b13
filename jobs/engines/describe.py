"""What an engine says of an output in its manifest: the same words for the same job on every engine."""

import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jobs.plan import Plan
from jobs.storage.base import base_name
from jobs.storage.inputs import Inputs
from jobs.storage.manifest import NO_PARTIALS, File, Input, Manifest, Origin, Partials, digest
from jobs.storage.places import absolute


def describe(
    plan: Plan,
    inputs: Inputs,
    *,
    arguments: Sequence[str],
    columns: list[Mapping[str, str]],
    counters: Mapping[str, int],
    samples: list[str],
    partials: Partials = NO_PARTIALS,
    files: list[File],
    started: str,
    seconds: float,
) -> Manifest:
    """The manifest of `files`, the parts of an output: one for each part.  samples: of bad rows."""
    keys = list(plan.group_by)
    return Manifest(
        fanin=version("fanin"),
        job=plan.job,
        arguments=list(arguments),
        plan=plan.to_dict(),
        signature=signature(plan, len(files), inputs),
        files=files,
        partials=partials,
        columns=columns,
        encoding="copy-text",
        order=[] if plan.then else keys,
        partitioner={} if plan.then else {"function": "hadoop-text", "columns": keys, "buckets": len(files)},
        counters=dict(counters),
        samples=samples,
        inputs=_read(inputs),
        origins=_origins(inputs),
        started=started,
        seconds=seconds,
    )


def describe_steps(
    steps: Sequence[Mapping[str, Any]],
    script: str,
    inputs: Inputs,
    arguments: Sequence[str],
    counters: Mapping[str, int],
    *,
    files: list[File],
    started: str,
    seconds: float,
) -> Manifest:
    """The manifest of what mappers and reducers over lines have written: of its lines nothing is known.

    steps: as mrjob describes them.  script: the file that holds their code.
    """
    code = hashlib.sha256(Path(script).read_bytes()).hexdigest()
    plan = {"steps": [dict(step) for step in steps], "script": base_name(script), "sha256": code}
    return Manifest(
        fanin=version("fanin"),
        job=base_name(script),
        arguments=list(arguments),
        plan=plan,
        signature=digest({"plan": plan, "parts": len(files), **_sources(inputs)}),
        files=files,
        partials=NO_PARTIALS,
        columns=[],
        encoding="lines",
        order=[],
        partitioner={},
        counters=dict(counters),
        samples=[],
        inputs=_read(inputs),
        origins=_origins(inputs),
        started=started,
        seconds=seconds,
    )


def signature(plan: Plan, parts: int, inputs: Inputs) -> str:
    """What tells whether a finished output is still the one that would be made: of the plan and its inputs."""
    return digest({"plan": plan.to_dict(), "parts": parts, **_sources(inputs)})


def _sources(inputs: Inputs) -> dict[str, Any]:
    """The part of a signature that is the inputs'."""
    files = [[file.path, file.size, file.version] for file in _read(inputs)]
    return {"inputs": files, "origins": [manifest.digest for manifest in inputs.manifests.values()]}


def _origins(inputs: Inputs) -> list[Origin]:
    return [Origin(absolute(path), manifest.digest) for path, manifest in inputs.manifests.items()]


def _read(inputs: Inputs) -> list[Input]:
    return [Input(absolute(file.name), file.entry.size, file.entry.version) for file in inputs.files]
