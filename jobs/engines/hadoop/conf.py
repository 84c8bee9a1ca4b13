"""What is read out of Hadoop's configuration, and one that is written for a job."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.sax.saxutils import escape


def resource_managers(said: Mapping[str, str]) -> list[str]:
    """The web addresses of the cluster's ResourceManagers, as http://host:port; none if there is no YARN."""
    if said.get("mapreduce.framework.name") != "yarn":
        return []
    scheme, key, port = "http", "webapp.address", 8088
    if said.get("yarn.http.policy") == "HTTPS_ONLY":
        scheme, key, port = "https", "webapp.https.address", 8090
    names = [f".{name.strip()}" for name in said.get("yarn.resourcemanager.ha.rm-ids", "").split(",") if name.strip()]
    hosts = {name: said.get(f"yarn.resourcemanager.hostname{name}") or "127.0.0.1" for name in names or [""]}
    addresses = [said.get(f"yarn.resourcemanager.{key}{name}") or f"{host}:{port}" for name, host in hosts.items()]
    return [f"{scheme}://{address}" for address in addresses]


def write(file: Path, properties: Iterable[tuple[str, str]]) -> None:
    """A configuration file of `properties`, for Hadoop's -conf."""
    lines = (f"<property><name>{escape(name)}</name><value>{escape(value)}</value></property>\n"
             for name, value in properties)  # fmt: skip
    file.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n<configuration>\n{"".join(lines)}</configuration>\n')
