"""Runs `fanin` and kills it, by SIGKILL, at one of its fsyncs, renames, removals, or calls of HDFS or S3 that change things.

    python -m tests.storage.stop_at WHEN NUMBER ARGUMENTS...     WHEN: before or after that one takes effect

With NUMBER 0 nothing is killed, and the number of moments is printed on stderr.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from typing import Any

moments = 0


def stopping(call: Callable[..., Any], when: str, number: int, counts: Callable[..., bool]) -> Callable[..., Any]:
    def wrapped(*arguments: Any, **options: Any) -> Any:
        global moments
        if not counts(*arguments):
            return call(*arguments, **options)
        moments += 1
        this = moments
        if this == number and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = call(*arguments, **options)
        if this == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapped


def main() -> None:
    import hdfs_native
    from botocore.httpsession import URLLib3Session

    from jobs.cli import main as fanin

    when, number, arguments = sys.argv[1], int(sys.argv[2]), sys.argv[3:]

    def any_call(*_: object) -> bool:
        return True

    def changes(_: object, request: Any) -> bool:
        return request.method not in ("GET", "HEAD")

    local = [(os, "fsync"), (os, "rename"), (os, "makedirs"), (shutil, "rmtree")]
    hdfs = [(hdfs_native.Client, name) for name in ("mkdirs", "create", "rename", "delete")]
    for owner, name in [*local, *hdfs, (hdfs_native.FileWriter, "close")]:
        setattr(owner, name, stopping(getattr(owner, name), when, number, any_call))
    URLLib3Session.send = stopping(URLLib3Session.send, when, number, changes)
    try:
        fanin(arguments)
    finally:
        print(f"moments {moments}", file=sys.stderr)


if __name__ == "__main__":
    main()
