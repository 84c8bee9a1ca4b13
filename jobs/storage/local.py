"""Files of this machine, and standard input."""

import errno
import os
import shutil
import sys
from pathlib import Path
from typing import IO

from jobs.errors import FaninError, UsageError
from jobs.storage.base import Attempt, Entry, Writer, join, reading_failed, writing_failed
from jobs.storage.renamed import RenamedAttempt, erase_folder

STDIN = "-"


class Local:
    """The local storage."""

    def stat(self, path: str) -> Entry | None:
        if path == STDIN:
            return Entry(STDIN, 0, "")
        try:
            status = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return Entry(path, 0, "dangling link") if os.path.lexists(path) else None
        except OSError as error:
            raise reading_failed(path, error) from error
        return Entry(path, status.st_size, f"mtime:{status.st_mtime_ns}", os.path.isdir(path))

    def list(self, folder: str) -> list[Entry]:
        try:
            names = sorted(os.listdir(folder))
        except OSError as error:
            raise reading_failed(folder, error) from error
        found = (self.stat(join(folder, name) if folder != "." else name) for name in names)
        return [entry for entry in found if entry]

    def open(self, entry: Entry) -> IO[bytes]:
        try:
            if entry.path == STDIN:
                return sys.stdin.buffer  # a header may have been looked at in its buffer
            return open(entry.path, "rb", buffering=0)
        except OSError as error:
            raise reading_failed(entry.path, error) from error

    def read(self, path: str, limit: int) -> bytes | None:
        try:
            with open(path, "rb") as file:
                return file.read(limit + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise reading_failed(path, error) from error

    def erase(self, path: str) -> None:
        try:
            if os.path.isdir(path) and not os.path.islink(path):
                erase_folder(self, os.path.abspath(path))
            else:
                os.remove(path)
        except OSError as error:
            raise FaninError(f"{path}: cannot be removed: {error.strerror}") from error

    def begin(self, output: str, overwrite: bool) -> Attempt:
        return RenamedAttempt(self, os.path.abspath(output), overwrite)

    # What RenamedAttempt takes

    def make_folder(self, path: str) -> None:
        try:
            os.makedirs(path)
        except OSError as error:
            raise writing_failed(path, error) from error

    def create(self, path: str) -> Writer:
        return _Writer(path)

    def rename(self, old: str, new: str) -> None:
        if os.path.lexists(new):  # rename would replace an empty folder
            raise UsageError(f"{new}: another run has published it")
        try:
            os.rename(old, new)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise UsageError(f"{new}: another run has published it") from error
            raise writing_failed(new, error) from error
        self.sync(os.path.dirname(new))

    def sync(self, folder: str) -> None:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def spill_in(self, folder: str) -> str | None:
        return join(folder, "_spill")

    def delete(self, folder: str) -> None:
        shutil.rmtree(folder, ignore_errors=True)


class _Writer:
    """A new file, on the disk when it is closed."""

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            self._file = Path(path).open("xb", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise writing_failed(path, error) from error

    def write(self, data: bytes | memoryview) -> int:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise writing_failed(self._path, error) from error
        return len(data)

    def close(self) -> None:
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise writing_failed(self._path, error) from error
        self._file.close()
