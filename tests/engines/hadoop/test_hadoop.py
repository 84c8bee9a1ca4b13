"""`-r hadoop` on a real cluster: what comes out, and what is refused."""

import gzip
import json
import re
import threading
import urllib.request
from collections import Counter
from getpass import getuser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests import command
from tests.conformance.cases import access_log, zipf_words
from tests.engines.hadoop.conftest import JOBS, Yarn

pytestmark = [pytest.mark.hadoop, pytest.mark.slow]

LOCAL = ("-D", "mapreduce.framework.name=local")  # Hadoop in one process, where YARN adds nothing
ROWS = """
from mrjob.job import MRJob

class Longest(MRJob):
    def configure_args(self):
        super().configure_args()
        self.add_passthru_arg("--least", type=int, default=1)

    def mapper(self, _, line):
        for word in line.split():
            yield len(word), 1

    def reducer(self, length, ones):
        if length >= self.options.least:
            yield length, sum(ones)

if __name__ == "__main__":
    Longest.run()
"""
FAILS = """
import sys
from mrjob.job import MRJob

class Fails(MRJob):
    def fail(self, kind, key):
        print("words before", file=sys.stderr)
        if self.options.fails == kind: raise ValueError("on purpose: " + key)

    def configure_args(self):
        super().configure_args()
        self.add_passthru_arg("--fails")

    def mapper(self, _, line):
        self.fail("map", line)
        yield line, 1

    def reducer(self, key, ones):
        self.fail("reduce", key)
        yield key, sum(ones)

if __name__ == "__main__":
    Fails.run()
"""


def unescaped(record: bytes) -> bytes:
    return re.sub(rb"\\([tnr\\])", lambda m: {b"t": b"\t", b"n": b"\n", b"r": b"\r", b"\\": b"\\"}[m[1]], record)


def test_javas_word_count_is_ours(yarn: Yarn) -> None:
    for name, data in (zipf_words() | access_log()).items():
        yarn.place.write(f"{yarn.root}/in/{name}", data)
    examples = yarn.env["HADOOP_EXAMPLES_JAR"]
    command.call("hadoop", "jar", examples, "wordcount", f"{yarn.root}/in", f"{yarn.root}/java", env=yarn.env).ok()
    yarn.run("word_count", f"{yarn.root}/in", "-o", f"{yarn.root}/ours").ok()
    java = yarn.place.read(f"{yarn.root}/java/part-r-00000").splitlines()
    ours = [unescaped(line) for line in yarn.place.read(f"{yarn.root}/ours/part-00000").splitlines()]
    assert any(b"\\" in line for line in java)
    assert ours == java


def test_the_manifest_is_that_of_any_output(yarn: Yarn, tmp_path: Path) -> None:
    yarn.place.write(f"{yarn.root}/in.txt", b"b a\nc a\n\xff\n")
    on_hadoop = [f"{yarn.root}/in.txt", "-o", f"{yarn.root}/out", "-D", "mapreduce.job.reduces=2", *LOCAL]
    told = yarn.run("word_count", *on_hadoop).ok()
    assert "1 invalid UTF-8 sequence(s)" in told.err
    here = str(tmp_path / "out")
    command.run("run", "word_count", f"{yarn.root}/in.txt", "-o", here, "--parts", "2", env=yarn.env).ok()
    good = command.run("verify", f"{yarn.root}/out", here, env=yarn.env).ok().out.decode().splitlines()
    assert [line.split(": ", 1)[1] for line in good] == ["good: 2 files, 4 records, 18 bytes"] * 2
    written = [yarn.place.read(f"{yarn.root}/out/_MANIFEST.json"), Path(here, "_MANIFEST.json").read_bytes()]
    theirs, ours = map(json.loads, written)
    for field in ("job", "plan", "signature", "columns", "encoding", "order", "partitioner", "files", "inputs"):
        assert theirs[field] == ours[field], field


def test_local_files_standard_output_and_mrjobs_own_way(yarn: Yarn, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a b\n")
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"b\n"))
    command_line = ["word_count", str(tmp_path / "a.txt"), str(tmp_path / "b.gz"), "-", *LOCAL]
    assert yarn.run(*command_line, input=b"c b").ok().out == b"a\t1\nb\t3\nc\t1\n"
    module = [command.FANIN.replace("fanin", "python"), "-m", "jobs.word_count", "-r", "hadoop", *LOCAL]
    module += [str(tmp_path / "a.txt"), "--output-dir", f"{yarn.root}/out"]
    command.call(*module, env=yarn.env).ok()
    assert yarn.place.read(f"{yarn.root}/out/part-00000") == b"a\t1\nb\t1\n"


def test_an_output_that_exists_is_refused_or_replaced(yarn: Yarn) -> None:
    yarn.place.write(f"{yarn.root}/in.txt", b"a\n")
    yarn.place.write(f"{yarn.root}/out/_SUCCESS", b"")
    again = ["word_count", f"{yarn.root}/in.txt", "-o", f"{yarn.root}/out", *LOCAL]
    refused = yarn.run(*again)
    assert refused.code == 2
    assert "already exists" in refused.err
    yarn.run(*again, "--overwrite").ok()
    assert yarn.place.names(yarn.root) == ["in.txt", "out"]
    assert yarn.place.read(f"{yarn.root}/out/part-00000") == b"a\t1\n"


@pytest.mark.parametrize(("name", "data", "why"), [
    ("a.xz", b"x", "Hadoop has no codec for .xz"),
    ("a.zst", b"x", "native library"),
    ("a.lz4", b"x", ".lz4 files are not read"),
    ("log[1].txt", b"x", r"Hadoop gives '[' in a path"),
    ("a,b.txt", b"x", "Hadoop gives ',' in a path"),
    ("${user.name}.txt", b"x", "Hadoop gives '$' in a path"),
    ("a.txt", gzip.compress(b"x", mtime=0), "holds .gz data under a name without .gz"),
])  # fmt: skip
def test_what_hadoop_would_read_differently_is_refused_by_name(yarn: Yarn, name: str, data: bytes, why: str) -> None:
    yarn.place.write(f"{yarn.root}/in/{name}", data)
    refused = yarn.run("word_count", f"{yarn.root}/in", "-o", f"{yarn.root}/out")
    assert refused.code in (1, 2)
    assert f"{yarn.root}/in/{name}: " in refused.err
    assert why in refused.err
    assert yarn.place.names(yarn.root) == ["in"]


@pytest.mark.parametrize("setting", [
    "stream.map.output.field.separator=,", "textinputformat.record.delimiter=x", "mapreduce.map.failures.maxpercent=5",
    "mapreduce.output.fileoutputformat.compress=true", "mapreduce.input.linerecordreader.line.maxlength=9",
])  # fmt: skip
def test_settings_that_would_change_the_output_are_refused(yarn: Yarn, setting: str) -> None:
    yarn.place.write(f"{yarn.root}/in.txt", b"a\n")
    refused = yarn.run("word_count", f"{yarn.root}/in.txt", "-D", setting)
    assert refused.code == 2
    assert "the output's bytes depend on it" in refused.err


def test_a_cluster_that_lets_tasks_fail_or_passes_over_lines_changes_nothing(yarn: Yarn, tmp_path: Path) -> None:
    lax = {
        "mapreduce.map.failures.maxpercent": "100", "stream.non.zero.exit.is.failure": "false",
        "mapreduce.input.linerecordreader.line.maxlength": "3", "mapreduce.output.fileoutputformat.compress": "true",
    }  # fmt: skip
    yarn.configure("mapred-site.xml", lax, tmp_path / "conf")
    yarn.place.write(f"{yarn.root}/in/a.txt", b"long line\n")
    failed = yarn.run(
        f"{JOBS}:Wrong", f"{yarn.root}/in", "-o", f"{yarn.root}/out", "-D", "mapreduce.map.maxattempts=1"
    )
    assert failed.code == 1
    assert "wrong on purpose: long line" in failed.err
    yarn.run("word_count", f"{yarn.root}/in", "-o", f"{yarn.root}/out", *LOCAL).ok()
    assert yarn.place.read(f"{yarn.root}/out/part-00000") == b"line\t1\nlong\t1\n"


def test_names_with_blanks_and_other_letters(yarn: Yarn) -> None:
    yarn.place.write(f"{yarn.root}/a folder é#%20/x y&<'\".txt", b"a b\n")
    yarn.place.write(f"{yarn.root}/a folder é#%20/z.txt", b"b\n")
    output = f"{yarn.root}/an output é#%20&"
    yarn.run("word_count", f"{yarn.root}/a folder é#%20", "-o", output, *LOCAL).ok()
    assert yarn.place.read(f"{output}/part-00000") == b"a\t1\nb\t2\n"


def test_a_list_of_inputs_longer_than_a_task_can_take(yarn: Yarn) -> None:
    yarn.place.write(f"{yarn.root}/{'long' * 50}.txt", b"a\n")
    many = [f"{yarn.root}/{'long' * 50}.txt"] * 1000
    yarn.run("word_count", *many, "-o", f"{yarn.root}/out", *LOCAL).ok()
    assert yarn.place.read(f"{yarn.root}/out/part-00000") == b"a\t1000\n"


def test_rows_jobs_of_mrjobs_own_pass_through(yarn: Yarn, tmp_path: Path) -> None:
    (tmp_path / "longest.py").write_text(ROWS)
    yarn.place.write(f"{yarn.root}/in.txt", b"a bb cc ddd\nee\n")
    job = [str(tmp_path / "longest.py"), f"{yarn.root}/in.txt", "-o", f"{yarn.root}/out", "--least", "2"]
    yarn.run(*job, "-D", "mapreduce.job.reduces=2").ok()
    parts = [yarn.place.read(f"{yarn.root}/out/part-0000{part}") for part in (0, 1)]
    assert Counter(b"".join(parts).splitlines()) == Counter([b"2\t3", b"3\t1"])
    assert b"good: 2 files, 2 records" in command.run("verify", f"{yarn.root}/out", env=yarn.env).ok().out


def test_a_task_fails_in_its_own_words(yarn: Yarn) -> None:
    yarn.place.write(f"{yarn.root}/in/a.txt", b"first\n")
    job = [f"{JOBS}:Wrong", f"{yarn.root}/in", "-o", f"{yarn.root}/out", "-D", "mapreduce.map.maxattempts=2"]
    failed = yarn.run(*job, *yarn.name())
    assert failed.code == 1
    assert re.search(
        rf"fanin: map task \d over {yarn.root}/in/a.txt:\d\+\d failed:\nfanin: wrong on purpose: first\n", failed.err
    )
    assert yarn.states() == {"FINISHED"}
    assert yarn.place.names(yarn.root) == ["in"]


def test_a_task_fails_in_its_own_words_though_its_master_did_not_answer(yarn: Yarn, tmp_path: Path) -> None:
    yarn.place.write(f"{yarn.root}/in/a.txt", b"first\n")
    manager = yarn.manager()

    class NoMaster(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/proxy/"):
                self.send_error(503)
                return
            with urllib.request.urlopen(manager + self.path, timeout=10) as answer:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(answer.read())

    with ThreadingHTTPServer(("127.0.0.1", 0), NoMaster) as server:
        threading.Thread(target=server.serve_forever).start()
        address = f"127.0.0.1:{server.server_port}"
        yarn.configure("yarn-site.xml", {"yarn.resourcemanager.webapp.address": address}, tmp_path / "conf")
        failed = yarn.run(f"{JOBS}:Wrong", f"{yarn.root}/in", "-D", "mapreduce.map.maxattempts=2")
        server.shutdown()
    assert re.search(
        rf"map task \d over {yarn.root}/in/a.txt:\d\+\d failed:\nfanin: wrong on purpose: first\n", failed.err
    )


@pytest.mark.parametrize(("fails", "told"), [
    ("map", r"map task 0 over \S+/in/long.txt:0\+7 failed:\n.*  File \"fails.py\", line 8, in fail\n.*\nValueError: on purpose: second"),
    ("reduce", r"reduce task 0 failed:\n.*  File \"fails.py\", line 8, in fail\n.*\nValueError: on purpose: first"),
    ("read", r"map task 0 over \S+/in/long.txt.gz:0\+11 failed:\njava.io.EOFException: Unexpected end of input stream"),
])  # fmt: skip
def test_a_task_that_the_client_runs_fails_in_its_own_words(
    yarn: Yarn, tmp_path: Path, fails: str, told: str
) -> None:
    """The largest file is the first there, and tasks behind one that fails are run all the same."""
    (tmp_path / "fails.py").write_text(FAILS)
    cut = gzip.compress(b"second\n")[:11]
    yarn.place.write(f"{yarn.root}/in/long.txt{'.gz' * (fails == 'read')}", cut if fails == "read" else b"second\n")
    yarn.place.write(f"{yarn.root}/in/short.txt", b"first\n")
    failed = yarn.run(
        str(tmp_path / "fails.py"), f"{yarn.root}/in", "-o", f"{yarn.root}/out", "--fails", fails, *LOCAL
    )
    assert failed.code == 1
    assert re.fullmatch(rf"fanin: {told}\n\(the job was given up .*\)\n", failed.err, re.DOTALL), failed.err
    assert yarn.place.names(yarn.root) == ["in"]


def test_a_node_without_the_python_is_told(yarn: Yarn) -> None:
    yarn.place.write(f"{yarn.root}/in/a.txt", b"first\n")
    job = ["word_count", f"{yarn.root}/in", "-D", "mapreduce.map.maxattempts=1", "--python-bin", "python2.5"]
    failed = yarn.run(*job)
    assert failed.code == 1
    assert "python2.5" in failed.err
    assert "--node-python or --python-bin" in failed.err


def test_a_truncated_gz_fails_by_name_whatever_its_mapper_says(yarn: Yarn, tmp_path: Path) -> None:
    (tmp_path / "fails.py").write_text(FAILS)
    data = gzip.compress(b"".join(b"%d\n" % number for number in range(100_000)))
    yarn.place.write(f"{yarn.root}/in/cut.gz", data[: len(data) // 2])
    job = [str(tmp_path / "fails.py"), "-D", "mapreduce.map.maxattempts=1"]
    failed = yarn.run(*job, f"{yarn.root}/in", "-o", f"{yarn.root}/out")
    assert failed.code == 1
    told = rf"map task 0 over {yarn.root}/in/cut.gz:\S+ failed:\n.*Unexpected end of input stream\nwords before\n"
    assert re.search(told, failed.err), failed.err
    assert yarn.place.names(yarn.root) == ["in"]


def test_a_word_that_is_half_of_all_does_not_pile_up_on_one_reducer(yarn: Yarn) -> None:
    words = [b"hot" if number % 2 else b"w%d" % (number % 40_000) for number in range(1_000_000)]
    yarn.place.write(f"{yarn.root}/in.txt", b"\n".join(words))
    yarn.run("word_count", f"{yarn.root}/in.txt", "-o", f"{yarn.root}/out", *yarn.name(), "--parts", "4").ok()
    assert b"hot\t500000\n" in b"".join(yarn.place.read(f"{yarn.root}/out/part-0000{part}") for part in range(4))
    folder = f"{yarn.place.url}/tmp/hadoop-yarn/staging/history/done_intermediate/{getuser()}"
    (history,) = [name for name in yarn.place.names(folder) if yarn.mark in name and name.endswith(".jhist")]
    ended = [
        line for line in yarn.place.read(f"{folder}/{history}").splitlines() if b"REDUCE_ATTEMPT_FINISHED" in line
    ]
    counts = [int(re.findall(rb'"REDUCE_INPUT_RECORDS"[^}]*"value":(\d+)', line)[0]) for line in ended[1:]]
    assert len(counts) == 4
    assert max(counts) <= 1.2 * sum(counts) / 4
