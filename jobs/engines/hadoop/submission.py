"""One job on the cluster: Hadoop's client run, its log followed, and what it does not say asked of YARN.

Hadoop's client waits for ever, and without a word, for a cluster without nodes, a full queue, or a task that hangs.
"""

import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from mrjob.logs.step import _interpret_hadoop_jar_command_stderr

from jobs.engines.hadoop import client, failures, history
from jobs.engines.hadoop.failures import Failure
from jobs.engines.hadoop.local_tasks import LocalTasks
from jobs.engines.hadoop.yarn import Cluster, Unreachable
from jobs.engines.progress import Progress
from jobs.errors import FaninError

LOOK = 3  # seconds between two looks at a silent job
NODES = 15  # seconds that a cluster may have no node before the job is given up
SILENCE = 20  # seconds without news, before that is said; then twice as many
PROGRESS = re.compile(r": +map (\d+)% reduce (\d+)%")
FAILED = re.compile(r"Task Id : (attempt_\w+), Status : FAILED")
ENDED = re.compile(r"failed with state (\w+) due to: (.*)", re.DOTALL)
SUBMITTED = re.compile(r"Submitted application (application_\d+_\d+)")


@dataclass
class Submission:
    """A job being run.

    site: what the cluster's configuration says.  tag: of the job's applications.  folder: where the client runs, and
    the tasks that it runs itself.
    """

    cluster: Cluster
    site: Mapping[str, str]
    tag: str
    folder: str
    quiet: bool = False
    application: str = ""
    failures: list[Failure] = field(default_factory=list)
    _log: list[str] = field(default_factory=list)
    _local: LocalTasks = field(default_factory=LocalTasks)
    _stage: str = "submitting"

    def run(self, command: Sequence[str], environment: Mapping[str, str]) -> dict[str, Any]:
        """Runs Hadoop's client until the job has ended; gives what mrjob reads from its log: counters, ids, errors.

        Raises FaninError if the job fails. On any other exception, KeyboardInterrupt too, the job is killed first.
        """
        whole = client.command(self.tag, self.cluster.roots, command)
        pipe = subprocess.PIPE
        with subprocess.Popen(
            whole, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, cwd=self.folder, env=dict(environment),
            start_new_session=True,
        ) as process:  # fmt: skip
            assert process.stdin and process.stdout
            progress = Progress(None, self.quiet)
            try:
                lines = self._followed(process.stdout, progress)
                said: dict[str, Any] = _interpret_hadoop_jar_command_stderr(lines, record_callback=self._note)
                code = process.wait()
            finally:
                progress.end()
                if process.poll() is None:
                    self._stop(process)
        if code:
            raise FaninError(self._why())
        return said

    def _stop(self, process: subprocess.Popen[bytes]) -> None:
        """Lets the life line go, and waits until nothing of the job runs any more."""
        assert process.stdin and process.stdout
        process.stdin.close()
        for line in process.stdout:
            if self.application and line.startswith(b"fanin: "):
                sys.stderr.write(line.decode(errors="replace"))
        process.wait()

    def _followed(self, stream: IO[bytes], progress: Progress) -> Iterator[str]:
        """The client's lines as they come; in between, looks at the cluster."""
        started = heard = looked = time.monotonic()
        patience, buffer, stage = float(SILENCE), b"", ""
        while True:
            ready, _, _ = select.select([stream], [], [], LOOK)
            now = time.monotonic()
            if ready:
                data = os.read(stream.fileno(), 1 << 16)
                if not data:
                    break
                *lines, buffer = (buffer + data).split(b"\n")
                for line in lines:
                    text = line.decode(errors="replace")
                    self._hear(text)
                    yield text + "\n"
                progress.say(self._stage)
            if stage != self._stage:
                stage, heard, patience = self._stage, now, float(SILENCE)
            if now - looked >= LOOK:
                looked = now
                self._look(now - started)
            if now - heard >= patience:
                patience *= 2
                self._say(self._state(now - heard))
        if buffer:
            yield buffer.decode(errors="replace") + "\n"

    def _hear(self, line: str) -> None:
        """Takes notice of one line of the client, as it comes."""
        self._local.hear(line)
        if match := SUBMITTED.search(line):
            self.application, self._stage = match[1], "submitted"
        elif match := PROGRESS.search(line):
            self._stage = f"map {match[1]} %, reduce {match[2]} %"

    def _note(self, record: Mapping[str, Any]) -> None:
        """Takes notice of one record of the client's log, of several lines perhaps, once the next one begins."""
        message = record["message"]
        if match := FAILED.match(message):
            self.failures.append(failures.of_attempt(self.cluster, self.application, match[1], message))
            self._say(f"{self.failures[-1].task}: an attempt failed; Hadoop tries again as often as it is set to")
        elif match := ENDED.search(message):
            self._log = [f"{self.application} {match[1]}: {' '.join(match[2].split())}"]
            task = re.search(r"Task failed (task_\w+)", match[2])
            if task and not any(failure.said for failure in self.failures):  # no second attempt, or not told in time
                attempts = history.attempts(self.site, self.application, task[1])
                self.failures.append(failures.of_task(self.cluster, attempts, task[1]))
        elif record.get("level") != "INFO" or not record.get("logger"):
            self._log += message.splitlines()

    def _look(self, seconds: float) -> None:
        """Gives up a job that no node will ever run."""
        if self._stage not in ("submitting", "submitted") or not self.cluster.roots:
            return
        try:
            if seconds >= NODES and not self.cluster.nodes():
                raise FaninError(
                    f"no NodeManager is up, so nothing runs the job ({self.cluster.roots[0]}/cluster/nodes);"
                    " start one and run again"
                )
        except Unreachable as error:
            if error.refused and seconds >= NODES:
                raise FaninError(f"no ResourceManager is up: {error}") from error

    def _state(self, seconds: float) -> str:
        """One line on a job that makes no progress."""
        text = f"no progress for {seconds:.0f} s: {self._stage}"
        try:
            nodes = self.cluster.nodes()
            text += f"; {nodes} NodeManager{'s' * (nodes != 1)} up"
            if self.application:
                app = self.cluster.application(self.application)
                text += f"; {self.application} is {app['state']} in queue {app['queue']}"
                if app["state"] == "ACCEPTED" and (why := " ".join(app.get("diagnostics", "").split())):
                    text += f": {why}"
        except (Unreachable, KeyError):
            text += "; YARN's web services do not answer"
        return text

    def _say(self, text: str) -> None:
        if not self.quiet:
            print(f"fanin: {text}", file=sys.stderr, flush=True)

    def _why(self) -> str:
        """The reason of a failed job, that of the first task which said something of it."""
        told = [failure for failure in self.failures if failure.said] or self.failures
        if not told and (failure := self._local.failure()):
            told = [failure]
        if told:
            return f"{told[0]}\n({self.application or 'the job'} was given up by Hadoop; nothing was published)"
        errors = [line for line in self._log if re.search(r"Exception|[Ee]rror|FAILED|KILLED|[Ii]nvalid", line)]
        return f"Hadoop failed: {'; '.join((errors or self._log)[-3:]) or 'its client said nothing'}"
