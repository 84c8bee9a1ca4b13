"""The bundle: all that a node needs to run tasks beside its Python, as one archive.

It holds fanin's own modules, and duckdb and arro3-core in the driver's versions, for the nodes' Python and
architecture. It is kept in the user's cache under the digest of what it was asked to hold.
"""

import gzip
import hashlib
import io
import os
import platform
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from jobs.errors import FaninError, UsageError

WHEELS = ("duckdb", "arro3-core")
ROW_WHEELS = ("mrjob", "setuptools", "standard-pipes")  # what mrjob's own tasks import beside them
DRIVER_WHEELS = (
    "PyYAML", "boto3", "botocore", "jmespath", "s3transfer", "python-dateutil", "six", "urllib3",
    "hdfs-native", "crc32c", "backports.zstd",
)  # fmt: skip
"""What a program that runs jobs imports beside them, where a node does so."""
UNUSED = re.compile(r"botocore/data/(?!(s3|sts|sso|sso-oidc|signin)/)[^/]+/")
"""Models of AWS's services, of which two thirds of boto3's bytes are; a node asks S3 alone."""
PLATFORMS = ("manylinux2014", *(f"manylinux_2_{glibc}" for glibc in range(17, 35)))  # 2.34 is EMR 7's
ARCHITECTURES = ("x86_64", "aarch64")
WRITTEN = 315532800  # 1980: all bundles' time of modification, since Hadoop fails a job under which it changes
KEPT = 30 * 24 * 3600  # seconds since a bundle's last use, which its time of access is


@dataclass(frozen=True)
class Node:
    """What the nodes are; what this machine is, unless it is said.  python: as 3.11.  arch: x86_64 or aarch64."""

    python: str = f"{sys.version_info.major}.{sys.version_info.minor}"
    arch: str = platform.machine().replace("arm64", "aarch64")

    def __post_init__(self) -> None:
        if self.arch not in ARCHITECTURES:
            raise UsageError(f"nodes of {self.arch}: must be {' or '.join(ARCHITECTURES)}")


def bundle(node: Node, wheels: Path | None = None, extra: Sequence[str] = ()) -> Path:
    """The .tar.gz for `node`, made if the cache has none.

    wheels: a folder of wheels to take instead of a package index; it must hold those of duckdb and arro3-core, and
    of `extra`, the packages that they need beside them.
    """
    needs = [f"{name}=={version(name)}" for name in WHEELS] + [_like_here(name) for name in extra]
    own = dict(_own_modules())
    asked = hashlib.sha256(repr((node, needs, sorted(own.items()))).encode()).hexdigest()
    file = _cache() / f"bundle-{asked[:16]}.tar.gz"
    with suppress(OSError):  # it is not there, or not ours
        os.utime(file, (time.time(), WRITTEN))
    if not file.exists():
        _forget_unused(file.parent)
        with tempfile.TemporaryDirectory(prefix="fanin-wheels-") as folder:
            _download(needs, node, wheels, Path(folder))
            members = own | {name: data for wheel in Path(folder).glob("*.whl") for name, data in _unzipped(wheel)}
        _write(file, members.items())
    return file


def _like_here(name: str) -> str:
    """The requirement of a package in this machine's version, if it has one: nodes of a newer Python need more."""
    try:
        return f"{name}=={version(name)}"
    except PackageNotFoundError:
        return name


def _own_modules() -> Iterator[tuple[str, bytes]]:
    root = Path(__file__).resolve().parents[2]
    for package in ("jobs", "joins"):
        for file in sorted((root / package).rglob("*.py")):
            yield file.relative_to(root).as_posix(), file.read_bytes()
    said = f"Metadata-Version: 2.1\nName: fanin\nVersion: {version('fanin')}\n"
    yield f"fanin-{version('fanin')}.dist-info/METADATA", said.encode()  # manifests tell the version


def _download(needs: list[str], node: Node, wheels: Path | None, folder: Path) -> None:
    place = ["--no-index", "--find-links", str(wheels)] if wheels else []
    platforms = [word for name in PLATFORMS for word in ("--platform", f"{name}_{node.arch}")]
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
        *("--only-binary", ":all:", "--python-version", node.python, "--dest", str(folder)),
        *(*platforms, *place, *needs),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or "pip said nothing").splitlines()[-1]
        raise FaninError(
            f"the bundle for nodes of Python {node.python}, {node.arch}: {', '.join(needs)} cannot be had"
            f" from {wheels or 'the package index'}: {last}"
        )


def _unzipped(wheel: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if not name.endswith("/") and not UNUSED.match(name):
                yield name, archive.read(name)


def _write(file: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """The archive, the same bytes for the same members; complete under its name or not there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as partial:
        packed = gzip.GzipFile(fileobj=partial, mode="wb", filename="", mtime=0, compresslevel=6)
        with packed, tarfile.open(fileobj=packed, mode="w") as archive:
            for name, data in sorted(members):
                info = tarfile.TarInfo(name)
                info.size, info.mode = len(data), 0o755 if name.endswith(".so") else 0o644
                archive.addfile(info, io.BytesIO(data))
    os.utime(partial.name, (time.time(), WRITTEN))
    os.replace(partial.name, file)


def _forget_unused(folder: Path) -> None:
    """Deletes bundles that no run has taken for long; each release of anything in them is another bundle."""
    for file in folder.glob("bundle-*.tar.gz"):
        with suppress(FileNotFoundError):  # by another run
            if time.time() - file.stat().st_atime > KEPT:
                file.unlink()


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fanin" / "bundles"
