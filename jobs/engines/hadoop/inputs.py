"""Inputs as Hadoop takes them; what it would read as something else than other engines do is refused, by name."""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from jobs.errors import UsageError
from jobs.storage.base import base_name
from jobs.storage.inputs import InputFile
from jobs.text.compression import refuse_disguised, suffix

# A comma ends a path in Hadoop's lists, the others are globs; `$` begins a variable in its configuration.
SPECIAL = re.compile(r"[*?\[\]{},\\$\x00-\x1f]")
UNREADABLE = {
    ".xz": "Hadoop has no codec for .xz, and would read its bytes as text; repack it as .gz or .bz2",
    ".zst": "Hadoop reads .zst only with a native library; repack it as .gz or .bz2",
}
SPLIT = 128 << 20
COMBINE = "org.apache.hadoop.mapred.lib.CombineTextInputFormat"


def check(files: Sequence[InputFile]) -> None:
    """Raises FaninError for a file that Hadoop would read as something else than every other engine does."""
    for file in files:
        if match := SPECIAL.search(file.name):
            raise UsageError(f"{file.name}: Hadoop gives {match[0]!r} in a path a meaning of its own; rename it")
        if base_name(file.name).startswith(("_", ".")):
            raise UsageError(f"{file.name}: Hadoop skips names that start with _ or .; rename it")
        if why := UNREADABLE.get(suffix(file.name)):
            raise UsageError(f"{file.name}: {why}")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(_check_head, (file for file in files if not suffix(file.name))))


def combined(files: Sequence[InputFile]) -> bool:
    """Whether the files are so small that several shall make one split: each split costs a JVM."""
    total = sum(file.size or 0 for file in files)
    return len(files) > 2 * (total // SPLIT + 1)


def _check_head(file: InputFile) -> None:
    with file.storage.open(file.entry) as stream:
        refuse_disguised(stream.read(16), file.name)
