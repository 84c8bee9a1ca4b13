"""Flows run as users run them, and looked at."""

import json
import os
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

from jobs.flows.file import load
from jobs.flows.state import State, States
from tests import command
from tests.command import Result
from tests.waiting import until as waited

until = partial(waited, seconds=120)


class Here:
    """A folder with a flow, flow.toml, in it, and the inputs of that."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, path: str, text: str) -> Path:
        """A file."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def read(self, path: str) -> str:
        return (self.folder / path).read_text()

    def names(self, path: str = ".") -> list[str]:
        """All that lies in a folder, hidden, too."""
        return sorted(os.listdir(self.folder / path))

    def flow(self, text: str) -> None:
        """Makes `text` the flow."""
        self.write("flow.toml", text)

    def states(self, *said: str, runner: str = "") -> dict[str, State]:
        """How each node stands."""
        graph = load("flow.toml").graph(dict(one.split("=") for one in said))
        return States(graph, runner).all()

    def standing(self, *said: str) -> dict[str, str]:
        """The same, as words."""
        return {name: ": ".join([one.state, *one.why]) for name, one in self.states(*said).items()}

    def fanin(self, *arguments: str, **options: Any) -> Result:
        """`fanin flow`"""
        return command.run("flow", *arguments, cwd=self.folder, **options)

    def run(self, *arguments: str) -> list[str]:
        """Runs the flow, which must not fail; the steps that were run, in the order of their beginnings."""
        (self.folder / "events").unlink(missing_ok=True)
        self.fanin("run", "flow.toml", "--events", "events", *arguments).ok()
        return [event["step"] for event in self.events() if event["event"] == "started"]

    def fails(self, code: int, *arguments: str) -> str:
        """Runs the flow, which must fail; what it says."""
        result = self.fanin("run", "flow.toml", *arguments)
        assert result.code == code, result.err
        return result.err

    def start(self, *arguments: str, **options: Any) -> "subprocess.Popen[bytes]":
        """Runs the flow, going on."""
        pipe = subprocess.PIPE
        words = [command.FANIN, "flow", "run", "flow.toml", *arguments]
        return subprocess.Popen(words, cwd=self.folder, stdout=pipe, stderr=pipe, stdin=subprocess.DEVNULL, **options)

    def events(self) -> list[dict[str, Any]]:
        """What the last run has told, as far as it has."""
        file = self.folder / "events"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
