"""S3, by boto3: credentials, profile, region and endpoint are those that boto3 finds (AWS_PROFILE, AWS_DEFAULT_REGION, …).

An output is committed by one conditional PUT of its manifest. Until then its objects lie under names of the
attempt's own, `part-00000-0123456789abcdef`, which only the manifest makes part of the output; a marker,
`_attempt-TAG`, says whose they are while they are written. What no manifest lists and no living attempt marks is
a leftover, and the next run at the same output removes it.
"""

import functools
import io
import random
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, Any

from jobs.errors import FaninError, UsageError
from jobs.storage.base import (
    MANIFEST,
    MARKER,
    SUCCESS,
    Attempt,
    Entry,
    Writer,
    base_name,
    join,
    refuse_existing,
    refuse_inside,
)
from jobs.storage.manifest import PARTIAL, Manifest
from jobs.storage.owners import is_dead, new_tag

RANGE = 8 << 20  # bytes of one GET
READERS = 4  # GETs under way
CHUNK = 16 << 20  # bytes of one upload part, doubled every 1,000 parts: 10,000 are allowed
TRIES = 6
OWN_NAME = re.compile(r"(?P<part>.+)-(?P<short>[0-9a-f]{16})")


class S3:
    """The storage of one bucket."""

    def __init__(self, url: str) -> None:
        self._bucket = url.removeprefix("s3://").partition("/")[0]
        if not self._bucket:
            raise UsageError(f"{url}: names no bucket; write s3://bucket/path")
        self.client = _client()

    def stat(self, path: str) -> Entry | None:
        key = self.key(path)
        if key and not key.endswith("/"):
            try:
                head = self._call(path, "head_object", Key=key)
                return Entry(path, head["ContentLength"], f"etag:{head['ETag']}")
            except FileNotFoundError:
                pass
        prefix = key if not key or key.endswith("/") else key + "/"
        found = self._call(path, "list_objects_v2", Prefix=prefix, MaxKeys=1).get("KeyCount", 0)
        return Entry(path, 0, "", folder=True) if found or not key else None

    def list(self, folder: str) -> list[Entry]:
        prefix = self.key(folder).rstrip("/") + "/" if self.key(folder).strip("/") else ""
        entries = []
        for page in self._pages(folder, Prefix=prefix, Delimiter="/"):
            for item in page.get("CommonPrefixes", ()):
                name = item["Prefix"].removeprefix(prefix).rstrip("/")
                entries.append(Entry(join(folder, name), 0, "", folder=True))
            for item in page.get("Contents", ()):
                if name := item["Key"].removeprefix(prefix):  # a key that ends with / marks the folder itself
                    entries.append(Entry(join(folder, name), item["Size"], f"etag:{item['ETag']}"))
        return sorted(entries, key=lambda entry: entry.path)

    def open(self, entry: Entry) -> IO[bytes]:
        return io.BufferedReader(_Reader(self, entry), 1 << 20)

    def read(self, path: str, limit: int) -> bytes | None:
        try:
            answer = self._call(path, "get_object", Key=self.key(path))
            return bytes(answer["Body"].read(limit + 1))
        except FileNotFoundError:
            return None

    def begin(self, output: str, overwrite: bool) -> Attempt:
        return S3Attempt(self, output.rstrip("/"), overwrite)

    def erase(self, path: str) -> None:
        entry = self.stat(path)
        if not entry or not entry.folder:
            self.remove([path])
            return
        prefix = self.key(path).rstrip("/") + "/"
        keys = [item["Key"] for page in self._pages(path, Prefix=prefix) for item in page.get("Contents", ())]
        last = [key for key in keys if key == prefix + MANIFEST]  # what it lists is missing then, and told so
        for some in ([key for key in keys if key not in last], last):
            self.remove([f"s3://{self._bucket}/{key}" for key in some])

    def key(self, path: str) -> str:
        """The key of a path, as it is written: no character of it stands for another."""
        return path.removeprefix("s3://").partition("/")[2]

    def get_range(self, entry: Entry, start: int, end: int) -> bytes:
        """Bytes start to end - 1 of an object that is still the entry's version; tried again with jitter."""
        for turn in range(TRIES):
            try:
                answer = self._call(
                    entry.path,
                    "get_object",
                    Key=self.key(entry.path),
                    Range=f"bytes={start}-{end - 1}",
                    IfMatch=entry.version.removeprefix("etag:"),
                )
                data = bytes(answer["Body"].read())
                if len(data) == end - start:
                    return data
                problem = f"{len(data)} bytes came of {end - start}"
            except FaninError:
                raise
            except FileNotFoundError:
                raise FaninError(f"{entry.path}: was removed while it was read") from None
            except Exception as error:  # a body that breaks off has an exception of urllib3's, http's or botocore's
                problem = f"{type(error).__name__}: {error}"
            time.sleep(random.uniform(0, 0.2 * 2**turn))
        raise FaninError(f"{entry.path}: cannot be read at byte {start}: {problem}")

    def create(self, path: str) -> Writer:
        """A new object, which is there once the writer is closed."""
        return _Writer(self, path)

    def put(self, path: str, data: bytes, **conditions: str) -> None:
        """One object, whole. Raises FileExistsError where a condition (IfNoneMatch, IfMatch) does not hold."""
        self._call(path, "put_object", Key=self.key(path), Body=data, **conditions)

    def region(self) -> str:
        """Where the bucket is; UsageError if there is none."""
        try:
            return str(self._call(f"s3://{self._bucket}", "head_bucket").get("BucketRegion", ""))
        except FileNotFoundError:
            raise UsageError(f"s3://{self._bucket}: no such bucket") from None

    def remove(self, paths: Sequence[str]) -> None:
        """Removes objects; those that are not there are no error."""
        for first in range(0, len(paths), 1000):
            some = [{"Key": self.key(path)} for path in paths[first : first + 1000]]
            self._call(paths[first], "delete_objects", Delete={"Objects": some, "Quiet": True})

    def abort_uploads(self, folder: str, ours: Callable[[str], bool]) -> None:
        """Aborts the unfinished uploads in `folder` whose name `ours(name)` says so of."""
        prefix = self.key(folder) + "/"
        for upload in self._call(folder, "list_multipart_uploads", Prefix=prefix).get("Uploads", ()):
            if ours(upload["Key"].removeprefix(prefix)):
                self._call(folder, "abort_multipart_upload", Key=upload["Key"], UploadId=upload["UploadId"])

    def _pages(self, path: str, **arguments: Any) -> Iterator[Any]:
        while True:
            page = self._call(path, "list_objects_v2", **arguments)
            yield page
            if not page.get("IsTruncated"):
                return
            arguments["ContinuationToken"] = page["NextContinuationToken"]

    def _call(self, path: str, operation: str, **arguments: Any) -> Any:
        """One request; its failure in a user's words. botocore has tried it again where that helps."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self.client, operation)(Bucket=self._bucket, **arguments)
        except ClientError as error:
            code, status = str(error.response["Error"].get("Code")), _status(error)
            if code in ("404", "NoSuchKey"):
                raise FileNotFoundError(path) from error
            if status in (409, 412):
                if operation == "get_object":
                    raise FaninError(f"{path}: has changed while it was read") from error
                raise FileExistsError(path) from error
            message = error.response["Error"].get("Message", "")
            raise FaninError(f"{path}: S3 refuses {operation}: {code}: {message}") from error
        except BotoCoreError as error:
            raise FaninError(f"{path}: S3 cannot be reached for {operation}: {error}") from error


def _status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


@functools.cache
def _client() -> Any:
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError:
        raise UsageError("s3:// needs boto3: pip install 'fanin[s3]'") from None
    try:
        retries = {"mode": "standard", "total_max_attempts": TRIES}
        return boto3.client("s3", config=Config(retries=retries, max_pool_connections=2 * READERS))
    except (BotoCoreError, ValueError) as error:
        raise UsageError(f"s3://: {error}") from error


class _Reader(io.RawIOBase):
    """An object's bytes, in ranges that are fetched side by side ahead of the reading."""

    def __init__(self, storage: S3, entry: Entry) -> None:
        self._storage, self._entry = storage, entry
        self._position = self._asked = 0
        self._pool = ThreadPoolExecutor(READERS)
        self._ahead: deque[Future[bytes]] = deque()
        self._current = memoryview(b"")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while len(self._ahead) < READERS and self._asked < self._entry.size:
            end = min(self._asked + RANGE, self._entry.size)
            self._ahead.append(self._pool.submit(self._storage.get_range, self._entry, self._asked, end))
            self._asked = end
        if not self._current and self._ahead:
            self._current = memoryview(self._ahead.popleft().result())
        size = min(len(buffer), len(self._current))
        buffer[:size] = self._current[:size]
        self._current = self._current[size:]
        self._position += size
        return size

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        super().close()


class _Writer:
    """A new object: one PUT if it is small, else an upload in parts, two of them under way."""

    def __init__(self, storage: S3, path: str) -> None:
        self._storage, self._path = storage, path
        self._buffer = bytearray()
        self._chunk = CHUNK
        self._upload: str | None = None
        self._pool = ThreadPoolExecutor(2)
        self._parts: list[Future[Any]] = []

    def write(self, data: bytes | memoryview) -> int:
        self._buffer += data
        while len(self._buffer) >= self._chunk:
            self._send(bytes(self._buffer[: self._chunk]))
            del self._buffer[: self._chunk]
        return len(data)

    def close(self) -> None:
        if self._upload is None:
            self._storage.put(self._path, bytes(self._buffer))
        else:
            if self._buffer:
                self._send(bytes(self._buffer))
            etags = [part.result()["ETag"] for part in self._parts]
            parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
            self._call("complete_multipart_upload", UploadId=self._upload, MultipartUpload={"Parts": parts})
        self._pool.shutdown()

    def _send(self, data: bytes) -> None:
        if self._upload is None:
            self._upload = self._call("create_multipart_upload")["UploadId"]
        if len(self._parts) >= 2:
            self._parts[-2].result()
        number = len(self._parts) + 1
        upload = {"UploadId": self._upload, "PartNumber": number, "Body": data}
        self._parts.append(self._pool.submit(self._call, "upload_part", **upload))
        if number % 1000 == 0:
            self._chunk *= 2

    def _call(self, operation: str, **arguments: Any) -> Any:
        return self._storage._call(self._path, operation, Key=self._storage.key(self._path), **arguments)


class S3Attempt:
    """An attempt at `output`; see the module."""

    def __init__(self, storage: S3, output: str, overwrite: bool) -> None:
        self._storage, self._output, self._overwrite = storage, output, overwrite
        self.tag = new_tag()
        self.spill: str | None = None
        self._short = self.tag[-8:] + f"{random.getrandbits(32):08x}"
        self._made: list[str] = []
        self._undecided = False  # whether nobody knows if the manifest was put
        there = storage.list(output)
        old = storage.read(join(output, MANIFEST), 1 << 30)
        self._old = Manifest.from_json(old, output) if old else None
        self._old_etag = next((e.version[5:] for e in there if base_name(e.path) == MANIFEST), None)
        left = self._sweep(there)
        if left:
            finished = any(base_name(entry.path) in (MANIFEST, SUCCESS) for entry in left)
            refuse_existing(output, overwrite, finished)
        refuse_inside(output, storage.read)
        self._marker = join(output, MARKER + self.tag + "-" + self._short)
        storage.put(self._marker, b"")

    def create(self, part: str) -> tuple[str, Writer]:
        name = f"{part}-{self._short}"
        self._made.append(join(self._output, name))
        return name, self._storage.create(self._made[-1])

    def hand_over(self) -> str | None:
        return None  # what others write there anybody can see as they do

    def publish(self, manifest: bytes) -> None:
        self._undecided = True
        try:
            won = self._commit(manifest)
        except FaninError as error:
            raise FaninError(f"{error}; whether {self._output} was published is not known") from error
        self._undecided = False
        if not won:
            raise UsageError(f"{self._output}: another run has published it")
        self._made = []
        self._storage.put(join(self._output, SUCCESS), b"")
        replaced = [join(self._output, file.name) for file in self._old.all_files] if self._old else []
        self._storage.remove([self._marker, *replaced])

    def _commit(self, manifest: bytes) -> bool:
        """The conditional PUT; whether the manifest that is there now is this one."""
        path = join(self._output, MANIFEST)
        condition = {"IfMatch": self._old_etag} if self._old_etag else {"IfNoneMatch": "*"}
        try:
            self._storage.put(path, manifest, **condition)
            return True
        except (FileExistsError, FileNotFoundError):
            # A PUT whose answer was lost is tried again, and then meets itself.
            return self._storage.read(path, len(manifest)) == manifest

    def abandon(self) -> None:
        if self._undecided:
            return  # the marker stays: the next run keeps what a manifest lists, and removes the rest
        if self._made:
            self._storage.abort_uploads(self._output, lambda name: name.endswith("-" + self._short))
        self._storage.remove(self._made)  # while the marker is there nobody reads what is left of them
        self._storage.remove([self._marker])
        self._made = []

    def _sweep(self, there: list[Entry]) -> list[Entry]:
        """Removes the leftovers of dead attempts among `there`; gives what is neither that nor being written."""
        markers = [entry.path for entry in there if base_name(entry.path).startswith(MARKER)]
        tags = {path: base_name(path).removeprefix(MARKER).rpartition("-") for path in markers}
        dead = [path for path, (tag, _, _) in tags.items() if is_dead(tag)]
        alive = {short for path, (_, _, short) in tags.items() if path not in dead}
        listed = {file.name for file in self._old.all_files} if self._old else set()
        left, leftovers = [], []
        for entry in there:
            own = OWN_NAME.fullmatch(base_name(entry.path))
            if entry.path in tags or (own and own["short"] in alive):
                continue
            if own and own["part"].startswith(("part-", PARTIAL)) and own[0] not in listed:
                leftovers.append(entry.path)
            else:
                left.append(entry)
        if leftovers or dead:
            shorts = {name.rpartition("-")[2] for name in [*leftovers, *dead]}
            self._storage.abort_uploads(self._output, lambda name: name.rpartition("-")[2] in shorts)
            self._storage.remove(leftovers)
            self._storage.remove(dead)
        return left
