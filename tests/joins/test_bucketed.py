"""Sides that are to be joined bucket by bucket: what manifests prove, what is refused and why, and what comes of it."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from jobs.errors import FaninError, UsageError
from joins import JoinJob
from joins.bucket import Bucket
from joins.fetch import Remote, fetched
from joins.partitioned import PartitionedJoin
from tests import command

EVENTS = "id\turl\n" + "".join(f"u{n % 9}\t/{n}\n" for n in range(60)) + "\\N\t/none\n"
USERS = "id\tage\n" + "".join(f"u{n}\t{20 + n}\n" for n in range(2, 14)) + "\\N\t1\n"
NUMBERS = "id\tn\n" + "".join(f"{n}\t{n}\n" for n in range(9))


def bucketed(path: Path, out: str, on: str = "id", buckets: int = 4, *options: str) -> str:
    told = [str(path), "--on", on, "--buckets", str(buckets), "--output-dir", str(path.parent / out), *options]
    with Bucket(told).make_runner() as runner:
        runner.run()
    return str(path.parent / out)


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Inputs by name: most are bucketed."""
    tmp_path = tmp_path_factory.mktemp("sides")
    texts = {"events": EVENTS, "users": USERS, "numbers": NUMBERS}
    files = {name: tmp_path / f"{name}.tsv" for name in texts}
    for name, text in texts.items():
        files[name].write_text(text)
    times = tmp_path / "times.tsv"
    times.write_text("id\tn\n2026-11-24 10:00:00\t1\n")
    merged = str(tmp_path / "merged")
    with JoinJob([str(files["events"]), str(files["users"]), "--on", "id", "--select", "l.id, r.age",
                  "--output-dir", merged]).make_runner() as runner:  # fmt: skip
        runner.run()
    found = {
        "events": bucketed(files["events"], "events"),
        "users": bucketed(files["users"], "users"),
        "two": bucketed(files["users"], "two", "id", 2),
        "by url": bucketed(files["events"], "url", "url"),
        "by both": bucketed(files["events"], "both", "id,url"),
        "by both, turned": bucketed(files["events"], "turned", "url,id"),
        "integers": bucketed(files["numbers"], "integers", "id", 4, "--header", "--columns", "id:integer, n"),
        "texts": bucketed(files["numbers"], "texts"),
        "times": bucketed(times, "moments", "id", 4, "--header", "--columns", "id:time, n"),
        "selected": merged,
    }
    return found | {"a file": str(files["users"]), "parts": f"{found['users']}/part-*"}


REFUSED: list[tuple[str, str, list[str], str]] = [
    ("events", "two", [], "the left side has 4 buckets, and the right one 2; .*`fanin bucket INPUT --on id --buckets 4`"),
    ("two", "events", [], "the left side has 2 buckets, and the right one 4"),
    ("by url", "users", [], r"the left side is bucketed by \(url\), and the join is on \(id\); `fanin bucket INPUT --on id --buckets N`"),
    ("by both", "users", [], r"the left side is bucketed by \(id, url\), and the join is on \(id\)"),
    ("by both, turned", "by both", ["--on", "id,url"], r"the left side is bucketed by \(url, id\), and the join is on \(id, url\)"),
    ("events", "a file", [], "the right side is not one output directory of fanin bucket"),
    ("events", "parts", ["--on", "1"], "the right side is not one output directory of fanin bucket"),
    ("events", "users", ["--right", "two"], "the right side is not one output directory of fanin bucket"),
    ("selected", "users", [], "the left side is not bucketed: its manifest says that its partitioner is none"),
    ("integers", "texts", [], "the left side's 'id' was bucketed as HUGEINT, and the right one's 'id' as VARCHAR; declare them alike"),
    ("texts", "texts", ["--left-columns", "id:integer, n", "--right-columns", "id:integer, n"],
     "the left side's 'id' was bucketed as VARCHAR, and is to be read as HUGEINT; leave out its type"),
    ("times", "times", ["--left-columns", "id:time, n", "--right-columns", "id:time, n", "--time-zone", "Europe/Paris"],
     "'id' was bucketed as times of UTC; leave --time-zone out"),
    ("events", "users", ["--null", "u3"], "the left side's buckets are tsv, with .N for null; leave --format and --null out"),
    ("events", "users", ["--parts", "3"], "--parts 3: there is a part file for each of the 4 buckets; leave it out"),
    ("events", "users", ["-D", "mapreduce.job.reduces=1"], "--parts 1: there is a part file for each of the 4 buckets"),
]  # fmt: skip


@pytest.mark.parametrize("engine", ["local", "hadoop"])
@pytest.mark.parametrize(("left", "right", "options", "why"), REFUSED)
def test_what_is_not_bucketed_alike_is_refused_with_what_differs(
    left: str, right: str, options: list[str], why: str, engine: str, sides: dict[str, str], tmp_path: Path
) -> None:
    told = [
        "--left",
        sides[left],
        "--right",
        sides[right],
        "--on",
        "id",
        *(sides.get(word, word) for word in options),
    ]
    with pytest.raises(UsageError, match=f"^--strategy partitioned: .*{why}"):
        PartitionedJoin([*told, "-r", engine, "--output-dir", str(tmp_path / "out")]).make_runner()
    assert not (tmp_path / "out").exists()


def joined(sides: dict[str, str], left: str, right: str, out: Path, *options: str) -> dict[str, Any]:
    """The manifest of a join by the local engine."""
    told = ["--left", sides[left], "--right", sides[right], "--on", "id", *options, "--output-dir", str(out)]
    with JoinJob(told).make_runner() as runner:
        runner.run()
    return dict(json.loads((out / "_MANIFEST.json").read_bytes()))


@pytest.mark.parametrize("how", ["inner", "right", "full", "semi"])
def test_the_output_is_that_of_sort_merge_with_as_many_parts(how: str, sides: dict[str, str], tmp_path: Path) -> None:
    ours = joined(sides, "events", "users", tmp_path / "ours", "--strategy", "partitioned", "--how", how)
    theirs = joined(sides, "events", "users", tmp_path / "theirs", "--how", how, "--parts", "4")
    for name in ("files", "order", "partitioner", "columns", "signature"):
        assert ours[name] == theirs[name], name
    assert ours["partitioner"] == {"function": "hadoop-key-fields", "columns": ["id"], "buckets": 4}


def test_an_output_is_a_side_of_another_partitioned_join(sides: dict[str, str], tmp_path: Path) -> None:
    joined(sides, "events", "users", tmp_path / "once", "--strategy", "partitioned", "--how", "full")
    again = sides | {"once": str(tmp_path / "once")}
    ours = joined(again, "once", "users", tmp_path / "ours", "--strategy", "partitioned")
    theirs = joined(again, "once", "users", tmp_path / "theirs", "--parts", "4")
    assert ours["files"] == theirs["files"]
    assert ours["counters"]["records"] == 51


def test_typed_keys_may_be_read_as_what_they_were_or_as_texts(sides: dict[str, str], tmp_path: Path) -> None:
    typed = ["--left-columns", "id:integer, n", "--right-columns", "id:integer, n"]
    for number, options in enumerate((typed, [])):
        made = joined(sides, "integers", "integers", tmp_path / str(number), "--strategy", "partitioned", *options)
        assert made["counters"]["records"] == 9
        assert made["columns"][0]["type"] == ("VARCHAR" if number else "HUGEINT")


def explained(sides: dict[str, str], left: str, right: str, *options: str) -> dict[str, Any]:
    told = ["join", sides[left], sides[right], "--on", "id", "-r", "hadoop", "--explain", "--json", *options]
    return dict(json.loads(command.run(*told).ok().out))


def test_auto_takes_what_manifests_prove_and_says_what_others_lack(sides: dict[str, str]) -> None:
    alike = explained(sides, "events", "users", "--how", "full")
    assert (alike["strategy"], alike["why"]) == (
        "partitioned",
        "both sides are bucketed alike, as their manifests prove",
    )
    options = {option["strategy"]: option for option in alike["options"]}
    assert re.fullmatch(
        r"reads about \d+ bytes in 4 tasks, the largest \d+ bytes; nothing is shuffled or sorted",
        options["partitioned"]["cost"],
    )
    unlike = explained(sides, "events", "two", "--how", "full")
    assert unlike["strategy"] == "sort_merge"
    assert "the left side has 4 buckets, and the right one 2" in unlike["options"][0]["refused"]
    assert explained(sides, "events", "users", "--how", "full", "--parts", "3")["strategy"] == "salted"


@pytest.fixture
def hadoop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, in which the test is, of a node whose Hadoop knows the files of this machine."""
    tool = tmp_path / "bin" / "hadoop"
    tool.parent.mkdir()
    tool.write_text('#!/bin/sh\nshift 2\nexec cat -- "$@"\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").write_bytes(b"1\n2\n")
    (tmp_path / "b").write_bytes(b"345\n")
    return tmp_path


def test_files_are_fetched_at_once_and_told_apart(hadoop: Path) -> None:
    with fetched([Remote("a", "A", 4, 2), Remote("b", "B", 4, 1), Remote("a", "A", 4, 2)]) as copies:
        assert [(copy.name, copy.open().read()) for copy in copies] == [
            ("A", b"1\n2\n"),
            ("B", b"345\n"),
            ("A", b"1\n2\n"),
        ]
    assert {path.name for path in hadoop.iterdir()} == {"a", "b", "bin"}


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ([Remote("a", "A", 4, 2), Remote("b", "B", 5, 1)], "A and B: other bytes, or another number of lines"),
        ([Remote("a", "A", 4, 2), Remote("b", "B", 3, 1)], "A and B: other bytes"),
        ([Remote("a", "A", 4, 1), Remote("b", "B", 4, 1)], "A and B: other bytes"),
        ([Remote("a", "A", 4, 2), Remote("c", "C", 4, 2)], "A and C: cannot be read by this node's Hadoop:\n.*c: No such file"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_what_is_listed_fails_the_task(files: list[Remote], why: str, hadoop: Path) -> None:
    with pytest.raises(FaninError, match=why), fetched(files):
        pass
    assert {path.name for path in hadoop.iterdir()} == {"a", "b", "bin"}


@pytest.mark.usefixtures("hadoop")
def test_a_node_without_hadoop_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("CLASSPATH", raising=False)
    with pytest.raises(FaninError, match="--strategy sort_merge does without"), fetched([Remote("a", "A", 4, 2)]):
        pass
