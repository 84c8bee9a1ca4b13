"""Inputs: files, folders, globs and "-", resolved to the files to read, the same for every engine.

A folder stands for its visible files; names that start with `_` or `.` are skipped there and in globs, as Hadoop
does. A path that exists is taken as it is, whatever glob characters it holds. A path given twice is read twice.
"""

import glob
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from jobs.errors import FaninError, UsageError

STDIN = "-"


@dataclass(frozen=True)
class LocalFile:
    """A file on this machine.  name: its path as a person wrote it, "-" for standard input."""

    name: str

    def open(self) -> IO[bytes]:
        """Its raw bytes, unbuffered."""
        try:
            if self.name == STDIN:
                return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
            return open(self.name, "rb", buffering=0)
        except OSError as error:
            raise FaninError(f"{self.name}: cannot be read: {error.strerror}") from error

    @property
    def size(self) -> int | None:
        """Its bytes, compressed if it is; None where only reading tells."""
        path = Path(self.name)
        return path.stat().st_size if self.name != STDIN and path.is_file() else None


def resolve(paths: Iterable[str]) -> list[LocalFile]:
    """The files that `paths` name, in their order, a folder's and a glob's by name.

    Raises UsageError for a path that names nothing, a folder without visible files or with a folder in it.
    """
    found: list[LocalFile] = []
    for path in paths:
        if path == STDIN:
            if LocalFile(STDIN) in found:
                raise UsageError("-: standard input can be read only once")
            found.append(LocalFile(STDIN))
        elif os.path.lexists(path):
            found += _files(path)
        else:
            matches = [match for match in sorted(glob.glob(path)) if _visible(match)]
            if not matches:
                kind = "no file matches" if glob.has_magic(path) else "no such file or folder"
                raise UsageError(f"{path}: {kind}")
            for match in matches:
                found += _files(match)
    return found


def _files(path: str) -> list[LocalFile]:
    if not Path(path).is_dir():
        return [LocalFile(path)]
    try:
        names = sorted(name for name in os.listdir(path) if _visible(name))
    except OSError as error:
        raise FaninError(f"{path}: cannot be listed: {error.strerror}") from error
    inside = [os.path.join(path, name) for name in names]
    for name in inside:
        if Path(name).is_dir():
            raise UsageError(
                f"{path}: holds the folder {name}, and folders are not read recursively; name it as an input"
            )
    if not inside:
        raise UsageError(f"{path}: a folder without files (names that start with _ or . do not count)")
    return [LocalFile(name) for name in inside]


def _visible(path: str) -> bool:
    return not os.path.basename(path.rstrip("/")).startswith(("_", "."))
