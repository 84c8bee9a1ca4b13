"""Attempts on storages that rename a folder at once: a hidden folder beside the output, renamed onto its name.

    .out.attempt-TAG/    written, then renamed to out/; left by a process that died, it is removed
    .out.old-TAG/        what --overwrite replaces: out/ renamed aside, removed once the new one is in place;
                         left by a process that died in between, it is put back

A reader of out/ may for a moment find nothing while it is replaced, never a mixture.
"""

from typing import Protocol

from jobs.errors import UsageError
from jobs.storage.base import MANIFEST, SUCCESS, Entry, Writer, base_name, join, refuse_existing, refuse_inside
from jobs.storage.owners import is_dead, new_tag


class Folders(Protocol):
    """What renaming takes of a storage."""

    def stat(self, path: str) -> Entry | None: ...
    def list(self, folder: str) -> list[Entry]: ...
    def read(self, path: str, limit: int) -> bytes | None: ...
    def make_folder(self, path: str) -> None: ...
    def create(self, path: str) -> Writer: ...
    def rename(self, old: str, new: str) -> None:
        """Renames a folder onto a name that is free: durable on return; raises UsageError if it is taken."""

    def sync(self, folder: str) -> None:
        """Makes the names in a folder durable."""

    def spill_in(self, folder: str) -> str | None:
        """Where a process can spill inside `folder`, if it is local."""

    def delete(self, folder: str) -> None:
        """Removes a folder and all in it; none there is no error."""


def erase_folder(folders: Folders, path: str) -> None:
    """Removes a folder, under a name that the next attempt at it sweeps should this be cut off."""
    parent, slash, name = path.rstrip("/").rpartition("/")
    doomed = f"{parent}{slash}.{name}.attempt-{new_tag()}"
    folders.rename(path, doomed)
    folders.delete(doomed)


class RenamedAttempt:
    """An attempt at `output`; see the module."""

    def __init__(self, folders: Folders, output: str, overwrite: bool) -> None:
        self._folders, self._output, self._overwrite = folders, output.rstrip("/"), overwrite
        self.tag = new_tag()
        self.folder = self._beside("attempt", self.tag)
        self.spill = folders.spill_in(self.folder)
        self._repair()
        self._check()
        refuse_inside(self._output, folders.read)
        folders.make_folder(self.folder)

    def create(self, part: str) -> tuple[str, Writer]:
        return part, self._folders.create(join(self.folder, part))

    def hand_over(self) -> str | None:
        self._folders.delete(self.folder)
        return self.folder

    def publish(self, manifest: bytes) -> None:
        if self.spill:
            self._folders.delete(self.spill)
        for name, data in ((SUCCESS, b""), (MANIFEST, manifest)):
            writer = self._folders.create(join(self.folder, name))
            writer.write(data)
            writer.close()
        self._folders.sync(self.folder)
        self._check()
        old = self._beside("old", self.tag)
        if self._overwrite and self._folders.stat(self._output):
            self._folders.rename(self._output, old)
        try:
            self._folders.rename(self.folder, self._output)
        except UsageError:  # a rename whose answer was lost is tried again, and then meets itself
            if self._folders.read(join(self._output, MANIFEST), len(manifest)) != manifest:
                raise
        self._discard(old)

    def abandon(self) -> None:
        self._folders.delete(self.folder)
        self._put_back(self._beside("old", self.tag))

    def _check(self) -> None:
        if self._folders.stat(self._output):
            finished = any(self._folders.stat(join(self._output, name)) for name in (MANIFEST, SUCCESS))
            refuse_existing(self._output, self._overwrite, finished)

    def _repair(self) -> None:
        """Removes what dead attempts at this output have left, and puts back what they moved aside."""
        parent = self._output.rpartition("/")[0] or ("/" if self._output.startswith("/") else ".")
        for kind in ("old", "attempt"):
            prefix = base_name(self._beside(kind, ""))
            for entry in self._folders.list(parent) if self._folders.stat(parent) else []:
                name = base_name(entry.path)
                if name.startswith(prefix) and is_dead(name.removeprefix(prefix)):
                    self._put_back(entry.path) if kind == "old" else self._folders.delete(entry.path)

    def _put_back(self, old: str) -> None:
        if not self._folders.stat(old):
            return
        if self._folders.stat(self._output):
            self._discard(old)
        else:
            self._folders.rename(old, self._output)

    def _discard(self, old: str) -> None:
        """Removes what was moved aside, under a name that is never put back: half of it must not return."""
        if self._folders.stat(old):
            doomed = self._beside("attempt", old.removeprefix(self._beside("old", "")))
            self._folders.delete(doomed)
            self._folders.rename(old, doomed)
            self._folders.delete(doomed)

    def _beside(self, kind: str, tag: str) -> str:
        parent, slash, name = self._output.rpartition("/")
        return f"{parent}{slash}.{name}.{kind}-{tag}"
