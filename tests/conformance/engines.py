"""The engines under test: each runs a job over inputs and gives its part files."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from jobs.catalog import find
from jobs.engines.bundle import Node, bundle
from tests import command, lab

Engine = Callable[[str, Sequence[Path], Path, int], list[bytes]]


def parts_of(output: Path, parts: int) -> list[bytes]:
    names = sorted(path.name for path in output.iterdir() if not path.name.startswith((".", "_")))
    assert names == [f"part-{i:05d}" for i in range(parts)]
    return [(output / name).read_bytes() for name in names]


def local(job: str, inputs: Sequence[Path], output: Path, parts: int) -> list[bytes]:
    """`fanin run` on this machine."""
    command.run("run", job, *map(str, inputs), "-o", str(output), "--parts", str(parts)).ok()
    return parts_of(output, parts)


def streaming(job: str, inputs: Sequence[Path], output: Path, parts: int) -> list[bytes]:
    """Our bundle under the real streaming jar and Hadoop's LocalJobRunner: its reader, partitioner and shuffle."""
    plan = find(job)(args=[]).plan()
    node = Node(f"{sys.version_info.major}.{sys.version_info.minor}")
    python = Path(sys.base_prefix) / "bin" / f"python{node.python}"  # it has none of our dependencies
    file = output.with_name("plan.json")
    file.write_text(plan.to_json())
    settings = {
        "mapreduce.framework.name": "local",
        "fs.defaultFS": "file:///",
        "hadoop.tmp.dir": str(output.with_name("hadoop")),
        "mapreduce.job.reduces": str(parts),
        "mapreduce.job.maps": "3",
        "stream.num.map.output.key.fields": str(max(len(plan.group_by), 1)),
        "stream.reduce.output": "keyonlytext",
        "stream.map.input.ignoreKey": "true",
    }
    # Hadoop starts a JVM for each of many small files unless their splits are combined.
    files = [file for path in inputs for file in path.iterdir()] if inputs[0].is_dir() else []
    combined = ["-inputformat", "org.apache.hadoop.mapred.lib.CombineTextInputFormat"] if len(files) > 20 else []
    environment = lab.environment()
    task = f"env PYTHONPATH=node {python} -m jobs.tasks {{}} {file.name}"
    command.call(
        "hadoop", "jar", environment["HADOOP_STREAMING_JAR"],
        *(word for name, value in settings.items() for word in ("-D", f"{name}={value}")),
        "-files", str(file), "-archives", f"{bundle(node)}#node",
        *(word for path in inputs for word in ("-input", str(path))),
        *combined, "-output", str(output), "-mapper", task.format("map"), "-reducer", task.format("reduce"),
        "-cmdenv", "FANIN_MEMORY=200000000", env=environment, cwd=output.parent,
    ).ok()  # fmt: skip
    assert (output / "_SUCCESS").exists()
    return parts_of(output, parts)


ENGINES: dict[str, Engine] = {"local": local, "streaming": streaming}
