"""A step that has been asked of EMR: waited for, ended before its time, and what came of it."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from jobs.engines.emr import logs
from jobs.engines.emr.control import ENDED, GONE, Control, why_ended
from jobs.engines.emr.profile import storage
from jobs.engines.emr.step import RESULT
from jobs.errors import FaninError, UsageError

PATIENCE = 10  # seconds that a cancelled step may take to clean up: twice of it fit into a flow's grace


class Asked:
    """A step on a cluster, or a cluster that is about to have its step.

    own: whether the cluster is there for this step alone.  folder: on S3, where the step's program leaves word of its end.
    output: where it publishes.  say: tells the user.
    """

    step = ""
    """Its id, once that is known."""

    def __init__(
        self, control: Control, cluster: str, own: bool, folder: str, output: str, say: Callable[[str], None]
    ) -> None:
        self._control, self._cluster, self._own = control, cluster, own
        self._folder, self._output, self._say = folder, output, say

    def wait(self, every: float) -> None:
        """Returns once the step has ended well; FaninError if it has not.  every: seconds between two looks."""
        told = ""
        while True:
            step = self._control.step(self._cluster, self.step)
            state = step["Status"]["State"]
            now = state
            if state == "PENDING":
                cluster = self._control.cluster(self._cluster)
                now = f"{self._cluster} is {cluster['Status']['State']}"
                if cluster["Status"]["State"] in GONE:
                    raise FaninError(f"{why_ended(cluster)}\n(nothing was published)")
            if now != told:
                told = now
                self._say(f"{self.step}: {now}")
            if state == "COMPLETED":
                return
            if state in ENDED:
                raise self._failure(step)
            time.sleep(every)

    def _failure(self, step: Mapping[str, Any]) -> FaninError:
        """A step's failure: the program's own word, else what EMR and the step's logs say."""
        cluster = self._control.cluster(self._cluster)
        place = logs.of_step(cluster, step)
        where = f"({self.step} on {self._cluster}; its logs: {place or 'none, the cluster has no LogUri'})"
        if (said := self._said()) and "error" in said:
            return (UsageError if said["refused"] else FaninError)(f"{said['error']}\n{where}")
        state = step["Status"]["State"]
        reason = step["Status"].get("FailureDetails", {}).get("Reason") or f"it is {state}"
        told = [f"{self.step} failed: {reason}"]
        if (
            cluster["Status"]["State"] in GONE
            and cluster["Status"].get("StateChangeReason", {}).get("Code") != "STEP_FAILURE"
        ):
            told.append(why_ended(cluster))
        if state == "FAILED" and (words := logs.last_words(place)):
            told.append(words)
        return FaninError("\n".join([*told, where]))

    def _said(self) -> dict[str, Any] | None:
        """What the step's program has left on S3 of its end, if it came so far."""
        data = storage(self._folder).read(f"{self._folder}{RESULT}", 1 << 24)
        return dict(json.loads(data)) if data else None

    def result(self) -> list[dict[str, dict[str, int]]]:
        """The counters of a step that has ended well."""
        said = self._said()
        if said is None or "counters" not in said:
            raise FaninError(
                f"{self.step} on {self._cluster} has ended, but has not said how; {self._output} may be there"
            )
        return list(said["counters"])

    def stop(self, error: BaseException) -> None:
        """Ends what has been started, and waits until nothing of it will publish any more."""
        interrupted = not isinstance(error, Exception)
        if interrupted:
            self._say(f"cancelling {self.step or 'the step'} on {self._cluster}")
        try:
            if self._own:
                self._control.call("terminate_job_flows", JobFlowIds=[self._cluster])
            elif interrupted and self.step:
                self._cancel()
            done = interrupted and self.step and self._ended() == "COMPLETED"
        except FaninError as failed:
            self._say(
                f"{failed}\nfanin: {self._cluster} goes on without this program, and may still publish {self._output}"
            )
            return
        if done:
            raise KeyboardInterrupt(f"interrupted; the step had ended before, and has published {self._output}")

    def _cancel(self) -> None:
        cancel = {"ClusterId": self._cluster, "StepIds": [self.step]}
        self._control.call("cancel_steps", **cancel, StepCancellationOption="SEND_INTERRUPT")
        if not self._ended():
            self._control.call("cancel_steps", **cancel, StepCancellationOption="TERMINATE_PROCESS")

    def _ended(self) -> str:
        """The state in which the step has ended; '' if it has not, after some patience."""
        end = time.monotonic() + PATIENCE
        while (state := self._control.step(self._cluster, self.step)["Status"]["State"]) not in ENDED:
            if time.monotonic() > end:
                return ""
            time.sleep(1)
        return str(state)
