"""A step that removes what others have read, once their outputs are verified to the byte."""

from collections.abc import Sequence
from contextlib import closing
from functools import partial

from jobs import audit
from jobs.engines.describe import describe_lines
from jobs.errors import UsageError
from jobs.flows.signature import identity_of
from jobs.storage.inputs import resolve
from jobs.storage.output import Output
from jobs.storage.places import storage_of


def main(arguments: Sequence[str]) -> None:
    """Runs `OUTPUT COUNT VERIFIED... PATH... [--overwrite]`: verifies the outputs first, then removes what the paths stand for."""
    output, count, *rest = arguments
    overwrite = rest[-1:] == ["--overwrite"]
    verified, paths = rest[: int(count)], rest[int(count) : len(rest) - overwrite]
    if not verified:
        raise UsageError(f"{output}: nothing is removed unless the steps that have read it are named in `after`")
    for directory in verified:
        audit.verify(directory)
    inputs = resolve(paths)
    told = {path: identity_of(path) for path in paths}
    with Output(output, overwrite) as out:
        with closing(out.named(0, "removed.txt")) as writer:
            text = "".join(f"{file.name}\n" for file in inputs.files).encode()
            writer.write(memoryview(text), len(inputs.files))
        out.publish(
            partial(describe_lines, "delete", {"deleted": told}, inputs, list(paths), {"records": out.records})
        )
    for path in paths:  # what the output tells as removed is no longer wanted, whether or not this is cut off
        for one in [path] if storage_of(path).stat(path) else [file.name for file in resolve([path]).files]:
            storage_of(one).erase(one)
