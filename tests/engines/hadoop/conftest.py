"""The lab's cluster, as the tests here use it."""

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests import command, lab
from tests.command import Result
from tests.storage.places import HdfsPlace

JOBS = Path(__file__).with_name("jobs_under_test.py")


class Yarn:
    """A lab, a fresh folder on its HDFS, and its ResourceManager asked without our own code."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env
        self.place = HdfsPlace(env["FANIN_LAB_HDFS"])
        self.root = self.place.root

    def run(self, *arguments: str, **options: Any) -> Result:
        """`fanin run ... -r hadoop`."""
        return command.run("run", *arguments, "-r", "hadoop", env=self.env, **options)

    def here(self, *arguments: str) -> Result:
        """`fanin run`, with the local engine."""
        return self.fanin("run", *arguments)

    def fanin(self, *arguments: str) -> Result:
        """Another command, which must not fail."""
        return command.run(*arguments, env=self.env).ok()

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """The same, going on."""
        return self.start_command("run", *arguments, "-r", "hadoop")

    def start_command(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """`fanin`, going on."""
        pipe, whole = subprocess.PIPE, [command.FANIN, *arguments]
        return subprocess.Popen(whole, env=self.env, stdout=pipe, stderr=pipe, stdin=subprocess.DEVNULL)

    def daemon(self, name: str) -> int:
        """The process id of a daemon."""
        return int(self._status(name)[2])

    def manager(self) -> str:
        """The address of the ResourceManager's web services."""
        return self._status("ResourceManager")[-1]

    def _status(self, name: str) -> list[str]:
        lines = subprocess.run([lab.LAB, "status"], env=self.env, capture_output=True, text=True).stdout.splitlines()
        return next(line.split() for line in lines if line.startswith(name))

    def configure(self, file: str, settings: Mapping[str, str], folder: Path) -> None:
        """Adds settings to a file of a copy of the configuration, made at `folder`; later commands read that one."""
        shutil.copytree(self.env["HADOOP_CONF_DIR"], folder)
        rows = "".join(
            f"<property><name>{key}</name><value>{value}</value></property>" for key, value in settings.items()
        )
        text = (folder / file).read_text()
        (folder / file).write_text(text.replace("</configuration>", f"{rows}</configuration>"))
        self.env = self.env | {"HADOOP_CONF_DIR": str(folder)}

    def ask(self, path: str) -> dict[str, Any]:
        """What the ResourceManager answers."""
        with urllib.request.urlopen(f"{self.manager()}/ws/v1/cluster/{path}", timeout=5) as answer:
            return dict(json.load(answer))

    def applications(self) -> list[dict[str, Any]]:
        """Our applications."""
        apps = (self.ask("apps").get("apps") or {}).get("app") or []
        return [app for app in apps if self.mark in app["name"]]

    def states(self) -> set[str]:
        """The states of our applications."""
        return {app["state"] for app in self.applications()}

    def kill(self, application: str) -> Result:
        """As an administrator does."""
        tool = ["org.apache.hadoop.yarn.client.cli.ApplicationCLI", "application", "-kill", application]
        return command.call("hadoop", *tool, env=self.env)

    def restart(self, daemon: str) -> None:
        """Kills a daemon, of a lab of one's own, and starts it again."""
        kill(self.daemon(daemon))
        time.sleep(2)
        lab.call("start", self.env)

    @property
    def mark(self) -> str:
        return self.root.rpartition("/")[2]

    def name(self) -> list[str]:
        """Options that give the application a name that tells whose it is."""
        return ["-D", f"mapreduce.job.name={self.mark}"]

    def tasks(self, kind: str, module: str = "jobs.tasks") -> list[int]:
        """Our tasks that run now: process ids of `python -m MODULE KIND`."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
                if words[1:4] == [b"-m", module.encode(), kind.encode()]:
                    mine = f"mapreduce_job_name={self.mark}".encode() in (process / "environ").read_bytes()
                    found += [int(process.name)] * mine
            except OSError:
                pass
        return found


@pytest.fixture(scope="session")
def lab_environment() -> dict[str, str]:
    return lab.environment()


@pytest.fixture
def yarn(lab_environment: dict[str, str]) -> Yarn:
    return Yarn(lab_environment)


@pytest.fixture(scope="module")
def own_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of another lab."""
    folder = tmp_path_factory.mktemp("lab")
    folder.rmdir()
    env = lab.environment(folder)
    try:
        yield env
    finally:
        lab.call("stop", env)


@pytest.fixture
def own_yarn(own_lab: dict[str, str]) -> Yarn:
    """A lab whose daemons may be killed; those that a test has killed are started again."""
    lab.call("start", own_lab)
    return Yarn(own_lab)


def kill(process: int) -> None:
    os.kill(process, signal.SIGKILL)
