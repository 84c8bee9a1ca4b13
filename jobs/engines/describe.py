"""What an engine says of an output in its manifest: the same words for the same job on every engine."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version

from jobs.plan import Plan
from jobs.storage.inputs import Inputs
from jobs.storage.manifest import File, Input, Manifest, Origin, digest
from jobs.storage.places import absolute


def describe(
    plan: Plan,
    inputs: Inputs,
    *,
    arguments: Sequence[str],
    columns: list[Mapping[str, str]],
    counters: Mapping[str, int],
    files: list[File],
    started: str,
    seconds: float,
) -> Manifest:
    """The manifest of `files`, the parts of an output: one for each part."""
    keys = list(plan.group_by)
    return Manifest(
        fanin=version("fanin"),
        job=plan.job,
        arguments=list(arguments),
        plan=plan.to_dict(),
        signature=signature(plan, len(files), inputs),
        files=files,
        columns=columns,
        encoding="copy-text",
        order=keys,
        partitioner={"function": "hadoop-text", "columns": keys, "buckets": len(files)},
        counters=dict(counters),
        inputs=_read(inputs),
        origins=[Origin(absolute(path), manifest.digest) for path, manifest in inputs.manifests.items()],
        started=started,
        seconds=seconds,
    )


def signature(plan: Plan, parts: int, inputs: Inputs) -> str:
    """What tells whether a finished output is still the one that would be made: of the plan and its inputs."""
    files = [[file.path, file.size, file.version] for file in _read(inputs)]
    origins = [manifest.digest for manifest in inputs.manifests.values()]
    return digest({"plan": plan.to_dict(), "parts": parts, "inputs": files, "origins": origins})


def _read(inputs: Inputs) -> list[Input]:
    return [Input(absolute(file.name), file.entry.size, file.entry.version) for file in inputs.files]
