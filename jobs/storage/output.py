"""Output directories: written by one attempt, published whole with a manifest, or not there at all."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Protocol

import crc32c

from jobs.errors import FaninError
from jobs.storage.base import Attempt, Entry, Storage, Writer, base_name
from jobs.storage.manifest import PARTIAL, File, Manifest
from jobs.storage.places import storage_of
from jobs.storage.scratch import scratch

READERS = 4  # of parts that another program has written
CHUNK = 4 << 20


def partial_name(part: int) -> str:
    """The name of the partial states of the groups of part `part`."""
    return f"{PARTIAL}{part:05d}"


def part_name(part: int) -> str:
    """The name that Hadoop gives the output of reducer `part`."""
    return f"part-{part:05d}"


class Describe(Protocol):
    """Makes the manifest of parts.  started: ISO 8601, UTC.  seconds: from then to now."""

    def __call__(self, *, files: list[File], started: str, seconds: float) -> Manifest: ...


class Output:
    """An attempt at the output directory `path`, as a context: publish() inside it, or nothing is left."""

    def __init__(self, path: str, overwrite: bool = False) -> None:
        self.path = path.rstrip("/") or path
        self._started = datetime.now(UTC)
        self._clock = time.monotonic()
        self._attempt: Attempt = storage_of(path).begin(self.path, overwrite)
        self._files: list[File] = []
        self.partials: list[File] = []
        """The files of partial states that are done."""
        self._exit = ExitStack()
        self._exit.callback(self._attempt.abandon)
        self.spill = Path(self._attempt.spill) if self._attempt.spill else self._exit.enter_context(scratch())
        """A local folder for what does not fit in memory; it goes with the attempt."""

    def __enter__(self) -> "Output":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit.close()

    def part(self, number: int) -> "PartWriter":
        """The file of part `number`, to be written and closed."""
        name, writer = self._attempt.create(part_name(number))
        return PartWriter(name, number, writer, self._files.append)

    def named(self, number: int, name: str) -> "PartWriter":
        """The file `name`, part `number`, of what is no records of ours; to be written and closed."""
        found, writer = self._attempt.create(name)
        return PartWriter(found, number, writer, self._files.append)

    def partial(self, number: int) -> "PartWriter":
        """The file of the partial states of part `number`, to be written and closed."""
        name, writer = self._attempt.create(partial_name(number))
        return PartWriter(name, number, writer, self.partials.append)

    def hand_over(self) -> str | None:
        """A folder of the attempt that is not there yet, for another program, Hadoop, to make and fill with parts.

        None where its storage has no such folders: parts written elsewhere are taken from there.
        """
        self._handed_over = self._attempt.hand_over()
        return self._handed_over

    def adopt(self, folder: str) -> None:
        """Takes the parts that another program has written: those in the folder handed over stay, others are copied.

        Each is read once, for its records and its checksum.
        """
        storage = storage_of(folder)
        visible = [entry for entry in storage.list(folder) if base_name(entry.path)[0] not in "._"]
        take = _adopted if folder == self._handed_over else self._copied
        with ThreadPoolExecutor(READERS) as pool:
            self._files += pool.map(partial(take, storage), visible)

    def _copied(self, storage: Storage, entry: Entry) -> File:
        """Copies a part, and gives what a manifest lists of it."""
        number = _number(entry)
        name, writer = self._attempt.create(part_name(number))
        return _read(storage, entry, name, number, writer)

    @property
    def files(self) -> list[File]:
        """The parts that are done."""
        return list(self._files)

    @property
    def records(self) -> int:
        """The records of the parts closed so far."""
        return sum(file.records for file in self._files)

    def publish(self, describe: Describe) -> None:
        """Publishes the files written, with the manifest that `describe` says of them."""
        seconds = round(time.monotonic() - self._clock, 3)
        started = self._started.isoformat(timespec="milliseconds")
        manifest = describe(files=self._files, started=started, seconds=seconds)
        self._attempt.publish(manifest.to_json())


def _adopted(storage: Storage, entry: Entry) -> File:
    """What a manifest lists of a part that another program has written."""
    return _read(storage, entry, base_name(entry.path), _number(entry), None)


def _number(entry: Entry) -> int:
    """The number of a part; FaninError for what is none."""
    number = re.fullmatch(r"part-(\d+)", base_name(entry.path))
    if entry.folder or not number:
        raise FaninError(f"{entry.path}: is no part file; an output format that writes others cannot be published")
    return int(number[1])


def _read(storage: Storage, entry: Entry, name: str, number: int, copy: Writer | None) -> File:
    """What a manifest lists of a part, which is read once, and written to `copy`."""
    crc = records = size = 0
    with storage.open(entry) as stream:
        while data := stream.read(CHUNK):
            crc = crc32c.crc32c(data, crc)
            records += data.count(b"\n")
            size += len(data)
            if copy:
                copy.write(data)
    if size != entry.size:
        raise FaninError(f"{entry.path}: {size} bytes were read, where its storage says {entry.size}")
    if copy:
        copy.close()
    return File(name, size, f"{crc:08x}", records, number)


class PartWriter:
    """A part file: its bytes are counted and summed as they are written."""

    def __init__(self, name: str, part: int, writer: Writer, done: Callable[[File], None]) -> None:
        self._name, self._part, self._writer, self._done = name, part, writer, done
        self._size = self._crc = self._records = 0

    def write(self, data: memoryview, records: int) -> None:
        """Writes whole records: their bytes, and how many they are."""
        self._writer.write(data)
        self._crc = crc32c.crc32c(data, self._crc)
        self._size += len(data)
        self._records += records

    def close(self) -> None:
        """Returns once the file is durable."""
        self._writer.close()
        self._done(File(self._name, self._size, f"{self._crc:08x}", self._records, self._part))
