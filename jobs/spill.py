"""How much a run spills: DuckDB does not say, so its folder is looked at now and then."""

import threading
from pathlib import Path
from types import TracebackType

EVERY = 0.1  # seconds


class Spill:
    """A context.  most: the most bytes that were in `folder` when it was looked at."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.most = 0
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Spill":
        self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._over.wait(EVERY):
            size = 0
            for file in self._folder.glob("*"):
                try:
                    size += file.stat().st_blocks * 512  # a file is made longer than what has been written to it
                except OSError:
                    continue
            self.most = max(self.most, size)
