"""What this machine and its cluster lack to run jobs on Hadoop, and the fix for each.

Everything is asked of the runner that `fanin run` would make, so that both find the same.
"""

import logging
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

from jobs.engines.bundle import bundle
from jobs.engines.hadoop import conf
from jobs.engines.hadoop.yarn import Cluster, Unreachable
from jobs.errors import FaninError
from jobs.storage.hdfs import Hdfs
from jobs.storage.scratch import scratch

CONNECT = 5  # seconds for a name node to take a connection
ANSWER = 15  # seconds for it to answer
MEMORY = {  # MB of a job's containers, where neither the configuration nor the job says
    "yarn.app.mapreduce.am.resource.mb": 1536,
    "mapreduce.map.memory.mb": 1024,
    "mapreduce.reduce.memory.mb": 1024,
}


class Missing(Exception):
    """Something is not as it must be.  fix: what helps, if it is not what helps in general."""

    def __init__(self, detail: str, fix: str = "") -> None:
        super().__init__(detail)
        self.fix = fix


@dataclass(frozen=True)
class Check:
    """One question.  ask: tells in a few words what is there, or raises.  fix: what helps in general.

    needs: the checks without which it cannot be asked.
    """

    what: str
    ask: Callable[[Sequence[str]], str]
    fix: str
    needs: tuple[str, ...] = ()


def examine(options: Sequence[str]) -> bool:
    """Prints a line for each check; whether all is there.  options: those of `fanin run -r hadoop`."""
    logging.getLogger("mrjob").setLevel(logging.CRITICAL)  # what it warns of, we tell
    lacking: list[str] = []
    for check in CHECKS:
        if unmet := [what for what in check.needs if what in lacking]:
            state, detail, fix = "skipped", f"needs {unmet[0]}", ""
        else:
            state, detail, fix = _asked(check, options)
        if state != "ok":
            lacking.append(check.what)
        told = f"{state:<8} {check.what}: {detail}" + (f"\nfix: {fix}" if fix else "")
        print(told.replace("\n", "\n  "), flush=True)
    return not lacking


def _asked(check: Check, options: Sequence[str]) -> tuple[str, str, str]:
    try:
        return "ok", check.ask(options), ""
    except (Missing, FaninError, Unreachable) as error:
        return "missing", str(error), getattr(error, "fix", "") or check.fix
    except Exception as error:
        return "missing", f"{type(error).__name__}: {error}", check.fix


def _runner(options: Sequence[str], *inputs: str) -> Any:
    from jobs.word_count import WordCount  # brings mrjob

    _site()
    return WordCount(args=["-r", "hadoop", *options, *inputs]).make_runner()


def _site() -> dict[str, str]:
    try:
        return conf.site()
    except ElementTree.ParseError as error:
        raise Missing(f"a *-site.xml file in {conf.folder()} is no XML: {error}", "correct that file") from error


def _package(options: Sequence[str]) -> str:
    del options
    import hdfs_native  # noqa: F401

    return version("hdfs-native")


def _command(options: Sequence[str]) -> str:
    command = _runner(options).get_hadoop_bin()
    if not shutil.which(command[0]):
        raise Missing(f"no command {command[0]!r}")
    done = subprocess.run([*command, "version"], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        words = (done.stderr or done.stdout).strip() or f"exit code {done.returncode}"
        raise Missing(f"`{' '.join(command)} version` failed: {words}", "install Java, and set JAVA_HOME to its folder")
    return f"{command[0]}, {done.stdout.partition(chr(10))[0]}"


def _jar(options: Sequence[str]) -> str:
    jar = _runner(options).get_hadoop_streaming_jar()
    if not jar or not Path(jar).is_file():
        raise Missing(f"no file {jar}" if jar else "not found in Hadoop's folders")
    return str(jar)


def _configuration(options: Sequence[str]) -> str:
    del options
    if not conf.folder():
        raise Missing("no folder of it")
    said = _site()
    names = ("fs.defaultFS", "mapreduce.framework.name")
    return ", ".join([str(conf.folder()), *(f"{name}={said.get(name, '(not set)')}" for name in names)])


def _hdfs(options: Sequence[str]) -> str:
    default = _site().get("fs.defaultFS", "")
    address = urlsplit(default)
    if address.scheme != "hdfs":
        raise Missing(f"fs.defaultFS is {default or 'not set'}", "name it hdfs://host:port in core-site.xml")
    if address.port:  # hdfs-native asks an address where nobody listens for minutes
        try:
            socket.create_connection((address.hostname, address.port), CONNECT).close()
        except OSError as error:
            raise Missing(f"{default}: {error}") from error
    folder = _runner(options)._hadoop_tmp_dir
    parent = folder.rpartition("/")[0]
    try:
        _in_time(lambda: (Hdfs(folder).make_folder(folder), Hdfs(folder).delete(folder)))
    except TimeoutError:
        raise Missing(f"{default}: no answer in {ANSWER} s; is it the name node's RPC port?") from None
    except FaninError as error:
        unset = not {"HADOOP_CONF_DIR", "HADOOP_HOME"} & set(os.environ)  # hdfs-native looks nowhere else
        fix = f"export HADOOP_CONF_DIR={conf.folder()}" if unset else f"let your user write {parent}"
        raise Missing(str(error), fix) from error
    return f"{default} answers, {parent} can be written"


def _in_time(action: Callable[[], object]) -> None:
    """Runs `action`, at most ANSWER seconds; then it goes on by itself, for nothing interrupts hdfs-native."""
    failed: list[Exception] = []

    def run() -> None:
        try:
            action()
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(ANSWER)
    if thread.is_alive():
        raise TimeoutError
    if failed:
        raise failed[0]


def _cluster(options: Sequence[str]) -> tuple[Cluster, dict[str, str]]:
    said = _runner(options)._said()
    return Cluster(conf.resource_managers(said)), said


def _resource_manager(options: Sequence[str]) -> str:
    cluster, said = _cluster(options)
    if (name := said["mapreduce.framework.name"]) != "yarn":
        raise Missing(f"mapreduce.framework.name is {name}: jobs use no cluster", "set it to yarn in mapred-site.xml")
    if not cluster.roots:
        raise Missing("no address", "name yarn.resourcemanager.hostname in yarn-site.xml")
    cluster.nodes()
    return f"{cluster.roots[0]} answers"


def _node_managers(options: Sequence[str]) -> str:
    cluster, said = _cluster(options)
    known = cluster.node_managers()
    up = [node for node in known if node["state"] == "RUNNING"]
    if not up:
        others = [f"; {node['id']} is {node['state']} {node.get('healthReport', '')}".rstrip() for node in known]
        raise Missing("none is up" + "".join(others))
    largest = max(node["usedMemoryMB"] + node["availMemoryMB"] for node in up)
    largest = min(largest, int(said.get("yarn.scheduler.maximum-allocation-mb", largest)))
    told = {name: int(said.get(name, 0)) for name in MEMORY}
    asked = {name: memory if memory > 0 else MEMORY[name] for name, memory in told.items()}
    if excess := [f"{name}={memory}" for name, memory in asked.items() if memory > largest]:
        fix = f"set at most {largest} in mapred-site.xml, or raise yarn.nodemanager.resource.memory-mb"
        raise Missing(f"no container can have more than {largest} MB, but {', '.join(excess)}", fix)
    return f"{len(up)} up, containers of up to {largest} MB; jobs ask for {max(asked.values())} MB"


def _bundle(options: Sequence[str]) -> str:
    runner = _runner(options)
    node, wheels = runner._node(), runner._opts["wheels"]
    file = bundle(node, Path(wheels) if wheels else None)
    return f"for Python {node.python}, {node.arch}: {file}, {file.stat().st_size / 1e6:.0f} MB"


def _task(options: Sequence[str]) -> str:
    once = [f"--jobconf=mapreduce.{kind}.maxattempts=1" for kind in ("map", "reduce")]
    started = time.monotonic()
    with scratch() as folder:
        words = folder / "words.txt"
        words.write_text("fan in fan\n")
        with _runner([*options, *once], str(words)) as runner:
            runner.run()
            answer = b"".join(runner.cat_output())
    if answer != b"fan\t2\nin\t1\n":
        raise Missing(f"word_count answered {answer!r}", "report it: this must not happen")
    return f"word_count in {' '.join(runner._python_bin())}, {time.monotonic() - started:.0f} s"


PACKAGE, COMMAND, JAR, CONFIGURATION, HDFS = "hdfs-native", "hadoop command", "streaming jar", "configuration", "HDFS"
MANAGER, NODES, BUNDLE, TASK = "ResourceManager", "NodeManagers", "bundle", "task on a node"
CHECKS = (
    Check(PACKAGE, _package, "pip install 'fanin[hdfs]'"),
    Check(COMMAND, _command, "install Hadoop here and set HADOOP_HOME to its folder, or give --hadoop-bin"),
    Check(JAR, _jar, "set HADOOP_HOME to Hadoop's folder, or give --hadoop-streaming-jar"),
    Check(CONFIGURATION, _configuration, "copy the cluster's *-site.xml files here and set HADOOP_CONF_DIR to their folder"),
    Check(HDFS, _hdfs, "start HDFS, or correct fs.defaultFS in core-site.xml", (PACKAGE, CONFIGURATION)),
    Check(
        MANAGER, _resource_manager,
        "start YARN, or correct yarn.resourcemanager.webapp.address in yarn-site.xml", (CONFIGURATION,),
    ),
    Check(NODES, _node_managers, "start one: yarn --daemon start nodemanager", (MANAGER,)),
    Check(BUNDLE, _bundle, "give --wheels, a folder with the wheels of duckdb and arro3-core for the nodes"),
    Check(
        TASK, _task, "make the nodes' Python known by --node-python, --node-arch or --python-bin",
        (PACKAGE, COMMAND, JAR, CONFIGURATION, HDFS, MANAGER, NODES, BUNDLE),
    ),
)  # fmt: skip
