"""What makes a step stale, and what does not."""

import os
from dataclasses import replace as but

import pytest

from jobs.flows.signature import output_of
from tests.flows.running import Here
from tests.storage.test_manifest import GOOD

JOB = """\
from jobs import AggregateJob, Count, MRJob

class Words(AggregateJob):
    rows = "SELECT line AS word FROM lines"
    group_by = ["word"]
    measures = {"count": Count()}

class Lines(MRJob):
    def mapper(self, _, line):
        yield line, 1
"""
KINDS = """\
[parameters]
n = {type = "integer", default = 2}
[steps.words]
run = "job.py:Words"
inputs = ["in/*.txt"]
output = "out/words"
options = {parts = "{n}"}
[steps.lines]
run = "job.py:Lines"
inputs = ["in"]
output = "out/lines"
[steps.shell]
command = ["sh", "script.sh", "{input}", "{output}"]
inputs = ["in/a.txt"]
output = "out/shell"
[steps.streamed]
streaming = ["-files", "script.sh#x.sh", "-mapper", "x.sh"]
inputs = ["in/a.txt"]
output = "out/streamed"
"""


def signatures(here: Here, *said: str) -> dict[str, str]:
    return {name: state.parts["signature"] for name, state in here.states(*said).items()}


@pytest.fixture
def kinds(here: Here) -> Here:
    here.flow(KINDS)
    here.write("job.py", JOB)
    here.write("script.sh", 'cat "$1" > "$2/x"\n')
    here.write("in/a.txt", "a\n")
    here.write("in/b.txt", "b\n")
    return here


ALL = {"words", "lines", "shell", "streamed"}


def replace(here: Here, path: str, old: str, new: str) -> None:
    text = here.read(path)
    assert old in text
    here.write(path, text.replace(old, new))


def touch(here: Here, path: str) -> None:
    os.utime(here.folder / path, ns=(1, 1))


@pytest.mark.parametrize(
    ("change", "stale"),
    [
        (lambda here: None, set()),
        (lambda here: replace(here, "flow.toml", '"{n}"', '"3"'), {"words"}),
        (lambda here: replace(here, "flow.toml", "default = 2", "default = 3"), {"words"}),
        (lambda here: replace(here, "flow.toml", '"{n}"', '"2"'), set()),
        (lambda here: replace(here, "flow.toml", "[parameters]", "# more\n[parameters]\nother = {default = 'x'}"), set()),
        (lambda here: replace(here, "flow.toml", '"out/lines"', '"out/lines"\nkeep = false'), set()),
        (lambda here: replace(here, "flow.toml", '"-mapper", "x.sh"', '"-mapper", "x.sh y"'), {"streamed"}),
        (lambda here: replace(here, "flow.toml", '["in"]', '["in/a.txt", "in/b.txt"]'), {"lines"}),
        (lambda here: replace(here, "job.py", "line AS", "upper(line) AS"), {"words", "lines"}),
        (lambda here: replace(here, "job.py", '"count": Count()', '"n": Count()'), {"words", "lines"}),
        (lambda here: here.write("job.py", here.read("job.py") + "# a comment\n"), {"lines"}),
        (lambda here: replace(here, "script.sh", "cat", "cat -u"), {"shell", "streamed"}),
        (lambda here: here.write("in/a.txt", "longer\n"), ALL),
        (lambda here: touch(here, "in/a.txt"), ALL),
        (lambda here: touch(here, "in/b.txt"), {"words", "lines"}),
        (lambda here: here.write("in/c.txt", ""), {"words", "lines"}),
        (lambda here: here.write("in/c.csv", ""), {"lines"}),
        (lambda here: here.write("in/_c.txt", ""), set()),
        (lambda here: (here.folder / "in/b.txt").unlink(), {"words", "lines"}),
    ],
)  # fmt: skip
def test_what_makes_a_step_stale(kinds: Here, change: object, stale: set[str]) -> None:
    before = signatures(kinds)
    change(kinds)  # type: ignore[operator]
    after = signatures(kinds)
    assert {name for name in before if before[name] != after[name]} == stale


def test_a_version_stands_for_the_code(kinds: Here) -> None:
    for name in ("out/shell", "out/lines", "out/streamed"):
        replace(kinds, "flow.toml", f'"{name}"', f'"{name}"\nversion = "1"')
    before = signatures(kinds)
    replace(kinds, "script.sh", "cat", "cat -u")
    kinds.write("job.py", JOB + "# a comment\n")
    assert signatures(kinds) == before
    replace(kinds, "flow.toml", '"out/shell"\nversion = "1"', '"out/shell"\nversion = "2"')
    after = signatures(kinds)
    assert {name for name in before if before[name] != after[name]} == {"shell"}


def test_what_a_job_imports_is_its_code(kinds: Here) -> None:
    kinds.write("helper/__init__.py", "")
    kinds.write("helper/text.py", "def low(text): return text.lower()\n")
    replace(kinds, "job.py", "class Words", "from helper import text\n\nclass Words")
    before = signatures(kinds)
    kinds.write("helper/text.py", "def low(text): return text\n")
    after = signatures(kinds)
    assert {name for name in before if before[name] != after[name]} == {"lines"}


def test_another_engine_makes_nothing_stale(kinds: Here) -> None:
    here, there = (kinds.states(runner=engine) for engine in ("local", "hadoop"))
    assert {name: here[name].parts for name in here} == {name: there[name].parts for name in there}


CHAIN = """\
[steps.first]
command = ["sh", "-c", "sort {input} > {output}/x"]
inputs = ["in.txt"]
output = "out/first"
[steps.second]
command = ["sh", "-c", "cat {input}/x > {output}/y"]
inputs = [{step = "first"}]
output = "out/second"
[steps.third]
command = ["sh", "-c", "cat {input}/y > {output}/z"]
inputs = [{step = "second"}]
output = "out/third"
"""


@pytest.mark.slow
def test_a_chain_that_is_made_again_in_part(here: Here) -> None:
    """One flow after the other, as runs take their time."""
    here.flow(CHAIN)
    here.write("in.txt", "b\na\n")
    assert here.standing() == {
        "first": "to do: its output is not there", "second": "to do: its output is not there",
        "third": "to do: its output is not there",
    }  # fmt: skip
    assert here.run() == ["first", "second", "third"]
    assert here.standing() == {"first": "done", "second": "done", "third": "done"}
    assert here.run() == []

    # Other bytes at the beginning, the same behind the first step: what is behind that is not run again.
    here.write("in.txt", "a\nb\n")
    os.utime("in.txt", ns=(1, 1))
    assert here.standing() == {
        "first": "stale: in.txt changed", "second": "stale: first is stale", "third": "stale: second is stale"
    }  # fmt: skip
    assert here.run() == ["first"]
    assert here.run() == []

    # Other bytes behind it, too.
    here.write("in.txt", "a\nc\n")
    assert here.run() == ["first", "second", "third"]
    assert here.read("out/third/z") == "a\nc\n"
    why = {event["step"]: event["why"] for event in here.events() if event["event"] == "started"}
    assert why == {"first": ["in.txt changed"], "second": ["out/first changed"], "third": ["out/second changed"]}

    # Forced: it alone is run, and nothing is stale afterwards.
    assert here.run("--force", "second") == ["second"]
    assert here.run() == []

    # An output removed by hand is made again; it alone, as it is the same.
    here.fanin("run", "flow.toml")
    for file in (here.folder / "out/first").iterdir():
        file.unlink()
    (here.folder / "out/first").rmdir()
    assert here.standing() == {"first": "to do: its output is not there", "second": "done", "third": "done"}
    assert here.run() == ["first"]


@pytest.mark.slow
def test_an_output_made_again_with_other_bytes_is_followed(here: Here) -> None:
    here.flow("""\
[steps.first]
command = ["sh", "-c", "cp ../out*ide {output}/x"]
output = "out/first"
[steps.second]
command = ["sh", "-c", "cat {input}/x > {output}/y"]
inputs = [{step = "first"}]
output = "out/second"
""")
    here.write("../outside", "1\n")
    assert here.run() == ["first", "second"]
    here.write("../outside", "2\n")  # of which nobody has told the flow
    assert here.run() == []
    assert here.run("--force", "first") == ["first", "second"]
    assert here.read("out/second/y") == "2\n"
    for file in (here.folder / "out/first").iterdir():
        file.unlink()
    (here.folder / "out/first").rmdir()
    here.write("../outside", "3\n")
    assert here.run() == ["first", "second"]
    assert here.read("out/second/y") == "3\n"


@pytest.mark.slow
def test_cleaned_intermediates(here: Here) -> None:
    here.flow(
        CHAIN.replace('"out/first"', '"out/first"\nkeep = false').replace(
            '"out/second"', '"out/second"\nkeep = false'
        )
    )
    here.write("in.txt", "b\na\n")
    here.run()
    told = here.fanin("clean", "flow.toml", "--dry-run").ok().out.decode()
    assert told == "would remove out/first\nwould remove out/second\n"
    assert here.names("out") == ["first", "second", "third"]
    here.fanin("clean", "flow.toml").ok()
    assert here.names("out") == ["third"]
    assert here.standing() == {"first": "cleaned", "second": "cleaned", "third": "done"}
    assert here.run() == []
    assert here.fanin("clean", "flow.toml").ok().out == b""
    replace(here, "flow.toml", "{input}/y >", "{input}/y - >")
    assert here.run() == ["first", "second", "third"]


def test_what_is_stale_is_not_cleaned(here: Here) -> None:
    here.flow(CHAIN.replace('"out/first"', '"out/first"\nkeep = false'))
    here.write("in.txt", "b\na\n")
    here.run("--until", "first")
    assert here.fanin("clean", "flow.toml").ok().out == b""
    assert here.names("out") == ["first"]


@pytest.mark.slow
def test_foreign_and_damaged_outputs(here: Here) -> None:
    here.flow(CHAIN)
    here.write("in.txt", "b\na\n")
    here.write("out/first/mine.txt", "x\n")
    assert here.standing()["first"] == "foreign: out/first: exists, and is no output of fanin"
    assert "out/first: exists, and is no output of fanin" in here.fails(2)
    assert "exists, and is no output of fanin" in here.fails(2, "--force", "first")
    assert here.names("out/first") == ["mine.txt"]
    (here.folder / "out/first/mine.txt").unlink()
    (here.folder / "out/first").rmdir()
    here.run()

    here.write("out/second/y", "damaged\n")
    assert here.standing()["second"].startswith("damaged: out/second/y: has 8 bytes, where the manifest lists 4")
    told = here.fails(1)
    assert "second: out/second/y: has 8 bytes, where the manifest lists 4; --force second makes it again" in told
    assert here.run("--force", "second") == ["second"]
    assert here.read("out/third/z") == "a\nb\n"

    replace(here, "flow.toml", "steps.third", "steps.last")  # another step, at the same place
    assert here.standing()["last"].startswith("foreign: out/third: was not made by this step")
    assert "out/third: was not made by this step; remove it, or name another output" in here.fails(2)


def test_readers_see_names_of_columns_and_not_those_of_parts() -> None:
    """The same bytes, told otherwise."""

    def content(**changes: object) -> str:
        return output_of("s", but(GOOD, **changes))["content"]  # type: ignore[arg-type]

    named = [but(GOOD.files[0], name="part-00000-a1b2")]
    assert content(files=named) == content()
    assert content(started="other", counters={}, arguments=[]) == content()
    assert content(columns=[{"name": "n", "type": "VARCHAR"}]) != content()
    assert content(plan={}) != content()  # its states would be finished otherwise
    assert content(order=[]) != content()
    assert content(files=[but(GOOD.files[0], crc32c="00000001")]) != content()
    assert content(files=[but(GOOD.files[0], name="x")]) != content(files=[but(GOOD.files[0], name="y")])


DELETES = """\
[steps.small]
command = ["sh", "-c", 'cat "$@" > {output}/x', "sh", "{inputs}"]
inputs = ["raw/1", "raw/2", "raw/3"]
output = "out/small"
[steps.checked]
command = ["sh", "-c", "wc -l < {input}/x > {output}/n"]
inputs = [{step = "small"}]
output = "out/checked"
[steps.gone]
delete = ["raw/1", "raw/2", "raw/3"]
after = ["small", "checked"]
output = "out/gone"
"""


@pytest.fixture
def deletes(here: Here) -> Here:
    here.flow(DELETES)
    for name in "123":
        here.write(f"raw/{name}", f"{name}\n")
    return here


@pytest.mark.slow
def test_inputs_are_deleted_once_their_readers_are_done(deletes: Here) -> None:
    assert deletes.run() == ["small", "checked", "gone"]
    assert deletes.names("raw") == []
    told = deletes.read("out/gone/removed.txt").splitlines()
    assert told == [str(deletes.folder / "raw" / name) for name in "123"]
    assert deletes.standing() == {"small": "done", "checked": "done", "gone": "done"}
    assert deletes.run() == []
    assert deletes.run("--until", "checked") == []  # knows of the deletion, too
    replace(deletes, "flow.toml", "wc -l", "wc -c")
    assert deletes.run() == ["checked"]
    replace(deletes, "flow.toml", "cat ", "sort ")
    assert deletes.standing()["small"] == "stale: its words changed"


def test_a_deletion_cut_off_is_finished(deletes: Here) -> None:
    """Killed once its output is published, and a part of the inputs removed."""
    deletes.run("--until", "checked")
    raw = {file: (file.read_text(), file.stat().st_mtime_ns) for file in (deletes.folder / "raw").iterdir()}
    deletes.run()
    for file, (text, time) in sorted(raw.items())[1:]:  # as if the first alone had been removed
        file.write_text(text)
        os.utime(file, ns=(time, time))
    assert deletes.standing() == {"small": "done", "checked": "done", "gone": "stale: what it removes is there"}
    assert deletes.run() == ["gone"]
    assert deletes.names("raw") == []
    assert deletes.read("out/small/x") == "1\n2\n3\n"
    assert len(deletes.read("out/gone/removed.txt").splitlines()) == 3
    assert deletes.run() == []


@pytest.mark.slow
@pytest.mark.parametrize("path", ["raw/*", "raw"])
def test_folders_and_globs_are_deleted_and_finished(deletes: Here, path: str) -> None:
    replace(deletes, "flow.toml", '["raw/1", "raw/2", "raw/3"]', f'["{path}"]')
    replace(deletes, "flow.toml", 'cat "$@"', 'find "$@" -type f | sort | xargs cat')
    deletes.run("--until", "checked")
    kept = deletes.folder / "raw/2"
    text, time = kept.read_text(), kept.stat().st_mtime_ns
    assert deletes.run() == ["gone"]
    assert not list(deletes.folder.glob("raw/*"))
    deletes.write("raw/2", text)
    os.utime(kept, ns=(time, time))
    assert deletes.run() == ["gone"]
    assert not list(deletes.folder.glob("raw/*"))
    assert deletes.read("out/small/x") == "1\n2\n3\n"


@pytest.mark.slow
def test_new_files_under_a_deleted_name_are_new(deletes: Here) -> None:
    deletes.run()
    for name in "123":
        deletes.write(f"raw/{name}", f"new {name}\n")
    assert deletes.run() == ["small", "checked", "gone"]
    assert deletes.read("out/small/x") == "new 1\nnew 2\nnew 3\n"
    assert deletes.names("raw") == []


@pytest.mark.slow
def test_a_damaged_reader_keeps_the_inputs(deletes: Here) -> None:
    deletes.run("--until", "checked")
    file = deletes.folder / "out/small/x"
    file.write_text("1\n2\n4\n")  # as long as before
    told = deletes.fails(1)
    assert "out/small/x: damaged: its CRC32C is" in told
    assert deletes.names("raw") == ["1", "2", "3"]
    assert deletes.run("--force", "small") == ["small", "gone"]
    assert deletes.names("raw") == []


@pytest.mark.slow
def test_an_intermediate_is_deleted(here: Here) -> None:
    here.flow(CHAIN + '[steps.gone]\ndelete = [{step = "first"}]\nafter = ["second"]\noutput = "out/gone"\n')
    here.write("in.txt", "b\na\n")
    here.run()
    assert here.names("out") == ["gone", "second", "third"]
    assert here.standing() == {"first": "cleaned", "second": "done", "third": "done", "gone": "done"}
    assert here.run() == []
    replace(here, "flow.toml", "{input}/x >", "{input}/x - >")
    assert here.run() == ["first", "second", "gone"]
    assert here.names("out") == ["gone", "second", "third"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('delete = ["raw/1", "raw/2", "raw/3"]', 'delete = ["raw"]', "flow.toml:10: step gone: raw: no step reads what is so called"),
        ('after = ["small", "checked"]', "", "flow.toml:9: step gone: raw/1 is read by small, which is not waited for"),
        ('[{step = "small"}]', '[{step = "small"}, "raw/2"]', None),
        ('after = ["small", "checked"]', 'after = ["small"]', None),
        ('after = ["small", "checked"]', 'after = ["checked"]', None),
    ],
)  # fmt: skip
def test_deletions_refused(deletes: Here, old: str, new: str, told: str | None) -> None:
    replace(deletes, "flow.toml", old, new)
    if told is None:
        deletes.states()
        return
    assert told in deletes.fails(2)
    assert deletes.names("raw") == ["1", "2", "3"]


def test_the_code_of_a_step_is_looked_for_where_it_lies(kinds: Here) -> None:
    """Two files of one name."""
    kinds.write("other/job.py", JOB.replace("line, 1", "line, 2"))
    kinds.flow(KINDS + '[steps.others]\nrun = "other/job.py:Lines"\ninputs = ["in"]\noutput = "out/others"\n')
    before = signatures(kinds)
    kinds.write("other/job.py", JOB)
    after = signatures(kinds)
    assert {name for name in before if before[name] != after[name]} == {"others"}
