"""mrjob's file system interface over HDFS by hdfs-native: milliseconds where `hadoop fs` starts a JVM each time."""

from collections.abc import Iterator
from pathlib import Path

from mrjob.fs.base import Filesystem

from jobs.storage.hdfs import Hdfs

CHUNK = 1 << 20


class NativeHdfs(Filesystem):  # type: ignore[misc]  # mrjob is untyped
    """The files of hdfs:// URLs. Paths are taken as they are: mrjob's globs are for the tools of other file systems."""

    def can_handle_path(self, path: str) -> bool:
        return path.startswith("hdfs://")

    def ls(self, path: str) -> Iterator[str]:
        entry = Hdfs(path).stat(path)
        if entry and not entry.folder:
            yield path
        for inside in Hdfs(path).list(path) if entry and entry.folder else []:
            yield from self.ls(inside.path) if inside.folder else [inside.path]

    def du(self, path: str) -> int:
        entries = (Hdfs(path).stat(file) for file in self.ls(path))
        return sum(entry.size for entry in entries if entry)

    def exists(self, path: str) -> bool:
        return Hdfs(path).stat(path) is not None

    def mkdir(self, path: str) -> None:
        Hdfs(path).make_folder(path)

    def put(self, src: str, path: str) -> None:
        writer = Hdfs(path).create(path)
        with Path(src).open("rb") as source:
            while chunk := source.read(CHUNK):
                writer.write(chunk)
        writer.close()

    def rm(self, path: str) -> None:
        Hdfs(path).delete(path)

    def _cat_file(self, path: str) -> Iterator[bytes]:
        entry = Hdfs(path).stat(path)
        if entry:
            with Hdfs(path).open(entry) as stream:
                while chunk := stream.read(CHUNK):
                    yield chunk
