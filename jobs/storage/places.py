"""Which storage a path belongs to."""

import functools
import os
import posixpath

from jobs.errors import UsageError
from jobs.storage.base import Storage
from jobs.storage.local import STDIN, Local

LOCAL = Local()


def storage_of(path: str) -> Storage:
    """The storage that `path` names by its scheme: none is local, then s3 and hdfs."""
    scheme, colon, rest = path.partition("://")
    if not colon:
        return LOCAL
    return _remote(scheme, rest.partition("/")[0])


def absolute(path: str) -> str:
    """The path that names the same from any directory."""
    return path if "://" in path or path == STDIN else os.path.abspath(path)


def canonical(path: str) -> str:
    """The one spelling of all that name the same place: links followed, HDFS by its name node."""
    scheme, colon, rest = path.partition("://")
    if not colon:
        return os.path.realpath(path)
    if scheme == "hdfs":
        from jobs.storage.hdfs import name_node

        place, _, inside = rest.partition("/")
        return name_node(f"hdfs://{place}").rstrip("/") + posixpath.normpath(f"/{inside.lstrip('/')}")
    return path.rstrip("/")  # in a key of S3 every other character counts


@functools.cache
def _remote(scheme: str, place: str) -> Storage:
    if scheme == "s3":
        from jobs.storage.s3 import S3

        return S3(f"s3://{place}")
    if scheme == "hdfs":
        from jobs.storage.hdfs import Hdfs

        return Hdfs(f"hdfs://{place}")
    raise UsageError(f"{scheme}://{place}: no such storage; there are local paths, s3:// and hdfs://")
