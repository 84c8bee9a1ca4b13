"""The commonest keys: their counts are those of plain Python, and what is said of salting follows from them."""

import json
import os
import re
from collections import Counter
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joins.hot_keys import HotKeys, key_counts
from joins.key_counts import Key, KeyCounts
from tests import command
from tests.examples import examples
from tests.joins_tools.rows import Row, line, rows, write

EVENTS: list[Row] = [
    ("u1", "/a"),
    (None, "/a"),
    ("u2", "/b"),
    ("u1", "/b"),
    ("u1", "/a"),
    ("u\t3", "/a"),
    ("u1", "/c"),
]


@pytest.fixture
def events(tmp_path: Path) -> str:
    return str(write(tmp_path / "events.tsv", ["user_id", "url"], EVENTS))


def told(*arguments: str) -> Any:
    """What the job tells programs."""
    job = HotKeys([*arguments, "--json"]).sandbox()
    job.run_job()
    return json.loads(job.stdout.getvalue())


def refused(*arguments: str, code: int = 2) -> str:
    """What the command says when it refuses."""
    done = command.run("hot-keys", *arguments)
    assert (done.code, done.out) == (code, b""), done.err
    return done.err


@pytest.mark.slow
@examples(15)
@given(found=rows(3), top=st.integers(1, 5), reducers=st.integers(1, 6))
def test_counts_are_those_of_plain_python(
    tmp_path_factory: pytest.TempPathFactory, found: list[Row], top: int, reducers: int
) -> None:
    path = write(tmp_path_factory.mktemp("in") / "in.tsv", ["a", "v", "b"], found)
    counted = Counter(line((a, b)) for a, _, b in found if a is not None and b is not None)
    commonest = sorted(counted.items(), key=lambda one: (-one[1], one[0].encode()))
    hot = sum(n * reducers > len(found) for n in counted.values())
    answer = told(str(path), "--on", "a,b", "--top", str(top), "--reducers", str(reducers))
    assert (answer["rows"], answer["null_keys"]) == (len(found), len(found) - counted.total())
    assert [("\t".join(key["key"].values()), key["rows"]) for key in answer["keys"]] == commonest[: max(top, hot)]
    assert [key["cells"] for key in answer["keys"]] == [
        ceil(n * reducers / len(found)) for _, n in commonest[: max(top, hot)]
    ]


def test_a_person_reads_a_table_and_what_salting_would_do(events: str) -> None:
    done = command.run("hot-keys", events, "--on", "user_id", "--reducers", "4").ok()
    assert done.out.decode().splitlines() == [
        "7 rows; 1 of them (14.29%) have a null key, which matches nothing",
        "",
        "user_id  rows   share  cells",
        "u1          4  57.14%      3",
        "u2          1  14.29%      1",
        r"u\t3        1  14.29%      1",
        "",
        "1 key has more than 25.00% of all rows. The reducer of u1 would get 2.3 times that, or more, and end last.",
        "Salted, that key is spread over 3 cells of about 2 rows.",
    ]


def test_where_no_key_is_hot_salting_gains_nothing(events: str) -> None:
    out = command.run("hot-keys", events, "--on", "user_id,url", "--top", "1", "--share", "50%").ok().out.decode()
    assert out.splitlines()[2:4] == ["user_id  url  rows   share  cells", "u1       /a      2  28.57%      1"]
    assert out.endswith(
        "\nNo key has more than 50.00% of all rows: no reducer would be late for one key, and salting gains nothing.\n"
    )


def test_rows_that_are_not_wanted_are_not_counted(events: str) -> None:
    answer = told(events, "--on", "user_id", "--where", "l.url <> '/a' OR user_id IS NULL")
    assert (answer["rows"], answer["null_keys"]) == (4, 1)
    assert answer["keys"][0] == {"key": {"user_id": "u1"}, "rows": 2, "share": 0.5, "cells": 4}


def test_hot_keys_are_told_beyond_the_top(events: str) -> None:
    answer = told(events, "--on", "user_id", "--top", "1", "--share", "0.1")
    assert (answer["hot_above"], [key["rows"] for key in answer["keys"]]) == (0.1, [4, 1, 1])


def test_columns_by_list_by_number_and_of_csv(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'x,"u,1"\ny,NA\nz,"u,1"\n')
    file = str(tmp_path / "a.csv")
    for columns in (["--on", "2"], ["--on", "who", "--columns", "what, who"]):
        answer = told(file, "--format", "csv", "--null", "NA", *columns)
        assert (answer["rows"], answer["null_keys"]) == (3, 1)
        assert [list(key["key"].values()) for key in answer["keys"]] == [["u,1"]]
    (tmp_path / "b.csv").write_bytes(b"id,n\n1,2\n")
    assert told(str(tmp_path / "b.csv"), "--format", "csv", "--on", "n")["keys"][0]["key"] == {"n": "2"}


def test_standard_input_and_no_rows_at_all(tmp_path: Path) -> None:
    given = b"user_id\turl\nu1\t/a\n"
    assert json.loads(command.run("hot-keys", "--on", "user_id", "--json", input=given).ok().out)["rows"] == 1
    (tmp_path / "empty.tsv").touch()
    done = command.run("hot-keys", str(tmp_path / "empty.tsv"), "--on", "a", "--columns", "a, b").ok()
    assert done.out == b"0 rows; no key is null\n"


def test_an_output_directory_holds_the_records_beside_what_is_told(events: str, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    done = command.run("hot-keys", events, "--on", "user_id", "--top", "1", "--reducers", "1", "-o", out).ok()
    assert b"u1          4" in done.out
    assert command.run("cat", out).ok().out == b"all\t\\N\t7\nall keys\t\\N\t6\nkey\tu1\t4\n"


def test_what_a_program_drives(events: str) -> None:
    job = HotKeys([events, "--on", "user_id"])
    job.sandbox(stdout=BytesIO())
    with job.make_runner() as runner:
        runner.run()
        assert b"".join(runner.cat_output()).startswith(b"all\t\\N\t7\n")


def test_tasks_of_a_cluster_count_the_same(events: str, tmp_path: Path) -> None:
    job = HotKeys([events, "--on", "user_id", "--where", "url <> '/c'", "--top", "1", "--reducers", "1"])
    (tmp_path / "plan.json").write_text(job.plan().to_json())
    header, *lines = Path(events).read_bytes().splitlines(keepends=True)
    splits = {"0": [header, *lines[:3]], "70": lines[3:]}  # by the byte they begin at
    task = ("-m", "jobs.tasks")
    shuffled: list[bytes] = []
    for start, split in splits.items():
        env = os.environ | {"mapreduce_map_input_file": events, "mapreduce_map_input_start": start}
        mapped = command.python(*task, "map", "plan.json", input=b"".join(split), env=env, cwd=tmp_path).ok().out
        shuffled += mapped.splitlines(keepends=True)
    reduced = command.python(*task, "reduce", "plan.json", input=b"".join(sorted(shuffled)), cwd=tmp_path).ok().out
    assert key_counts(["user_id"], reduced) == KeyCounts(("user_id",), 6, 1, (Key(("u1",), 3),))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "give --on"),
        (["--on", "user_id=id"], "there is one input"),
        (["--on", "nobody"], "the input has no column 'nobody'; it has: user_id, url\n"),
        (["--on", "user_id", "--where", "random() < 1"], r"--where 'random\(\) < 1': not row-wise: random"),
        (["--on", "user_id", "--where", "nobody = 1"], "--where 'nobody = 1': .*\"nobody\" not found"),
        (["--on", "user_id", "--share", "0"], "--share '0': write a share"),
        (["--on", "user_id", "--share", "101%"], "--share '101%': write a share"),
        (["--on", "user_id", "--top", "0"], "--top: 0 is too small"),
        (["--on", "user_id", "--reducers", "0"], "--reducers: 0 is too small"),
        (["--on", "user_id", "--on-error", "skip"], "--on-error skip: a join reads every row"),
        (["--on", "user_id", "--columns", "user_id, url, user_id"], "--columns: the column 'user_id' twice"),
        (["--on", "user_id", "--format", "jsonl"], "the input: jsonl tells no columns; give --columns"),
    ],
)
def test_what_cannot_be_is_refused(events: str, options: list[str], said: str) -> None:
    assert re.search(said, refused(events, *options))


def test_a_ragged_row_is_named(tmp_path: Path) -> None:
    (tmp_path / "in.tsv").write_bytes(b"a\tb\n1\t2\n3\n")
    assert "in.tsv:3: " in refused(str(tmp_path / "in.tsv"), "--on", "a", code=1)
