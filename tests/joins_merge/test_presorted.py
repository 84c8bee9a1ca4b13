"""fanin join --presorted: two sorted inputs merged, as coreutils join and the local engine join them."""

import json
import os
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs import Count
from joins import JoinJob
from joins.plan import HOWS
from tests import command

COREUTILS = {
    "inner": [], "left": ["-a1"], "right": ["-a2"], "full": ["-a1", "-a2"], "anti": ["-v1"],
}  # fmt: skip


def written(path: Path, rows: list[str], header: str = "") -> str:
    path.write_text("".join(f"{row}\n" for row in ([header] if header else []) + rows))
    return str(path)


def random_rows(seed: int, name: str, rows: int = 400, keys: int = 150) -> list[str]:
    """In the order that LC_ALL=C sort gives keys."""
    rng = random.Random(seed)
    return sorted((f"{rng.choice('aé9')}{rng.randrange(keys)}\t{name}{n}" for n in range(rows)), key=by_key)


def by_key(row: str) -> bytes:
    return row.split("\t")[0].encode() + b"\t"


def presorted(*arguments: str, cwd: str = ".") -> command.Result:
    return command.run("join", "--presorted", *arguments, cwd=cwd)


@pytest.fixture
def sides(tmp_path: Path) -> tuple[str, str]:
    return written(tmp_path / "left", random_rows(1, "l")), written(tmp_path / "right", random_rows(2, "r"))


@pytest.mark.parametrize("how", COREUTILS)
def test_as_coreutils_does(how: str, sides: tuple[str, str]) -> None:
    options = ["-t", "\t", "--check-order", "-e", r"\N", *([] if how == "anti" else ["-o", "auto"]), *COREUTILS[how]]
    theirs = command.call("join", *options, *sides, env=os.environ | {"LC_ALL": "C"}).ok().out
    ours = presorted(*sides, "--on", "1", "--how", how).ok().out
    assert sorted(ours.splitlines()) == sorted(theirs.splitlines())
    assert [line.split(b"\t")[0] for line in ours.splitlines()] == [
        line.split(b"\t")[0] for line in theirs.splitlines()
    ]


@pytest.mark.parametrize("how", [pytest.param(how, marks=[pytest.mark.slow] * (how != "full")) for how in HOWS])
def test_as_the_local_engine_does(how: str, tmp_path: Path) -> None:
    """Several files a side with a header, null and empty keys, those with bytes below tab, and keys of two columns."""
    keys = sorted(
        [f"{a}\t{b}" for a in ("", "a", "a\x01", "b\\t", r"\N", "é") for b in ("", "1", r"\N")],
        key=lambda key: key.encode() + b"\t",
    )
    for name, step in (("left", 2), ("right", 3)):
        (tmp_path / name).mkdir()
        rows = [f"{key}\t{name}{n}" for key in keys[::step] for n in range(step)]
        written(tmp_path / name / "1", rows[:7], "a\tb\tx")
        written(tmp_path / name / "2", rows[7:], "a\tb\tx")
    arguments = [str(tmp_path / "left"), str(tmp_path / "right"), "--on", "a,b", "--how", how, "--order"]
    ours = presorted(*arguments).ok().out
    assert ours == command.run("join", *arguments).ok().out
    assert ours


def test_conditions_types_and_formats(tmp_path: Path) -> None:
    left = written(tmp_path / "l.csv", ['"2026-01-01",3', "2026-01-02,4", '2026-01-03,"5"'], "day,n")
    right = written(tmp_path / "r.csv", ["2026-01-01,1.5", "2026-01-03,2.0"], "day,x")
    arguments = [
        left, right, "--on", "day", "--format", "csv", "--header", "--left-columns", "day:date, n:integer",
        "--right-columns", "day:date, x:decimal(1)", "--how", "left", "--select", "l.day, n * coalesce(x, 0) AS nx",
        "--left-where", "n <> 4", "--where", "n > 3",
    ]  # fmt: skip
    assert presorted(*arguments).ok().out == command.run("join", *arguments).ok().out == b"2026-01-03\t10.0\n"


def test_an_output_directory_says_that_it_is_in_order_and_joins_again(sides: tuple[str, str], tmp_path: Path) -> None:
    once, twice = str(tmp_path / "once"), str(tmp_path / "twice")
    presorted(*sides, "--on", "1", "-o", once).ok()
    manifest = json.loads((tmp_path / "once" / "_MANIFEST.json").read_text())
    assert manifest["order"] == ["1"]
    command.run("verify", once).ok()
    again = [once, sides[1], "--on", "1", "--suffix", " again", "--order"]
    presorted(*again, "-o", twice).ok()
    assert command.run("cat", twice).ok().out == command.run("join", *again).ok().out


def test_standard_input_may_be_a_side(sides: tuple[str, str]) -> None:
    with open(sides[0], "rb") as left:
        done = command.call(command.FANIN, "join", "--presorted", "-", sides[1], "--on", "1", stdin=left).ok()
    assert done.out == presorted(*sides, "--on", "1").ok().out


def test_a_file_may_be_both_sides(sides: tuple[str, str]) -> None:
    arguments = [sides[0], sides[0], "--on", "1", "--order"]
    assert presorted(*arguments).ok().out == command.run("join", *arguments).ok().out


class Counted(JoinJob):
    on, group_by, measures = "1", ["key"], {"n": Count()}
    select = 'substr(l."1", 1, 1) AS key'


def test_an_aggregate(sides: tuple[str, str]) -> None:
    found = []
    for option in (["--presorted"], []):
        with Counted([*sides, *option, "--parts", "2", "--quiet"]).make_runner() as runner:
            runner.run()
            found.append(b"".join(runner.cat_output()))
    assert found[0] == found[1] != b""


def swapped(rows: list[str]) -> list[str]:
    return [*rows[:9], rows[20], *rows[9:]]


def two_files(path: Path, rows: list[str]) -> list[str]:
    return [written(path / "1", rows[200:]), written(path / "2", rows[:200])]


@pytest.mark.parametrize(("files", "place"), [
    (lambda path, rows: [written(path / "1", swapped(rows))], "1:11: "),
    (lambda path, rows: [written(path / "1", [rows[5], *rows])], "1:2: "),
    (two_files, "2:1: "),
])  # fmt: skip
def test_a_side_out_of_order_is_an_error_that_names_file_and_line(
    files: Callable[[Path, list[str]], list[str]], place: str, sides: tuple[str, str], tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    rows = sorted({by_key(row): row for row in random_rows(3, "x")}.values(), key=by_key)
    rows = [*rows, *(f"é999{n:03}\t" for n in range(400 - len(rows)))]
    unsorted = files(tmp_path / "in", rows)
    right = [word for file in unsorted for word in ("--right", file)]
    done = presorted("--left", sides[0], *right, "--on", "1", "-o", str(tmp_path / "out"))
    assert done.code == 1
    assert f"{tmp_path}/in/{place}the right side is not sorted: the key '" in done.err
    assert not (tmp_path / "out").exists()


def test_the_line_counts_headers_and_line_ends_inside_quotes(tmp_path: Path) -> None:
    left = written(tmp_path / "l.csv", ['a,"1\n2"', 'c,"3"', "b,4"], "k,v")
    done = presorted(left, left, "--on", "k", "--format", "csv", "--header")
    assert f"{left}:5: the left side is not sorted: the key 'b' comes behind 'c'" in done.err


def test_order_does_not_matter_where_rows_are_left_out(tmp_path: Path) -> None:
    left = written(tmp_path / "l", [r"\N" + "\tx", "a\tx", "0\tout", "b\tx", r"\N" + "\tx"])
    assert presorted(
        left, left, "--on", "1", "--left-where", "\"2\" = 'x'", "--right-where", "\"2\" = 'x'"
    ).ok().out == (b"a\tx\tx\nb\tx\tx\n")
    done = presorted(left, left, "--on", "1", "--how", "left")
    assert f"{left}:3: the left side is not sorted: the key '0' comes behind 'a'" in done.err


def test_bytes_below_tab_are_in_order_with_the_tab_behind_the_key(tmp_path: Path) -> None:
    right = written(tmp_path / "right", ["a\x01\t1", "a\t2"])
    assert presorted(right, right, "--on", "1").ok().out == b"a\x01\t1\t1\na\t2\t2\n"
    wrong = written(tmp_path / "wrong", ["a\t2", "a\x01\t1"])
    assert (
        "wrong:2: the left side is not sorted: the key 'a\\x01' comes behind 'a'"
        in presorted(wrong, right, "--on", "1").err
    )


@pytest.mark.parametrize(("options", "word"), [
    (["--parts", "3"], "--parts 3"), (["--max-rows", "3"], "--max-rows"), (["-r", "hadoop"], "-r hadoop"),
    (["-r", "hadoop", "--explain"], "-r hadoop"),
])  # fmt: skip
def test_what_it_cannot_do_is_refused(options: list[str], word: str, sides: tuple[str, str]) -> None:
    done = presorted(*sides, "--on", "1", *options)
    assert done.code == 2
    assert "presorted" in done.err
    assert word in done.err


def test_explain_knows_it(sides: tuple[str, str]) -> None:
    told = "presorted: both sides are in order of their keys: they are merged, and nothing is sorted\n"
    assert presorted(*sides, "--on", "1", "--explain").ok().out == told.encode()


def test_a_misfit_is_told_with_its_line(tmp_path: Path, sides: tuple[str, str]) -> None:
    left = written(tmp_path / "ragged", ["a\tx", "b\tx\ty"])
    done = presorted(left, sides[1], "--on", "1")
    assert done.code == 1
    assert f"{left}:2: " in done.err


@pytest.mark.slow
@pytest.mark.parametrize("how", ["left", "full", "semi", "anti"])
def test_a_key_larger_than_many_blocks(how: str, tmp_path: Path) -> None:
    few = written(tmp_path / "few", [f"{key}\t{n}" for key in "abc" for n in range(3)])
    many = written(tmp_path / "many", [f"{key}\tvalue {n}" for key in "bd" for n in range(400_000)])
    for sides in ([few, many], [many, few]):
        arguments = [*sides, "--on", "1", "--how", how]
        ours = presorted(*arguments).ok().out
        theirs = command.run("join", *arguments).ok().out
        assert sorted(ours.splitlines()) == sorted(theirs.splitlines())


@pytest.mark.slow
def test_memory_is_flat(tmp_path: Path) -> None:
    """Two sorted files of 50 and of 150 MB, with two keys of a third of one, are joined in the same memory."""
    peaks = []
    for rows in (1_000_000, 3_000_000):
        for name, step in (("left", 1), ("right", 3)):
            with (tmp_path / name).open("w") as out:
                for n in range(0, rows, step):
                    out.write(f"k{n // 3 * 3:09}\t{name} and more of it, row {n:09}\n")
                for n in range(rows // 3 if name == "left" else 5):
                    out.write(f"large\t{n:09}\n")
        peaks.append(command.peak(
            "join", "--presorted", str(tmp_path / "left"), str(tmp_path / "right"), "--on", "1", "--memory", "64MB",
            "-o", str(tmp_path / f"out{rows}"),
        ))  # fmt: skip
    assert peaks[1] < peaks[0] + 20_000_000
    assert peaks[1] < 256_000_000
    sizes = subprocess.run(["wc", "-l", str(tmp_path / "out3000000" / "part-00000")], capture_output=True, check=True)
    assert int(sizes.stdout.split()[0]) == 3_000_000 + 5 * 1_000_000
