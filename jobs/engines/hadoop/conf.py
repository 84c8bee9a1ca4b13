"""What this machine's Hadoop configuration says: the *-site.xml files of HADOOP_CONF_DIR."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape

SITES = ("core-site.xml", "hdfs-site.xml", "yarn-site.xml", "mapred-site.xml")


def folder() -> Path | None:
    """The folder of the configuration, if there is one."""
    home = os.environ.get("HADOOP_HOME")
    places = [os.environ.get("HADOOP_CONF_DIR"), home and f"{home}/etc/hadoop", "/etc/hadoop/conf"]
    return next((Path(place) for place in places if place and Path(place).is_dir()), None)


def site() -> dict[str, str]:
    """All properties of the configuration, by name; ${name} in a value stands for that property's."""
    place = folder()
    files = [place / name for name in SITES] if place else []
    said: dict[str, str] = {}
    for file in files:
        if file.is_file():
            for found in ElementTree.parse(file).iter("property"):
                said[(found.findtext("name") or "").strip()] = (found.findtext("value") or "").strip()
    return {name: re.sub(r"\$\{([^}]+)\}", lambda match: said.get(match[1], match[0]), said[name]) for name in said}


def resource_managers(said: dict[str, str]) -> list[str]:
    """The web addresses of the cluster's ResourceManagers, as http://host:port; none if there is no YARN."""
    if said.get("mapreduce.framework.name") != "yarn":
        return []
    scheme, key, port = ("http", "webapp.address", 8088)
    if said.get("yarn.http.policy") == "HTTPS_ONLY":
        scheme, key, port = ("https", "webapp.https.address", 8090)
    names = [f".{name.strip()}" for name in said.get("yarn.resourcemanager.ha.rm-ids", "").split(",") if name.strip()]
    found = []
    for name in names or [""]:
        host = said.get(f"yarn.resourcemanager.hostname{name}")
        address = said.get(f"yarn.resourcemanager.{key}{name}") or (f"{host}:{port}" if host else None)
        found += [f"{scheme}://{address}"] if address else []
    return found


def write(file: Path, properties: Iterable[tuple[str, str]]) -> None:
    """A configuration file of `properties`, for Hadoop's -conf."""
    lines = (f"<property><name>{escape(name)}</name><value>{escape(value)}</value></property>\n"
             for name, value in properties)  # fmt: skip
    file.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n<configuration>\n{"".join(lines)}</configuration>\n')
