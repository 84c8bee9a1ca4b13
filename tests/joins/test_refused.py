"""Joins that make no sense, as users ask for them: what, where and what to do, an exit code, nothing left behind."""

import re
from pathlib import Path

import pytest

from jobs.errors import FaninError
from joins import JoinJob
from tests import command

FILES = {
    "l.tsv": "id\turl\n1\t/a\n2\t/b\n",
    "r.tsv": "id\turl\tage\n1\t/x\t30\n3\t/y\t40\n",
    "few.tsv": "id\turl\n1\t/a\n2\n",
    "many.tsv": "id\turl\n1\t/a\t/b\n",
    "few.csv": "id,url\n1,/a\n2\n",
    "many.csv": 'id,url\n1,"/a"\n2,"/b",c\n',
    "tabs.csv": "id\turl\n1\t2\n",
    "twice.tsv": "id\tid\n1\t2\n",
    "misfit.tsv": "id\tat\n1\t2026-11-21\n2\tnever\n",
    "other.tsv": "id\tx\n1\ty\n",
    "empty.tsv": "",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where FILES are, and the test is."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(folder: Path, arguments: list[str], code: int, why: str) -> None:
    """In this process; how errors become a command's words and exit code is the same for all commands."""
    with pytest.raises(FaninError) as caught, JoinJob([*arguments, "--output-dir", "out"]).make_runner() as runner:
        runner.run()
    told = str(caught.value)
    assert re.search(why, told), told
    assert len(told) < 700, "more than a few lines"
    assert caught.value.exit_code == code
    assert {path.name for path in folder.iterdir()} == FILES.keys()


def by_command(arguments: list[str], code: int, why: str, input: bytes = b"") -> None:
    done = command.run("join", *arguments, "-o", "out", input=input)
    assert done.code == code, done.err
    assert re.search(why, done.err), done.err
    assert "Traceback" not in done.err
    assert done.out == b""
    assert {path.name for path in Path().iterdir()} == FILES.keys()


def on(*options: str, left: str = "l.tsv", right: str = "r.tsv", keys: str = "id") -> list[str]:
    return [left, right, "--on", keys, *options]


@pytest.mark.parametrize(("arguments", "why"), [
    (on(keys="nope"), "the left side has no column 'nope'; it has: id, url"),
    (on(keys="age=id"), "the left side has no column 'age'.*names the left side's column first"),
    (on(keys="url=nope"), "the right side has no column 'nope'; it has: id, url, age"),
    (on(keys="9=1"), "the left side has no column '9'; it has: 1, 2"),
    (on(keys="id,id"), "--on: id is there twice; name it once"),
    (on(keys="id,1"), "--on: id is there twice"),
    (on("--select", "age", keys="url=age,id,url=age"), "--on: url=age is there twice"),
    (on(keys="id,id=url"), "two columns of the output are called 'id'; tell the columns with --select"),
    (on(keys="a=b=c"), "write a column, or LEFT=RIGHT"),
    (on("--header", "--left-columns", "id:integer"), "'id' is HUGEINT on the left, and 'id' VARCHAR on the right; declare them alike"),
    (on("--header", "--left-columns", "id:float"), "floating-point numbers are no keys"),
    (on("--left-columns", "id, url"), "l.tsv: it begins with the names of its columns, id, url; give --header"),
    (on("--header", "--left-columns", "id:number, url"), "'number' is no type of a column"),
    (on("--suffix", ""), "two columns of the output are called 'url'; choose another --suffix"),
    (on("--select", "l.url, r.url"), "two columns of the output are called 'url'; name one of them with AS"),
    (on(right="twice.tsv"), "its header has the column 'id' more than once; say which are wanted with --right-columns"),
    (on(right="other.tsv", left="empty.tsv"), "the left side is empty.*give --left-columns"),
    (on(right="nowhere.tsv"), "nowhere.tsv: no such file"),
    (on(left="few.csv", right="tabs.csv"), "tabs.csv: its name says csv, its first line tsv; give --format"),
    (["--left", "l.tsv", "--left", "few.csv", "--right", "r.tsv", "--on", "id"], "the names of it and of files beside it say csv and tsv; give --format"),
    (["l.tsv", "--on", "id"], "give two inputs, LEFT RIGHT"),
    (["l.tsv", "r.tsv"], "give --on"),
    (on("--select", "max(age)"), "--select 'max.age.': not row-wise: an aggregate"),
    (on("--select", "row_number() OVER (ORDER BY age)"), "not row-wise: a window function"),
    (on("--select", "DISTINCT age"), "not row-wise: DISTINCT"),
    (on("--select", "ALL age"), "--select 'ALL age': it is a list of columns; leave out .*ALL"),
    (on("--select", "/* */ all age"), "--select .*it is a list of columns"),
    (on("--select", "(SELECT age FROM r)"), "not row-wise"),
    (on("--select", "l.url FROM l, r WHERE true --"), "syntax error"),
    (on("--select", "nope"), "^--select 'nope': Referenced column \"nope\" not found .* Candidate bindings: "),
    (on("--select", "lenght(age)"), "^--select 'lenght.age.': Scalar Function with name lenght does not exist. Did you mean \"length\""),
    (on("--where", "random() < 0.5"), "--where 'random.. < 0.5': not row-wise: random"),
    (on("--where", "true LIMIT 1"), "^--where 'true LIMIT 1': syntax error"),
    (on("--where", "true) LIMIT (1"), "not row-wise: LIMIT"),
    (on("--where", "true) UNION SELECT 'a', 'b', 'c', 'd' WHERE (true"), "--where .*: not row-wise"),
    (on("--where", "true) UNION ALL SELECT 'a', 'b', 'c', 'd' WHERE (true"), "--where .*: not row-wise"),
    (on("--where", "r.age > (SELECT min(age) FROM r)"), "not row-wise"),
    (on("--how", "semi", "--where", "r.age = '30'"), 'table "r" not found'),
    (on("--left-where", "true) UNION ALL SELECT id, url FROM (SELECT 'a' AS id, 'b' AS url) WHERE (true"), "--left-where .*not row-wise"),
    (on("--left-where", "id IN (SELECT id FROM l)"), "--left-where"),
    (on("--left-where", "now() > '2000-01-01'"), "not row-wise: now"),
    (on("--left-where", "r.age = '30'"), "--left-where .*table \"r\" not found"),
    (on("--right-where", "age + 1"), "--right-where 'age . 1': No function matches"),
    (on("--right-where", "true; DROP VIEW l"), "syntax error"),
])  # fmt: skip
def test_refused_before_anything_is_written(arguments: list[str], why: str, folder: Path) -> None:
    refused(folder, arguments, 2, why)


@pytest.mark.parametrize(("arguments", "why"), [
    (on(left="few.tsv"), "few.tsv:3: it has 1 columns, where there should be 2"),
    (on(right="few.tsv", left="r.tsv"), "few.tsv:3: it has 1 columns"),
    (on("--select", "age", left="many.tsv"), "many.tsv:2: it has 3 columns, where there should be 2"),
    (on(right="few.csv"), "few.csv:3: it has 1 columns"),
    (on("--left-format", "csv", "--how", "semi", left="many.csv"), "many.csv:3: it has 3 columns"),
    (on("--header", "--right-columns", "id, at:date", right="misfit.tsv"), "misfit.tsv:3: column 'at': never is not a date"),
    (on("--header", "--left-columns", "id, at:date", left="misfit.tsv"), "misfit.tsv:3: column 'at': never is not a date"),
])  # fmt: skip
def test_a_line_that_does_not_fit_fails_by_its_place(arguments: list[str], why: str, folder: Path) -> None:
    refused(folder, arguments, 1, why)


def test_an_explosion_is_refused_behind_the_reading(folder: Path) -> None:
    told = r"1 rows would match, more than --max-rows 0; most of them have the key '1' \(1 x 1\)"
    refused(folder, on("--max-rows", "0"), 1, told)


def test_the_command_says_it_in_a_line_and_by_its_exit_code() -> None:
    by_command(on(keys="nope"), 2, "^fanin: --on: the left side has no column 'nope'; it has: id, url")
    by_command(on("--how", "outer"), 2, "invalid choice: 'outer'")
    by_command(
        on(left="few.tsv"), 1, "^fanin: few.tsv:3: it has 1 columns, where there should be 2, in the line 2\n$"
    )


def test_standard_input_is_one_side() -> None:
    text = b"id\tx\n3\t2\n"
    by_command(on(left="-", right="-"), 2, "standard input can be read only once", input=text)
    counted = "--max-rows counts the keys of both inputs first, and standard input can be read only once"
    by_command(on("--max-rows", "9", left="-"), 2, counted, input=text)
    assert command.run("join", *on(left="-"), input=text).ok().out == b"3\t2\t/y\t40\n"


def test_an_output_is_not_replaced_unless_told(folder: Path) -> None:
    command.run("join", *on(), "-o", "out").ok()
    before = (folder / "out" / "part-00000").read_bytes()
    assert command.run("join", *on("--how", "left"), "-o", "out").code == 2
    assert (folder / "out" / "part-00000").read_bytes() == before
    command.run("join", *on("--how", "left"), "-o", "out", "--overwrite").ok()
    assert (folder / "out" / "part-00000").read_bytes() == before + b"2\t/b\t\\N\t\\N\n"
