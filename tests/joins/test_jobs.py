"""JoinJobs: columns and their names, measures over what is joined, manifests, and one join's output in another."""

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from jobs import Count, Sum
from joins import JoinJob, Layout
from tests import command
from tests.conformance.oracle import written

AGES = {str(number): str(20 + number % 3) for number in range(30)}


class ViewerAges(JoinJob):
    """How often people of each age look at each page."""

    on, how, select = "user=id", "inner", "l.url, r.age"
    right = Layout(columns="id, age")
    group_by, measures = ["url", "age"], {"views": Count()}


class Spent(JoinJob):
    """What people of each age have spent, those without an age, too."""

    on, how = "user=id", "left"
    left = Layout("csv", columns="user, amount")
    right = Layout(columns="id, age")
    group_by, measures = ["age"], {"spent": Sum("amount", scale=2), "rows": Count()}


class Unknown(JoinJob):
    on, group_by, measures = "id", ["nothing"], {"n": Count()}


def run(job: JoinJob) -> list[bytes]:
    with job.make_runner() as runner:
        runner.run()
        output = Path(runner.get_output_dir())
        return [path.read_bytes() for path in sorted(output.glob("part-*"))]


@pytest.fixture
def users(tmp_path: Path) -> Path:
    (tmp_path / "users.tsv").write_text("".join(f"{user}\t{age}\n" for user, age in AGES.items()))
    return tmp_path / "users.tsv"


@pytest.mark.parametrize("parts", [1, 7])
def test_viewer_ages(users: Path, parts: int) -> None:
    rng = random.Random(8)
    views = [(str(rng.randrange(40)), rng.choice(["/a", "/b\\t", "é"])) for _ in range(3000)]
    events = users.with_name("events.tsv")
    events.write_text("user\turl\n" + "".join(f"{user}\t{url}\n" for user, url in views))
    counts = Counter((url.replace("\\t", "\t"), AGES[user]) for user, url in views if user in AGES)
    expected = written((([url, age], [str(n)]) for (url, age), n in counts.items()), parts)
    assert run(ViewerAges([str(events), str(users), "--parts", str(parts)])) == expected


def test_exact_sums_of_joined_rows(users: Path) -> None:
    sales = users.with_name("sales.csv")
    sales.write_text("1,0.10\n1,0.20\n2,0.30\n99,5\n,7.25\n")
    assert run(Spent([str(sales), str(users)])) == [b"21\t0.30\t2\n22\t0.30\t1\n\\N\t12.25\t2\n"]


def test_a_measure_of_a_column_that_is_not_there(users: Path) -> None:
    table = users.with_name("table.tsv")
    table.write_text("id\tx\n1\t2\n")
    with pytest.raises(Exception, match="no column 'nothing' in rows, which yields: id, x, x_right"):
        run(Unknown([str(table), str(table)]))


def test_columns_with_names_that_we_use_ourselves(tmp_path: Path) -> None:
    (tmp_path / "l").write_text("id\tjoin key\trecord\tpart\tl\n1\tJ\tR\tP\tL\n")
    (tmp_path / "r").write_text("id\tr\tline\tf\twidth\n1\tR\tI\tF\tW\n")
    both = [str(tmp_path / "l"), str(tmp_path / "r"), "--on", "id"]
    assert run(JoinJob(both)) == [b"1\tJ\tR\tP\tL\tR\tI\tF\tW\n"]
    assert run(JoinJob([*both, "--parts", "1", "--select", 'r.f AS "join key", "join key" AS record'])) == [b"F\tJ\n"]


@pytest.mark.parametrize(("select", "record"), [
    ("to_json(l) AS l", b'{"id":"1","x":"a","y":"b"}\n'),
    ("to_json(r) AS r, l.y", b'{"id":"1","z":"c"}\tb\n'),
    ("#3 AS y, #5 AS z", b"b\tc\n"),
    ("COLUMNS('[yz]')", b"b\tc\n"),
    ("l.* EXCLUDE (x)", b"1\tb\n"),
    ("unnest([y, z]) AS two", b"b\nc\n"),
])  # fmt: skip
def test_select_is_over_all_columns(select: str, record: bytes, tmp_path: Path) -> None:
    (tmp_path / "l").write_text("id\tx\ty\n1\ta\tb\n")
    (tmp_path / "r").write_text("id\tz\n1\tc\n")
    job = JoinJob([str(tmp_path / "l"), str(tmp_path / "r"), "--on", "id", "--select", select])
    assert run(job) == [record]


def test_outputs_are_joined_by_their_columns_names(tmp_path: Path) -> None:
    def join(*arguments: str) -> command.Result:
        return command.run("join", *arguments, cwd=tmp_path).ok()

    (tmp_path / "l.tsv").write_text("id\tx\n1\ta\n2\tb\\\\\n3\t\\N\n")
    (tmp_path / "r.tsv").write_text("x\tkey\ty\nc\t1\td\ne\t2\tf\n")
    join("l.tsv", "r.tsv", "--on", "id=key", "--how", "left", "-o", "one", "--suffix", "2", "--parts", "7")
    manifest = json.loads((tmp_path / "one" / "_MANIFEST.json").read_text())
    assert [column["name"] for column in manifest["columns"]] == ["id", "x", "x2", "y"]
    assert manifest["order"] == ["id"]
    assert manifest["partitioner"] == {"function": "hadoop-key-fields", "columns": ["id"], "buckets": 7}
    assert manifest["counters"]["records"] == 3

    assert join("one", "r.tsv", "--on", "x2=x", "--select", "id, r.key").out == b"1\t1\n2\t2\n"
    join("one", "one", "--on", "id", "--left-where", "id = 'none'", "--select", "l.id, r.y", "-o", "none")
    assert (
        join("none", "l.tsv", "--on", "id", "--how", "right", "--select", "r.id, l.y").out
        == b"1\t\\N\n2\t\\N\n3\t\\N\n"
    )
    misread = command.run("join", "r.tsv", "one", "--on", "x=x2", "--right-format", "csv", cwd=tmp_path)
    assert (misread.code, misread.err) == (
        2, "fanin: one: fanin wrote it, as tab-separated records; read it with --format tsv, not as csv\n"
    )  # fmt: skip
    join("one", "r.tsv", "--on", "x2=x", "-o", "two", "--select", "id, r.key, l.y")
    assert "one: " in command.run("verify", "one", "two", cwd=tmp_path).ok().out.decode()
    told = command.run("history", "two", cwd=tmp_path).ok().out.decode()
    assert all(name in told for name in ("l.tsv", "r.tsv", "one"))
    with (tmp_path / "one" / "part-00003").open("a") as part:
        part.write("9\ta\tc\tz\n")
    assert command.run("join", "one", "r.tsv", "--on", "x2=x", cwd=tmp_path).code == 1
