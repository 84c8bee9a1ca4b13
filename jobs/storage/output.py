"""Output directories: written aside by one attempt, published whole by one rename, or not there at all."""

import errno
import os
import secrets
import shutil
from pathlib import Path
from types import TracebackType
from typing import IO

from jobs.errors import FaninError, UsageError

SUCCESS = "_SUCCESS"


def part_name(part: int) -> str:
    """The name that Hadoop gives the output of reducer `part`."""
    return f"part-{part:05d}"


class Attempt:
    """One attempt at an output directory, as a context: publish() inside it, or nothing is left.

    The attempt is a hidden directory beside its target, on the same file system.
    """

    def __init__(self, target: Path) -> None:
        self.target = Path(os.path.abspath(target))
        self.directory = self.target.parent / f".{self.target.name}.attempt-{secrets.token_hex(8)}"
        self._refuse_existing()

    @property
    def spill(self) -> Path:
        """A folder for what does not fit in memory; it is never published."""
        return self.directory / "_spill"

    def __enter__(self) -> "Attempt":
        try:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            self.spill.mkdir(parents=True)
        except OSError as error:
            raise FaninError(f"{self.target}: cannot be written: {error.strerror}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)

    def create(self, name: str) -> IO[bytes]:
        """A new file of the output, unbuffered; `finish` it."""
        return open(self.directory / name, "xb", buffering=0)

    def finish(self, file: IO[bytes]) -> None:
        """Closes a file of the output once its bytes are on the disk."""
        os.fsync(file.fileno())
        file.close()

    def publish(self) -> None:
        """Makes the attempt the output directory, whole, with its `_SUCCESS`."""
        shutil.rmtree(self.spill)
        self.finish(self.create(SUCCESS))
        _sync(self.directory)
        self._refuse_existing()
        try:
            self.directory.rename(self.target)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                self._refuse_existing()
            raise
        _sync(self.target.parent)

    def _refuse_existing(self) -> None:
        if os.path.lexists(self.target):
            raise UsageError(f"{self.target}: already exists; outputs are not overwritten: remove it or name another")


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
