"""What the job's history on HDFS tells of its failed tasks, once its application is gone.

The application's master writes it when the job ends, one Avro event in JSON a line (as `SETTINGS` has it written):
https://hadoop.apache.org/docs/stable/hadoop-mapreduce-client/hadoop-mapreduce-client-hs/HistoryServerRest.html
tells of the server that later reads it.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from getpass import getuser
from typing import Any

from jobs.errors import FaninError
from jobs.storage.base import base_name, join
from jobs.storage.hdfs import Hdfs

SETTINGS = {"mapreduce.jobhistory.jhist.format": "json"}
PATIENCE = 3  # seconds until the file is there
LIMIT = 64 << 20


def attempts(site: Mapping[str, str], application: str, task: str) -> list[dict[str, Any]]:
    """The attempts of a task, in the words of YARN's web services; none if the history cannot be read."""
    events: list[dict[str, Any]] = []
    end = time.monotonic() + PATIENCE
    while not events and time.monotonic() < end:
        events = list(_events(site, application.replace("application_", "job_")))
        time.sleep(0.2)
    started: dict[str, Mapping[str, Any]] = {}
    found = []
    for event in events:
        for kind, said in event.get("event", {}).items():
            name = kind.rpartition(".")[2]
            if said.get("taskid") == task and name == "TaskAttemptStarted":
                started[said["attemptId"]] = said
            elif said.get("taskid") == task and name == "TaskAttemptUnsuccessfulCompletion":
                begun = started.get(said["attemptId"], {})
                found.append({
                    "id": said["attemptId"],
                    "state": said["status"],
                    "diagnostics": said["error"],
                    "nodeHttpAddress": f"{said['hostname']}:{begun.get('httpPort')}",
                    "assignedContainerId": begun.get("containerId"),
                })  # fmt: skip
    return found


def _events(site: Mapping[str, str], job: str) -> Iterator[dict[str, Any]]:
    staging = site.get("yarn.app.mapreduce.am.staging-dir", "/tmp/hadoop-yarn/staging")
    folder = site.get("mapreduce.jobhistory.intermediate-done-dir", f"{staging}/history/done_intermediate")
    user = os.environ.get("HADOOP_USER_NAME") or getuser()
    place = join(folder if "://" in folder else f"hdfs://{folder}", user)
    hdfs = Hdfs(place)
    try:
        entries = hdfs.list(place) if hdfs.stat(place) else []
        names = [entry.path for entry in entries if base_name(entry.path).startswith(f"{job}-")]
        data = b"".join(hdfs.read(name, LIMIT) or b"" for name in names if name.endswith(".jhist"))
    except FaninError:
        return
    for line in data.splitlines():
        if line.startswith(b'{"type":'):
            event = json.loads(line)
            if "event" in event:
                yield event
