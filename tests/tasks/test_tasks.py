"""Map and reduce tasks as a node runs them: processes with lines in and lines out. Their answers are conformance's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobs import AggregateJob, Count
from jobs.tasks.container import LEAST, budget
from jobs.word_count import WordCount
from tests import command

TASK = ["-m", "jobs.tasks"]


@pytest.fixture
def plan(tmp_path: Path) -> str:
    file = tmp_path / "plan.json"
    file.write_text(WordCount(args=["--strict"]).plan().to_json())
    return str(file)


def test_a_map_task_emits_one_partial_a_group_and_a_reduce_task_merges(plan: str) -> None:
    first = command.python(*TASK, "map", plan, input=b"b a\na\n").ok().out
    second = command.python(*TASK, "map", plan, input=b"a\\t\n").ok().out
    assert sorted(first.splitlines() + second.splitlines()) == [b"a\t2", b"a\\\\t\t1", b"b\t1"]
    shuffled = b"".join(sorted((first + second + first).splitlines(keepends=True)))
    assert command.python(*TASK, "reduce", plan, input=shuffled).ok().out == b"a\t4\na\\\\t\t1\nb\t2\n"


def test_no_line_makes_no_record(plan: str) -> None:
    assert command.python(*TASK, "map", plan).ok().out == command.python(*TASK, "reduce", plan).ok().out == b""


def test_a_task_imports_no_mrjob(plan: str) -> None:
    """Nor anything else that its bundle would have to carry beside duckdb and arro3."""
    code = (
        "import sys\n"
        "from jobs.tasks.__main__ import main\n"
        "main('map', sys.argv[1])\n"
        "foreign = {name.split('.')[0] for name, module in sys.modules.items() if 'site-packages' in"
        " (getattr(module, '__file__', None) or '')}\n"
        "print(sorted(name for name in foreign if not name.startswith(('__editable__', '_distutils_hack'))), file=sys.stderr)\n"
    )
    done = command.call(sys.executable, "-c", code, plan, input=b"a\n").ok()
    assert done.err.strip().splitlines()[-1] == "['_duckdb', 'arro3', 'duckdb']"


def test_invalid_text_is_counted_for_hadoop(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text(WordCount(args=[]).plan().to_json())
    done = command.python(*TASK, "map", str(file), input=b"\xff \xfe\n").ok()
    assert "reporter:counter:fanin,invalid_utf8,2\n" in done.err


class Nothing(AggregateJob):
    """Rows that there are none of, for DuckDB to see at once."""

    rows, measures = "SELECT line FROM lines WHERE 1 = 0", {"n": Count()}


def test_a_task_reads_all_of_its_input_even_if_nothing_is_asked_of_it(tmp_path: Path) -> None:
    """Hadoop fails one that does not, for its broken pipe."""
    file = tmp_path / "plan.json"
    file.write_text(Nothing(args=[]).plan().to_json())
    with subprocess.Popen(
        [sys.executable, *TASK, "map", str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as task:
        assert task.stdin
        assert task.stdout
        task.stdin.write(b"line\n" * 1_000_000)
        task.stdin.close()
        assert task.stdout.read() == b"\t0\n"
    assert task.returncode == 0


def test_an_error_names_the_file_that_hadoop_says_is_read(plan: str) -> None:
    environment = os.environ | {"mapreduce_map_input_file": "hdfs://nn/in/latin.txt"}
    done = command.python(*TASK, "map", plan, input=b"ok\n\xff\n", env=environment)
    assert done.code == 1
    assert "hdfs://nn/in/latin.txt: invalid UTF-8 at byte 3" in done.err


def test_a_long_query_is_heard_of(plan: str, tmp_path: Path) -> None:
    code = (
        "import sys, runpy, jobs.tasks.reporter as reporter\n"
        "reporter.EVERY = 0.05\n"
        "sys.argv = ['tasks', 'map', sys.argv[1]]\n"
        "runpy.run_module('jobs.tasks', run_name='__main__')\n"
    )
    text = tmp_path / "text"
    text.write_bytes(b"".join(b"%d " % i for i in range(1_000_000)).replace(b"0 ", b"0\n"))
    with text.open("rb") as lines:
        done = command.call(sys.executable, "-c", code, plan, stdin=lines).ok()
    assert done.err.count("reporter:status:running for") >= 3


@pytest.mark.parametrize(("settings", "expected"), [
    ({"mapreduce_map_memory_mb": "768", "mapreduce_map_java_opts": "-Xmx300m -XX:+UseSerialGC"}, (468 << 20) - 200_000_000),
    ({"mapreduce_map_memory_mb": "4096", "mapred_child_java_opts": "-Xmx1g"}, (3072 << 20) - 200_000_000),
    ({"mapreduce_map_memory_mb": "300"}, LEAST), ({"FANIN_MEMORY": "123456789"}, 123456789),
])  # fmt: skip
def test_the_budget_stays_below_the_container(
    settings: dict[str, str], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert budget("map") == expected


@pytest.mark.slow
def test_five_million_groups_spill_and_live_in_a_container_of_768_mb(plan: str, tmp_path: Path) -> None:
    """Beside a JVM of 300 MB; the folder of the task is empty afterwards."""
    text = tmp_path / "text"
    with text.open("w") as out:
        for i in range(0, 5_000_000, 10):
            out.write(" ".join(f"distinct-word-{(i + j) * 7919 % 5_000_000}" for j in range(10)) + "\n")
    work = tmp_path / "work"
    work.mkdir()
    environment = os.environ | {"mapreduce_map_memory_mb": "768", "mapreduce_map_java_opts": "-Xmx300m"}
    measured = [sys.executable, "-c", command.PEAK, sys.executable, *TASK, "map", plan]
    with text.open("rb") as lines:
        done = subprocess.run(measured, stdin=lines, capture_output=True, check=True, cwd=work, env=environment)
    records, _, peak = done.stdout.rstrip(b"\n").rpartition(b"\n")
    assert records.count(b"\n") + 1 == 5_000_000
    assert int(peak) < 468 << 20
    assert list(work.iterdir()) == []
