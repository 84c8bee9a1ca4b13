"""Clusters of EMR: moto's, which never change by themselves, taken through their states by a thread each.

A cluster runs its steps in order on its master node, as many at a time as its request says; clusters run side by side.
"""

import signal
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from moto.core.utils import utcnow
from moto.emr import models
from moto.emr.exceptions import ValidationException

from tests.emr_lab.node import Node
from tests.emr_lab.reasons import COMPLETED, COMPLETED_WITH_ERRORS, MASTER_LOST, ON_REQUEST, STEP_FAILED, Reason
from tests.emr_lab.step import ACTIVE, Step

PHASE = 0.05  # seconds that a cluster stays in a state that only passes
GRACE = 5  # seconds that processes have between SIGTERM and SIGKILL when their node goes down
FINISHED = "A job flow that is shutting down, terminated, or finished may not be modified."
Keep = Callable[[str, Mapping[str, bytes]], None]


class Cluster(models.Cluster):
    """A cluster.  request: the RunJobFlow it was made by."""

    steps: list[Any]

    def __init__(self, backend: models.ElasticMapReduceBackend, **given: Any) -> None:
        self._changed = threading.Condition()
        self._ending: Reason | None = None
        self._ready = ""  # what it says of itself while it waits
        self._thread: threading.Thread | None = None
        self.reason: dict[str, str] = {}
        self.request: dict[str, Any] = {}
        super().__init__(backend, **given)

    # What moto calls

    def run_bootstrap_actions(self) -> None:
        self._ready = "Cluster ready to run steps."  # moto's are over at once

    def add_steps(self, steps: list[dict[str, Any]]) -> list[models.Step]:
        added: list[models.Step] = [Step(**step) for step in steps]
        with self._changed:
            if self._ending:
                raise ValidationException(FINISHED)
            self.steps += added
            self._changed.notify_all()
        return added

    def terminate(self, reason: Reason = ON_REQUEST) -> None:
        """Has the cluster end; the first reason counts."""
        with self._changed:
            if self._ending is None:
                self._ending = reason
                self._become("TERMINATING", reason.message, reason.code)
            self._changed.notify_all()

    @property
    def status(self) -> dict[str, Any]:
        return super().status | {"StateChangeReason": self.reason}

    @property
    def master_public_dns_name(self) -> str:
        return "ip-10-0-0-1.ec2.internal"  # nobody's; moto's belongs to somebody

    @property
    def instance_collection_type(self) -> str:
        return "INSTANCE_FLEET" if "InstanceFleets" in self.request["Instances"] else "INSTANCE_GROUP"

    # What becomes of it

    def live(self, node: Node, fate: Reason | None, keep: Keep) -> None:
        """Begins its life.  fate: it ends with this in place of running.  keep: writes files of logs below an s3:// URL."""
        self._thread = threading.Thread(target=self._live, args=(node, fate, keep), name=self.id, daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Waits until the cluster has ended, and none of its processes is left."""
        assert self._thread
        self._thread.join()

    def cancel(self, step: Step, force: bool) -> bool:
        """Cancels a step that has not ended; False if it has."""
        with self._changed:
            if step.state == "PENDING":
                step.end("CANCELLED")
            elif step.state in ("RUNNING", "CANCEL_PENDING"):
                step.state = "CANCEL_PENDING"
                if step.process:
                    step.process.kill() if force else step.process.terminate()
            else:
                return False
        return True

    def _become(self, state: str, message: str, code: str = "") -> None:
        self.reason = {"Message": message} | ({"Code": code} if code else {})
        self.state = state

    def _live(self, node: Node, fate: Reason | None, keep: Keep) -> None:
        for state, message in (
            ("STARTING", "Provisioning Amazon EC2 capacity"),
            ("BOOTSTRAPPING", "Running bootstrap actions"),
        ):
            with self._changed:
                if self._ending is None:
                    self._become(state, message)
                    self._changed.wait_for(lambda: self._ending, PHASE)
            if fate and (state == "BOOTSTRAPPING" or fate.code != "BOOTSTRAP_FAILURE"):
                self.terminate(fate)
        self.ready_datetime = utcnow()
        at_a_time = self.request.get("StepConcurrencyLevel", 1)
        with ThreadPoolExecutor(at_a_time) as pool:
            list(pool.map(lambda _: self._work(node, keep), range(at_a_time)))
        self._end()

    def _work(self, node: Node, keep: Keep) -> None:
        while step := self._next(node):
            self._run(step, keep)

    def _next(self, node: Node) -> Step | None:
        """Starts the next step, once there is one; None when the cluster ends."""
        with self._changed:
            while self._ending is None:
                step: Step | None = next((step for step in self.steps if step.state == "PENDING"), None)
                if step:
                    self._become("RUNNING", "Running step")
                    step.start_date_time, step.state = utcnow(), "RUNNING"
                    step.process = node.start(self.id, step.id, step.argv)
                    return step
                if any(step.state in ACTIVE for step in self.steps):  # another one runs
                    self._changed.wait()
                elif self.auto_terminate:
                    failed = any(step.state == "FAILED" for step in self.steps)
                    self.terminate(COMPLETED_WITH_ERRORS if failed else COMPLETED)
                else:
                    self._become("WAITING", self._ready)
                    self._changed.wait()
        return None

    def _run(self, step: Step, keep: Keep) -> None:
        """Waits for a step's end, and does what is to be done then."""
        assert step.process
        while (code := step.process.wait(0.1)) is None and self._ending is None:
            pass
        if code is None:
            polite = () if self._ending is MASTER_LOST else (signal.SIGTERM,)
            step.process.shut_down(GRACE, *polite, signal.SIGKILL)
        place = f"{(self.log_uri or '').rstrip('/')}/{self.id}/steps/{step.id}/"
        if self.log_uri and self._ending is not MASTER_LOST:
            keep(place, step.process.logs())
        if code is None:
            return
        with self._changed:
            if step.state == "CANCEL_PENDING":
                step.end("CANCELLED")
            elif code == 0:
                step.end("COMPLETED")
            else:
                step.failure = {
                    "Reason": "Unknown Error.",
                    **({"LogFile": f"{place}stderr.gz"} if self.log_uri else {}),
                }
                step.end("FAILED")
            self._ready = f"Cluster ready after last step {step.state.lower()}."
            self._changed.notify_all()
        if step.state == "FAILED" and step.action_on_failure == "CANCEL_AND_WAIT":
            self._drop("PENDING")
        elif step.state == "FAILED" and step.action_on_failure != "CONTINUE":
            self.terminate(STEP_FAILED)

    def _drop(self, *states: str) -> None:
        with self._changed:
            for step in self.steps:
                if step.state in states:
                    step.end("CANCELLED", "Job terminated")

    def _end(self) -> None:
        assert self._ending
        for step in self.steps:
            if step.process:
                step.process.kill()
        self._drop(*ACTIVE)
        with self._changed:
            self._changed.wait(PHASE)
            self.end_datetime = utcnow()
            self.state = self._ending.state
