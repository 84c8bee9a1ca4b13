"""Inputs: files, folders, globs and "-", on any storage, resolved to the files to read, the same for every engine.

A folder stands for its visible files; names that start with `_` or `.` are skipped there and in globs, as Hadoop
does. A folder with a manifest stands for the files that lists, checked as they are read. A path that exists is
taken as it is, whatever glob characters it holds. A path given twice is read twice.
"""

import fnmatch
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, cast

from jobs.errors import UsageError
from jobs.storage.base import MANIFEST, UNFINISHED, Entry, Storage, base_name, join
from jobs.storage.local import STDIN
from jobs.storage.manifest import File, Manifest
from jobs.storage.places import canonical, storage_of
from jobs.storage.verified import Verified, published

GLOB = re.compile(r"[*?[]")
CHUNK = 1 << 20


@dataclass(frozen=True)
class InputFile:
    """A file to read.  listed: what the manifest of its directory says of it, if there is one."""

    entry: Entry
    storage: Storage
    listed: File | None = None

    @property
    def name(self) -> str:
        """Its path as a person writes it, "-" for standard input."""
        return self.entry.path

    @property
    def size(self) -> int | None:
        """Its bytes, compressed if it is; None where only reading tells."""
        return None if self.name == STDIN else self.entry.size

    def open(self) -> IO[bytes]:
        """Its raw bytes; where a manifest lists it, their size and checksum are verified at the end."""
        raw = self.storage.open(self.entry)
        return cast(IO[bytes], Verified(raw, self.name, self.listed)) if self.listed else raw

    def chunks(self) -> Iterator[bytes]:
        """Its raw bytes, a piece at a time."""
        with self.open() as stream:
            while chunk := stream.read(CHUNK):
                yield chunk


@dataclass(frozen=True)
class Inputs:
    """Files to read, and the manifests of the output directories among them, by path."""

    files: list[InputFile]
    manifests: dict[str, Manifest]


def resolve(paths: Iterable[str]) -> Inputs:
    """The files that `paths` name, in their order, a folder's and a glob's by name.

    Raises UsageError for a path that names nothing, a folder without visible files or with a folder in it.
    """
    found = Inputs([], {})
    for path in paths:
        storage = storage_of(path)
        if path == STDIN and any(file.name == STDIN for file in found.files):
            raise UsageError("-: standard input can be read only once")
        for match in named(path):
            found.files.extend(_files(storage, match, found.manifests))
    return found


def named(path: str) -> list[Entry]:
    """What lies at `path`, or all that it matches as a glob; UsageError if that is nothing."""
    storage = storage_of(path)
    entry = storage.stat(path)
    matches = [entry] if entry else list(_matches(storage, path))
    if not matches:
        kind = "no file matches" if GLOB.search(path) else "no such file or folder"
        raise UsageError(f"{path}: {kind}")
    return matches


def expanded(path: str) -> list[str]:
    """The paths that a glob matches, which are some; of another path itself."""
    return [entry.path for entry in named(path)] if GLOB.search(path) else [path]


def refuse_repeated(paths: Iterable[str]) -> None:
    """UsageError, naming it, for a place that is among `paths` twice, however it is spelt, and would count twice."""
    seen: dict[str, str] = {}
    for path in paths:
        place = canonical(path)
        if place in seen:
            spelt = f", also as {seen[place]}," if seen[place] != path else ""
            raise UsageError(f"{path}: is given twice{spelt} and would count twice; to double it, name a copy of it")
        seen[place] = path


def chunks(path: str) -> Iterator[bytes]:
    """All bytes that `path` stands for, a piece at a time, verified where a manifest lists them."""
    for file in resolve([path]).files:
        yield from file.chunks()


def _files(storage: Storage, entry: Entry, manifests: dict[str, Manifest]) -> list[InputFile]:
    if not entry.folder:
        return [InputFile(entry, storage)]
    inside = storage.list(entry.path)
    if any(base_name(file.path) == MANIFEST for file in inside):
        manifest, files = published(storage, entry.path, inside)
        manifests[entry.path] = manifest
        return [InputFile(file, storage, listed) for file, listed in zip(files, manifest.files, strict=True)]
    if any(base_name(file.path).startswith(UNFINISHED) for file in inside):
        raise UsageError(f"{entry.path}: is not finished: a run is writing it, or has died before it was published")
    visible = [file for file in inside if _visible(file.path)]
    for file in visible:
        if file.folder:
            raise UsageError(
                f"{entry.path}: holds the folder {file.path}, and folders are not read recursively;"
                " name it as an input"
            )
    if not visible:
        raise UsageError(f"{entry.path}: a folder without files (names that start with _ or . do not count)")
    return [InputFile(file, storage) for file in visible]


def _matches(storage: Storage, pattern: str) -> Iterator[Entry]:
    """What a glob names, by path: `*`, `?` and `[…]` within one name of the path, not across `/`."""
    scheme, colon, rest = pattern.rpartition("://")
    first, *names = rest.split("/") if colon or not rest.startswith("/") else ["/", *rest[1:].split("/")]
    places = [scheme + colon + first] if colon or first == "/" else ["."]
    for name in names if colon or first == "/" else [first, *names]:
        places = [match for place in places for match in _named(storage, place, name)]
    found = (storage.stat(place) for place in places)
    yield from (entry for entry in found if entry)


def _named(storage: Storage, folder: str, name: str) -> Iterator[str]:
    """The paths in `folder` whose name `name`, perhaps a glob, names; hidden ones only by their full name."""
    if not GLOB.search(name):
        yield join(folder, name) if folder != "." else name
        return
    entry = storage.stat(folder)
    if entry and entry.folder:
        for inside in storage.list(folder):
            if _visible(inside.path) and fnmatch.fnmatchcase(base_name(inside.path), name):
                yield inside.path


def _visible(path: str) -> bool:
    return not base_name(path).startswith(("_", "."))
