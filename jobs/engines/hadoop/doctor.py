"""What this machine and its cluster lack to run jobs on Hadoop, and the fix for each.

All is asked of a runner such as `fanin run word_count -r hadoop` makes, so that both find the same.
"""

import logging
import shutil
import subprocess
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from jobs.engines.bundle import bundle
from jobs.engines.checks import Checks, Missing
from jobs.engines.hadoop import conf
from jobs.engines.hadoop.yarn import Cluster, Unreachable
from jobs.errors import FaninError, UsageError
from jobs.storage.hdfs import Hdfs
from jobs.storage.scratch import scratch
from jobs.storage.site import folder
from jobs.word_count import WordCount

ANSWER = 15  # seconds for a name node to do what it is asked
MEMORY = {  # MB of a job's containers, where nobody says
    "yarn.app.mapreduce.am.resource.mb": 1536, "mapreduce.map.memory.mb": 1024, "mapreduce.reduce.memory.mb": 1024,
}  # fmt: skip
ONCE = ("--jobconf=mapreduce.map.maxattempts=1", "--jobconf=mapreduce.reduce.maxattempts=1")

check = Checks(Unreachable)


def examine(words: Sequence[str]) -> bool:
    """Prints a line for each check; whether all is there.  words: options, those of `fanin run -r hadoop`."""
    logging.getLogger("mrjob").setLevel(logging.CRITICAL)  # what it warns of is told here
    with scratch() as place:
        file = place / "words.txt"
        file.write_text("fan in fan\n")
        try:
            runner = WordCount(args=["-r", "hadoop", *ONCE, *words, str(file)]).make_runner()
        except ValueError as error:
            raise UsageError(str(error)) from error
        return check.run(runner)


@check("hdfs-native", "pip install 'fanin[hdfs]'")
def _package(_runner: Any) -> str:
    import hdfs_native  # noqa: F401

    return version("hdfs-native")


@check("hadoop command", "install Hadoop here and set HADOOP_HOME to its folder, or give --hadoop-bin")
def _command(runner: Any) -> str:
    command = runner.get_hadoop_bin()
    if not shutil.which(command[0]):
        raise Missing(f"no command {command[0]!r}")
    done = subprocess.run([*command, "version"], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        words = (done.stderr or done.stdout).strip()
        raise Missing(f"{' '.join(command)} version: {words}", "install Java and set JAVA_HOME to its folder")
    return f"{command[0]}, {done.stdout.partition(chr(10))[0]}"


@check("streaming jar", "set HADOOP_HOME to Hadoop's folder, or give --hadoop-streaming-jar")
def _jar(runner: Any) -> str:
    jar = runner.get_hadoop_streaming_jar()
    if not jar or not Path(jar).is_file():
        raise Missing(f"no file {jar}" if jar else "not in Hadoop's folders")
    return str(jar)


@check("configuration", "copy the cluster's *-site.xml files here and set HADOOP_CONF_DIR to their folder")
def _configuration(runner: Any) -> str:
    if not folder():
        raise Missing("there is no folder of it")
    said = [f"{name} {runner._said().get(name)}" for name in ("fs.defaultFS", "mapreduce.framework.name")]
    return ", ".join([str(folder()), *said])


@check("HDFS", "start HDFS, or correct fs.defaultFS in core-site.xml", "hdfs-native", "configuration")
def _hdfs(runner: Any) -> str:
    root, place = str(runner._said().get("fs.defaultFS")), runner._hadoop_tmp_dir
    address, parent = urlsplit(root), place.rpartition("/")[0]
    if address.scheme != "hdfs":
        raise Missing(f"fs.defaultFS is {root}", "set it to hdfs://host:port in core-site.xml")
    try:
        _make_and_delete(place)
    except OSError as error:
        raise Missing(f"{root}: {error}") from error
    except UsageError:
        raise
    except FaninError as error:
        fix = f"let your user write {parent}; give fs.defaultFS the name node's RPC port"
        raise Missing(str(error), fix) from error
    return f"{root}, {parent} can be written"


def _make_and_delete(place: str) -> None:
    """Raises TimeoutError where it takes long: nothing interrupts hdfs-native, so it is left alone in a thread."""
    failed: list[Exception] = []

    def run() -> None:
        try:
            Hdfs(place).make_folder(place)
            Hdfs(place).delete(place)
        except Exception as error:
            failed.append(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(ANSWER)
    if thread.is_alive():
        raise TimeoutError(f"no answer in {ANSWER} s; is this the name node's RPC port?")
    if failed:
        raise failed[0]


@check("ResourceManager", "start YARN, or name yarn.resourcemanager.hostname in yarn-site.xml", "configuration")
def _resource_manager(runner: Any) -> str:
    framework = runner._said()["mapreduce.framework.name"]
    if framework != "yarn":
        raise Missing(f"mapreduce.framework.name is {framework}", "set it to yarn in mapred-site.xml")
    cluster = Cluster(conf.resource_managers(runner._said()))
    cluster.nodes()
    return f"{cluster.roots[0]} answers"


@check("NodeManagers", "start one: yarn --daemon start nodemanager", "ResourceManager")
def _node_managers(runner: Any) -> str:
    said = runner._said()
    known = Cluster(conf.resource_managers(said)).node_managers()
    memory = [node["usedMemoryMB"] + node["availMemoryMB"] for node in known if node["state"] == "RUNNING"]
    if not memory:
        others = [f"{node['id']} is {node['state']} {node.get('healthReport', '')}".strip() for node in known]
        raise Missing("; ".join(["none is up", *others]))
    largest = min(max(memory), int(said.get("yarn.scheduler.maximum-allocation-mb", max(memory))))
    wanted = {name: max(int(said.get(name, 0)), 0) or usual for name, usual in MEMORY.items()}
    if excess := [f"{name} is {size}" for name, size in wanted.items() if size > largest]:
        fix = f"set at most {largest} in mapred-site.xml, or raise yarn.nodemanager.resource.memory-mb"
        raise Missing(f"a container has at most {largest} MB, but {', '.join(excess)}", fix)
    return f"{len(memory)} up; a container has at most {largest} MB, jobs want {max(wanted.values())}"


@check("bundle", "give --wheels, a folder with the nodes' wheels of duckdb and arro3-core")
def _bundle(runner: Any) -> str:
    node, wheels = runner._node(), runner._opts["wheels"]
    file = bundle(node, Path(wheels) if wheels else None)
    return f"{file}, for Python {node.python} on {node.arch}"


@check("task on a node", "name the nodes' Python by --node-python, --node-arch or --python-bin", *check)
def _task(runner: Any) -> str:
    start = time.monotonic()
    with runner:
        runner.run()
        answer = b"".join(runner.cat_output())
    if answer != b"fan\t2\nin\t1\n":
        raise Missing(f"word_count answered {answer!r}", "none known: please report it")
    return f"{' '.join(runner._python_bin())} has counted words, in {time.monotonic() - start:.0f} s"
