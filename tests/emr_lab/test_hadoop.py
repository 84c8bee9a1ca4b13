"""Steps on the Hadoop lab: its clients and tasks reach the plane's S3 as s3://, and only theirs."""

import subprocess
from pathlib import Path

import pytest

from tests import lab
from tests.emr_lab.plane import MASTER, Plane
from tests.emr_lab.user import User, bash, step

pytestmark = [pytest.mark.hadoop, pytest.mark.slow]
NAME = "a/b+c%20é.txt"
JAR = '"$HADOOP_HOME"/lib/hadoop-streaming-*.jar'


@pytest.fixture
def given(plane_with_hadoop: Plane, user: User) -> str:
    """The URL of an object with a difficult name."""
    assert plane_with_hadoop
    user.s3.put_object(Bucket=user.bucket, Key=NAME, Body="hé llo\n".encode())
    return f"s3://{user.bucket}/{NAME}"


def test_objects_are_read_and_written(user: User, plane: Plane, given: str) -> None:
    copy = f"s3://{user.bucket}/a/c d%ü.txt"
    cluster = user.start(
        bash(f"hadoop fs -cat '{given}' && hadoop fs -cp '{given}' '{copy}'"),
        step("hadoop", "fs", "-cat", f"s3://{user.bucket}/none", on_failure="CONTINUE"),
    )
    user.wait(cluster, seconds=60)
    assert user.states(cluster) == ["COMPLETED", "FAILED"]
    assert user.log(cluster, 0, "stdout") == "hé llo\n"
    assert user.s3.get_object(Bucket=user.bucket, Key="a/c d%ü.txt")["Body"].read().decode() == "hé llo\n"
    assert "No such file or directory" in user.log(cluster, 1, "stderr")
    assert plane.asked(f"GET /{user.bucket}/a/b%2Bc%2520%C3%A9.txt", MASTER)


def test_a_streaming_job_reads_s3_in_its_tasks_and_writes_to_hdfs(user: User, given: str) -> None:
    out = f"hdfs:///tests/{user.bucket}"
    job = f"hadoop jar {JAR} -input '{given}' -output {out} -mapper cat -reducer cat"
    cluster = user.start(bash(f"{job} && hadoop fs -cat {out}/part-00000 && hadoop fs -rm -r {out}"))
    assert user.wait(cluster, seconds=240)["State"] == "TERMINATED"
    assert "hé llo\t\n" in user.log(cluster, 0, "stdout")
    said = user.log(cluster, 0, "syslog")
    assert "Submitted application application_" in said and "S3: Number of bytes read=" in said
    assert "Submitted application" not in user.log(cluster, 0, "stderr")


def test_a_streaming_job_in_one_process_writes_to_s3(user: User, given: str) -> None:
    out = f"s3://{user.bucket}/out"
    local = "-D mapreduce.framework.name=local"
    cluster = user.start(bash(f"hadoop jar {JAR} {local} -input '{given}' -output {out} -mapper cat -reducer cat"))
    assert user.wait(cluster, seconds=120)["State"] == "TERMINATED"
    listed = user.s3.list_objects_v2(Bucket=user.bucket, Prefix="out/")["Contents"]
    assert [one["Key"] for one in listed] == ["out/_SUCCESS", "out/part-00000"]


def test_hadoops_log_goes_where_a_step_wants_it(user: User, given: str) -> None:
    script = f"HADOOP_ROOT_LOGGER=DEBUG,console hadoop fs -ls '{given}'"
    cluster = user.start(bash(script))
    user.wait(cluster, seconds=60)
    assert " DEBUG " in user.log(cluster, 0, "stderr")
    with pytest.raises(user.s3.exceptions.NoSuchKey):
        user.log(cluster, 0, "syslog")


def test_the_lab_itself_knows_no_endpoint(plane: Plane, given: str) -> None:
    env = lab.environment()
    done = subprocess.run(["hadoop", "fs", "-ls", given], env=env, capture_output=True, text=True)
    assert done.returncode and 'No FileSystem for scheme "s3"' in done.stderr
    assert plane.url not in "".join(file.read_text() for file in Path(env["HADOOP_CONF_DIR"]).glob("*.xml"))
