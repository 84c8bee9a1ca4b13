"""Jobs, joins and flows on EMR: the bytes of other engines, on S3, whole; and what is left behind, which is nothing."""

import gzip
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests import command
from tests.conformance.cases import CASES
from tests.emr_lab.running import ONE_PROCESS, Laptop

pytestmark = [pytest.mark.hadoop, pytest.mark.slow]

ON_YARN = {"words"}
NULL = "\\N"
CHOSEN = (
    "words", "odd lines, one file", "empty input, total", "top pages", "sums, csv with headers", "windows",
    "gz, several files", "200 small files",
)  # fmt: skip


@pytest.mark.parametrize("name", CHOSEN)
def test_same_bytes(laptop: Laptop, running: str, name: str) -> None:
    case = CASES[name]
    plain = case.plain()
    for file, data in plain.items():
        laptop.write(f"in/{file}", case.stored(file, data))
    job = [case.job] if isinstance(case.job, str) else case.job
    engine = [] if name in ON_YARN else ONE_PROCESS
    output = f"{laptop.root}/out"
    laptop.run(*job, f"{laptop.root}/in", "-o", output, "--parts", "3", "--cluster", running, *engine).ok()
    expected = case.parts(plain.values(), 3)
    assert laptop.parts(output) == expected
    assert laptop.names(output)[:2] == ["_MANIFEST.json", "_SUCCESS"]
    assert laptop.fanin("verify", output).ok()


def test_a_cluster_of_its_own_runs_a_job_and_ends(laptop: Laptop) -> None:
    laptop.write("in/a.txt", b"to be or not to be\n")
    secret = "hunter2-and-more"
    left = {
        name for name in laptop.names(laptop.place) if not name.startswith("bundles/")
    }  # by runs that tests have killed
    done = laptop.run(
        "word_count", f"{laptop.root}/in", "-o", f"{laptop.root}/out", *ONE_PROCESS, "--cmdenv", f"WORD={secret}",
        "--num-task-instances", "2", "--max-instances", "6",
    ).ok()  # fmt: skip
    assert laptop.parts(f"{laptop.root}/out") == [b"be\t2\nnot\t1\nor\t1\nto\t2\n"]
    cluster = laptop.clusters()[0]
    assert "which has been started for it and ends with it" in done.err
    laptop.user.wait(cluster["Id"], seconds=100)
    asked = laptop.asked("RunJobFlow")[0]
    assert asked["AutoTerminationPolicy"] == {"IdleTimeout": 600}
    assert asked["SecurityConfiguration"] == "fanin-imdsv2"
    assert asked["Instances"]["KeepJobFlowAliveWhenNoSteps"] is False
    assert {tag["Key"]: tag["Value"] for tag in asked["Tags"]}["for-use-with-amazon-emr-managed-policies"] == "true"
    markets = {one["InstanceFleetType"]: sorted(name for name in one if name.startswith("Target"))
               for one in asked["Instances"]["InstanceFleets"]}  # fmt: skip
    assert markets == {
        "MASTER": ["TargetOnDemandCapacity"], "CORE": ["TargetOnDemandCapacity"], "TASK": ["TargetSpotCapacity"],
    }  # fmt: skip
    limits = asked["ManagedScalingPolicy"]["ComputeLimits"]
    assert (limits["MaximumCapacityUnits"], limits["MaximumOnDemandCapacityUnits"]) == (6, 1)
    manifest = laptop.read(f"{laptop.root}/out/_MANIFEST.json").decode()
    assert json.loads(manifest)["arguments"][0] == f"{laptop.root}/in"
    assert {name.partition("-")[0] for name in set(laptop.names(laptop.place)) - left} == {"bundles/bundle"}
    logs = b"".join(gzip.decompress(laptop.read(f"{laptop.logs}{name}")) for name in laptop.names(laptop.logs))
    for text in (done.err, manifest, json.dumps(asked), logs.decode()):
        for hidden in (secret, laptop.env["AWS_SECRET_ACCESS_KEY"]):
            assert hidden not in text


def test_requests_are_few(laptop: Laptop, running: str) -> None:
    laptop.write("in/a.txt", b"a\n")
    before = Counter(one.operation for one in laptop.plane.asked())
    laptop.run("word_count", f"{laptop.root}/in", "-o", f"{laptop.root}/out", "--cluster", running, *ONE_PROCESS).ok()
    asked = Counter(one.operation for one in laptop.plane.asked()) - before
    ours = {name: count for name, count in asked.items() if "/" not in name}
    polls = ours.pop("DescribeStep")
    assert ours.pop("DescribeCluster") <= 1 + polls  # while the step waits for its turn
    assert ours == {"AddJobFlowSteps": 1, "ListInstanceFleets": 1}


def test_a_job_of_ones_own_with_what_it_imports_and_reads(laptop: Laptop, running: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("""
import os
from mrjob.job import MRJob
from beside import double

class Mine(MRJob):
    FILES = ["table.txt"]

    def configure_args(self):
        super().configure_args()
        self.add_file_arg("--stop")
        self.add_passthru_arg("--suffix", default="")

    def mapper_init(self):
        self.stop = set(open(self.options.stop).read().split())
        self.table = dict(line.split() for line in open("table.txt"))

    def mapper(self, _, line):
        for word in line.split():
            if word not in self.stop:
                yield self.table.get(word, word) + self.options.suffix, double(1)

    def reducer(self, word, counts):
        yield word, sum(counts)

if __name__ == "__main__":
    Mine.run()
""")
    (tmp_path / "beside.py").write_text("def double(number):\n    return 2 * number\n")
    (tmp_path / "stop.txt").write_text("or not\n")
    (tmp_path / "table.txt").write_text("be is\n")
    long = "x" * 20_000  # step arguments may be 10,240 characters
    words = ["--stop", "stop.txt", "--suffix", long, "--py-files", "beside.zip", "--cluster", running]
    subprocess.run([sys.executable, "-m", "zipfile", "-c", "beside.zip", "beside.py"], cwd=tmp_path, check=True)
    (tmp_path / "in put.txt").write_text("to be or not to be\n")
    done = laptop.run("mine.py", "in put.txt", *words, *ONE_PROCESS, cwd=tmp_path).ok()
    assert sorted(done.out.decode().splitlines()) == [f'"is{long}"\t4', f'"to{long}"\t4']
    assert laptop.names(f"s3://{laptop.user.bucket}/a folder+é%20") == []


def test_standard_input_and_output_once_though_emr_is_not_heard(laptop: Laptop, running: str) -> None:
    pages = laptop.user.emr.get_paginator("list_steps").paginate
    before = sum(len(page["Steps"]) for page in pages(ClusterId=running))
    laptop.plane.lose("AddJobFlowSteps")
    done = laptop.run("word_count", "--cluster", running, *ONE_PROCESS, input=b"b a b\n").ok()
    assert done.out == b"a\t1\nb\t2\n"
    assert sum(len(page["Steps"]) for page in pages(ClusterId=running)) == before + 1


@pytest.mark.parametrize("strategy", ["sort_merge", "broadcast", "partitioned"])
def test_joins(laptop: Laptop, running: str, strategy: str) -> None:
    events = [(number % 7, number) for number in range(50)]
    names = {number: f"name {number}" for number in range(3, 9)}
    left = laptop.write("left+1 %é.tsv", "".join(f"{key}\t{n}\n" for key, n in events).encode())
    right = laptop.write("right.tsv", "".join(f"{key}\t{name}\n" for key, name in names.items()).encode())
    common = [*laptop.options(), "--cluster", running, *ONE_PROCESS]
    sides, columns = [left, right], ["--left-columns", "k,n", "--right-columns", "k,name"]
    if strategy == "partitioned":
        for side, of, output in ((left, "k,n", "left"), (right, "k,name", "right")):
            words = ["--columns", of, "--on", "k", "--buckets", "3", "-o", f"{laptop.root}/buckets {output}"]
            laptop.fanin("bucket", side, *words, *common).ok()
        sides, columns = [f"{laptop.root}/buckets {side}" for side in ("left", "right")], []
    how = "left" if strategy == "broadcast" else "full"
    joined = ["join", *sides, "--on", "k", "--how", how, "--strategy", strategy, *columns]
    laptop.fanin(*joined, "-o", f"{laptop.root}/out", *common).ok()
    expected = [f"{key}\t{n}\t{names.get(key, NULL)}" for key, n in events]
    if how == "full":
        expected += [f"{key}\t{NULL}\t{name}" for key, name in names.items() if key not in dict(events)]
    assert sorted(b"".join(laptop.parts(f"{laptop.root}/out")).decode().splitlines()) == sorted(expected)


def test_a_flow_has_one_cluster(laptop: Laptop, tmp_path: Path) -> None:
    laptop.write("events/2026-11-01.tsv", b"user_id\turl\n1\t/a\n2\t/a\n2\t/b\n9\t/a\n")
    users = laptop.write("users.tsv", b"id\tage\n1\t17\n2\t50\n")
    said = [f"--set={name}={value}" for name, value in (
        ("date", "2026-11-01"), ("events", f"{laptop.root}/events"), ("users", users), ("out", f"{laptop.root}/out"),
    )]  # fmt: skip
    flow = str(Path(__file__).parents[2] / "conf/flows/viewer_ages.toml")
    conf = tmp_path / "emr.conf"
    options = laptop.conf() | {"jobconf": {"mapreduce.framework.name": "local"}}
    conf.write_text(json.dumps({"runners": {"emr": options}}))
    laptop.env["XDG_STATE_HOME"] = str(tmp_path / "state")
    done = laptop.fanin("flow", "run", flow, "-r", "emr", "-c", str(conf), *said).ok()
    assert done.err.endswith("fanin: viewer_ages: done; 2 of 2 steps were run\n")
    here = tmp_path / "here"
    command.run("flow", "run", flow, *said[:3], f"--set=out={here}", env=laptop.env).ok()
    expected = [(here / "2026-11-01/ages" / name).read_bytes() for name in ("part-00000",)]
    assert laptop.parts(f"{laptop.root}/out/2026-11-01/ages") == expected
    assert len(laptop.clusters()) == 1
    assert laptop.user.wait(laptop.clusters()[0]["Id"], seconds=100)["StateChangeReason"]["Code"] == "USER_REQUEST"
    assert laptop.user.states(laptop.clusters()[0]["Id"]) == ["COMPLETED", "COMPLETED"]
    again = laptop.fanin("flow", "run", flow, "-r", "emr", "-c", str(conf), *said).ok()
    assert "0 of 2 steps" in again.err and len(laptop.clusters()) == 1


def test_two_flows_at_once(laptop: Laptop, running: str, tmp_path: Path) -> None:
    source = laptop.write("in.txt", b"a b\n")
    (tmp_path / "flow.toml").write_text(f"""
[parameters]
out = "path"
[steps.words]
run = "word_count"
inputs = ["{source}"]
output = "{{out}}/words"
[steps.again]
run = "word_count"
inputs = [{{step = "words"}}]
output = "{{out}}/again"
""")
    conf = tmp_path / "emr.conf"
    options = laptop.conf() | {"jobconf": {"mapreduce.framework.name": "local"}}
    conf.write_text(json.dumps({"runners": {"emr": options}}))
    env = laptop.env | {"XDG_STATE_HOME": str(tmp_path / "state")}
    words = ["flow", "run", str(tmp_path / "flow.toml"), "-r", "emr", "-c", str(conf), "--cluster", running]
    both = [subprocess.Popen([command.FANIN, *words, "--set", f"out={laptop.root}/out{n}"], env=env, stderr=subprocess.PIPE)
            for n in (1, 2)]  # fmt: skip
    for one in both:
        _, told = one.communicate(timeout=250)
        assert one.returncode == 0, told
    for number in (1, 2):
        assert laptop.parts(f"{laptop.root}/out{number}/again") == [b"1\t2\na\t1\nb\t1\n"]
    assert laptop.user.status(running)["State"] in ("RUNNING", "WAITING")
