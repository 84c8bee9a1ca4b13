"""Output directories looked at: are they what was published, and what made them?"""

from collections.abc import Iterator

from jobs.errors import FaninError, UsageError
from jobs.storage.base import MANIFEST, join
from jobs.storage.inputs import InputFile, resolve
from jobs.storage.manifest import LIMIT, Manifest
from jobs.storage.places import storage_of
from jobs.storage.verified import published


def verify(directory: str) -> str:
    """Reads all of an output directory against its manifest; one line about it, or FaninError on what is wrong."""
    inputs = resolve([directory])
    if not inputs.manifests:
        raise UsageError(f"{directory}: has no {MANIFEST}, so there is nothing to verify it against")
    for file in inputs.files:
        records = sum(chunk.count(b"\n") for chunk in file.chunks())
        if file.listed and records != file.listed.records:
            raise FaninError(f"{file.name}: has {records} records, where the manifest lists {file.listed.records}")
    (manifest,) = inputs.manifests.values()
    storage = storage_of(directory)
    _, partials = published(storage, directory, storage.list(directory), partials=True)
    for entry, listed in zip(partials, manifest.partials.files, strict=True):
        for _ in InputFile(entry, storage, listed).chunks():
            pass  # it is checked at its end
    size = sum(file.size for file in manifest.files)
    count = sum(file.records for file in manifest.files)
    return f"{directory}: good: {len(manifest.files)} files, {count} records, {size} bytes"


def history(directory: str, depth: int = 0, expected: str | None = None) -> Iterator[str]:
    """What made an output directory, line by line, and, indented, what made its inputs, back to the sources."""
    indent = "    " * depth
    data = storage_of(directory).read(join(directory, MANIFEST), LIMIT)
    if data is None:
        if expected is None:
            raise UsageError(f"{directory}: has no {MANIFEST}; fanin did not make it")
        yield f"{indent}{directory}: is gone, or was replaced by what fanin did not make"
        return
    manifest = Manifest.from_json(data, directory)
    if expected not in (None, manifest.digest):
        yield f"{indent}{directory}: was replaced since; this is what made the one that lies there now:"
    yield f"{indent}{directory}: by {manifest.job}, fanin {manifest.fanin}, {manifest.started}, {manifest.seconds} s"
    yield f"{indent}  arguments {' '.join(manifest.arguments)}"
    yield f"{indent}  counters  {', '.join(f'{name} {value}' for name, value in manifest.counters.items())}"
    origins = {origin.path: origin.digest for origin in manifest.origins}
    for file in manifest.inputs:
        if file.path.rpartition("/")[0] not in {origin.rstrip("/") for origin in origins}:
            yield f"{indent}  input     {file.path}, {file.size} bytes, {file.version}"
    for origin, seen in origins.items():
        yield f"{indent}  input     {origin}, an output directory:"
        yield from history(origin, depth + 1, seen)
