"""The flags of Hadoop's JVMs, each of which lives for seconds beside a task."""

import re
from collections.abc import Mapping

LIGHT = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""They halve what a short life costs."""
HEAP = "-Xmx256m"
"""Of the JVM beside a task of ours, which sorts 100 MB; the rest of the container is the task's."""

CHILD = "-Djava.net.preferIPv4Stack=true -Dhadoop.metrics.log.level=WARN"  # Hadoop's own default
TAKERS = {  # settings that take flags: their default, and the settings whose flags come behind them
    "mapreduce.admin.map.child.java.opts": (CHILD, ("mapreduce.map.java.opts", "mapred.child.java.opts")),
    "mapreduce.admin.reduce.child.java.opts": (CHILD, ("mapreduce.reduce.java.opts", "mapred.child.java.opts")),
    "yarn.app.mapreduce.am.admin-command-opts": ("", ("yarn.app.mapreduce.am.command-opts",)),
}
COLLECTOR = re.compile(r"-XX:\+Use\w*GC\b")


def with_flags(flags: str, said: Mapping[str, str]) -> dict[str, str]:
    """Settings that give tasks and the application's master `flags`, beside those of the cluster's settings `said`."""
    settings = {}
    for name, (default, others) in TAKERS.items():
        clash = any(COLLECTOR.search(said.get(other, "")) for other in others)
        fit = COLLECTOR.sub("", flags) if clash else flags  # a JVM told of two collectors does not start
        settings[name] = f"{said.get(name) or default} {fit}".strip()
    return settings if flags else {}


def with_heap(said: Mapping[str, str]) -> dict[str, str]:
    """Settings that give the JVMs beside our tasks their heap, and what else the cluster's settings `said` give them."""
    settings = {}
    for name in ("mapreduce.map.java.opts", "mapreduce.reduce.java.opts"):
        told = said.get(name) or said.get("mapred.child.java.opts", "")
        settings[name] = f"{re.sub(r'-Xm[xs][0-9]+.?', '', told)} {HEAP}".strip()
    return settings
