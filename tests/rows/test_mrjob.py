"""mrjob classes on this machine: each of mrjob's features, against mrjob's own inline runner where that is right, or plain Python."""

import bz2
import gzip
import io
import json
import sys
import tarfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from jobs.catalog import find
from jobs.errors import FaninError
from tests import command, lab
from tests.rows.mapreduce import first, grouped, split, text_hash, with_tab
from tests.storage.places import HdfsPlace

TEXT = b"the quick fox\njumps over\nthe lazy dog\n\nthe end\n"
ALONE = ("--threads", "1", "-D", "mapreduce.job.maps=1", "--quiet")
HEAD = """
import os, sys
from mrjob.job import MRJob
from mrjob.step import MRStep
from mrjob.protocol import *
"""
MAIN = """
if __name__ == "__main__":
    Job.run()
"""


class Ran(NamedTuple):
    """What a job has written, and counted in each step."""

    output: bytes
    counters: list[dict[str, dict[str, int]]]

    @property
    def lines(self) -> list[bytes]:
        return self.output.splitlines()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "in.txt").write_bytes(TEXT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MRJOB_CONF", "/dev/null")
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def job(body: str, name: str = "job.py") -> str:
    """A file with a class Job."""
    Path(name).write_text(HEAD + body + MAIN)
    return name


def run(file: str, *arguments: str, inputs: Sequence[str] = ("in.txt",)) -> Ran:
    """A job run by us, in one process with this one."""
    kind = find(file)
    with kind(args=[*ALONE, *inputs, *arguments]).make_runner() as runner:
        runner.run()
        return Ran(b"".join(runner.cat_output()), runner.counters())


def inline(file: str, *arguments: str) -> Ran:
    """The same, run by mrjob."""
    done = command.python(file, "-r", "inline", "--no-conf", "in.txt", *arguments).ok()
    return Ran(done.out, [])


WORDS = """
class Job(MRJob):
    def mapper(self, _, line):
        for word in line.split():
            yield word, 1
    def combiner(self, word, counts):
        yield word, sum(counts)
    def reducer(self, word, counts):
        yield word, sum(counts)
"""
COUNTED = b"".join(b'"%b"\t%d\n' % item for item in sorted(Counter(TEXT.split()).items()))

SAME_AS_INLINE = {
    "a combiner": WORDS,
    "steps": """
class Job(MRJob):
    def steps(self):
        return [MRStep(mapper=self.words, reducer=self.total), MRStep(mapper=self.swap), MRStep(reducer=self.longest)]
    def words(self, _, line):
        for word in line.split():
            yield word, 1
    def total(self, word, counts):
        yield word, sum(counts)
    def swap(self, word, count):
        yield count, word
    def longest(self, count, words):
        yield count, max(words, key=lambda word: (len(word), word))
""",
    "a mapper alone": """
class Job(MRJob):
    OUTPUT_PROTOCOL = RawValueProtocol
    def mapper(self, key, line):
        assert key is None
        yield None, line.upper()
""",
    "a reducer alone": """
class Job(MRJob):
    INPUT_PROTOCOL = RawProtocol
    def reducer(self, key, values):
        yield key, sorted(map(str, values))
""",
    "raw": """
class Job(MRJob):
    INPUT_PROTOCOL, INTERNAL_PROTOCOL, OUTPUT_PROTOCOL = RawValueProtocol, RawProtocol, RawProtocol
    def mapper(self, _, line):
        yield line[:3], line
    def reducer(self, key, values):
        yield key, "|".join(sorted(values))
""",
    "bytes": """
class Job(MRJob):
    INPUT_PROTOCOL, INTERNAL_PROTOCOL, OUTPUT_PROTOCOL = BytesValueProtocol, BytesProtocol, BytesProtocol
    def mapper(self, _, line):
        yield line[:3] + b"\\xff", line + b"\\x00"
    def reducer(self, key, values):
        yield key, b"|".join(sorted(values))
""",
    "pickles": """
class Job(MRJob):
    INTERNAL_PROTOCOL, OUTPUT_PROTOCOL = PickleProtocol, ReprProtocol
    def mapper(self, _, line):
        yield (len(line), frozenset({len(line)})), {1, 2}
    def combiner(self, key, values):
        yield key, set.union(*values)
    def reducer(self, key, values):
        yield key[0], sorted(set.union(*values))
""",
    "reprs": """
class Job(MRJob):
    INTERNAL_PROTOCOL, OUTPUT_PROTOCOL = ReprProtocol, JSONValueProtocol
    def mapper(self, _, line):
        yield (len(line), line[:1]), {"line": line}
    def reducer(self, key, values):
        yield None, [key, sorted(value["line"] for value in values)]
""",
    "files, options and attributes": """
class Job(MRJob):
    FILES, DIRS = ["names.txt"], ["folder#place"]
    def configure_args(self):
        super().configure_args()
        self.add_file_arg("--stop")
        self.add_passthru_arg("--least", type=int, default=0)
        self.pass_arg_through("--runner")
    def mapper_init(self):
        self.stop = open(self.options.stop).read().split()
        self.name = open("names.txt").read() + open("place/inside").read()
    def mapper(self, _, line):
        for word in line.split():
            if word not in self.stop and len(word) >= self.options.least:
                yield word, self.name
""",
}  # fmt: skip
SLOW = ("a mapper alone", "a reducer alone", "raw", "reprs", "steps", "bytes")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in SAME_AS_INLINE]
)
def test_a_class_gives_what_mrjobs_inline_runner_gives(name: str) -> None:
    file = job(SAME_AS_INLINE[name])
    options = []
    if name.startswith("files"):
        Path("names.txt").write_text("name")
        Path("folder").mkdir()
        Path("folder/inside").write_text(" of a folder")
        Path("stop.txt").write_text("the over")
        options = ["--stop", "stop.txt", "--least", "4"]
    ours, theirs = run(file, *options), inline(file, *options)
    assert theirs.lines
    assert sorted(ours.lines) == sorted(map(with_tab, theirs.lines))


def test_hooks_run_once_a_task() -> None:
    ran = run(
        job("""
class Job(MRJob):
    def mapper_init(self):
        self.seen = []
        yield "mapper_init", 1
    def mapper(self, _, line):
        self.seen.append(line)
    def mapper_final(self):
        yield "lines", len(self.seen)
        yield "words", sum(len(line.split()) for line in self.seen)
    def reducer_init(self):
        self.keys = 0
        yield "reducer_init", None
    def reducer(self, key, values):
        self.keys += 1
        yield key, sum(values)
    def reducer_final(self):
        yield "keys", self.keys
""")
    )
    told = [("reducer_init", None), ("lines", 5), ("mapper_init", 1), ("words", 10), ("keys", 3)]
    assert ran.lines == [json.dumps(key).encode() + b"\t" + json.dumps(value).encode() for key, value in told]


def test_counters_status_and_a_combiners_own_hooks() -> None:
    ran = run(
        job("""
class Job(MRJob):
    def mapper(self, _, line):
        self.increment_counter("g", "lines")
        self.increment_counter("g, with comma", "lines", 2)
        self.set_status("at work")
        print("said", file=sys.stderr)
        yield "n", 1
    def combiner_init(self):
        yield "combiners", 1
    def combiner(self, key, values):
        self.increment_counter("g", "combined")
        yield key, sum(values)
    def combiner_final(self):
        yield "combined", 1
    def reducer(self, key, values):
        self.increment_counter("g", "reduced")
        yield key, sum(values)
""")
    )
    assert ran.output == b'"combined"\t1\n"combiners"\t1\n"n"\t5\n'
    assert ran.counters == [{"g": {"combined": 1, "lines": 5, "reduced": 3}, "g; with comma": {"lines": 10}}]


def test_jobconf_partitioner_and_reducers() -> None:
    ran = run(
        job(
            WORDS.replace(
                "def mapper(",
                """JOBCONF = {"mapreduce.job.reduces": 3, "my.own": "setting"}
    PARTITIONER = "org.apache.hadoop.mapred.lib.HashPartitioner"
    def mapper_init(self):
        assert os.environ["my_own"] == "setting" and os.environ["other"] == "one", os.environ
    def mapper(""",
                1,
            )
        ),
        "-D",
        "other=one",
        "--output-dir",
        "out",
    )
    parts = [split(path.read_bytes()) for path in sorted(Path("out").glob("part-*"))]
    expected = [[line for line in split(COUNTED) if text_hash(first(line)) % 3 == part] for part in range(3)]
    assert (parts, ran.output) == (expected, b"".join(line + b"\n" for part in expected for line in part))


COMMANDS = r"""
class Job(MRJob):
    def steps(self):
        return [
            MRStep(mapper_cmd="grep -o '[a-z]*'", reducer_cmd="sh -c 'uniq -c | while read n word; do echo \"\\\"$word\\\"\t$n\"; done'"),
            MRStep(mapper_pre_filter="grep -v the", mapper=self.read, reducer=self.write),
        ]
    def read(self, _, line):
        word, count = line.split("\t")
        yield word.strip('"'), int(count)
    def write(self, word, counts):
        yield word, sum(counts)
"""


def test_commands_of_a_shell_and_filters() -> None:
    assert run(job(COMMANDS)).lines == [line for line in split(COUNTED) if b'"the"' not in line]


def test_a_combiner_command() -> None:
    body = """
class Job(MRJob):
    def mapper_cmd(self):
        return "grep -o '[a-z]*'"
    def combiner_cmd(self):
        return "uniq"
    def reducer_cmd(self):
        return "cut -f 1"
"""
    assert run(job(body)).lines == [word + b"\t" for word in sorted(set(TEXT.split()))]


def test_setup_commands_and_archives() -> None:
    with tarfile.open("packed.tar.gz", "w:gz") as archive:
        archive.add("in.txt", "text")
    body = """
class Job(MRJob):
    ARCHIVES = ["packed.tar.gz#packed"]
    def mapper_init(self):
        import helper
        yield helper.NAME, len(open("packed/text").read())
    def mapper(self, _, line):
        pass
    def reducer(self, key, values):
        yield key, list(values)
"""
    Path("lib").mkdir()
    Path("lib/helper.py").write_text("import os\nNAME = os.environ['SAID']\n")
    ran = run(job(body), "--setup", "export PYTHONPATH=lib/#", "--setup", "export SAID=by_setup")
    assert ran.output == b'"by_setup"\t[%d]\n' % len(TEXT)


def test_whole_files_by_a_manifest() -> None:
    Path("other.txt").write_bytes(b"x")
    body = """
class Job(MRJob):
    def mapper_raw(self, path, uri):
        yield os.path.basename(uri), len(open(path, "rb").read())
"""
    assert sorted(run(job(body), inputs=["in.txt", "other.txt"]).lines) == [
        b'"in.txt"\t%d' % len(TEXT),
        b'"other.txt"\t1',
    ]


def test_values_are_sorted_where_a_class_says_so() -> None:
    body = """
class Job(MRJob):
    SORT_VALUES = True
    def mapper(self, _, line):
        for word in line.split():
            yield len(word), word
    def reducer(self, key, values):
        yield key, list(values)
"""
    words = TEXT.decode().split()
    by_length = {length: sorted(word for word in words if len(word) == length) for length in map(len, words)}
    found = {
        json.loads(first(line)): json.loads(line.split(b"\t")[1])
        for line in run(job(body), "-D", "mapreduce.job.reduces=3").lines
    }
    assert found == by_length


def test_standard_input_and_compressed_files_of_many_members(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.gz").write_bytes(gzip.compress(b"a\n") + gzip.compress(b"b\nc"))
    Path("b.bz2").write_bytes(bz2.compress(b"d\n") + bz2.compress(b"e\n"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"f\ng")))
    expected = b"".join(b'"%c"\t1\n' % letter for letter in b"abcdefg")
    assert run(job(WORDS), inputs=["a.gz", "b.bz2", "-"]).output == expected


# Ways to start one


def test_a_program_drives_a_job() -> None:
    job(WORDS.replace("MRJob", "Ours"), "counted.py")
    Path("counted.py").write_text(
        Path("counted.py").read_text().replace("import os, sys", "import os, sys\nfrom jobs import MRJob as Ours")
    )
    Path("program.py").write_text("""
from counted import Job
job = Job(args=["in.txt"])
with job.make_runner() as runner:
    runner.run()
    print(sorted(job.parse_output(runner.cat_output())), runner.counters())
""")
    pairs = sorted((json.loads(first(line)), int(line.split(b"\t")[1])) for line in split(COUNTED))
    assert command.python("program.py").ok().out.decode() == f"{pairs} [{{}}]\n"


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["local", "inline", "spark"])
def test_a_script_of_ones_own(engine: str) -> None:
    file = job(WORDS.replace("MRJob", "Ours"))
    Path(file).write_text(
        Path(file).read_text().replace("import os, sys", "import os, sys\nfrom jobs import MRJob as Ours")
    )
    done = command.python(file, "-r", engine, "in.txt")
    if engine == "spark":
        assert (done.code, done.err) == (
            2,
            "fanin: -r spark: no such engine; there are: local (also called inline), hadoop and emr\n",
        )
    else:
        assert done.ok().out == COUNTED


def test_fanin_run_with_a_class_of_mrjobs() -> None:
    done = command.run("run", job(WORDS), "in.txt", "-o", "out").ok()
    assert (done.out, Path("out/part-00000").read_bytes()) == (b"", COUNTED)


def refused(file: str, text: str, name: str = "", *options: str) -> str:
    Path(file).write_text(HEAD + text)
    with pytest.raises(FaninError) as caught:
        run(file + name, "-D", "mapreduce.map.maxattempts=1", *options)
    return str(caught.value)


@pytest.mark.parametrize("options", [(), ("--setup", "true")], ids=["preloaded", "started"])
def test_a_script_that_runs_no_job_or_another_is_refused(options: tuple[str, ...]) -> None:
    assert "none.py: ran to its end and started no job; it must end with: if __name__" in refused(
        "none.py", WORDS, "", *options
    )
    both = WORDS + WORDS.replace("Job(", "Other(") + MAIN
    assert "both.py: holds several jobs; name one: Job, Other" in refused("both.py", both)
    assert "runs Job where Other is wanted" in refused("another.py", both, ":Other", *options)


def test_an_error_of_a_class_is_told_with_its_traceback() -> None:
    with pytest.raises(FaninError) as caught:
        run(
            job("class Job(MRJob):\n    def mapper(self, _, line):\n        yield line, 1 / 0\n"),
            "-D",
            "mapreduce.map.maxattempts=1",
        )
    told = str(caught.value)
    assert "mapper 0 failed: exit code 1" in told
    assert "yield line, 1 / 0" in told
    assert "ZeroDivisionError" in told
    assert "input: in.txt, bytes 0 to 47" in told


@pytest.fixture
def hdfs() -> HdfsPlace:
    return HdfsPlace(lab.environment()["FANIN_LAB_HDFS"])


def on_hadoop(file: str, hdfs: HdfsPlace, *options: str) -> command.Result:
    """A job run with -r hadoop, all of it in one process of Hadoop."""
    local = [word for one in ("mapreduce.framework.name=local", "hadoop.tmp.dir=tmp") for word in ("-D", one)]
    whole = ["run", file, "in.txt", "-r", "hadoop", "-o", f"{hdfs.root}/out", *local, *options]
    return command.run(*whole, env=lab.environment())


@pytest.mark.hadoop
@pytest.mark.parametrize(("text", "name", "told"), [
    (WORDS, "Job", "ran to its end and started no job"),
    (WORDS + WORDS.replace("Job(", "Other(") + MAIN, "Other", "runs Job where Other is wanted"),
])  # fmt: skip
def test_such_a_script_fails_on_hadoop_too(hdfs: HdfsPlace, text: str, name: str, told: str) -> None:
    Path("job.py").write_text(HEAD + text)
    done = on_hadoop(f"job.py:{name}", hdfs)
    assert done.code == 1
    assert told in done.err
    assert "out" not in hdfs.names(hdfs.root)


@pytest.mark.hadoop
def test_a_variable_that_hadoop_would_cut_is_refused_there(hdfs: HdfsPlace) -> None:
    refused = on_hadoop(job(WORDS), hdfs, "--cmdenv", "SAID=hello world")
    assert refused.code == 2
    assert "--cmdenv SAID=...: has a blank, where Hadoop ends a value; set it by --setup" in refused.err


ON_HADOOP = {"a combiner": WORDS, **{name: SAME_AS_INLINE[name] for name in ("steps", "pickles", "raw")}}


@pytest.mark.hadoop
@pytest.mark.parametrize("name", ON_HADOOP)
def test_the_parts_are_those_of_hadoop(hdfs: HdfsPlace, name: str) -> None:
    file = job(ON_HADOOP[name])
    on_hadoop(file, hdfs, "-D", "mapreduce.job.reduces=3").ok()
    names = [f"{hdfs.root}/out/{part}" for part in sorted(hdfs.names(f"{hdfs.root}/out")) if part.startswith("part-")]
    theirs = [split(hdfs.read(part)) for part in names]
    run(file, "-D", "mapreduce.job.reduces=3", "--output-dir", "ours")
    ours = [split(path.read_bytes()) for path in sorted(Path("ours").glob("part-*"))]
    assert len(ours) == 3
    assert [grouped(part, first) for part in ours] == [grouped(part, first) for part in theirs]


@pytest.mark.parametrize("count", [200, pytest.param(2_000, marks=pytest.mark.slow)])
def test_each_line_knows_its_file(here: Path, count: int) -> None:
    Path("in").mkdir()
    for number in range(count):
        Path(f"in/{number}.txt").write_text(f"line of {number}\n" * (number % 3))
    body = """
class Job(MRJob):
    def mapper(self, _, line):
        yield os.environ["mapreduce_map_input_file"], line
    def reducer(self, name, lines):
        yield name, list(lines)
"""
    expected = {f"file:{here}/in/{n}.txt": [f"line of {n}"] * (n % 3) for n in range(count) if n % 3}
    ran = run(job(body), "--threads", "2", inputs=["in"])
    assert {json.loads(first(line)): json.loads(line.split(b"\t")[1]) for line in ran.lines} == expected


MEASURED = """
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

loader = SourceFileLoader("bench", sys.argv[1])
bench = module_from_spec(spec_from_loader("bench", loader))
loader.exec_module(bench)
bench.adopt()
print(bench.timed(sys.argv[2:]).cpu)
"""
BUSY = """\
import time
from mrjob.job import MRJob

class Busy(MRJob):
    def mapper(self, _, line):
        while time.process_time() < 3:
            pass
        yield line, 1

if __name__ == "__main__":
    Busy.run()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="orphans are waited for by init elsewhere")
def test_the_benchmark_sees_the_cpu_time_of_forked_tasks(tmp_path: Path) -> None:
    (tmp_path / "busy.py").write_text(BUSY)
    (tmp_path / "in").write_text("x\n")
    bench = str(Path(__file__).parents[2] / "scripts" / "bench-rows")
    words = [command.FANIN, "run", str(tmp_path / "busy.py"), str(tmp_path / "in"), "-o", str(tmp_path / "out"), "-q"]
    done = command.call(sys.executable, "-B", "-c", MEASURED, bench, *words).ok()
    assert float(done.out) >= 3
