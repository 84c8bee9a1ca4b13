"""A task's own files, as the node's Hadoop brings them from wherever they lie: nodes have no other client of storages.

That is the class path of the JVM beside the task, or the `hadoop` command if the node has it: it knows the cluster's storages
and settings, and takes the job's tokens, where WebHDFS may be closed and asks for Kerberos. A JVM costs a second, so one
brings all files of a task, one behind the other; what belongs to which their sizes tell. Nothing is made of them
before they are there whole. Held in memory: a block; the files are on the task's disk.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from jobs.errors import FaninError

BLOCK = 1 << 20
FLAGS = ["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
WORDS = 1000  # of what Hadoop says, at most


class Remote(NamedTuple):
    """A file that a manifest lists.  uri: as nodes call it.  name: in messages.  records: its lines."""

    uri: str
    name: str
    size: int
    records: int


class Shipped(NamedTuple):
    """A file in the task's folder."""

    path: str
    name: str

    def open(self) -> IO[bytes]:
        return open(self.path, "rb", buffering=0)


@contextmanager
def fetched(files: Sequence[Remote]) -> Iterator[list[Shipped]]:
    """The files, in a folder of the task's; FaninError if they are not what their manifests list."""
    with tempfile.TemporaryDirectory(prefix="fetched-", dir=os.curdir) as folder:
        said = Path(folder, "said")
        with (
            said.open("wb") as errors,
            subprocess.Popen(
                [*_hadoop(os.environ), "-cat", *(file.uri for file in files)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
                env=os.environ | {"HADOOP_CLIENT_OPTS": " ".join(FLAGS)},
            ) as hadoop,
        ):  # fmt: skip
            assert hadoop.stdout
            copies = [Shipped(str(Path(folder, str(number))), file.name) for number, file in enumerate(files)]
            read = [_copy(hadoop.stdout, file.size, copy.path) for file, copy in zip(files, copies, strict=True)]
            more = len(hadoop.stdout.read(1))
        names = " and ".join(dict.fromkeys(file.name for file in files))
        if hadoop.returncode:
            words = said.read_text(errors="replace")[-WORDS:]
            raise FaninError(f"{names}: cannot be read by this node's Hadoop:\n{words}")
        if more or read != [(file.size, file.records) for file in files]:
            raise FaninError(f"{names}: other bytes, or another number of lines, than their manifests list")
        yield copies


def _copy(source: IO[bytes], size: int, path: str) -> tuple[int, int]:
    """Copies `size` bytes to a new file; gives how many there were, and the lines in them."""
    copied = lines = 0
    with open(path, "xb") as copy:
        while data := source.read(min(BLOCK, size - copied)):
            copy.write(data)
            copied += len(data)
            lines += data.count(b"\n")
    return copied, lines


def _hadoop(said: Mapping[str, str]) -> list[str]:
    """The command of Hadoop's file system shell on this node.  said: the environment."""
    if command := shutil.which("hadoop"):
        return [command, "fs"]
    if said.get("JAVA_HOME") and said.get("CLASSPATH"):
        return [f"{said['JAVA_HOME']}/bin/java", *FLAGS, "org.apache.hadoop.fs.FsShell"]
    raise FaninError(
        "this node has neither a hadoop command on its PATH (--cmdenv PATH=... gives another one) nor Hadoop's class path;"
        " --strategy sort_merge does without"
    )
