"""A step that removes what others have read, once their outputs are verified to the byte."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any, Literal

from jobs import audit
from jobs.engines.describe import STEP, describe_lines
from jobs.errors import FaninError, UsageError
from jobs.flows.signature import identity_of, output_of
from jobs.storage.base import MANIFEST, join
from jobs.storage.inputs import InputFile, Inputs, expanded, resolve
from jobs.storage.manifest import LIMIT, Manifest
from jobs.storage.output import Output
from jobs.storage.places import absolute, storage_of


def main(arguments: Sequence[str]) -> None:
    """Runs `[--overwrite] OUTPUT COUNT VERIFIED... PATH...`: verifies the outputs first, then removes what the paths stand for."""
    overwrite = arguments[0] == "--overwrite"
    output, count, *rest = arguments[overwrite:]
    verified, paths = rest[: int(count)], rest[int(count) :]
    if not verified:
        raise UsageError(f"{output}: nothing is removed unless the steps that have read it are named in `after`")
    before = deleted(output)
    told = {path: before[path] for path in paths if path in before and left(path, before[path]) != "other"}
    new = {path: _new(path) for path in paths if path not in told}
    for directory in verified:
        audit.verify(directory)
    with Output(output, overwrite) as out:
        removed = [name for one in (told | new).values() for name, _, _ in one["files"]]
        with closing(out.named(0, "removed.txt")) as writer:
            writer.write(memoryview("".join(f"{name}\n" for name in removed).encode()), len(removed))
        plan, inputs = {"deleted": {**told, **new}}, Inputs([], {})
        out.publish(partial(describe_lines, "delete", plan, inputs, list(paths), {"records": out.records}))
    for path in new:
        _check(path)
    # What the output tells as removed is no longer wanted: if this is cut off, the next run goes on.
    for path in paths:
        for one in there(path):
            storage_of(one).erase(one)


def deleted(output: str) -> Mapping[str, Any]:
    """What the deletion whose output this is has removed: path to what it was, and to its files."""
    data = storage_of(output).read(join(output, MANIFEST), LIMIT)
    return Manifest.from_json(data, output).plan.get("deleted", {}) if data else {}


def left(path: str, was: Mapping[str, Any]) -> Literal["nothing", "some", "other"]:
    """How much of what was to be removed is still there, or whether it is something else that lies at `path`."""
    try:
        found = list(map(_told, resolve([path]).files))
    except UsageError:
        found = []
    except FaninError:  # an output directory of which a part is gone
        return "some"
    if not all(one in was["files"] for one in found):
        return "other"
    return "some" if found else "nothing"


def there(path: str) -> Iterator[str]:
    """What is to be removed where `path` names it: an output whole, of a folder its files before itself."""
    try:
        places = expanded(path)
    except UsageError:
        return
    for place in places:
        storage = storage_of(place)
        entry = storage.stat(place)
        if entry and entry.folder and not storage.stat(join(place, MANIFEST)):
            yield from (inside.path for inside in storage.list(place))
        if storage.stat(place):
            yield place


def _new(path: str) -> dict[str, Any]:
    _check(path)
    return {"was": STEP["inputs"][path], "files": list(map(_told, resolve([path]).files))}


def _check(path: str) -> None:
    """Raises FaninError unless `path` still stands for what the steps have read."""
    expected = STEP["inputs"][path]
    if "content" in expected:
        data = storage_of(path).read(join(path, MANIFEST), LIMIT) or b""
        same = output_of("", Manifest.from_json(data, path))["content"] == expected["content"]
    else:
        same = identity_of(path) == expected
    if not same:
        raise FaninError(f"{path}: has changed since its readers were looked at; it is not removed")


def _told(file: InputFile) -> list[Any]:
    return [absolute(file.name), file.entry.size, file.entry.version]
