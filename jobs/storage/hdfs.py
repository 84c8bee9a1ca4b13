"""HDFS, by hdfs-native: no JVM, no Hadoop installation on this machine.

`hdfs://host:port/path`, or `hdfs:///path` for the default file system of HADOOP_CONF_DIR's core-site.xml.
"""

import functools
import io
import os
import socket
from typing import IO, Any
from urllib.parse import urlsplit

from jobs.errors import FaninError, UsageError
from jobs.storage.base import Attempt, Entry, Writer, join
from jobs.storage.renamed import RenamedAttempt, erase_folder
from jobs.storage.site import folder, site

PORT = 8020  # Hadoop's own default
PATIENCE = 5  # seconds for a name node to take a connection


class Hdfs:
    """The storage of one name node."""

    def __init__(self, url: str) -> None:
        self._root = "hdfs://" + urlsplit(url).netloc
        self._client = _client(self._root)

    def stat(self, path: str) -> Entry | None:
        try:
            status = self._client.get_file_info(self._inside(path))
        except FileNotFoundError:
            return None
        except Exception as error:
            raise _failed(path, error) from error
        return self._entry(path, status)

    def list(self, folder: str) -> list[Entry]:
        try:
            found = list(self._client.list_status(self._inside(folder)))
        except Exception as error:
            raise _failed(folder, error) from error
        names = ((status.path.rpartition("/")[2], status) for status in found)
        return sorted((self._entry(join(folder, name), status) for name, status in names), key=lambda e: e.path)

    def open(self, entry: Entry) -> IO[bytes]:
        try:
            return io.BufferedReader(_Reader(self._client.read(self._inside(entry.path)), entry.path))
        except Exception as error:
            raise _failed(entry.path, error) from error

    def read(self, path: str, limit: int) -> bytes | None:
        entry = self.stat(path)
        if entry is None or entry.folder:
            return None
        with self.open(entry) as file:
            return file.read(limit + 1)

    def begin(self, output: str, overwrite: bool) -> Attempt:
        return RenamedAttempt(self, output, overwrite)

    def erase(self, path: str) -> None:
        entry = self.stat(path)
        if entry and entry.folder:
            erase_folder(self, path)
        else:
            self.delete(path)

    # What RenamedAttempt takes

    def make_folder(self, path: str) -> None:
        try:
            self._client.mkdirs(self._inside(path), create_parent=True)
        except Exception as error:
            raise _failed(path, error) from error

    def create(self, path: str) -> Writer:
        try:
            return _Writer(self._client.create(self._inside(path)), path)
        except Exception as error:
            raise _failed(path, error) from error

    def rename(self, old: str, new: str) -> None:
        """HDFS refuses a name that is taken; hadoop's own mv would nest."""
        try:
            self._client.rename(self._inside(old), self._inside(new), overwrite=False)
        except Exception as error:
            if self.stat(new):
                raise UsageError(f"{new}: another run has published it") from error
            raise _failed(new, error) from error

    def sync(self, folder: str) -> None:
        """Names are durable once the name node has answered."""

    def spill_in(self, folder: str) -> str | None:
        del folder
        return None

    def delete(self, folder: str) -> None:
        try:
            self._client.delete(self._inside(folder), recursive=True)
        except FileNotFoundError:
            pass
        except Exception as error:
            raise _failed(folder, error) from error

    def _inside(self, path: str) -> str:
        return path.removeprefix(self._root) or "/"

    def _entry(self, path: str, status: Any) -> Entry:
        return Entry(path, status.length, f"mtime:{status.modification_time}", status.isdir)


def name_node(root: str) -> str:
    """The URL of the name node, or of the name service, that hdfs:// or hdfs://host[:port] means here."""
    said = site()
    url = root if root != "hdfs://" else said.get("fs.defaultFS", root)
    address, services = urlsplit(url), said.get("dfs.nameservices", "").split(",")
    if address.hostname and address.port is None and address.hostname not in services:
        return f"{address.scheme}://{address.netloc}:{PORT}"
    return url


@functools.cache
def _client(root: str) -> Any:
    try:
        from hdfs_native import Client
    except ImportError:
        raise UsageError("hdfs:// needs hdfs-native: pip install 'fanin[hdfs]'") from None
    if place := folder():
        os.environ["HADOOP_CONF_DIR"] = str(place)  # hdfs-native looks for it in fewer places than Hadoop does
    url = name_node(root)
    address = urlsplit(url)
    if address.port:
        _listens(str(address.hostname), address.port)
    try:
        return Client(url) if url != "hdfs://" else Client()
    except Exception as error:
        raise UsageError(f"{root}: no such HDFS ({error}); give hdfs://host:port, or set HADOOP_CONF_DIR") from error


def _listens(host: str, port: int) -> None:
    """Raises UsageError if nobody listens there: hdfs-native would try for minutes, and hear no Ctrl-C."""
    try:
        socket.create_connection((host, port), PATIENCE).close()
    except OSError as error:
        raise UsageError(f"hdfs://{host}:{port}: no name node answers there: {error.strerror or error}") from error


def _failed(path: str, error: Exception) -> FaninError:
    words = str(error).partition(r"\n\tat ")[0]  # what follows is Java's stack
    return FaninError(f"{path}: HDFS failed: {words}")


class _Reader(io.RawIOBase):
    """hdfs-native's reader with the methods a buffered reader takes."""

    def __init__(self, reader: Any, path: str) -> None:
        self._reader, self._path = reader, path

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return int(self._reader.tell())

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._reader.read(len(buffer))
        except Exception as error:
            raise _failed(self._path, error) from error
        buffer[: len(data)] = data
        return len(data)


class _Writer:
    """hdfs-native's writer; its close returns once the name node has all of the file."""

    def __init__(self, writer: Any, path: str) -> None:
        self._writer, self._path = writer, path

    def write(self, data: bytes | memoryview) -> int:
        try:
            self._writer.write(data)
        except Exception as error:
            raise _failed(self._path, error) from error
        return len(data)

    def close(self) -> None:
        try:
            self._writer.close()
        except Exception as error:
            raise _failed(self._path, error) from error
