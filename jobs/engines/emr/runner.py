"""mrjob's runner interface over one step on EMR: on a cluster of its own, which ends with it, or on a running one.

The step's program is jobs.engines.emr.step; see there for what happens on the master node.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from jobs.engines.bundle import DRIVER_WHEELS, ROW_WHEELS, Node, bundle
from jobs.engines.emr.asked import Asked
from jobs.engines.emr.control import GONE, why_ended
from jobs.engines.emr.instances import kinds_of
from jobs.engines.emr.places import there
from jobs.engines.emr.profile import Profile, storage, upload
from jobs.engines.emr.request import Pack, Request, inputs_of, options_there, words_of
from jobs.engines.emr.step import LAUNCH
from jobs.engines.rows.command_line import refuse_blanks
from jobs.errors import FaninError, UsageError
from jobs.job import MRJob
from jobs.storage.base import MANIFEST, join, refuse_existing
from jobs.storage.inputs import chunks


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
        """One that runs already; '' for one of its own."""
        self._asked: Asked | None = None
        self._counters: list[dict[str, dict[str, int]]] | None = None

    def run(self) -> None:
        """Runs the job and publishes its output; raises FaninError and publishes nothing if it fails."""
        self._profile.check_place()
        refuse_blanks(self._profile.options["cmdenv"] or {})
        self._check_output()
        node = self._profile.node(self._kinds())
        step = self._launched(node)
        try:
            asked = self._start(step)
            asked.wait(self._profile.options["check_cluster_every"])
        except BaseException as error:
            if self._asked:
                self._asked.stop(error)
            raise
        self._counters = asked.result()

    # What the step needs on S3

    def _check_output(self) -> None:
        """UsageError for an output that is there, and would be refused when a cluster has been started for it."""
        if self._output.startswith("s3://") and storage(self._output).stat(join(self._output, MANIFEST)):
            refuse_existing(self._output, self._job.options.overwrite, finished=True)

    def _kinds(self) -> list[str]:
        """The instance types of the cluster."""
        if not self._cluster:
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
            "ActionOnFailure": "CONTINUE" if self._cluster else "TERMINATE_CLUSTER",
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

    def _start(self, step: Mapping[str, Any]) -> Asked:
        if self._cluster:
            self._shown("add_job_flow_steps", {"JobFlowId": self._cluster, "Steps": [step]})
            self._asked = self._of(self._cluster, own=False)
            self._asked.step = self._control.add(self._cluster, step)
            self._say(f"{self._asked.step} on {self._cluster}")
            return self._asked
        asked = self._profile.request(self._profile.tag, [step], alive=False)
        for path, url in self._profile.uploads().items():
            self._upload(path, url)
        self._shown("run_job_flow", asked)
        self._profile.secure()
        cluster = self._control.start(asked)
        self._asked = self._of(cluster, own=True)
        self._asked.step = self._control.call("list_steps", ClusterId=cluster)["Steps"][0]["Id"]
        self._say(f"{self._asked.step} on {cluster}, which has been started for it and ends with it")
        return self._asked

    def _of(self, cluster: str, own: bool) -> Asked:
        return Asked(self._control, cluster, own, self._folder, self._output, self._say)

    def _shown(self, operation: str, asked: Mapping[str, Any]) -> None:
        """The end of a dry run."""
        if self._dry:
            print(json.dumps({operation: asked}, indent=2))
            raise SystemExit(0)

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
