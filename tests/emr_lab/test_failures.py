"""What goes wrong on EMR: told so that a person can mend it; nothing published, nothing left that costs money."""

import re
import signal
from pathlib import Path

import pytest

from tests.emr_lab.reasons import BOOTSTRAP_FAILED, QUOTA_EXCEEDED
from tests.emr_lab.running import ONE_PROCESS, Laptop, until

JOBS = Path(__file__).parents[1] / "engines" / "hadoop" / "jobs_under_test.py"
pytestmark = [pytest.mark.hadoop, pytest.mark.slow]


def word_count(laptop: Laptop, *more: str) -> list[str]:
    return ["word_count", laptop.write("in/a.txt", b"a b\n"), "-o", f"{laptop.root}/out", *more]


# Clusters that come to nothing


@pytest.mark.parametrize(("doom", "told"), [
    (BOOTSTRAP_FAILED, r"bootstrap action 1 returned a non-zero return code\n\(a bootstrap action failed; its log is below s3://"),
    (QUOTA_EXCEEDED, r"more vCPU capacity[\s\S]*Service Quotas"),
])  # fmt: skip
def test_a_cluster_that_does_not_start(laptop: Laptop, doom: object, told: str) -> None:
    laptop.plane.doom(doom)  # type: ignore[arg-type]
    failed = laptop.run(*word_count(laptop))
    assert failed.code == 1
    assert re.search(told, failed.err), failed.err
    assert laptop.names(f"{laptop.root}/out") == []
    assert "Traceback" not in failed.err


def test_no_such_cluster(laptop: Laptop) -> None:
    failed = laptop.run(*word_count(laptop, "--cluster", "j-NONE"))
    assert (failed.code, failed.err) == (2, "fanin: j-NONE: no such cluster in us-east-1\n")


def test_a_cluster_that_has_ended(laptop: Laptop) -> None:
    cluster = laptop.user.start()
    laptop.user.wait(cluster)
    refused = laptop.run(*word_count(laptop, "--cluster", cluster))
    assert refused.code == 2
    assert f"--cluster {cluster}: {cluster} is TERMINATED: Steps completed" in refused.err


def test_a_declaration_is_refused_before_anything_is_started(laptop: Laptop, tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text("""
from jobs import AggregateJob, Count
class Random(AggregateJob):
    rows = "SELECT random() AS word FROM lines"
    group_by = ["word"]
    measures = {"count": Count()}
""")
    source = laptop.write("in/a.txt", b"a\n")
    refused = laptop.run("job.py", source, "-o", f"{laptop.root}/out", cwd=tmp_path)
    assert refused.code == 2 and "random" in refused.err
    assert laptop.asked("RunJobFlow") == []


@pytest.mark.parametrize(("words", "told"), [
    (["-o", "out"], "-r emr publishes on s3://"),
    (["--aws-access-key-id", "k"], "unrecognized arguments"),
    (["--cmdenv", "A=x y"], "--cmdenv A=...: has a blank"),
    (["--cluster", "j-1", "--dry-run", "-r", "local"], "--dry-run: prints what EMR would be asked"),
])  # fmt: skip
def test_refused(laptop: Laptop, words: list[str], told: str) -> None:
    refused = laptop.fanin("run", "word_count", laptop.write("a", b""), *laptop.options(), *words)
    assert refused.code == 2 and told in refused.err


def test_a_bucket_of_another_region(laptop: Laptop) -> None:
    west = f"west-{laptop.user.bucket}"[:60]
    laptop.user.s3.create_bucket(Bucket=west, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    refused = laptop.fanin("run", *word_count(laptop), *laptop.options(), "--cloud-tmp-dir", f"s3://{west}/tmp/")
    assert refused.code == 2
    assert (
        f"s3://{west}/tmp/: lies in eu-west-1, and the cluster would run in us-east-1; give --region eu-west-1"
        in refused.err
    )


def test_an_output_that_is_there(laptop: Laptop) -> None:
    laptop.write("out/_MANIFEST.json", b"{}")
    refused = laptop.run(*word_count(laptop))
    assert refused.code == 2 and "out: already exists; remove it, name another, or give --overwrite" in refused.err
    assert laptop.asked("RunJobFlow") == []


def test_dry_run_asks_for_nothing(laptop: Laptop) -> None:
    before = laptop.names(laptop.place)
    planned = laptop.run(*word_count(laptop, "--dry-run")).ok()
    assert planned.out.startswith(b'{\n  "run_job_flow": {') and b"command-runner.jar" in planned.out
    assert laptop.asked("RunJobFlow") == [] and laptop.names(laptop.place) == before


# Steps that come to nothing


def test_a_task_fails_in_its_own_words(laptop: Laptop, running: str) -> None:
    source = laptop.write("in/a.txt", b"first\n")
    words = [
        f"{JOBS}:Wrong",
        source,
        "-o",
        f"{laptop.root}/out",
        "-D",
        "mapreduce.map.maxattempts=1",
        "--cluster",
        running,
    ]
    failed = laptop.run(*words)
    assert failed.code == 1
    assert "fanin: wrong on purpose: first" in failed.err and "map task 0 over" in failed.err
    step = laptop.user.steps(running)[-1]["Id"]
    log = laptop.user.emr.describe_cluster(ClusterId=running)["Cluster"]["LogUri"]
    assert f"\n({step} on {running}; its logs: {log}{running}/steps/{step}/)\n" in failed.err
    assert laptop.names(f"{laptop.root}/out") == []


def test_what_is_refused_there_is_refused_here(laptop: Laptop, running: str) -> None:
    source = laptop.write("a,b.txt", b"a\n")
    refused = laptop.run("word_count", source, "-o", f"{laptop.root}/out2", "--cluster", running)
    assert refused.code == 2 and "Hadoop gives ',' in a path a meaning of its own" in refused.err


@pytest.mark.parametrize("own", [True, False])
def test_ctrl_c(laptop: Laptop, running: str, own: bool) -> None:
    """The step is cancelled on a cluster of others, and its own cluster is ended."""
    source = laptop.write("in.txt", b"".join(b"%d\n" % n for n in range(200_000)))
    process = laptop.start(
        "run", f"{JOBS}:Slow", source, "-o", f"{laptop.root}/out", *([] if own else ["--cluster", running])
    )

    def begun() -> bool:
        return "_attempt-" in str(laptop.names(f"{laptop.root}/out"))

    until("the step's attempt at the output", begun)
    cluster = laptop.clusters()[-1]["Id"] if own else running
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=200)
    assert process.returncode == 130, told.decode()
    assert told.decode().endswith("fanin: interrupted; nothing was published\n")
    if own:
        laptop.user.wait(cluster, seconds=100)
    else:
        assert laptop.user.steps(cluster)[-1]["Status"]["State"] == "CANCELLED"
    until("nothing is left of the output", lambda: laptop.names(f"{laptop.root}/out") == [])


def test_a_laptop_that_dies_leaves_a_whole_output_and_no_cluster(laptop: Laptop) -> None:
    source = laptop.write("in.txt", b"a b\n")
    process = laptop.start("run", "word_count", source, "-o", f"{laptop.root}/out", *ONE_PROCESS)
    until("its step", lambda: laptop.clusters() and laptop.user.states(laptop.clusters()[0]["Id"]) == ["RUNNING"])
    process.kill()
    process.communicate()
    assert laptop.user.wait(laptop.clusters()[0]["Id"], seconds=200)["State"] == "TERMINATED"
    assert laptop.parts(f"{laptop.root}/out") == [b"a\t1\nb\t1\n"]


def test_a_master_that_is_lost(laptop: Laptop) -> None:
    source = laptop.write("in.txt", b"".join(b"%d\n" % n for n in range(200_000)))
    process = laptop.start("run", f"{JOBS}:Slow", source, "-o", f"{laptop.root}/out")
    until("its step", lambda: laptop.clusters() and laptop.user.states(laptop.clusters()[0]["Id"]) == ["RUNNING"])
    laptop.plane.lose_master(laptop.clusters()[0]["Id"])
    _, told = process.communicate(timeout=200)
    assert process.returncode == 1
    assert "The master node was terminated\n(an instance was lost" in told.decode()


def test_credentials_that_expire_on_the_way(laptop: Laptop) -> None:
    source = laptop.write("in.txt", b"a b\n")
    process = laptop.start("run", "word_count", source, "-o", f"{laptop.root}/out", *ONE_PROCESS)
    until("its step", lambda: laptop.clusters() and laptop.user.states(laptop.clusters()[0]["Id"]) == ["RUNNING"])
    cluster = laptop.clusters()[0]["Id"]
    with laptop.plane.expired():
        _, told = process.communicate(timeout=200)
    assert process.returncode == 1
    assert "the credentials are no longer valid; log in again" in told.decode()
    assert f"{cluster} goes on without this program, and may still publish" in told.decode()
    assert laptop.user.wait(cluster, seconds=200)["State"] == "TERMINATED"
    assert laptop.parts(f"{laptop.root}/out") == [b"a\t1\nb\t1\n"]


def test_throttled_requests_are_tried_again(laptop: Laptop) -> None:
    laptop.plane.doom(BOOTSTRAP_FAILED)
    laptop.plane.throttle("RunJobFlow", 2)
    laptop.plane.throttle("DescribeStep", 2)
    failed = laptop.run(*word_count(laptop))
    assert "bootstrap action 1" in failed.err
