"""Files and archives in the folder of every task, by links, as Hadoop's distributed cache puts them there."""

import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from jobs.errors import UsageError
from jobs.storage.base import Entry, base_name
from jobs.storage.places import storage_of

ZIPS = (".zip", ".jar")


@dataclass(frozen=True)
class Shipped:
    """A file, or an archive that is unpacked, and its name in tasks' folders."""

    path: str
    name: str
    archive: bool = False


def shipped(text: str, archive: bool = False) -> Shipped:
    """What `path` or `path#name` stands for, a path perhaps as file:///..."""
    path, _, name = text.partition("#")
    if path.startswith("file:"):
        path = unquote(urlsplit(path).path)
    name = name or base_name(path)
    if not name or name in (".", "..") or "/" in name:
        raise UsageError(f"{text}: {name!r} is no name for a file in a task's folder")
    return Shipped(path, name, archive)


class Workspace:
    """The folder in which shipped files lie once, and those of tasks, which link to them."""

    def __init__(self, folder: Path, what: Sequence[Shipped]) -> None:
        self._tasks = folder / "tasks"
        self._tasks.mkdir(parents=True)
        self.shared = folder / "shared"
        """What a task's folder is like."""
        self.shared.mkdir()
        for one in what:
            place = self.shared / one.name
            if place.exists():
                raise UsageError(
                    f"{one.path}: another file is called {one.name!r} in tasks' folders, too; give it a name: PATH#NAME"
                )
            _unpack(one, place) if one.archive else _fetch(one.path, place)

    @contextmanager
    def task(self, name: str) -> Iterator[Path]:
        """A task's own folder, gone when it has ended."""
        folder = self._tasks / name
        folder.mkdir()
        try:
            for place in self.shared.iterdir():
                os.symlink(place, folder / place.name)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _fetch(path: str, place: Path) -> None:
    storage = storage_of(path)
    entry: Entry | None = storage.stat(path)
    if entry is None:
        raise UsageError(f"{path}: no such file, and it is to be in tasks' folders")
    if "://" not in path:
        if entry.folder:
            shutil.copytree(path, place, symlinks=True)
        else:
            shutil.copy2(path, place)
            place.chmod(place.stat().st_mode | 0o500)
        return
    if entry.folder:
        raise UsageError(f"{path}: is a folder; pack it, and give it to -archives")
    with storage.open(entry) as source, open(place, "wb") as copy:
        shutil.copyfileobj(source, copy, 1 << 20)
    place.chmod(0o700)


def _unpack(one: Shipped, place: Path) -> None:
    """Unpacks an archive, as hostile: nothing lands outside of `place`."""
    packed = place.with_name(f".{one.name}.packed")
    _fetch(one.path, packed)
    try:
        if one.path.lower().endswith(ZIPS):
            with zipfile.ZipFile(packed) as archive:
                archive.extractall(place)  # it takes .. and absolute paths out of names
                for member in archive.infolist():
                    if mode := (member.external_attr >> 16) & 0o777:
                        target = place / member.filename
                        if target.is_file():
                            target.chmod(mode | 0o400)
        else:
            place.mkdir()
            with tarfile.open(packed) as archive:
                archive.extractall(place, filter="data")
    except (tarfile.TarError, zipfile.BadZipFile, OSError, EOFError) as error:
        raise UsageError(f"{one.path}: cannot be unpacked: {error}") from error
    finally:
        packed.unlink()
