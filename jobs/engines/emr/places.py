"""Inputs of this machine, put on S3 for the nodes."""

import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import IO

from jobs.engines.emr.profile import storage
from jobs.errors import UsageError
from jobs.storage.base import MANIFEST, SUCCESS, join
from jobs.storage.inputs import named
from jobs.storage.local import STDIN

CHUNK = 4 << 20


def there(paths: Sequence[str], folder: str, dry: bool = False) -> dict[str, list[str]]:
    """What each path is called on the nodes: remote ones as they are, files and folders of this machine below `folder` on S3.

    A folder keeps its manifest, so that it is verified there.  dry: nothing is put there.
    """
    found: dict[str, list[str]] = {}
    for number, path in enumerate(dict.fromkeys(paths)):
        place = f"{folder}{number}"
        if "://" in path:
            if path.startswith("s3://"):
                named(path)  # UsageError if there is nothing
            found[path] = [path]
        elif path == STDIN:
            found[path] = [join(place, "stdin")]
            if not dry:
                _put(sys.stdin.buffer, found[path][0])
        else:
            found[path] = [
                _copied(Path(entry.path), f"{place}/{index}", dry) for index, entry in enumerate(named(path))
            ]
    return found


def _copied(path: Path, place: str, dry: bool) -> str:
    files = [path] if path.is_file() else sorted(one for one in path.iterdir() if one.is_file())
    inside = [one for one in path.iterdir() if one.is_dir() and one.name[0] not in "._"] if path.is_dir() else []
    if inside:
        raise UsageError(
            f"{path}: holds the folder {inside[0]}, and folders are not read recursively; name it as an input"
        )
    target = join(place, path.name)
    for file in files:
        if not dry and (path.is_file() or file.name[0] not in "._" or file.name in (MANIFEST, SUCCESS)):
            with open(file, "rb") as source:
                _put(source, target if path.is_file() else join(target, file.name))
    return target


def _put(source: IO[bytes], url: str) -> None:
    with closing(storage(url).create(url)) as writer:
        while data := source.read(CHUNK):
            writer.write(data)
