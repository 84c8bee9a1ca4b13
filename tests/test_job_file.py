"""A user's own job file, and mrjob's way to drive a job from a program."""

import io

import pytest

from jobs.errors import FaninError
from jobs.word_count import WordCount

JOB_FILE = '''\
from jobs import AggregateJob, Count, Sum


class Lengths(AggregateJob):
    """How many lines there are of each length."""

    rows = "SELECT length(line) AS n FROM lines"
    group_by = ["n"]
    measures = {"count": Count()}


class Misspelt(AggregateJob):
    measures = {"count": Count()}
    rows = """

        SELECT
            line,
            lenght(line) AS n
        FROM lines
    """


class NoColumn(AggregateJob):
    rows = "SELECT length(line) AS n FROM lines"
    group_by = ["m"]
    measures = {"count": Count()}


class NoMeasureColumn(AggregateJob):
    rows = "SELECT length(line) AS n FROM lines"
    measures = {"total": Sum("x")}


class NotRowwise(AggregateJob):
    rows = "SELECT line FROM lines LIMIT 3"
    measures = {"count": Count()}


class Sales(AggregateJob):
    rows = "SELECT fields[1] AS place, fields[2] AS amount FROM (SELECT string_split(line, ' ') AS fields FROM lines)"
    group_by = ["place"]
    measures = {"total": Sum("amount", scale=2)}


class OddNames(AggregateJob):
    """Names that the stages use, too."""

    rows = """SELECT line AS key, 'b' AS part, 'c' AS "n.n", '7' AS lines FROM lines"""
    group_by = ["key", "part", "n.n"]
    measures = {"value": Count(), "n": Count(), "record": Sum("lines"), "final": Count(), "rows": Sum("lines")}


class OddMeasures(AggregateJob):
    rows = "SELECT line AS x FROM lines"
    measures = {"key": Count(), "part": Sum("x")}


class NoMeasure(AggregateJob):
    rows = "SELECT line FROM lines"
    measures = {"n": "count"}


class TextAsKeys(AggregateJob):
    rows = "SELECT line FROM lines"
    group_by = "line"


if __name__ == "__main__":
    Lengths.run()
'''


def test_a_runner_as_mrjob_programs_use_it() -> None:
    job = WordCount(args=["--words", "letters", "--parts", "2"])
    job.sandbox(stdin=io.BytesIO(b""))
    assert job.plan().rows.count("lower(") == 1
    with WordCount(args=[__file__]).make_runner() as runner:
        with pytest.raises(ValueError, match="run the job"):
            list(runner.cat_output())
        runner.run()
        output = b"".join(runner.cat_output())
        assert b"\ndef\t" in output
        assert runner.counters()[0]["fanin"]["records"] == output.count(b"\n")


def test_a_program_gets_the_error_itself() -> None:
    with WordCount(args=["missing.txt"]).make_runner() as runner, pytest.raises(FaninError, match="missing.txt"):
        runner.run()
