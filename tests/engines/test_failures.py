"""What is told of a failed task."""

from jobs.engines.hadoop.failures import Failure, own_words


def test_a_task_that_was_ended_from_outside_does_not_know_why() -> None:
    stderr = "log4j: x\nreporter:status:running for 30 s\nfanin: interrupted; nothing was published\n"
    assert own_words(stderr) == ""
    why = "Container [pid=1] is running 9B beyond the 'PHYSICAL' memory limit."
    assert str(Failure("task_1_0001_r_000000", own_words(stderr), "", why, "")) == f"reduce task 0 failed:\n{why}"


def test_a_task_that_fails_says_why_itself() -> None:
    assert own_words("SLF4J: y\nfanin: in.csv:3: not an integer\n") == "fanin: in.csv:3: not an integer"
