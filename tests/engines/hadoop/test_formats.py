"""Input formats on Hadoop: headers by their place, misfits by file and line, and what no splittable text can hold refused."""

import json

import pytest

from tests.engines.hadoop.conftest import Yarn

pytestmark = [pytest.mark.hadoop, pytest.mark.slow]

LOCAL = ("-D", "mapreduce.framework.name=local")  # Hadoop in one process, where YARN adds nothing
SUMS = ["sums", "--key", "town", "--value", "people"]


def put(yarn: Yarn, name: str, text: str) -> str:
    path = f"{yarn.root}/in/{name}"
    yarn.place.write(path, text.encode())
    return path


def test_a_header_is_the_line_at_byte_0_and_no_other(yarn: Yarn) -> None:
    """Splits of 1,000 bytes, in which lines like the header stand anywhere, at the start of one, too."""
    header = "town,people,rest"
    rows = ["a,1,x" + "y" * 80, header.replace("people", "2")] * 40
    for name in ("a.csv", "b.csv"):
        put(yarn, name, "\n".join([header, *rows]) + "\n")
    splits = ("-D", "mapreduce.input.fileinputformat.split.maxsize=1000")
    out = f"{yarn.root}/out"
    yarn.run(*SUMS, f"{yarn.root}/in", "-o", out, *LOCAL, *splits).ok()
    assert yarn.place.read(f"{out}/part-00000") == b"a\t80\ntown\t160\n"
    launched = json.loads(yarn.place.read(f"{out}/_MANIFEST.json"))["counters"]["lines"]
    assert launched == 162  # with the headers


def test_a_header_of_standard_input(yarn: Yarn) -> None:
    assert (
        yarn.run(*SUMS, "--format", "csv", "-", *LOCAL, input=b"people,town\n5,a\n6,b\n7,a\n").ok().out
        == b"a\t12\nb\t6\n"
    )


def test_headers_that_differ_are_refused_before_anything_runs(yarn: Yarn) -> None:
    first, other = put(yarn, "a.csv", "town,people\na,1\n"), put(yarn, "b.csv", "people,town\n1,a\n")
    refused = yarn.run(*SUMS, f"{yarn.root}/in", "-o", f"{yarn.root}/out", *LOCAL)
    assert refused.code == 2
    assert f"{other}: its columns are people, town, where {first} begins with town, people" in refused.err


def test_a_misfit_is_told_by_file_and_line(yarn: Yarn) -> None:
    file = put(yarn, "in.csv", "town,people\na,1\nb,2x\n")
    refused = yarn.run(*SUMS, file, "-o", f"{yarn.root}/out", *LOCAL)
    assert refused.code == 1
    assert f"{file}:3: column 'people': 2x is not an integer, in the line b,2x" in refused.err
    assert yarn.place.names(yarn.root) == ["in"]


def test_bad_rows_are_counted_over_all_tasks(yarn: Yarn) -> None:
    put(yarn, "a.csv", "town,people\na,1\nb,x\n")
    put(yarn, "b.csv", "town,people\na,1\nb,\na\n")
    out = f"{yarn.root}/out"
    limits = ["--on-error", "skip", "--max-bad"]
    yarn.run(*SUMS, f"{yarn.root}/in", "-o", out, *LOCAL, *limits, "2").ok()
    assert yarn.place.read(f"{out}/part-00000") == b"a\t2\nb\t\\N\n"
    manifest = json.loads(yarn.place.read(f"{out}/_MANIFEST.json"))
    assert manifest["counters"]["bad_rows"] == 2
    assert sorted(manifest["samples"]) == [
        "column 'people': x is not an integer, in the line b,x",
        "it has 1 columns, where there should be 2, in the line a",
    ]
    assert (
        "2 bad rows in 7 lines; --max-bad allows 1"
        in yarn.run(*SUMS, f"{yarn.root}/in", "-o", f"{yarn.root}/more", *LOCAL, *limits, "1").err
    )


@pytest.mark.parametrize("on_error", ["fail", "null", "skip"])
def test_a_line_end_inside_quotes_is_refused_whatever_a_job_does_about_errors(yarn: Yarn, on_error: str) -> None:
    file = put(yarn, "in.csv", 'town,people\n"a\nb",1\n')
    refused = yarn.run(*SUMS, file, "-o", f"{yarn.root}/out", "--on-error", on_error, "--max-bad", "100%", *LOCAL)
    assert refused.code == 1
    assert f"{file}:2: quotes that do not fit" in refused.err
    assert "a line end inside quotes can be read with -r local, not on Hadoop" in refused.err


def test_states_are_kept_for_another_merge(yarn: Yarn) -> None:
    """What was run on Hadoop is merged with what was not."""
    put(yarn, "a.csv", "town,people\na,1\nb,2\n")
    put(yarn, "b.csv", "town,people\na,3\nc,4\n")
    stats = ["group_stats", *SUMS[1:], "--keep-partials"]
    one, other, whole = (f"{yarn.root}/{name}" for name in ("one", "other", "whole"))
    yarn.run(*stats, f"{yarn.root}/in/a.csv", "-o", one, *LOCAL, "-D", "mapreduce.job.reduces=3").ok()
    yarn.here(*stats, f"{yarn.root}/in/b.csv", "-o", other)
    yarn.here(*stats[:-1], f"{yarn.root}/in", "-o", whole, "--parts", "2")
    yarn.fanin("merge", one, other, "-o", f"{yarn.root}/merged", "--parts", "2")
    for part in ("part-00000", "part-00001"):
        assert yarn.place.read(f"{yarn.root}/merged/{part}") == yarn.place.read(f"{whole}/{part}")
    assert sum(len(yarn.place.read(f"{whole}/part-0000{part}")) for part in range(2)) > 50
    assert "3 files, 2 records" in yarn.fanin("verify", one).out.decode()
