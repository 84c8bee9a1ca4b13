"""The commands as a user runs them, good input and bad: one screen, an exit code, nothing left behind."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import command
from tests.conformance.cases import DATA
from tests.test_job_file import JOB_FILE

WORDS = b"the cat\nthe dog\n"
COUNTED = b"cat\t1\ndog\t1\nthe\t2\n"


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """A small input, text.txt."""
    file = tmp_path / "text.txt"
    file.write_bytes(WORDS)
    return file


@pytest.fixture(scope="session")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough distinct words for a run of some seconds."""
    file = tmp_path_factory.mktemp("big") / "big.txt"
    with file.open("w") as out:
        for i in range(0, 4_000_000, 10):
            out.write(" ".join(f"word{(i + j) * 7919 % 4_000_000}" for j in range(10)) + "\n")
    return file


def left(folder: Path) -> list[str]:
    """What lies beside the inputs."""
    return sorted(path.name for path in folder.iterdir() if path.suffix not in (".txt", ".py", ".gz"))


def refused(result: command.Result, code: int, words: str) -> None:
    assert result.code == code, result.err
    assert re.search(words, result.err), result.err
    assert "Traceback" not in result.err
    assert len(result.err.splitlines()) < 24, "more than a screen"
    assert result.out == b""


# What the README and the user does


def test_run_writes_an_output_directory_and_cat_prints_it(text: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = command.run("run", "word_count", str(text), "-o", str(out)).ok()
    assert (done.out, done.err) == (b"", "")
    assert sorted(path.name for path in out.iterdir()) == ["_MANIFEST.json", "_SUCCESS", "part-00000"]
    assert command.run("cat", str(out)).ok().out == COUNTED
    assert left(tmp_path) == ["out"]


@pytest.mark.slow
def test_every_command_is_a_process_that_imports_what_it_needs(text: Path, tmp_path: Path) -> None:
    given, out, again, joined, buckets = str(text), *(str(tmp_path / name) for name in ("a", "b", "c", "d"))
    command.start("run", "word_count", given, "-o", out, "--keep-partials").ok()
    assert command.start("cat", out).ok().out == COUNTED
    assert b"good" in command.start("verify", out).ok().out
    assert b"word_count" in command.start("history", out).ok().out
    assert b"word VARCHAR" in command.start("show", "word_count").ok().out
    command.start("merge", out, "-o", again).ok()
    command.start("join", given, given, "--on", "1", "-o", joined).ok()
    assert command.start("hot-keys", given, "--on", "1").ok().out
    command.start("bucket", given, "--on", "1", "--buckets", "2", "-o", buckets).ok()
    assert left(tmp_path) == ["a", "b", "c", "d"]


def test_the_mrjob_way(text: Path, tmp_path: Path) -> None:
    module = ("-m", "jobs.word_count", str(text))
    assert command.call(sys.executable, *module, "--output-dir", str(tmp_path / "out")).ok().out == b""
    assert (tmp_path / "out" / "part-00000").read_bytes() == COUNTED
    assert command.python(*module).ok().out == COUNTED
    for engine in ("local", "inline"):
        assert command.python(*module, "-r", engine).ok().out == COUNTED


def test_standard_input_and_output(text: Path) -> None:
    assert command.run("run", "word_count", "-", input=WORDS).ok().out == COUNTED
    assert command.run("run", "word_count", input=WORDS).ok().out == COUNTED
    assert command.run("run", "word_count", str(text), "-", input=b"the\n").ok().out == COUNTED.replace(b"2", b"3")


def test_reducers_are_parts(text: Path, tmp_path: Path) -> None:
    for name, option in (("a", ("--parts", "3")), ("b", ("-D", "mapreduce.job.reduces=3"))):
        command.run("run", "word_count", str(text), "-o", str(tmp_path / name), *option).ok()
        parts = sorted(path.name for path in (tmp_path / name).glob("part-*"))
        assert parts == ["part-00000", "part-00001", "part-00002"]
    assert command.run("cat", str(tmp_path / "a")).out == command.run("cat", str(tmp_path / "b")).out


def test_words_of_letters(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("Don't STOP, naïve cafe\u0301! ÄÖ 42nd\nİstanbul ǅ 日本語 x²y ٣\n")
    out = command.run("run", "word_count", "--words", "letters", str(text)).ok().out.decode()
    found = [line.split("\t")[0] for line in out.splitlines()]
    expected = ["42nd", "cafe\u0301", "don", "naïve", "stop", "t", "äö", "istanbul", "ǆ", "日本語", "x", "y", "٣"]
    assert found == sorted(expected, key=str.encode)


def test_a_users_own_job(tmp_path: Path, text: Path) -> None:
    (tmp_path / "my_job.py").write_text(JOB_FILE)
    by_file = command.run("run", str(tmp_path / "my_job.py") + ":Lengths", str(text)).ok().out
    by_script = command.call(sys.executable, str(tmp_path / "my_job.py"), str(text)).ok().out
    assert by_file == by_script == b"7\t2\n"


def test_no_name_of_a_column_is_special(tmp_path: Path) -> None:
    (tmp_path / "my_job.py").write_text(JOB_FILE)
    odd = command.run("run", "my_job.py:OddNames", "-", input=b"a\na\n1\n", cwd=tmp_path).ok().out
    assert odd == b"1\tb\tc\t1\t1\t7\t1\t7\na\tb\tc\t2\t2\t14\t2\t14\n"
    assert command.run("run", "my_job.py:OddMeasures", "-", input=b"1\n5\n", cwd=tmp_path).ok().out == b"2\t6\n"


def test_show() -> None:
    shown = command.run("show", "word_count", "--words", "letters").ok().out.decode()
    for part in (
        "word VARCHAR",
        "count = Count()",
        "--words = letters",
        "regexp_extract_all",
        "GROUP BY",
        "ORDER BY",
    ):
        assert part in shown


def test_help_names_every_command_and_option() -> None:
    assert all(name in command.run("--help").ok().out.decode() for name in ("run", "cat", "show"))
    assert "word_count" in command.run("run", "--help").ok().out.decode()
    job = command.run("run", "word_count", "--help").ok().out.decode()
    assert all(option in job for option in ("--words", "--memory", "--threads", "--parts", "--strict", "--max-line"))
    assert "local (default), hadoop or emr" in job and "spark" not in job
    assert "usage: fanin join [options] LEFT RIGHT" in command.run("join", "--help").ok().out.decode()
    assert "--verbose" in command.run("cat", "--help").ok().out.decode()
    assert "-mapper COMMAND" in command.run("streaming", "-help").ok().out.decode()


def test_the_access_log_by_pipes() -> None:
    """The same as `tr | sort | uniq -c`, which is how one does it without us."""
    log = DATA / "apache_access.log"
    pipe = (
        r"tr -s ' \t\r\f' '\n' <" + str(log) + " | grep -v '^$' | sed 's/\\\\/\\\\\\\\/g' | LC_ALL=C sort | uniq -c"
    )
    lines = subprocess.run(["bash", "-c", pipe], capture_output=True, check=True).stdout.splitlines()
    expected = b"".join(b"%b\t%b\n" % tuple(reversed(line.split())) for line in lines)
    assert command.run("run", "word_count", str(log)).ok().out == expected


def test_a_closed_pipe_is_no_error_message() -> None:
    log = DATA / "apache_access.log"
    done = command.call("bash", "-c", f"'{command.FANIN}' run word_count '{log}' | head -1")
    assert (done.code, done.err) == (0, "")


@pytest.mark.slow
def test_progress_is_shown_on_a_terminal_only(text: Path) -> None:
    """Under a pseudo-terminal of util-linux's script(1)."""
    big = text.with_name("more.txt")
    big.write_bytes(WORDS * 8_000_000)
    shown = command.call("script", "-qec", f"{command.FANIN} run word_count {big}", "/dev/null").ok()
    assert re.search(rb"MB of 128 MB \(\d+ %\), \d+ MB/s, \d+ s left", shown.out)
    assert b"MB/s" not in command.run("run", "word_count", str(big)).ok().err.encode()


# What goes wrong


@pytest.mark.parametrize(("arguments", "words"), [
    (["missing.txt"], r"missing\.txt: no such file or folder"), (["*.csv"], r"\*\.csv: no file matches"),
    (["empty"], "empty: a folder without files"), (["text.txt", "--memory", "lots"], "'lots' is not a size"),
    (["text.txt", "--memory", "1KB"], "--memory: 1000 is too small"), (["text.txt", "--memory", "-5MB"], "memory"),
    (["text.txt", "--parts", "0"], "--parts: 0 is too small"), (["text.txt", "--parts", "x"], "invalid int value"),
    (["text.txt", "--threads", "-1"], "--threads: -1 is too small"),
    (["text.txt", "--threads", "0"], "--threads: 0 is too small"), (["text.txt", "--max-bad", "101%"], "neither a number, as 20, nor a share"), (["text.txt", "--words", "x"], "invalid choice"),
    (["text.txt", "-D", "mapreduce.job.reduces=x"], "mapreduce.job.reduces=x: not a number"),
    (["text.txt", "--nonsense"], "unrecognized arguments: --nonsense"), (["text.txt", "-r", "spark"], "no such engine"),
    (["text.txt", "-c", "none.conf"], r"-c none\.conf: there is no such file"),
    (["text.txt", "--max-line", "1"], "--max-line: 1 is too small"),
])  # fmt: skip
@pytest.mark.usefixtures("text")
def test_usage_errors(arguments: list[str], words: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused(command.run("run", "word_count", *arguments, "-o", "out", cwd=tmp_path), 2, words)
    assert left(tmp_path) == ["empty"]


@pytest.mark.parametrize(("job", "words"), [
    ("word_cout", "unknown job 'word_cout'.*word_count"), ("wordcount", "word_count"), ("plan", "unknown job 'plan'"),
    ("none.py:Job", r"none\.py: no such job file"), ("no.such.module:Job", "cannot be imported"),
    ("broken.py:Job", r"(?s)broken\.py: cannot be loaded: ZeroDivisionError.*broken\.py:1: 1 / 0"),
    ("syntax.py:Job", "(?s)cannot be loaded: SyntaxError"), ("empty.py", "no job class"),
    ("my_job.py", "several jobs; name one: Lengths, Misspelt"), ("my_job.py:Other", "no job class 'Other'"),
    ("my_job.py:Misspelt", r"(?s)Misspelt\.rows: .*lenght.*my_job\.py:18: .*lenght\(line\) AS n"),
    ("my_job.py:NoColumn", r"(?s)NoColumn\.group_by: no column 'm' in rows, which yields: n.*my_job\.py:25: group_by"),
    ("my_job.py:NoMeasureColumn", r"(?s)measures: total: no column 'x'.*my_job\.py:31: measures"),
    ("my_job.py:NoMeasure", r"(?s)NoMeasure\.measures: n: 'count' is no measure.*my_job\.py:\d+: measures"),
    ("my_job.py:TextAsKeys", r"(?s)TextAsKeys\.group_by: 'line' is a text, not a list.*my_job\.py:\d+: group_by"),
    ("my_job.py:NotRowwise", r"(?s)NotRowwise\.rows: not row-wise: LIMIT.*my_job\.py:35: rows"),
])  # fmt: skip
@pytest.mark.usefixtures("text")
def test_jobs_that_are_refused(job: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "my_job.py").write_text(JOB_FILE)
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "syntax.py").write_text("class\n")
    (tmp_path / "empty.py").write_text("x = 1\n")
    for verb in (["run", job, "text.txt", "-o", "out"], ["show", job]):
        refused(command.run(*verb, cwd=tmp_path), 2, words)
    assert left(tmp_path) in ([], ["__pycache__"])


def test_an_existing_output_is_refused_and_kept(text: Path, tmp_path: Path) -> None:
    for name in ("file", "folder"):
        (tmp_path / name).touch() if name == "file" else (tmp_path / name).mkdir()
        refused(command.run("run", "word_count", str(text), "-o", name, cwd=tmp_path), 2, f"{name}: already exists")
    assert left(tmp_path) == ["file", "folder"]


def test_a_truncated_gz_is_named_and_nothing_published(tmp_path: Path) -> None:
    command.call("bash", "-c", f"seq 1000000 | gzip | head -c 500000 >{tmp_path}/cut.gz").ok()
    refused(command.run("run", "word_count", "cut.gz", "-o", "out", cwd=tmp_path), 1, r"cut\.gz: cut short")
    assert left(tmp_path) == []


def test_strict_refuses_and_otherwise_the_replaced_are_counted(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 d\xe9j\xe0\n")
    done = command.run("run", "word_count", "latin.txt", cwd=tmp_path).ok()
    assert "3 invalid UTF-8 sequence(s)" in done.err
    strict = command.run("run", "word_count", "latin.txt", "-o", "out", "--strict", cwd=tmp_path)
    refused(strict, 1, r"latin\.txt: invalid UTF-8 at byte 3")
    assert left(tmp_path) == []


def test_an_unreadable_file(text: Path, tmp_path: Path) -> None:
    text.chmod(0)
    # As root a file is readable whatever its mode, unless that privilege is dropped.
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]
    prefix = drop if os.geteuid() == 0 else []
    result = command.call(*prefix, command.FANIN, "run", "word_count", "text.txt", "-o", "out", cwd=tmp_path)
    refused(result, 1, r"text\.txt: cannot be read: Permission denied")
    assert left(tmp_path) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB; mounting it takes root, or a user namespace of one's own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.slow
def test_disk_full(big: Path, small_disk: Path) -> None:
    result = command.run("run", "word_count", str(big), "-o", str(small_disk / "out"))
    refused(result, 1, "out.*: disk full; free room there")
    assert list(small_disk.iterdir()) == []


@pytest.mark.slow
def test_records_that_a_full_disk_cuts_off(big: Path, small_disk: Path) -> None:
    done = command.call("bash", "-c", f"'{command.FANIN}' run word_count '{big}' > '{small_disk}/words'")
    assert (done.code, done.err) == (1, f"{CUT}\n")
    assert (small_disk / "words").stat().st_size > 1_000_000


CUT = "fanin: standard output: cannot be written: No space left on device; what is there is cut off"


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "arguments", ["cat out", "verify out", "run word_count text.txt", "run sums --help", "--help"]
)
def test_a_full_disk_behind_standard_output_is_told_as_that(arguments: str, unbuffered: str, text: Path) -> None:
    command.run("run", "word_count", "text.txt", "-o", "out", cwd=text.parent).ok()
    env = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "wb") as full:
        words = [command.FANIN, *arguments.split()]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, cwd=text.parent, env=env, text=True)
    assert (done.returncode, done.stderr) == (1, f"{CUT}\n")


def test_what_was_refused_is_told_before_a_full_disk() -> None:
    done = command.call("bash", "-c", f"PYTHONUNBUFFERED= '{command.FANIN}' run > /dev/full")
    assert (done.code, done.err) == (2, "fanin: run: name a job\n")


def test_an_output_directory_needs_no_standard_output(text: Path) -> None:
    done = command.call("bash", "-c", f"'{command.FANIN}' run word_count text.txt -o out >&-", cwd=text.parent)
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize("arguments", ["--help", "run", "show word_count", "run sums --help"])
def test_a_reader_that_has_gone_is_no_error_message(arguments: str) -> None:
    done = command.call(
        "bash", "-c", f"(sleep .5; PYTHONUNBUFFERED= '{command.FANIN}' {arguments}; echo $? >&2) | true"
    )
    assert done.err in ("141\n", "fanin: run: name a job\n2\n")


@pytest.mark.slow
def test_disk_full_while_spilling(big: Path, small_disk: Path) -> None:
    result = command.run("run", "word_count", str(big), "-o", str(small_disk / "out"), "--memory", "64MB")
    refused(result, 1, "disk full|not enough memory")
    assert list(small_disk.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after", [0, 0.3, 0.8, 1.5])
def test_ctrl_c(big: Path, tmp_path: Path, after: float, number: signal.Signals) -> None:
    """Some time after the run has begun to work, and long before it could end."""
    arguments = [command.FANIN, "run", "word_count", *[str(big)] * 20, "-o", str(tmp_path / "out")]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not left(tmp_path) and process.poll() is None:
        time.sleep(0.01)
    time.sleep(after)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    words = "interrupted; nothing was published"
    refused(command.Result(process.returncode, out, err.decode()), 128 + number, words)
    assert left(tmp_path) == []


def test_verbose_shows_the_traceback(tmp_path: Path) -> None:
    done = command.run("run", "word_count", "missing.txt", "--verbose", cwd=tmp_path)
    assert done.code == 2
    assert "Traceback" in done.err


def test_a_bad_number_names_the_group(tmp_path: Path) -> None:
    (tmp_path / "my_job.py").write_text(JOB_FILE)
    (tmp_path / "sales.txt").write_text("town 1.50\ncity 12\ntown 1_000\n")
    result = command.run("run", "my_job.py:Sales", "sales.txt", "-o", "out", cwd=tmp_path)
    refused(result, 1, r"column 'amount', scale=2: 1_000 is not a number, in group place=town")
    shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
    assert left(tmp_path) == []


def test_all_jobs_that_are_said_to_be_ready_are() -> None:
    listed = command.run("run")
    assert listed.code == 2
    names = listed.out.decode().split("JOB is one of: ")[1].split(";")[0].split(", ")
    assert names == sorted(names)
    assert {"group_stats", "histogram", "sessions", "sums", "top_pages", "windows", "word_count"} < set(names)
    assert {"bucket", "flight_planes", "hot_keys", "sort_merge", "viewer_ages"} < set(names)
    assert not {"aggregate", "job", "tabular"} & set(names)
    for name in names:
        assert "usage: fanin run" in command.run("run", name, "--help").ok().out.decode()


def test_what_lines_cannot_do_wrong_is_refused() -> None:
    refused = command.run("run", "word_count", "-", "--on-error", "skip")
    assert (refused.code, "this job reads lines" in refused.err) == (2, True)


IDLE = [
    "--cluster",
    "j-A",
    "--instance-type=m7g.large",
    "--no-ssh-tunnel",
    "--jvm-flags",
    "",
    "--label",
    "x",
    "-D",
    "a=b",
]
ROWS = """\
from mrjob.job import MRJob

class Words(MRJob):
    def mapper(self, _, line):
        for word in line.split():
            yield word, 1

    def reducer(self, word, counts):
        yield word, sum(counts)

if __name__ == "__main__":
    Words.run()
"""


@pytest.mark.parametrize(("job", "more"), [("word_count", "--cmdenv, --files, "), ("rows.py:Words", "")])
def test_options_of_clusters_are_told_once_where_there_is_none(job: str, more: str, text: Path) -> None:
    """Of mappers and reducers --cmdenv and --files are heeded here, too; those of a mrjob.conf are for all engines."""
    here = text.parent
    (here / "rows.py").write_text(ROWS)
    (here / "mrjob.conf").write_text("runners: {emr: {region: x}, hadoop: {hadoop_bin: x}}")
    words = ["run", job, "text.txt", "--cmdenv", "A=b", "--files", "text.txt"]
    done = command.run(*words, *IDLE, "-c", "mrjob.conf", cwd=here).ok()
    told = re.fullmatch("fanin: not used with -r local: (.*)\n", done.err)
    assert told
    expected = {"--cluster", "--instance-type", "--no-ssh-tunnel", "--jvm-flags", *filter(None, more.split(", "))}
    assert sorted(told[1].split(", ")) == sorted(expected)
    assert not command.run(*words, *IDLE, "-q", cwd=here).ok().err
    if not more:
        assert not command.run(*words, cwd=here).ok().err
