"""Published output directories, read as their manifest says and no other way."""

import io
import os
from typing import IO

import crc32c

from jobs.errors import FaninError
from jobs.storage.base import MANIFEST, Entry, Storage, base_name, join
from jobs.storage.manifest import LIMIT, File, Manifest


def published(
    storage: Storage, directory: str, inside: list[Entry], partials: bool = False
) -> tuple[Manifest, list[Entry]]:
    """The manifest of `directory`, which holds `inside`, and the entry of each file that it lists, in order.

    partials: the files of partial states, not those of records.

    Raises FaninError, naming it, for a file that is missing, of another size, a link, or not listed.
    """
    manifest = Manifest.from_json(storage.read(join(directory, MANIFEST), LIMIT) or b"", directory)
    return manifest, listed(manifest, directory, inside, partials)


def listed(manifest: Manifest, directory: str, inside: list[Entry], partials: bool = False) -> list[Entry]:
    """The same of a manifest that has been read: the entries alone."""
    kept = set(manifest.partials.files)
    there = {base_name(entry.path): entry for entry in inside}
    entries = []
    for file in manifest.all_files:
        entry = there.pop(file.name, None)
        if entry is None:
            raise FaninError(f"{directory}: {file.name} is missing, which its manifest lists")
        if entry.folder or os.path.islink(entry.path):
            raise FaninError(f"{entry.path}: is a folder or a link, where the manifest lists a file")
        if entry.size != file.size:
            raise FaninError(f"{entry.path}: has {entry.size} bytes, where the manifest lists {file.size}")
        if (file in kept) == partials:
            entries.append(entry)
    # On S3 the objects of other attempts lie beside; elsewhere whatever the manifest does not list is foreign.
    if not directory.startswith("s3://"):
        for name in there:
            if not name.startswith(("_", ".")):
                raise FaninError(f"{directory}: {name} is not in its manifest; the directory has been added to")
    return entries


class Verified(io.RawIOBase):
    """A listed file's bytes; at their end, or past its size, FaninError if they are not those that were listed."""

    def __init__(self, raw: IO[bytes], name: str, listed: File) -> None:
        self._raw, self._name, self._listed = raw, name, listed
        self._size = self._crc = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = int(self._raw.readinto(buffer) or 0)  # type: ignore[attr-defined]
        self._crc = crc32c.crc32c(buffer[:count], self._crc)
        self._size += count
        if self._size > self._listed.size or (not count and self._size < self._listed.size):
            raise FaninError(
                f"{self._name}: has {self._size} bytes or more, where the manifest lists {self._listed.size}"
            )
        if not count and f"{self._crc:08x}" != self._listed.crc32c:
            raise FaninError(
                f"{self._name}: damaged: its CRC32C is {self._crc:08x}, where the manifest lists {self._listed.crc32c}"
            )
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()
