"""What is told of a failed task."""

import pytest

from jobs.engines.hadoop.failures import Failure, own_words


def test_a_task_that_was_ended_from_outside_does_not_know_why() -> None:
    stderr = "log4j: x\nreporter:status:running for 30 s\nfanin: interrupted; nothing was published\n"
    assert own_words(stderr) == ""
    why = "Container [pid=1] is running 9B beyond the 'PHYSICAL' memory limit."
    assert str(Failure("task_1_0001_r_000000", own_words(stderr), "", why, "")) == f"reduce task 0 failed:\n{why}"


def test_what_a_task_happened_to_say_does_not_hide_why_hadoop_ended_it() -> None:
    why = "Container [pid=1] is running 9B beyond the 'PHYSICAL' memory limit."
    told = str(Failure("task_1_0001_m_000003", "1000 lines\n2000 lines", "", why, ""))
    assert told == f"map task 3 failed:\n{why}\n1000 lines\n2000 lines"


@pytest.mark.parametrize("symptom", [
    "Error: java.lang.RuntimeException: PipeMapRed.waitOutputThreads(): subprocess failed with code 1", "Error: java.io.IOException: Broken pipe",
])  # fmt: skip
def test_a_symptom_is_told_of_a_task_without_words_alone(symptom: str) -> None:
    assert str(Failure("task_1_0001_m_000003", "why", "", symptom, "")) == "map task 3 failed:\nwhy"
    assert str(Failure("task_1_0001_m_000003", "", "", symptom, "")) == f"map task 3 failed:\n{symptom}"


def test_a_task_that_fails_says_why_itself() -> None:
    assert own_words("SLF4J: y\nfanin: in.csv:3: not an integer\n") == "fanin: in.csv:3: not an integer"
