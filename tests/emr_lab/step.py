"""A step of a cluster: moto's, with its process, and with the reason of its end."""

from typing import Any

from moto.core.utils import utcnow
from moto.emr import models

from tests.emr_lab.node import Process

ACTIVE = ("PENDING", "RUNNING", "CANCEL_PENDING")  # the states of a step that has not ended


class Step(models.Step):
    """A step, PENDING until its cluster comes to it."""

    end_date_time: Any

    def __init__(self, **given: Any) -> None:
        super().__init__("PENDING", **given)
        self.reason = ""
        self.failure: dict[str, str] = {}
        self.process: Process | None = None

    def start(self) -> None:
        """Moto starts a cluster's first step at once; ours is started by its thread."""

    @property
    def status(self) -> dict[str, Any]:
        given = super().status | {"StateChangeReason": {"Message": self.reason} if self.reason else {}}
        return given | ({"FailureDetails": self.failure} if self.failure else {})

    @property
    def argv(self) -> list[str]:
        return [*(() if self.jar == "command-runner.jar" else ("hadoop", "jar", self.jar)), *self.args]

    def end(self, state: str, reason: str = "") -> None:
        self.reason, self.end_date_time = reason, utcnow()
        self.state = state
