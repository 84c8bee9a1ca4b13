"""A master node of EMR as its steps see it: their environment, `hadoop`, python3.11, processes and logs.

Differences to a real one: HADOOP_HOME, HADOOP_CONF_DIR and credentials are in the environment, because this machine has
no /usr/lib/hadoop, no /etc/hadoop/conf and no instance profile.
"""

import contextlib
import getpass
import gzip
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

MARK = "EMR_STEP_ID"  # in the environment of all that a step starts
LAUNCHER = """#!/usr/bin/env bash
# As EMR's: a step's environment sends the log of Hadoop's clients to a file, syslog, and not to standard error.
export HADOOP_CONF_DIR=${{HADOOP_CONF_DIR:-{conf}}}
export HADOOP_CLIENT_OPTS="-XX:TieredStopAtLevel=1 -XX:+UseSerialGC ${{HADOOP_CLIENT_OPTS:-}}"
export HADOOP_OPTS="-Dhadoop.root.logger=${{HADOOP_ROOT_LOGGER:-INFO,console}} ${{HADOOP_OPTS:-}}"
export HADOOP_OPTS="-Dhadoop.log.dir=${{HADOOP_LOG_DIR:-.}} -Dhadoop.log.file=${{HADOOP_LOGFILE:-hadoop.log}} $HADOOP_OPTS"
exec {hadoop} "$@"
"""
LOGGING = """
hadoop.root.logger=INFO,console
log4j.rootLogger=${hadoop.root.logger}
log4j.appender.DRFA=org.apache.log4j.FileAppender
log4j.appender.DRFA.File=${hadoop.log.dir}/${hadoop.log.file}
log4j.appender.DRFA.layout=org.apache.log4j.PatternLayout
log4j.appender.DRFA.layout.ConversionPattern=%d{ISO8601} %p %c (%t): %m%n
"""


class Node:
    """Where steps run. folder: an empty one, for all it keeps.  aws: variables that let boto3 reach the plane."""

    def __init__(self, folder: Path, aws: Mapping[str, str]) -> None:
        self.folder = folder
        self._aws = dict(aws)
        self._hadoop: dict[str, str] = {}
        (folder / "bin").mkdir(parents=True)
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        (folder / "bin" / version).symlink_to(Path(sys.base_prefix) / "bin" / version)  # without the tests' packages

    def install_hadoop(self, lab: Mapping[str, str]) -> None:
        """Gives later steps the `hadoop` of a lab, which reaches the plane's S3 as s3://.  lab: its environment."""
        conf, home = self.folder / "conf", lab["HADOOP_HOME"]
        shutil.copytree(lab["HADOOP_CONF_DIR"], conf, dirs_exist_ok=True)
        rows = "".join(
            f"<property><name>{name}</name><value>{escape(value)}</value></property>\n"
            for name, value in self._s3a().items()
        )
        core = (conf / "core-site.xml").read_text()
        (conf / "core-site.xml").write_text(core.replace("</configuration>", f"{rows}</configuration>"))
        with (conf / "log4j.properties").open("a") as file:
            file.write(LOGGING)
        launcher = self.folder / "bin" / "hadoop"
        launcher.write_text(LAUNCHER.format(conf=conf, hadoop=f"{home}/bin/hadoop"))
        launcher.chmod(0o755)
        self._hadoop = {"HADOOP_HOME": home, "HADOOP_CONF_DIR": str(conf)}

    def _s3a(self) -> dict[str, str]:
        """What EMR's own configuration does with s3://; a job's configuration carries it to the tasks."""
        return {
            "fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
            "fs.AbstractFileSystem.s3.impl": "org.apache.hadoop.fs.s3a.S3A",
            "fs.s3a.endpoint": self._aws["AWS_ENDPOINT_URL"],
            "fs.s3a.endpoint.region": self._aws["AWS_DEFAULT_REGION"],
            "fs.s3a.access.key": self._aws["AWS_ACCESS_KEY_ID"],
            "fs.s3a.secret.key": self._aws["AWS_SECRET_ACCESS_KEY"],
            "fs.s3a.path.style.access": "true",
        }

    def start(self, cluster: str, step: str, argv: Sequence[str]) -> "Process":
        """Starts a step's command as EMR does, in a session and a folder of its own."""
        home, work, logs = (self.folder / cluster / name for name in ("home", f"steps/{step}", f"logs/{step}"))
        for place in (home, work / "tmp", logs):
            place.mkdir(parents=True, exist_ok=True)
        env = {
            "PATH": f"{self.folder}/bin:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(home),
            "USER": getpass.getuser(),
            "LANG": "C.UTF-8",
            MARK: step,
            "HADOOP_CLIENT_OPTS": f"-Djava.io.tmpdir={work}/tmp",
            "HADOOP_LOG_DIR": str(logs),
            "HADOOP_LOGFILE": "syslog",
            "HADOOP_ROOT_LOGGER": "INFO,DRFA",
            **self._aws,
            **self._hadoop,
        }
        return Process(step, argv, env, work, logs)


class Process:
    """A step's command, started."""

    def __init__(self, step: str, argv: Sequence[str], env: Mapping[str, str], work: Path, logs: Path) -> None:
        self._step, self._argv, self._logs = step, argv, logs
        self._popen: subprocess.Popen[bytes] | None = None
        self._started = time.monotonic()
        with (logs / "stdout").open("wb") as out, (logs / "stderr").open("wb") as err:
            try:
                self._popen = subprocess.Popen(
                    argv, env=env, cwd=work, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
                )
            except OSError as error:
                err.write(f'Cannot run program "{argv[0]}": {error.strerror}\n'.encode())

    def wait(self, seconds: float) -> int | None:
        """Its exit code, once it has ended; None if it has not within so many seconds."""
        if self._popen is None:
            return 1
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._popen.wait(seconds)
        return None

    def terminate(self) -> None:
        """SIGTERM to the process alone."""
        if self._popen:
            self._popen.terminate()

    def kill(self) -> None:
        """SIGKILL to the process, and to all that it has started and that is still there."""
        if self._popen:
            self._popen.kill()
            self._popen.wait()
        while pids := _marked(self._step):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)

    def shut_down(self, grace: float, *signals: signal.Signals) -> None:
        """What happens when its node goes: the signals to all of its session, then SIGKILL to all that is left.

        grace: seconds after each signal. Whatever hangs on a life line of the process goes by itself meanwhile.
        """
        for number in signals if self._popen else ():
            assert self._popen
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._popen.pid, number)
            deadline = time.monotonic() + grace
            while (self.wait(0.05) is None or _marked(self._step)) and time.monotonic() < deadline:
                time.sleep(0.05)
        self.kill()

    def logs(self) -> dict[str, bytes]:
        """What EMR puts beside each other in a step's folder of logs, by file name, once the process has ended."""
        code = self.wait(0)
        seconds = round(time.monotonic() - self._started)
        command = f"hadoop jar /var/lib/aws/emr/step-runner/hadoop-jars/command-runner.jar {' '.join(self._argv)}"
        ended = "succeeded" if code == 0 else "failed"
        lines = [
            f"INFO startExec '{command}'",
            f"INFO waitProcessCompletion ended with exit code {code} : {command}",
            f"{'INFO' if code == 0 else 'WARN'} Step {ended} with exitCode {code} and took {seconds} seconds",
        ]
        (self._logs / "controller").write_text("\n".join(lines))
        return {f"{file.name}.gz": gzip.compress(file.read_bytes()) for file in self._logs.iterdir()}


def _marked(step: str) -> list[int]:
    """The processes whose environment has the mark of a step; none is seen where there is no /proc."""
    mark, pids = f"{MARK}={step}".encode(), []
    for file in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in file.read_bytes().split(b"\0"):
                pids.append(int(file.parent.name))
    return pids
