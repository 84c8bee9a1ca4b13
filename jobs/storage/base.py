"""The protocol of all storages: list, open, and attempts that write aside and publish whole."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Protocol

from jobs.errors import FaninError, UsageError

MANIFEST = "_MANIFEST.json"
SUCCESS = "_SUCCESS"
MARKER = "_attempt-"  # before an attempt's tag, where its files lie in the output itself
UNFINISHED = (MARKER, "_temporary")  # begin names in a folder that is still being written, by us or by Hadoop


@dataclass(frozen=True)
class Entry:
    """A file or folder.  path: as a user writes it.  version: what changes when its bytes do: mtime or ETag."""

    path: str
    size: int
    version: str
    folder: bool = False


class Writer(Protocol):
    """A file being written."""

    def write(self, data: bytes | memoryview) -> int: ...
    def close(self) -> None:
        """Returns once the bytes are durable."""


class Attempt(Protocol):
    """One attempt at an output: files aside of it, then all of them at once, or none."""

    spill: str | None
    """A local folder, not yet made, that goes with the attempt; None if its storage is not local."""

    def create(self, part: str) -> tuple[str, Writer]:
        """A new file for `part`, and the name under which readers will find it."""

    def hand_over(self) -> str | None:
        """The folder of this attempt's files, removed, for another program to make; None where it is no folder's."""

    def publish(self, manifest: bytes) -> None:
        """Makes the output: its files and its manifest, whole. Raises UsageError if another output is there."""

    def abandon(self) -> None:
        """Removes what this attempt has written and not published; after `publish`, nothing."""


class Storage(Protocol):
    """A place that holds files. Paths are whole: s3://bucket/key, hdfs://host/path, or local."""

    def stat(self, path: str) -> Entry | None:
        """What lies at `path`, or None."""

    def list(self, folder: str) -> list[Entry]:
        """The files and folders directly in `folder`, by name; hidden ones too."""

    def open(self, entry: Entry) -> IO[bytes]:
        """The raw bytes of a file; a change of the file while it is read is an error."""

    def read(self, path: str, limit: int) -> bytes | None:
        """The bytes of a small file, at most `limit` + 1 of them, or None if there is none."""

    def erase(self, path: str) -> None:
        """Removes a file, or a folder and all in it; whoever reads that meanwhile finds it whole, or not at all, or is refused."""

    def begin(self, output: str, overwrite: bool) -> Attempt:
        """An attempt at `output`; raises UsageError if that exists and may not be overwritten.

        Leftovers of attempts at the same output whose process has died are removed or put right first.
        """


def join(folder: str, name: str) -> str:
    """The path of `name` in `folder`."""
    return f"{folder.rstrip('/')}/{name}" if folder != "/" else f"/{name}"


def base_name(path: str) -> str:
    """The last name of a path."""
    return path.rstrip("/").rpartition("/")[2]


def refuse_existing(output: str, overwrite: bool, finished: bool) -> None:
    """Raises UsageError for an existing `output`.  finished: whether it looks like an output of ours or Hadoop's."""
    if not overwrite:
        raise UsageError(f"{output}: already exists; remove it, name another, or give --overwrite")
    if not finished:
        raise UsageError(
            f"{output}: --overwrite replaces output directories only, and this has no {MANIFEST} or {SUCCESS}"
        )


def refuse_inside(output: str, read: Callable[[str, int], bytes | None]) -> None:
    """Raises UsageError for an `output` inside another one, which could not be read any more.  read: a storage's."""
    for folder in _above(output):
        there = None
        with suppress(FaninError):  # who may write to a folder need not be allowed to look above it
            there = read(join(folder, MANIFEST), 0)
        if there is not None:
            raise UsageError(f"{output}: lies in {folder}, which is an output itself; name a place beside it")


def _above(path: str) -> Iterator[str]:
    """The folders that a path lies in, from the nearest."""
    scheme, mark, rest = path.rpartition("://")
    rest = rest if mark else os.path.abspath(path)
    while (rest := rest.rpartition("/")[0]).strip("/"):
        yield scheme + mark + rest


def reading_failed(path: str, error: OSError) -> FaninError:
    """A failed read in a user's words."""
    return FaninError(f"{path}: cannot be read: {error.strerror or error}")


def writing_failed(path: str, error: OSError) -> FaninError:
    """A failed write in a user's words."""
    if error.errno == errno.ENOSPC:
        return FaninError(f"{path}: disk full; free room there, or write elsewhere")
    return FaninError(f"{path}: cannot be written: {error.strerror or error}")
