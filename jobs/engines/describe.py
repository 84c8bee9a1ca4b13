"""What an engine says of an output in its manifest: the same words for the same job on every engine."""

import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, NamedTuple

from jobs.plan import Plan
from jobs.secrets import concealed
from jobs.storage.base import base_name
from jobs.storage.inputs import Inputs
from jobs.storage.manifest import NO_PARTIALS, File, Input, Manifest, Origin, Partials, digest
from jobs.storage.places import absolute

STEP: dict[str, Any] = {}
"""What a flow has told this process, the command of a step, that the manifest is to keep of it."""


class Made(NamedTuple):
    """What is the same to be said of every output.  plan: what was declared, as JSON values.  arguments: the command line."""

    job: str
    plan: Mapping[str, Any]
    inputs: Inputs
    arguments: Sequence[str]
    counters: Mapping[str, int]


def manifest(
    made: Made,
    *,
    columns: Sequence[Mapping[str, str]] = (),
    encoding: str = "copy-text",
    order: Sequence[str] = (),
    partitioner: Mapping[str, Any] | None = None,
    samples: Sequence[str] = (),
    partials: Partials = NO_PARTIALS,
    files: list[File],
    started: str,
    seconds: float,
) -> Manifest:
    """The manifest of `files`, the parts of an output: one for each part."""
    return Manifest(
        fanin=version("fanin"),
        job=made.job,
        arguments=concealed(made.arguments),
        plan=made.plan,
        signature=signature(made.plan, len(files), made.inputs),
        files=files,
        partials=partials,
        columns=list(columns),
        encoding=encoding,
        order=list(order),
        partitioner=partitioner or {},
        counters=dict(made.counters),
        samples=list(samples),
        inputs=_read(made.inputs),
        origins=_origins(made.inputs),
        step=dict(STEP),
        started=started,
        seconds=seconds,
    )


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
    """The manifest of what a Plan's engine has written.  samples: of bad rows."""
    keys = list(plan.group_by)
    placed = {"function": "hadoop-text", "columns": keys, "buckets": len(files)}
    return manifest(
        Made(plan.job, plan.to_dict(), inputs, arguments, counters), columns=columns, samples=samples, partials=partials,
        order=[] if plan.then else keys, partitioner={} if plan.then else placed,
        files=files, started=started, seconds=seconds,
    )  # fmt: skip


def describe_lines(
    job: str,
    plan: Mapping[str, Any],
    inputs: Inputs,
    arguments: Sequence[str],
    counters: Mapping[str, int],
    *,
    files: list[File],
    started: str,
    seconds: float,
) -> Manifest:
    """The manifest of what mappers and reducers over lines have written: of its lines nothing is known."""
    made = Made(job, plan, inputs, arguments, counters)
    return manifest(made, encoding="lines", files=files, started=started, seconds=seconds)


def script_plan(steps: Sequence[Mapping[str, Any]], script: str) -> dict[str, Any]:
    """What an mrjob class declares.  steps: as mrjob describes them.  script: the file that holds their code."""
    return {"steps": [dict(step) for step in steps], "script": base_name(script), "sha256": sha256(script)}


def sha256(file: str) -> str:
    """The digest, in hex, of a local file."""
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def signature(plan: Mapping[str, Any], parts: int, inputs: Inputs) -> str:
    """What tells whether a finished output is still the one that would be made: of the plan, as JSON values, and its inputs."""
    files = [[file.path, file.size, file.version] for file in _read(inputs)]
    origins = [manifest.digest for manifest in inputs.manifests.values()]
    return digest({"plan": plan, "parts": parts, "inputs": files, "origins": origins})


def _origins(inputs: Inputs) -> list[Origin]:
    return [Origin(absolute(path), manifest.digest) for path, manifest in inputs.manifests.items()]


def _read(inputs: Inputs) -> list[Input]:
    return [Input(absolute(file.name), file.entry.size, file.entry.version) for file in inputs.files]
