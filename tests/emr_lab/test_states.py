"""Clusters and steps go through EMR's states, whatever their commands do; none of it needs Hadoop."""

import os
import sys
import time
from pathlib import Path

import pytest

from tests.emr_lab.plane import Plane
from tests.emr_lab.reasons import BOOTSTRAP_FAILED, QUOTA_EXCEEDED, Reason
from tests.emr_lab.user import User, bash, step


def appears(file: Path, seconds: float = 20) -> str:
    """A file's text, once it has a line."""
    deadline = time.monotonic() + seconds
    while not (file.exists() and "\n" in file.read_text()):
        assert time.monotonic() < deadline, f"{file} does not come"
        time.sleep(0.02)
    return file.read_text()


def gone(pid: int, seconds: float = 10) -> bool:
    """Whether a process that is no child of ours ends in time."""
    deadline = time.monotonic() + seconds
    while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_a_transient_cluster_runs_its_steps_in_order_and_ends(user: User, tmp_path: Path) -> None:
    file = tmp_path / "file"
    first, second = f"sleep 0.2; echo 1 >> {file}", f"echo 2 >> {file}"
    cluster = user.start(bash(first), bash(second))
    seen = []
    while (status := user.status(cluster))["State"] not in ("TERMINATED", "TERMINATED_WITH_ERRORS"):
        seen += [status["State"]] * (status["State"] not in seen)
        time.sleep(0.005)
    assert seen == ["STARTING", "BOOTSTRAPPING", "RUNNING", "TERMINATING"]
    assert status["State"] == "TERMINATED"
    assert status["StateChangeReason"] == {"Code": "ALL_STEPS_COMPLETED", "Message": "Steps completed"}
    assert user.states(cluster) == ["COMPLETED", "COMPLETED"]
    assert file.read_text() == "1\n2\n"
    timeline = user.steps(cluster)[1]["Status"]["Timeline"]
    assert timeline["CreationDateTime"] < timeline["StartDateTime"] <= timeline["EndDateTime"]
    assert user.log(cluster, 0, "controller").count(first) == 2
    assert [one["Name"] for one in user.steps(cluster)] == [first, second]


@pytest.mark.parametrize(
    ("on_failure", "keep_alive", "steps", "state", "reason"),
    [
        ("TERMINATE_CLUSTER", True, "CANCELLED", "TERMINATED_WITH_ERRORS", "Shut down as step failed"),
        ("CANCEL_AND_WAIT", True, "CANCELLED", "WAITING", "Cluster ready after last step failed."),
        ("CONTINUE", True, "COMPLETED", "WAITING", "Cluster ready after last step completed."),
        ("CONTINUE", False, "COMPLETED", "TERMINATED", "Steps completed with errors"),
    ],
)
def test_a_step_that_fails(
    user: User, on_failure: str, keep_alive: bool, steps: str, state: str, reason: str
) -> None:
    cluster = user.start(bash("echo why >&2; exit 3", on_failure), bash("true"), keep_alive=keep_alive)
    assert user.wait(cluster, state)["StateChangeReason"]["Message"] == reason
    assert user.states(cluster) == ["FAILED", steps]
    failed = user.steps(cluster)[0]
    assert failed["Status"]["FailureDetails"] == {
        "Reason": "Unknown Error.",
        "LogFile": f"s3://{user.bucket}/logs/{cluster}/steps/{failed['Id']}/stderr.gz",
    }
    assert user.log(cluster, 0, "stderr") == "why\n"
    assert "exitCode 3" in user.log(cluster, 0, "controller")


def test_a_step_without_its_program_fails(user: User) -> None:
    cluster = user.start(step("no-such-program"))
    user.wait(cluster)
    assert user.states(cluster) == ["FAILED"]
    assert "no-such-program" in user.log(cluster, 0, "stderr")


def test_a_cluster_that_waits_takes_steps_until_it_is_terminated(user: User) -> None:
    cluster = user.start(keep_alive=True)
    assert user.wait(cluster, "WAITING")["StateChangeReason"]["Message"] == "Cluster ready to run steps."
    (name,) = user.add(cluster, bash("echo ready"))
    user.wait_for_step(cluster, name, "COMPLETED")
    assert user.log(cluster, 0, "stdout") == "ready\n"
    user.emr.terminate_job_flows(JobFlowIds=[cluster])
    assert user.wait(cluster)["StateChangeReason"] == {
        "Code": "USER_REQUEST",
        "Message": "Terminated by user request",
    }
    with pytest.raises(user.emr.exceptions.ClientError, match="may not be modified"):
        user.add(cluster, bash("true"))


def test_termination_stops_what_runs_and_what_ignores_it(
    user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step's process is told; one it has started, in a session of its own and deaf, does not survive either."""
    monkeypatch.setattr("tests.emr_lab.cluster.GRACE", 0.3)
    file, deaf = tmp_path / "file", tmp_path / "deaf"
    script = f"setsid bash -c 'trap \"\" TERM; echo $$ > {deaf}; sleep 60 & wait; sleep 60' & "
    script += f"echo on its way; trap 'echo stopped >> {file}; exit 0' TERM; echo started > {file}; sleep 60 & wait"
    cluster = user.start(bash(script), bash("true"))
    appears(file)
    pid = int(appears(deaf))
    user.emr.terminate_job_flows(JobFlowIds=[cluster])
    user.wait(cluster)
    assert user.states(cluster) == ["CANCELLED", "CANCELLED"]
    assert file.read_text() == "started\nstopped\n"
    assert gone(pid)
    assert user.log(cluster, 0, "stdout") == "on its way\n"


def test_cancelling_interrupts_the_step_that_runs_and_drops_those_that_wait(user: User, tmp_path: Path) -> None:
    file = tmp_path / "file"
    script = f"trap 'echo interrupted; exit 0' TERM; echo > {file}; sleep 60 & wait"
    cluster = user.start(bash("true"), bash(script), bash("echo > {file}.never"), keep_alive=True)
    appears(file)
    names = [one["Id"] for one in user.steps(cluster)]
    told = user.emr.cancel_steps(ClusterId=cluster, StepIds=names)["CancelStepsInfoList"]
    assert [(one["StepId"], one["Status"]) for one in told] == list(
        zip(names, ["FAILED", "SUBMITTED", "SUBMITTED"], strict=True)
    )
    user.wait(cluster, "WAITING")
    assert user.states(cluster) == ["COMPLETED", "CANCELLED", "CANCELLED"]
    assert user.log(cluster, 1, "stdout") == "interrupted\n"


def test_cancelling_by_force_kills_the_process_and_all_it_has_started(user: User, tmp_path: Path) -> None:
    file = tmp_path / "file"
    script = f"trap '' TERM; setsid bash -c 'echo $$ > {file}; sleep 60; true' & sleep 60; true"
    cluster = user.start(bash(script), keep_alive=True)
    pid = int(appears(file))
    (name,) = [one["Id"] for one in user.steps(cluster)]
    user.emr.cancel_steps(ClusterId=cluster, StepIds=[name])
    time.sleep(0.2)
    assert user.states(cluster) == ["CANCEL_PENDING"]
    user.emr.cancel_steps(ClusterId=cluster, StepIds=[name], StepCancellationOption="TERMINATE_PROCESS")
    user.wait_for_step(cluster, name, "CANCELLED")
    assert gone(pid)


def test_clusters_run_side_by_side(user: User, tmp_path: Path) -> None:
    """Each ends only once the other has begun."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    clusters = [user.start(bash(f"echo hello > {fifo}")), user.start(bash(f"cat {fifo}"))]
    assert [user.wait(cluster)["State"] for cluster in clusters] == ["TERMINATED"] * 2
    assert user.log(clusters[1], 0, "stdout") == "hello\n"


@pytest.mark.parametrize("reason", [BOOTSTRAP_FAILED, QUOTA_EXCEEDED])
def test_a_cluster_that_does_not_start(plane: Plane, user: User, reason: Reason) -> None:
    plane.doom(reason)
    cluster = user.start(bash("true"), keep_alive=True)
    status = user.wait(cluster)
    assert status["State"] == "TERMINATED_WITH_ERRORS"
    assert status["StateChangeReason"] == {"Code": reason.code, "Message": reason.message}
    assert user.states(cluster) == ["CANCELLED"]
    assert user.wait(user.start(bash("true")))["State"] == "TERMINATED"


def test_a_lost_master_takes_its_steps_with_it_unasked(plane: Plane, user: User, tmp_path: Path) -> None:
    file = tmp_path / "file"
    cluster = user.start(bash(f"trap 'echo stopped >> {file}' TERM; echo $$ > {file}; sleep 60 & wait"), bash("true"))
    pid = int(appears(file))
    plane.lose_master(cluster)
    assert user.wait(cluster)["StateChangeReason"]["Code"] == "INSTANCE_FAILURE"
    assert user.states(cluster) == ["CANCELLED", "CANCELLED"]
    assert gone(pid)
    assert file.read_text() == f"{pid}\n"
    assert user.s3.list_objects_v2(Bucket=user.bucket)["KeyCount"] == 0


def test_a_step_sees_a_master_node_and_nothing_of_the_tests(
    plane: Plane, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    cluster = user.start(bash("env; pwd"), bash(f"{python} -c 'import duckdb'", "CONTINUE"))
    user.wait(cluster)
    *lines, folder = user.log(cluster, 0, "stdout").splitlines()
    env = dict(line.split("=", 1) for line in lines)
    assert not [name for name in env if name.startswith(("PYTHON", "VIRTUAL", "PYTEST"))]
    assert ".venv" not in env["PATH"]
    assert env["AWS_ENDPOINT_URL"] == plane.url
    assert env["HADOOP_ROOT_LOGGER"] == "INFO,DRFA"
    assert user.steps(cluster)[0]["Id"] in folder
    assert "No module named 'duckdb'" in user.log(cluster, 1, "stderr")


def test_steps_side_by_side(user: User, tmp_path: Path) -> None:
    waits = f"touch {tmp_path}/{{0}}; while ! [ -e {tmp_path}/{{1}} ]; do sleep 0.02; done"
    both = bash(waits.format("a", "b")), bash(waits.format("b", "a"))
    cluster = user.start(*both, StepConcurrencyLevel=2)
    assert user.wait(cluster)["State"] == "TERMINATED"
    assert user.states(cluster) == ["COMPLETED", "COMPLETED"]
