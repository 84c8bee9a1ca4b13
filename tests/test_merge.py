"""fanin merge: outputs of parts become, byte for byte, the output of one run over everything."""

import json
import random
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.audit import history, verify
from jobs.catalog import find
from jobs.engines import merge as engine
from jobs.engines.local import Settings
from jobs.errors import FaninError, UsageError
from jobs.storage.inputs import resolve
from jobs.storage.scratch import scratch
from tests import command
from tests.examples import examples
from tests.storage.conftest import s3_endpoint  # noqa: F401  (a fixture)
from tests.storage.places import S3Place

pytestmark = pytest.mark.slow

LOG = Path(__file__).parent / "data" / "apache_access.log"
JOBS = """\
from jobs import AggregateJob, Count, CountDistinct, InOrder, Last, Mean, Session, Sum, TopK, Tsv


class Everything(AggregateJob):
    input = Tsv({"1": "text", "2": "decimal(2)", "3": "time"})
    group_by = ["1"]
    measures = {
        "n": Count(), "users": CountDistinct("2"), "days": CountDistinct("3"), "sum": Sum("2", 2), "mean": Mean("2", 2),
        "last": Last("2", by="3"), "path": InOrder("2", by="3"),
    }


class Sessions(Everything):
    window = Session("3", 60_000_000, zone="Europe/Berlin")


class Longest(Sessions):
    then = TopK("n", 4)


class Alone(Everything):
    group_by = []
"""


def run(job: str, inputs: list[Path], out: Path | str, *options: str) -> Path:
    """Runs a job in this process, its partials kept; gives its output."""
    arguments = [*map(str, inputs), "-o", str(out), "--keep-partials", *options]
    with find(job)(args=arguments).make_runner() as runner:
        runner.run()
    return Path(out)


def merge(directories: list[Path], out: Path, parts: int = 1) -> Path:
    engine.run([*map(str, directories)], str(out), Settings(parts=parts))
    return out


def files_of(out: Path) -> dict[str, bytes]:
    """The parts, and the kept partials."""
    return {path.name: path.read_bytes() for path in out.iterdir() if path.name.startswith(("part-", "_partial-"))}


def manifest_of(out: Path) -> dict[str, Any]:
    found = json.loads((out / "_MANIFEST.json").read_bytes())
    assert isinstance(found, dict)
    return found


@contextmanager
def folder_of(lines: list[str], parts: list[list[str]]) -> Iterator[tuple[Path, list[Path]]]:
    """A folder with a file of all lines, one of each part's, and the jobs above."""
    with scratch() as folder:
        (folder / "merge_jobs.py").write_text(JOBS)
        (folder / "all").write_text("".join(lines))
        for number, part in enumerate(parts):
            (folder / f"in{number}").write_text("".join(part))
        yield folder, [folder / f"in{number}" for number, _ in enumerate(parts)]


CHANCE = random.Random(7)
KEYS = ["a", "b", "c\\t", "", "\\N", "é"]
NUMBERS = [f"{CHANCE.randrange(-9999, 9999) / 100:.2f}" for _ in range(90)]
TIMES = [datetime(2026, 10, 25, 0, 30) + timedelta(seconds=CHANCE.randrange(3000)) for _ in range(90)]
ROWS = [
    f"{CHANCE.choice(KEYS)}\t{number}\t{time.isoformat()}Z\n" for number, time in zip(NUMBERS, TIMES, strict=True)
]
WORDS = [" ".join(CHANCE.choices(["the", "cat", "dog", "\\", "naïve", "owl"], k=4)) + "\n" for _ in range(30)]
LINES = LOG.read_text().splitlines(keepends=True)[:900]
COLUMNS = ["--key", "1", "--value", "2", "--scale", "2"]
WINDOWS = ["--time", "3", *COLUMNS]

CASES: dict[str, tuple[str, list[str], list[str]]] = {
    "words": ("word_count", [], WORDS),
    "statistics": ("group_stats", COLUMNS, ROWS),
    "totals": ("sums", ["--value", "2", "--scale", "2"], ROWS),
    "histogram": (
        "histogram",
        ["--key", "1", "--value", "2", "--bins", "equal:-50:50:4", "--weight", "2", "--scale", "2"],
        ROWS,
    ),
    "windows": ("windows", [*WINDOWS, "--size", "3m", "--slide", "2m", "--time-zone", "America/New_York"], ROWS),
    "window sessions": ("windows", [*WINDOWS, "--gap", "1m"], ROWS),
    "sessions": ("sessions", ["--gap", "10m"], LINES),
    "top pages": ("top_pages", ["-n", "7"], LINES),
    "everything": ("merge_jobs.py:Everything", [], ROWS),
    "sessions of everything": ("merge_jobs.py:Sessions", [], ROWS),
    "longest sessions": ("merge_jobs.py:Longest", [], ROWS),
    "one group": ("merge_jobs.py:Alone", [], ROWS),
}


@pytest.mark.parametrize("case", CASES)
def test_any_tree_of_merges_is_one_run_over_everything(case: str) -> None:
    job, options, lines = CASES[case]
    with folder_of(lines, [lines[0::3], lines[1::3], lines[2::3]]) as (folder, inputs):
        job = job if job.islower() else f"{folder}/{job}"
        whole = files_of(run(job, [folder / "all"], folder / "whole", *options, "--parts", "3"))
        one, two, three = (
            run(job, [path], folder / f"out{number}", *options, "--parts", str(number))
            for number, path in enumerate(inputs, 1)
        )
        assert files_of(merge([one, two, three], folder / "flat", parts=3)) == whole
        some = merge([merge([three], folder / "alone"), one], folder / "some", parts=2)
        tree = merge([two, some], folder / "tree", parts=3)
        assert files_of(tree) == whole
        assert len(whole) == (2 if "top" in case or "longest" in case else 6)
        assert len(b"".join(whole.values()).splitlines()) >= 2
        assert manifest_of(tree)["columns"] == manifest_of(folder / "whole")["columns"]


JOB = st.sampled_from(["word_count", "Everything", "Sessions", "Longest", "Alone"])


@examples(5)
@given(JOB, st.lists(st.sampled_from(ROWS), max_size=12), st.data())
def test_any_split_and_any_tree(job: str, lines: list[str], data: st.DataObject) -> None:
    """Parts may be empty, and hold the same lines."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(lines)), max_size=3)))
    shuffled = data.draw(st.permutations(lines))
    parts = [shuffled[start:end] for start, end in zip([0, *cuts], [*cuts, len(lines)], strict=True)]
    number = data.draw(st.integers(1, 3))
    with folder_of(lines, parts) as (folder, inputs):
        job = job if job.islower() else f"{folder}/merge_jobs.py:{job}"
        outs = [run(job, [path], folder / f"out-{path.name}", "--parts", str(number)) for path in inputs]
        while len(outs) > 1:
            some = [outs.pop(data.draw(st.integers(0, len(outs) - 1))) for _ in range(2)]
            outs.append(merge(some, folder / f"merged{len(outs)}", parts=2))
        last = merge(outs, folder / "last", parts=number)
        assert files_of(last) == files_of(run(job, [folder / "all"], folder / "whole", "--parts", str(number)))


def test_formats_and_limits_may_differ(tmp_path: Path) -> None:
    """What counts is which columns a state is of, not where a file has them."""
    (tmp_path / "one.csv").write_text("who,n\na,1\nb,2\n")
    (tmp_path / "two.csv").write_text("n,what,who\n3,x,a\n")
    (tmp_path / "three.jsonl").write_text('{"who": "b", "n": 4}\n')
    (tmp_path / "all").write_text("a\t4\nb\t6\n")
    columns = ["--key", "who", "--value", "n"]
    outs = [
        run("sums", [tmp_path / "one.csv"], tmp_path / "one", *columns, "--format", "csv", "--strict"),
        run("sums", [tmp_path / "two.csv"], tmp_path / "two", *columns, "--format", "csv", "--max-line", "1MB"),
        run("sums", [tmp_path / "three.jsonl"], tmp_path / "three", *columns, "--format", "jsonl", "--max-bad", "0"),
    ]
    assert files_of(merge(outs, tmp_path / "out"))["part-00000"] == (tmp_path / "all").read_bytes()


def test_counters_add_up_and_bad_rows_with_them(tmp_path: Path) -> None:
    lines = LINES[:300]
    bodies = [["no log\n", *lines[:100]], [*lines[100:200], "not\n", "nor\n"], [*lines[200:], "caf\udce9\n"]]
    outs = []
    for number, body in enumerate(bodies):
        (tmp_path / f"in{number}").write_text("".join(body), errors="surrogateescape")
        outs.append(run("sessions", [tmp_path / f"in{number}"], tmp_path / f"out{number}", "--max-bad", "3"))
    inputs = [tmp_path / f"in{number}" for number in range(3)]
    whole = manifest_of(run("sessions", inputs, tmp_path / "whole", "--max-bad", "9"))
    first = merge(outs[:2], tmp_path / "first")
    assert manifest_of(first)["counters"]["bad_rows"] == 3
    told = manifest_of(merge([first, outs[2]], tmp_path / "out"))
    assert told["counters"] == whole["counters"]
    read = sum(path.stat().st_size for path in inputs)
    assert told["counters"].items() >= {"lines": 304, "bad_rows": 4, "invalid_utf8": 1, "read": read}.items()
    assert [text.partition(", in the line ")[2] for text in told["samples"]] == ["no log", "not", "nor"]
    assert [origin["path"] for origin in told["origins"]] == [str(first), str(outs[2])]
    assert [Path(file["path"]).name for file in told["inputs"]] == ["_partial-00000"] * 2


def test_a_merge_is_told_by_history_verified_and_read(tmp_path: Path) -> None:
    outs = []
    for number in (0, 1):
        (tmp_path / f"in{number}").write_text("the cat\n")
        outs.append(run("word_count", [tmp_path / f"in{number}"], tmp_path / f"out{number}"))
    merge(outs, tmp_path / "merged", parts=2)
    told = "\n".join(history(str(tmp_path / "merged")))
    assert f"merge {outs[0]} {outs[1]}" not in told, "run from a program there is no command line"
    assert all(str(tmp_path / name) in told for name in ("in0", "in1", "out0", "out1", "merged"))
    assert verify(str(tmp_path / "merged")).endswith("good: 2 files, 2 records, 12 bytes")
    assert sorted(Path(file.name).name for file in resolve([str(tmp_path / "merged")]).files) == [
        "part-00000",
        "part-00001",
    ]
    partial = tmp_path / "merged" / "_partial-00000"
    partial.write_bytes(partial.read_bytes().replace(b"2", b"3"))
    with pytest.raises(FaninError, match="_partial-0000.: damaged"):
        verify(str(tmp_path / "merged"))


def test_the_command(tmp_path: Path) -> None:
    (tmp_path / "in0").write_text("the cat\n")
    (tmp_path / "in1").write_text("the dog\n" * 3)
    (tmp_path / "in2").write_text("the cat\n")
    for number in (0, 1, 2):
        out = ["-o", f"out{number}", "--keep-partials"]
        command.run("run", "word_count", f"in{number}", *out, cwd=tmp_path).ok()
    done = command.run("merge", "out0/", "out1", "-o", "out", "--parts", "2", "--memory", "64MB", cwd=tmp_path).ok()
    assert (done.out, done.err) == (b"", "")
    assert sorted(b"".join(data for name, data in files_of(tmp_path / "out").items() if name[0] == "p").splitlines()) == [
        b"cat\t1", b"dog\t3", b"the\t4",
    ]  # fmt: skip
    assert manifest_of(tmp_path / "out")["arguments"] == ["merge", "out0/", "out1"]
    again = command.run("merge", "out0", "out1", "-o", "out", cwd=tmp_path)
    assert (again.code, "out: already exists" in again.err) == (2, True)
    command.run("merge", "out", "out2", "-o", "out", "--overwrite", cwd=tmp_path).ok()
    assert (tmp_path / "out" / "part-00000").read_bytes() == b"cat\t2\ndog\t3\nthe\t5\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in0", "in1", "in2", "out", "out0", "out1", "out2"]


# What is refused


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Outputs of several jobs over the same rows."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "rows").write_text("".join(ROWS[:9]))
    (folder / "log").write_text("".join(LINES[:9]))
    histogram = ["--value", "2", "--bins"]
    window = ["windows", *WINDOWS]
    for name, (job, *options) in {
        "words": ["word_count"], "letters": ["word_count", "--words", "letters"],
        "sums": ["sums", *COLUMNS], "other key": ["sums", "--key", "3", *COLUMNS[2:]], "nulls": ["sums", *COLUMNS, "--on-error", "null"],
        "scale": ["sums", *COLUMNS[:-1], "3"], "stats": ["group_stats", *COLUMNS], "zone": [*window, "--size", "1h", "--time-zone", "Asia/Kolkata"],
        "tens": ["histogram", *histogram, "equal:-100:100:20"], "fives": ["histogram", *histogram, "equal:-100:100:40"],
        "hours": [*window, "--size", "1h"], "slides": [*window, "--size", "1h", "--slide", "30m"], "gaps": [*window, "--gap", "1h"],
    }.items():  # fmt: skip
        run(job, [folder / "rows"], folder / name, *options)
    for number in ("3", "4"):
        run("top_pages", [folder / "log"], folder / f"top {number}", "-n", number)
    with find("word_count")(args=[str(folder / "rows"), "-o", str(folder / "unkept")]).make_runner() as runner:
        runner.run()
    (folder / "plain").mkdir()
    (folder / "plain" / "part-00000").write_text("a\t1\n")
    return folder


@pytest.mark.parametrize(("one", "other", "why"), [
    ("words", "letters", "its rows is "), ("words", "sums", "its job is jobs.sums:Sums, not jobs.word_count:WordCount"),
    ("sums", "stats", "its job is jobs.group_stats:"), ("sums", "other key", r"its group_by is \['3'\], not \['1'\]"),
    ("sums", "scale", "its measures is .*'scale': 3.*, not .*'scale': 2"), ("sums", "nulls", "its on_error is null, not fail"),
    ("tens", "fives", "its measures is .*equal:-100:100:40.*, not .*equal:-100:100:20"),
    ("hours", "slides", "its window is .*'slide': 1800000000"), ("hours", "gaps", "its window is .*'session'"),
    ("hours", "zone", "its window is .*Asia/Kolkata.*, not .*UTC"), ("top 3", "top 4", "its then is .*'k': 4.*, not .*'k': 3"),
])  # fmt: skip
def test_other_jobs_are_refused_and_both_directories_named(one: str, other: str, why: str, made: Path) -> None:
    with pytest.raises(UsageError, match=f"^{made / other}: is of another job than {made / one}: {why}"):
        merge([made / one, made / other], made / "out")
    assert not (made / "out").exists()


@pytest.mark.parametrize(("directory", "why"), [
    ("unkept", "unkept: has kept no partial states; run its job with --keep-partials"), ("none", "none: is no output directory of fanin"),
    ("plain", "plain: is no output directory of fanin"), ("rows", "rows: is no output directory of fanin"),
])  # fmt: skip
def test_what_has_no_partials_is_refused(directory: str, why: str, made: Path) -> None:
    with pytest.raises(UsageError, match=f"{why}$"):
        merge([made / "words", made / directory], made / "out")
    assert not (made / "out").exists()


@pytest.mark.parametrize(("again", "told"), [
    ("sums", ""), ("./sums/", ", also as sums,"), ("{made}/sums", ", also as sums,"), ("link", ", also as sums,"), ("sum*", ""),
])  # fmt: skip
def test_an_output_given_twice_is_refused_however_it_is_spelt(again: str, told: str, made: Path) -> None:
    (made / "link").unlink(missing_ok=True)
    (made / "link").symlink_to("sums")
    again = again.format(made=made)
    refused = command.run("merge", "sums", again, "-o", "out", cwd=made)
    named = "sums" if again == "sum*" else again
    assert f"fanin: {named}: is given twice{told} and would count twice; to double it, name a copy" in refused.err
    assert refused.code == 2
    assert not (made / "out").exists()
    shutil.copytree(made / "sums", made / "copy", dirs_exist_ok=True)
    command.run("merge", "sums", "copy", "-o", "doubled", "--overwrite", cwd=made).ok()


@pytest.mark.parametrize(
    ("one", "other", "by"), [("a", "ab", "a and by ab"), ("ab", "a", "a and by ab"), ("ab", "ac", "ab and by ac")]
)
def test_what_is_in_a_merged_output_is_not_merged_with_it_again(
    one: str, other: str, by: str, tmp_path: Path
) -> None:
    """As a glob over days and their totals would."""
    for name in "abc":
        (tmp_path / f"{name}.txt").write_text(f"{name} all\n")
        run("word_count", [tmp_path / f"{name}.txt"], tmp_path / name)
    for names in ("ab", "ac"):
        merge([tmp_path / name for name in names], tmp_path / names)
    counted, again = by.split(" and by ")
    told = f"{tmp_path / 'a'}: would count twice, by {tmp_path / counted} and by {tmp_path / again}, which was merged from it"
    with pytest.raises(UsageError, match=f"^{told}$"):
        merge([tmp_path / one, tmp_path / other], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    merge([tmp_path / "ab", tmp_path / "c"], tmp_path / "out")
    assert (tmp_path / "out" / "part-00000").read_text() == "a\t1\nall\t3\nb\t1\nc\t1\n"


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def linked(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def edited(path: Path) -> None:
    manifest = path.with_name("_MANIFEST.json")
    manifest.write_bytes(re.sub(rb'"lines": \d+', b'"lines": 7', manifest.read_bytes()))


def added(path: Path) -> None:
    path.with_name("part-00001").write_bytes(path.read_bytes())


@pytest.mark.parametrize(("damage", "why"), [
    (flipped, r"_partial-00000: damaged: its CRC32C"), (cut, "_partial-00000: has [0-9]+ bytes, where the manifest lists"),
    (longer, "_partial-00000: has [0-9]+ bytes, where the manifest lists"), (Path.unlink, "_partial-00000 is missing, which its manifest lists"),
    (linked, "_partial-00000: is a folder or a link"), (edited, "its manifest cannot be trusted: it has been edited or damaged"),
    (added, "part-00001 is not in its manifest; the directory has been added to"),
])  # fmt: skip
def test_damage_is_found_and_named_and_nothing_left_behind(
    damage: Callable[[Path], None], why: str, made: Path, tmp_path: Path
) -> None:
    for name in ("good", "bad"):
        shutil.copytree(made / "sums", tmp_path / name)
    damage(tmp_path / "bad" / "_partial-00000")
    with pytest.raises(FaninError, match=f"{tmp_path}/bad.*{why}") as failed:
        merge([tmp_path / "good", tmp_path / "bad"], tmp_path / "out")
    assert failed.value.exit_code == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad", "good"]


@pytest.mark.parametrize(("arguments", "code", "why"), [
    (["sums", "stats", "-o", "out"], 2, "stats: is of another job than sums"), (["unkept", "-o", "out"], 2, "unkept: has kept no"),
    (["sums", "-o", "out", "--parts", "0"], 2, "--parts: 0 is too small"), (["sums"], 2, "required: -o"), (["-o", "out"], 2, "required: DIR"),
    (["sums", "-o", "out", "--memory", "1KB"], 2, "--memory: 1000 is too small"), (["sums", "-o", "plain", "--overwrite"], 2, "plain: "),
])  # fmt: skip
def test_exit_codes(arguments: list[str], code: int, why: str, made: Path) -> None:
    before = sorted(path.name for path in made.iterdir())
    refused = command.run("merge", *arguments, cwd=made)
    assert (refused.code, refused.out) == (code, b"")
    assert why in refused.err
    assert "Traceback" not in refused.err
    assert sorted(path.name for path in made.iterdir()) == before


def test_parts_on_s3(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    place = S3Place(request.getfixturevalue("s3_endpoint"))
    for name, value in place.env.items():
        monkeypatch.setenv(name, value)
    for number in range(3):
        (tmp_path / f"in{number}").write_text("".join(ROWS[number::3]))
        run("sums", [tmp_path / f"in{number}"], f"{place.root}/out{number}", *COLUMNS)
    outs = [f"{place.root}/out{number}" for number in range(3)]
    engine.run(outs[:2], f"{place.root}/some", Settings(parts=3))
    engine.run([f"{place.root}/some", outs[2]], f"{place.root}/merged", Settings(parts=2))
    whole = run(
        "sums", [tmp_path / f"in{number}" for number in range(3)], tmp_path / "whole", *COLUMNS, "--parts", "2"
    )
    found = {
        Path(file.name).name.split(".")[0]: b"".join(file.chunks())
        for file in resolve([f"{place.root}/merged"]).files
    }
    assert [data for _, data in sorted(found.items())] == [(whole / f"part-0000{n}").read_bytes() for n in (0, 1)]
    engine.run([f"{place.root}/merged"], str(tmp_path / "local"), Settings(parts=2))
    assert files_of(tmp_path / "local") == files_of(whole)
    victim = next(path for path in keys_of(place) if "/out1/" in path and "_partial-" in path)
    place.write(victim, place.read(victim)[:-1] + b"x")
    with pytest.raises(FaninError, match="_partial-.*damaged: its CRC32C"):
        engine.run(outs, f"{place.root}/no", Settings())
    assert not [path for path in keys_of(place) if "/no/" in path]


def keys_of(place: S3Place) -> list[str]:
    return [
        f"s3://{place.bucket}/{item['Key']}" for item in place.client.list_objects_v2(Bucket=place.bucket)["Contents"]
    ]
