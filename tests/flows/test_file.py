"""A flow's file: what it says, and what is wrong with it, by its line, before anything runs."""

from pathlib import Path

import pytest

from jobs.errors import UsageError
from jobs.flows import Bucket, Command, Delete, Flow, Join, Merge, Parameter, Reduce, Run, Streaming
from jobs.flows.cli import main as flow
from jobs.flows.file import load
from jobs.flows.lines import Lines
from jobs.flows.state import States
from jobs.flows.steps import Option


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with some inputs, in which the tests are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("logs/a.txt", "logs/b.txt", "users.tsv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1\t2\n")
    return tmp_path


ALL = """\
name = "everything"   # and more
[parameters]
date = "date"
top = {type = "integer", default = 5}
since = {type = "date", default = 2026-01-01}

[steps.total]         # before those that it needs
reduce = [{step = "count"}]
output = "out/{date}/total"
fan = 3

[steps.count]
run = "word_count"
inputs = ["{file}"]
output = "out/{date}/count/{file.stem}"
foreach.file = "logs/*.txt"
options = {keep-partials = true, parts = 2, strict = false}
keep = false

[steps."joined"]
join = [
    "users.tsv",   # "output" = no key
    {step = "sorted"},
]
output = '''out/{date}/joined'''
[steps.joined.options]
on = "1"
how = "left"
jobconf = {"a.b" = 1, "c" = "d"}

[steps]
sorted.bucket = "users.tsv"
sorted.output = "out/{date}/sorted"
sorted.options.on = "1"
sorted.options.jobconf = ["x=1", "y=2"]
[steps.mapped]
streaming = ["-mapper", "cat {top}"]
inputs = "users.tsv"
output = "out/{date}/mapped"
after = ["joined"]
[steps.listed]
command = ["sh", "-c", "wc -l \\"$@\\" > {output}/x", "sh", "{inputs}"]
inputs = [{step = "mapped"}, "users.tsv"]
output = "out/{date}/listed"
version = "2"
[steps.merged]
merge = [{step = "count"}]
output = "out/{date}/merged"
[steps.gone]
delete = ["users.tsv"]
after = ["joined", "listed"]
output = "out/{date}/gone"
"""


OPTIONS: dict[str, Option] = {"on": "1", "jobconf": ["x=1", "y=2"]}


def in_python() -> Flow:
    """The same flow."""
    out = "out/{date}"
    count = Run(
        name="count", job="word_count", inputs=["{file}"], output=f"{out}/count/{{file.stem}}", foreach={"file": "logs/*.txt"},
        options={"keep-partials": True, "parts": 2, "strict": False}, keep=False,
    )  # fmt: skip
    divided = Bucket(name="sorted", inputs=["users.tsv"], output=f"{out}/sorted", options=OPTIONS)
    options: dict[str, Option] = {"on": "1", "how": "left", "jobconf": {"a.b": 1, "c": "d"}}
    joined = Join(name="joined", inputs=["users.tsv", divided], output=f"{out}/joined", options=options)
    mapped = Streaming(
        name="mapped",
        arguments=["-mapper", "cat {top}"],
        inputs=["users.tsv"],
        output=f"{out}/mapped",
        after=[joined],
    )
    words = ["sh", "-c", 'wc -l "$@" > {output}/x', "sh", "{inputs}"]
    listed = Command(
        name="listed", arguments=words, inputs=[mapped, "users.tsv"], output=f"{out}/listed", version="2"
    )
    return Flow(
        "everything",
        [
            Reduce(name="total", inputs=[count], output=f"{out}/total", fan=3), count, joined, divided, mapped, listed,
            Merge(name="merged", inputs=[count], output=f"{out}/merged"),
            Delete(name="gone", inputs=["users.tsv"], after=[joined, listed], output=f"{out}/gone"),
        ],
        {"date": Parameter("date"), "top": Parameter("integer", "5"), "since": Parameter("date", "2026-01-01")},
    )  # fmt: skip


def test_a_file_and_classes_give_the_same_graph() -> None:
    Path("flow.toml").write_text(ALL)
    said = {"date": "2026-11-01"}
    ours, theirs = load("flow.toml").graph(said), in_python().graph(said)
    assert ours.values == theirs.values == {"date": "2026-11-01", "top": "5", "since": "2026-01-01"}
    assert set(ours.nodes) == {
        "count[a.txt]", "count[b.txt]", "total", "sorted", "joined", "mapped", "listed", "merged", "gone"
    }  # fmt: skip
    assert {name: node.command("hadoop") for name, node in ours.nodes.items()} == {
        name: node.command("hadoop") for name, node in theirs.nodes.items()
    }
    assert {name: [need.name for need in node.needs] for name, node in ours.nodes.items()} == {
        name: [need.name for need in node.needs] for name, node in theirs.nodes.items()
    }
    assert {name: (type(node.step), node.step.keep) for name, node in ours.nodes.items()} == {
        name: (type(node.step), node.step.keep) for name, node in theirs.nodes.items()
    }
    states = [States(graph, "").all() for graph in (ours, theirs)]
    signatures = [{name: state.parts["signature"] for name, state in one.items()} for one in states]
    assert signatures[0] == signatures[1]


def test_commands() -> None:
    Path("flow.toml").write_text(ALL)
    nodes = load("flow.toml").graph({"date": "2026-11-01", "top": "7"}).nodes
    out = "out/2026-11-01"
    told = {name: " ".join(node.command("local")) for name, node in nodes.items()}
    assert told == {
        "count[a.txt]": f"run word_count logs/a.txt --output-dir {out}/count/a -r local --keep-partials --parts 2",
        "count[b.txt]": f"run word_count logs/b.txt --output-dir {out}/count/b -r local --keep-partials --parts 2",
        "total": f"merge {out}/count/a {out}/count/b --output-dir {out}/total",
        "merged": f"merge {out}/count/a {out}/count/b --output-dir {out}/merged",
        "sorted": f"bucket users.tsv --output-dir {out}/sorted -r local --on 1 --jobconf x=1 --jobconf y=2",
        "joined": f"join users.tsv {out}/sorted --output-dir {out}/joined -r local --on 1 --how left"
        " --jobconf a.b=1 --jobconf c=d",
        "mapped": f"streaming -mapper cat 7 -input users.tsv -output {out}/mapped",
        "listed": f'command {out}/listed 2 {out}/mapped users.tsv sh -c wc -l "$@" > {{output}}/x sh {{inputs}}',
        "gone": f"delete {out}/gone 2 {out}/joined {out}/listed users.tsv",
    }


def test_lines_of_keys() -> None:
    text = """\
"a.b" = 1
x = [   # c = 1
  "y = 2", 'z = 3', # ]
  {p = 1, q = [{r = 2}]}, {s = 3}
]
m = \"\"\"
n = 1
\\\"\"\" [o]
\"\"\"\"
l = '''
[k]
''' # [j]
[t . "u v"] # comment
w.x.y = {z = 1, "é" = 2}
[[list]]
in = 1
[[list]]
in = 2
"""
    lines = Lines("f", text)

    def line(*key: str) -> str:
        return lines.at(*key).removeprefix("f:").removesuffix(": ").strip() or "f"

    assert line("a.b") == "1"
    assert [line("x"), line("x", "p"), line("x", "q", "r"), line("x", "s"), line("x", "none")] == ["2", "4", "4", "4", "2"]  # fmt: skip
    assert [line("m"), line("l")] == ["6", "10"]
    assert [line("t"), line("t", "u v"), line("t", "u v", "w"), line("t", "u v", "w", "x", "y", "é")] == ["13", "13", "14", "14"]  # fmt: skip
    assert [line("list"), line("list", "in")] == ["15", "16"]
    assert line("n") == line("c") == line("y") == line("k") == line("o") == line("j") == "f"
    assert lines.of("t", "u v", "w", "x") == {"": 14, "y": 14}


FIRST = """\
[parameters]
date = {type = "date", default = "2026-11-01"}
[steps.a]
run = "word_count"
inputs = ["users.tsv"]
output = "out/a"
"""  # six lines


@pytest.mark.parametrize(
    ("added", "line", "told"),
    [
        # the steps that a step needs
        ('[steps.b]\nmerge = [{step = "c"}]\noutput = "out/b"', 8, "step b: there is no step 'c'; there are a, b"),
        ('[steps.b]\nmerge = [{step = "b"}]\noutput = "out/b"', 8, "step b: waits for itself: b <- b"),
        ('[steps.b]\nmerge = [{step = "c"}]\noutput = "out/b"\n[steps.c]\ncommand = ["x"]\nafter = "b"\noutput = "out/c"',
         12, "step c: waits for itself: b <- c <- b"),
        ('[steps.b]\ncommand = ["x"]\noutput = "out/b"\nafter = ["none"]', 10, "step b: there is no step 'none'"),
        ('[steps.b]\nrun = "word_count"\ninputs = [{stp = "a"}]\noutput = "out/b"', 9, "step b: {'stp': 'a'} is no input; write a path"),
        ('[steps.b]\nrun = "word_count"\noutput = "out/b"\ninputs = [1]', 10, "step b: 1 is no input"),
        ('[steps.b]\ncommand = ["x", "{input}"]\ninputs = [{step = "c"}]\noutput = "out/b/{s}"\nforeach = {s = ["1", "2"]}\n'
         '[steps.c]\ncommand = ["x"]\noutput = "out/c/{s}"\nforeach = {s = ["1", "3"]}', 9, "step b: the step c is run for no s = '2'"),
        # outputs
        ('[steps.b]\ncommand = ["x"]\noutput = "out/a"', 9, "step b: out/a is the output of a, too"),
        ('[steps.b]\ncommand = ["x"]\noutput = "./out//a/"', 9, "step b: ./out//a/ is the output of a, too"),
        ('[steps.b]\ncommand = ["x"]\noutput = "out/a/b"', 9, "step b: out/a/b is in out/a, the output of a"),
        ('[steps.b]\ncommand = ["x"]\noutput = "out"', 6, "step a: out/a is in out, the output of b"),
        ('[steps.b]\ncommand = ["x"]\noutput = "out/b"\nforeach = {x = ["1", "2"]}', 9, "step b: out/b is the output of b[1], too"),
        ('[steps.b]\ncommand = ["x"]', 7, "step b: has no output"),
        ('[steps.b]\ncommand = ["x"]\noutput = ["out"]', 9, "step b: ['out'] is no output"),
        ('[steps.b]\nrun = "word_count"\ninputs = ["out/a"]\noutput = "out/b"', 9,
         'step b: out/a is the output of a, and would not be waited for; write {step = "a"}'),
        ('[steps.b]\nrun = "word_count"\ninputs = ["out/a/part-00000"]\noutput = "out/b"', 9, "step b: out/a/part-00000 is the output of a"),
        ('[steps.b]\nrun = "word_count"\ninputs = ["o*/[a]"]\noutput = "out/b"', 9, "step b: o*/[a] is the output of a"),
        ('[steps.b]\nrun = "word_count"\ninputs = ["out/?/part-*"]\noutput = "out/b"', 9, "step b: out/?/part-* is the output of a"),
        # keys
        ('[steps.b]\nmrge = ["x"]\noutput = "out/b"', 7, "step b: needs one of the keys run, join, bucket, merge, reduce, streaming,"),
        ('[steps.b]\nmerge = ["x"]\nrun = "x"\noutput = "out/b"', 7, "and has 2"),
        ('[steps.b]\nmerge = ["x"]\noutputs = "out/b"', 9, "step b: no such key 'outputs'; there are merge, output"),
        ('[steps.b]\nmerge = ["x"]\ninputs = ["y"]\noutput = "out/b"', 9, "step b: no such key 'inputs'; there are merge, output"),
        ('[steps.b]\nmerge = ["x"]\nfan = 3\noutput = "out/b"', 9, "step b: no such key 'fan'"),
        ('[steps]\nb = {merge = ["x"], outptu = "out/b"}', 8, "step b: no such key 'outptu'"),
        ('[steps]\nb = 5', 8, "step b: needs one of the keys"),
        ('[step.b]\nmerge = ["x"]', 7, "no such key 'step'; there are name, parameters and steps"),
        # types
        ('[steps.b]\nreduce = ["users.tsv"]\nfan = 1\noutput = "out/b"', 9, "step b: 1 is no fan"),
        ('[steps.b]\nreduce = ["users.tsv"]\nfan = "4"\noutput = "out/b"', 9, "step b: '4' is no fan"),
        ('[steps.b]\nmerge = ["users.tsv"]\nkeep = 0\noutput = "out/b"', 9, "step b: 0 is no keep"),
        ('[steps.b]\nrun = ["word_count"]\ninputs = ["users.tsv"]\noutput = "out/b"', 8, "step b: ['word_count'] is no run"),
        ('[steps.b]\ncommand = "echo x"\noutput = "out/b"', 8, "step b: 'echo x' is no command"),
        ('[steps.b]\ncommand = []\noutput = "out/b"', 8, "step b: [] is no command"),
        ('[steps.b]\ncommand = ["x"]\nversion = 2\noutput = "out/b"', 9, "step b: 2 is no version"),
        ('[steps.b]\ncommand = ["x"]\nforeach = {m = [1, 2]}\noutput = "out/b"', 9, "step b: {'m': [1, 2]} is no foreach"),
        ('[steps.b]\ncommand = ["x"]\nforeach = "m"\noutput = "out/b"', 9, "step b: 'm' is no foreach"),
        ('[steps.b]\nrun = "word_count"\ninputs = ["users.tsv"]\noptions = ["x"]\noutput = "out/b"', 10, "step b: ['x'] is no options"),
        ('[steps.b]\nrun = "word_count"\ninputs = ["users.tsv"]\noutput = "out/b"\n[steps.b.options]\nparts = [[1]]', 11,
         "step b: {'parts': [[1]]} is no options"),
        # texts
        ('[steps.b]\ncommand = ["x", "{dat}"]\noutput = "out/b"', 8, "step b: '{dat}': no value {dat}; there are: date"),
        ('[steps.b]\ncommand = ["x", "a {inputs}"]\noutput = "out/b"', 8, "step b: 'a {inputs}': {inputs} is a word of its own"),
        ('[steps.b]\ncommand = ["x"]\ninputs = ["{date-99999999}"]\noutput = "out/b"', 9, "step b: '{date-99999999}': no value"),
        ('[steps.b]\ncommand = ["x"]\noutput = "out/{date..date}"', 9, "a range of days can be in inputs alone"),
        ('[steps.b]\nrun = "word_count"\ninputs = ["users.tsv"]\noutput = "out/b"\noptions = {parts = "{n}"}', 11, "step b: '{n}': no value"),
        ('[steps.b]\ncommand = ["x"]\noutput = "out/b/{date}"\nforeach = {date = ["1"]}', 10, "step b: 'date' is a parameter, too"),
        ('[steps.b]\ncommand = ["x"]\noutput = "out/b/{x}"\nforeach = {x = ["1", "1"]}', 10, "step b: x: has one value twice"),
        ('[steps.b]\ncommand = ["x"]\noutput = "out/b/{x}"\nforeach = {x = []}', 10, "step b: x: has no values"),
        ('[steps.b]\ncommand = ["x"]\noutput = "out/b/{x}"\nforeach = {x = "none/*"}', 10, "step b: x: none/*: no file matches"),
        ('[steps.b]\ncommand = ["x"]\noutput = "out/b"\n[steps.b.foreach]\nmy-x = ["1"]', 10, "step b: my-x: is no name"),
        # inputs
        ('[steps.b]\nrun = "word_count"\noutput = "out/b"', 8, "step b: has no inputs"),
        ('[steps.b]\nmerge = []\noutput = "out/b"', 8, "step b: has no inputs"),
        ('[steps.b]\nrun = "word_count"\ninputs = "-"\noutput = "out/b"', 9, "step b: '-': standard input cannot be a step's"),
        ('[steps.b]\njoin = ["users.tsv"]\noutput = "out/b"', 8, "step b: has 1 inputs, and a join has a left one and a right one"),
        ('[steps.b]\njoin = [{step = "c"}, "users.tsv"]\noutput = "out/b"\n[steps.c]\ncommand = ["x"]\noutput = "out/c/{s}"\nforeach = {s = ["1", "2"]}',
         8, "step b: has 3 inputs"),
        # options
        ('[steps.b]\ncommand = ["x"]\noptions = {a = 1}\noutput = "out/b"', 9, "step b: a command has none"),
        ('[steps.b]\ndelete = ["users.tsv"]\noptions = {a = 1}\noutput = "out/b"\nafter = "a"', 9, "step b: a delete has none"),
        ('[steps.b]\nrun = "word_count"\ninputs = ["users.tsv"]\noptions = {output_dir = "x"}\noutput = "out/b"', 10,
         "step b: --output-dir: the flow itself says where the output goes"),
        ('[steps.b]\nrun = "word_count"\ninputs = ["users.tsv"]\noptions = {out = "x"}\noutput = "out/b"', 10, "step b: --out: the flow itself"),
        # names
        ('[steps."b c"]\ncommand = ["x"]\noutput = "out/b"', 7, "step b c: a name has letters, digits, - and _ alone"),
        ('[parameters.x]\ntype = "day"', 7, "parameter x: no type 'day'"),
        ('[parameters.x]\ntype = "date"\ndefault = "now"', 7, "parameter x: 'now' is no date"),
        ('[parameters.x]\ndefaults = "now"', 7, "parameter x: write a type, or {type = ..., default = ...}"),
        ('[parameters.x]\ntype = ["date"]', 7, "parameter x: ['date'] is no type"),
        ('[parameters.x]\ndefault = true', 7, "parameter x: True is no default"),
        ('[parameters.x-y]\ntype = "date"', 7, "parameter x-y: its name has letters, digits and _ alone"),
    ],
)  # fmt: skip
def test_refused_with_its_line(added: str, line: int, told: str) -> None:
    Path("flow.toml").write_text(FIRST + added + "\n")
    with pytest.raises(UsageError) as error:
        load("flow.toml").graph({})
    assert str(error.value).startswith(f"flow.toml:{line}: ")
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("added", "line", "told"),
    [
        ('[steps.b]\nrun = "word_cont"\ninputs = ["users.tsv"]\noutput = "out/b"', 8, "unknown job 'word_cont'; ready jobs near it: word_count"),
        ('[steps.b]\nrun = "my.py:Job"\ninputs = ["users.tsv"]\noutput = "out/b"', 8, "my.py: no such job file"),
        ('[steps.b]\nrun = "word_count"\ninputs = ["users.tsv"]\noptions = {prts = 2}\noutput = "out/b"', 10, "unrecognized arguments: --prts 2"),
        ('[steps.b]\nrun = "word_count"\ninputs = ["users.tsv"]\noptions = {parts = "two"}\noutput = "out/b"', 10, "argument --parts: invalid int value"),
        ('[steps.b]\nrun = "tests.flows.jobs_under_test:Copy"\ninputs = ["users.tsv"]\noptions = {prts = 2}\noutput = "out/b"', 10,
         "unrecognized arguments: --prts 2"),
        ('[steps.b]\njoin = ["users.tsv", "users.tsv"]\noutput = "out/b"\n[steps.b.options]\non = "1"\nhwo = "left"', 10,
         "unrecognized arguments: --hwo left"),
        ('[steps.b]\nbucket = ["users.tsv"]\noutput = "out/b"\noptions = {buckets = "x"}', 10, "argument --buckets: invalid int value: 'x'"),
        ('[steps.b]\nmerge = [{step = "a"}]\noutput = "out/b"\noptions = {keep = true}', 10, "unrecognized arguments: --keep"),
        ('[steps.b]\nreduce = [{step = "a"}]\noutput = "out/b"\noptions = {parts = "x"}', 10, "argument --parts: invalid int value: 'x'"),
        ('[steps.b]\nstreaming = ["-maper", "cat"]\ninputs = ["users.tsv"]\noutput = "out/b"', 8, "-mapper: none is given"),
        ('[steps.b]\nstreaming = ["-mapper", "cat"]\ninputs = ["users.tsv"]\noutput = "out/b"\noptions = {threads = "x"}', 11,
         "argument --threads: invalid int value: 'x'"),
        ('[steps.b]\nrun = "word_count"\ninputs = ["none.txt"]\noutput = "out/b"', 9, "step b: none.txt: no such file or folder"),
        ('[steps.b]\nmerge = ["none"]\noutput = "out/b"', 8, "step b: none: no such file or folder"),
        ('[steps.b]\nrun = "word_count"\ninputs = ["logs/*.gz"]\noutput = "out/b"', 9, "step b: logs/*.gz: no file matches"),
    ],
)  # fmt: skip
def test_commands_refused_before_anything_runs(
    added: str, line: int, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("flow.toml").write_text(FIRST + added + "\n")
    with pytest.raises(UsageError) as error:
        flow(["run", "flow.toml"])
    assert str(error.value).startswith(f"flow.toml:{line}: step b: ")
    assert told in str(error.value)
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")  # of argparse's own words
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "flow.toml: has no steps; write a table [steps.NAME] for each"),
        ("# x\nsteps = 1", "flow.toml:2: has no steps"),
        ("name = 5\n[steps.a]", "flow.toml:1: 5 is no name"),
        ('x = 1\nname = "../b"\n[steps.a]', "flow.toml:1: no such key 'x'"),
        ('name = "../b"\n[steps.a]', "flow.toml:1: '../b' is no name"),
        ("parameters = 1\n[steps.a]", "flow.toml:1: write a table [parameters]"),
        ("[steps.a\n", "flow.toml: is no TOML: "),
        ("[steps.a]\n[steps.a]\n", "flow.toml: is no TOML: "),
    ],
)
def test_refused_as_a_whole(text: str, told: str) -> None:
    Path("flow.toml").write_text(text)
    with pytest.raises(UsageError) as error:
        load("flow.toml")
    assert str(error.value).startswith(told)


def test_no_file_and_no_text() -> None:
    with pytest.raises(UsageError, match="none.toml: cannot be read: No such file"):
        load("none.toml")
    Path("flow.toml").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="flow.toml: is no TOML"):
        load("flow.toml")
