"""Hadoop's configuration on this machine: the *-site.xml files of HADOOP_CONF_DIR."""

import os
import re
from pathlib import Path
from xml.etree import ElementTree

from jobs.errors import UsageError

SITES = ("core-site.xml", "hdfs-site.xml", "yarn-site.xml", "mapred-site.xml")


def folder() -> Path | None:
    """The folder of the configuration, where Hadoop's own tools look for it, if there is one."""
    home = os.environ.get("HADOOP_HOME")
    places = [os.environ.get("HADOOP_CONF_DIR"), home and f"{home}/etc/hadoop", "/etc/hadoop/conf"]
    return next((Path(place) for place in places if place and Path(place).is_dir()), None)


def site() -> dict[str, str]:
    """All properties of the configuration, by name; ${name} in a value stands for that property's."""
    place = folder()
    said: dict[str, str] = {}
    for file in [place / name for name in SITES] if place else []:
        if file.is_file():
            said |= {name: value.strip() for name, value in properties(file).items()}
    return {name: re.sub(r"\$\{([^}]+)\}", lambda match: said.get(match[1], match[0]), said[name]) for name in said}


def properties(file: Path) -> dict[str, str]:
    """The properties of one file of Hadoop's configuration, values as they stand there; UsageError if it cannot be read."""
    try:
        root = ElementTree.parse(file).getroot()
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from error
    except ElementTree.ParseError as error:
        raise UsageError(f"{file}: is no XML: {error}; correct it") from error
    return {(one.findtext("name") or "").strip(): one.findtext("value") or "" for one in root.iter("property")}
