"""What a task learns of its container and its input: Streaming puts the job's settings into the environment."""

import os
import re
import sys
from collections.abc import Mapping

from jobs.tasks.run import Streams

LEAST = 64_000_000
PYTHON = 200_000_000  # bytes of Python, DuckDB's code, and blocks under way


def budget(kind: str) -> int:
    """DuckDB's bytes in this container: what the JVM beside it and Python leave, as Hadoop's settings say.

    FANIN_MEMORY, in bytes, has the last word.
    """
    if given := os.environ.get("FANIN_MEMORY"):
        return int(given)
    container = int(os.environ.get(f"mapreduce_{kind}_memory_mb") or 1024)
    options = os.environ.get(f"mapreduce_{kind}_java_opts") or os.environ.get("mapred_child_java_opts") or ""  # noqa: SIM112
    heap = re.search(r"-Xmx(\d+)([mMgG])", options)
    jvm = int(heap[1]) * (1024 if heap[2] in "gG" else 1) if heap else 200
    return max(LEAST, (container << 20) - (jvm << 20) - PYTHON)


def split_name(said: Mapping[str, str]) -> str:
    """What a map task reads, for errors that name a byte of it: Hadoop tells in the environment."""
    file = said.get("mapreduce_map_input_file") or "standard input"
    if "Combine" in said.get("mapred_input_format_class", ""):
        return f"{file}, or a small file read with it"
    return file if at_start(said) else f"{file}, behind byte {said['mapreduce_map_input_start']}"


def streams(said: Mapping[str, str]) -> Streams:
    """Standard input and output, as those of the task that Hadoop tells of."""
    return Streams(sys.stdin.buffer, split_name(said), sys.stdout.buffer, at_start(said))


def at_start(said: Mapping[str, str]) -> bool:
    """Whether a map task reads from byte 0 of its file, where a header stands."""
    return (said.get("mapreduce_map_input_start") or "0") == "0"
