"""mrjob's runner interface over one step on EMR: on a cluster of its own, which ends with it, or on a running one.

The step's program is jobs.engines.emr.step; see there for what happens on the master node.
"""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from jobs.engines.bundle import DRIVER_WHEELS, ROW_WHEELS, Node, bundle
from jobs.engines.emr import logs
from jobs.engines.emr.control import ENDED, GONE, why_ended
from jobs.engines.emr.instances import kinds_of
from jobs.engines.emr.places import there
from jobs.engines.emr.profile import Profile, storage, upload
from jobs.engines.emr.request import Pack, Request, inputs_of, options_there, words_of
from jobs.engines.emr.step import LAUNCH, RESULT
from jobs.errors import FaninError, UsageError
from jobs.job import MRJob
from jobs.storage.base import MANIFEST, join, refuse_existing
from jobs.storage.inputs import chunks

PATIENCE = 10  # seconds that a cancelled step may take to clean up: twice of it fit into a flow's grace


class EmrRunner:
    """Runs one job once.  job: with its options.  profile: what is asked of EMR.  dry: only says what would be asked.

    output_dir: on s3:// or the cluster's hdfs://; None for a temporary directory, gone after `cleanup`.
    """

    alias = "emr"

    def __init__(
        self, job: MRJob, profile: Profile, output_dir: str | None, quiet: bool = False, dry: bool = False
    ) -> None:
        if output_dir and "://" not in output_dir:
            raise UsageError(
                f"{output_dir}: -r emr publishes on s3://; name a place there, or none and the records come to standard output"
            )
        self._job, self._profile, self._quiet, self._dry = job, profile, quiet, dry
        self._control = profile.control
        self._folder = f"{profile.place}{profile.tag}/"
        self._output = output_dir or f"{self._folder}output"
        self._cluster = str(profile.options["cluster_id"] or "")
        self._own = not self._cluster
        self._step = ""
        self._counters: list[dict[str, dict[str, int]]] | None = None

    def run(self) -> None:
        """Runs the job and publishes its output; raises FaninError and publishes nothing if it fails."""
        self._profile.check_place()
        self._check_output()
        node = self._profile.node(self._kinds())
        step = self._launched(node)
        try:
            self._start(step)
            self._wait()
        except BaseException as error:
            self._stop(error)
            raise
        self._counters = self._result()

    # What the step needs on S3

    def _check_output(self) -> None:
        """UsageError for an output that is there, and would be refused when a cluster has been started for it."""
        if self._output.startswith("s3://") and storage(self._output).stat(join(self._output, MANIFEST)):
            refuse_existing(self._output, self._job.options.overwrite, finished=True)

    def _kinds(self) -> list[str]:
        """The instance types of the cluster."""
        if self._own:
            return self._profile.kinds()
        cluster = self._control.cluster(self._cluster)
        if cluster["Status"]["State"] in GONE:
            raise UsageError(f"--cluster {self._cluster}: {why_ended(cluster)}")
        groups = cluster.get("InstanceCollectionType") != "INSTANCE_FLEET"
        operation, key = (
            ("list_instance_groups", "InstanceGroups") if groups else ("list_instance_fleets", "InstanceFleets")
        )
        return kinds_of({key: self._control.call(operation, ClusterId=self._cluster)[key]})

    def _launched(self, node: Node) -> dict[str, Any]:
        """The step, as EMR is asked for it; what it needs lies on S3 then."""
        wheels = self._profile.options["wheels"]
        place = Path(wheels) if wheels else None
        bundles = [bundle(node, place, extra) for extra in (ROW_WHEELS + DRIVER_WHEELS, ROW_WHEELS)]
        for file in bundles:
            self._upload(str(file), f"{self._profile.place}bundles/{file.name}")
        self._put_request()
        urls = [*(f"{self._profile.place}bundles/{file.name}" for file in bundles), f"{self._folder}request.tar.gz"]
        return {
            "Name": self._profile.tag,
            "ActionOnFailure": "TERMINATE_CLUSTER" if self._own else "CONTINUE",
            "HadoopJarStep": {
                "Jar": "command-runner.jar",
                "Args": ["bash", "-c", LAUNCH, "fanin", f"python{node.python}", self._control.region, *urls],
            },
        }

    def _put_request(self) -> None:
        job, pack = self._job, Pack()
        found = there(job._inputs() or ["-"], f"{self._folder}inputs/", dry=self._dry)
        words, positional = inputs_of(job, found)
        request = Request(
            code=pack.code(job), name=type(job).__name__, words=[*words_of(job, pack), *words],
            inputs=positional or ([] if words else found["-"]), output=self._output, said=job._arguments(),
        )  # fmt: skip
        packed = pack.packed(request, options_there(self._profile.options, pack))
        if not self._dry:
            storage(self._folder).put(f"{self._folder}request.tar.gz", packed)

    # The step

    def _upload(self, path: str, url: str) -> None:
        if not self._dry:
            upload(path, url)

    def _start(self, step: Mapping[str, Any]) -> None:
        if not self._own:
            self._shown("add_job_flow_steps", {"JobFlowId": self._cluster, "Steps": [step]})
            self._step = self._control.add(self._cluster, step)
            self._say(f"{self._step} on {self._cluster}")
            return
        asked = self._profile.request(self._profile.tag, [step], alive=False)
        for path, url in self._profile.uploads().items():
            self._upload(path, url)
        self._shown("run_job_flow", asked)
        self._profile.secure()
        self._cluster = self._control.start(asked)
        self._step = self._control.call("list_steps", ClusterId=self._cluster)["Steps"][0]["Id"]
        self._say(f"{self._step} on {self._cluster}, which has been started for it and ends with it")

    def _shown(self, operation: str, asked: Mapping[str, Any]) -> None:
        """The end of a dry run."""
        if self._dry:
            print(json.dumps({operation: asked}, indent=2))
            raise SystemExit(0)

    def _wait(self) -> None:
        """Returns once the step has ended well; FaninError if it has not."""
        told = ""
        while True:
            step = self._control.step(self._cluster, self._step)
            state = step["Status"]["State"]
            now = state
            if state == "PENDING":
                cluster = self._control.cluster(self._cluster)
                now = f"{self._cluster} is {cluster['Status']['State']}"
                if cluster["Status"]["State"] in GONE:
                    raise FaninError(f"{why_ended(cluster)}\n(nothing was published)")
            if now != told:
                told = now
                self._say(f"{self._step}: {now}")
            if state == "COMPLETED":
                return
            if state in ENDED:
                raise self._failure(step)
            time.sleep(self._profile.options["check_cluster_every"])

    def _failure(self, step: Mapping[str, Any]) -> FaninError:
        """A step's failure: the program's own word, else what EMR and the step's logs say."""
        cluster = self._control.cluster(self._cluster)
        place = logs.of_step(cluster, step)
        where = f"({self._step} on {self._cluster}; its logs: {place or 'none, the cluster has no LogUri'})"
        if (said := self._said()) and "error" in said:
            return (UsageError if said["refused"] else FaninError)(f"{said['error']}\n{where}")
        state = step["Status"]["State"]
        reason = step["Status"].get("FailureDetails", {}).get("Reason") or f"it is {state}"
        told = [f"{self._step} failed: {reason}"]
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

    def _result(self) -> list[dict[str, dict[str, int]]]:
        said = self._said()
        if said is None or "counters" not in said:
            raise FaninError(
                f"{self._step} on {self._cluster} has ended, but has not said how; {self._output} may be there"
            )
        return list(said["counters"])

    def _stop(self, error: BaseException) -> None:
        """Ends what has been started, and waits until nothing of it will publish any more."""
        if not self._cluster or self._dry:
            return
        interrupted = not isinstance(error, Exception)
        if interrupted:
            self._say(f"cancelling {self._step or 'the step'} on {self._cluster}")
        try:
            if self._own:
                self._control.call("terminate_job_flows", JobFlowIds=[self._cluster])
            elif interrupted and self._step:
                self._cancel()
            done = interrupted and self._step and self._ended(PATIENCE) == "COMPLETED"
        except FaninError as failed:
            self._say(
                f"{failed}\nfanin: {self._cluster} goes on without this program, and may still publish {self._output}"
            )
            return
        if done:
            raise KeyboardInterrupt(f"interrupted; the step had ended before, and has published {self._output}")

    def _cancel(self) -> None:
        cancel = {"ClusterId": self._cluster, "StepIds": [self._step]}
        self._control.call("cancel_steps", **cancel, StepCancellationOption="SEND_INTERRUPT")
        if not self._ended(PATIENCE):
            self._control.call("cancel_steps", **cancel, StepCancellationOption="TERMINATE_PROCESS")

    def _ended(self, patience: float) -> str:
        """The state in which the step has ended; '' if it has not."""
        end = time.monotonic() + patience
        while (state := self._control.step(self._cluster, self._step)["Status"]["State"]) not in ENDED:
            if time.monotonic() > end:
                return ""
            time.sleep(min(1, self._profile.options["check_cluster_every"]))
        return str(state)

    def _say(self, text: str) -> None:
        if not self._quiet:
            print(f"fanin: {text}", file=sys.stderr, flush=True)

    # What came of it

    def cat_output(self) -> Iterator[bytes]:
        """The output's bytes, part by part, in chunks, verified."""
        if self._counters is None:
            raise ValueError("run the job before reading its output")
        yield from chunks(self._output)

    def counters(self) -> list[dict[str, dict[str, int]]]:
        """Counters as mrjob gives them: for each step, group to counter to value."""
        return self._counters or []

    def get_output_dir(self) -> str | None:
        """Where the output is, once the job has run."""
        return self._output if self._counters is not None else None

    def cleanup(self, mode: object = None) -> None:
        """Removes what is temporary, here and on S3; the bundles stay for the next run."""
        del mode
        try:
            if not self._dry:
                storage(self._folder).erase(self._folder)
        except FaninError as error:  # what has gone wrong before is what matters
            self._say(f"{self._folder} is left: {error}")
        self._profile.cleanup()

    def __enter__(self) -> "EmrRunner":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cleanup()
