"""YARN by its web services: what runs, what waits and why, what a task has said; and an end to what should not run.

https://hadoop.apache.org/docs/stable/hadoop-yarn/hadoop-yarn-site/ResourceManagerRest.html
"""

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

ENDED = {"FINISHED", "FAILED", "KILLED"}
PATIENCE = 5  # seconds for one answer


class Unreachable(Exception):
    """No web service answers, or none that would talk to us.  refused: nobody listens there at all."""

    def __init__(self, message: str, refused: bool) -> None:
        super().__init__(message)
        self.refused = refused


class Cluster:
    """The web services of a cluster.  roots: its ResourceManagers', of which one is active."""

    def __init__(self, roots: Sequence[str]) -> None:
        self.roots = list(roots)

    def nodes(self) -> int:
        """The NodeManagers that are up."""
        return int(self._ask("metrics")["clusterMetrics"]["activeNodes"])

    def application(self, name: str) -> dict[str, Any]:
        """What the ResourceManager says of an application: state, queue, diagnostics, progress, and more."""
        return dict(self._ask(f"apps/{name}")["app"])

    def running(self, tag: str) -> list[str]:
        """The applications with this tag that have not ended."""
        apps = (self._ask(f"apps?applicationTags={tag.lower()}").get("apps") or {}).get("app") or []
        return [app["id"] for app in apps if app["state"] not in ENDED]

    def kill(self, tag: str, patience: float = 30) -> list[str]:
        """Kills all applications with this tag; gives those that have still not ended after `patience` seconds."""
        end = time.monotonic() + patience
        while names := self.running(tag):
            if time.monotonic() > end:
                break
            for name in names:
                self._ask(f"apps/{name}/state", {"state": "KILLED"})
            time.sleep(0.3)
        return names

    def attempts(self, application: str, task: str) -> list[dict[str, Any]]:
        """What the application's master, as long as it lives, says of the attempts of a task."""
        job = application.replace("application_", "job_")
        path = f"/proxy/{application}/ws/v1/mapreduce/jobs/{job}/tasks/{task}/attempts"
        return list(self._get(path)["taskAttempts"]["taskAttempt"])

    def log(self, node: str, container: str, file: str) -> str:
        """The end of a file that a container on the NodeManager `node` has written: stderr, stdout or syslog."""
        scheme = self.roots[0].partition("://")[0]
        url = f"{scheme}://{node}/ws/v1/node/containers/{container}/logs/{file}?size=-65536"
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            text = str(answer.read().decode(errors="replace"))
        return re.sub(r"\A.*?^LogContents:\n|^End of LogType:.*\Z", "", text, flags=re.DOTALL | re.MULTILINE)

    def _ask(self, path: str, put: dict[str, str] | None = None) -> dict[str, Any]:
        return self._get(f"/ws/v1/cluster/{path}", put)

    def _get(self, path: str, put: dict[str, str] | None = None) -> dict[str, Any]:
        """What the active ResourceManager answers; a standby one sends us to it."""
        error: Exception = OSError("no ResourceManager is configured")
        for root in list(self.roots):
            try:
                headers = {"Accept": "application/json", "Content-Type": "application/json"}
                data = json.dumps(put).encode() if put else None
                request = urllib.request.Request(root + path, data, headers, method="PUT" if put else "GET")
                with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                    return dict(json.load(answer))
            except (OSError, ValueError) as failed:
                error = failed
                self.roots = [*(other for other in self.roots if other != root), root]  # try the others first
        refused = isinstance(getattr(error, "reason", error), ConnectionRefusedError)
        raise Unreachable(f"{self.roots[-1] if self.roots else 'YARN'}: {error}", refused) from error

    def node_managers(self) -> list[dict[str, Any]]:
        """What the ResourceManager knows of each NodeManager: id, state, healthReport, usedMemoryMB, and more."""
        return list((self._ask("nodes")["nodes"] or {}).get("node", []))
