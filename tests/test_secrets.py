"""What a person has given to tasks in confidence is nowhere to be read afterwards."""

import json
from pathlib import Path

import pytest

from jobs.secrets import concealed
from tests import command, lab

WORD = "hunter2-and more"
JOB = """
import os
from mrjob.job import MRJob

class Counts(MRJob):
    def mapper(self, _, line):
        assert os.environ["KEY"] == "hunter2-and more"
        yield line, 1

if __name__ == "__main__":
    Counts.run()
"""


@pytest.mark.parametrize("words", [
    ["--cmdenv", f"KEY={WORD}"], [f"--cmdenv=KEY={WORD}"], ["-cmdenv", f"KEY={WORD}"], [f"-Dmy.password={WORD}"],
    ["-D", f"fs.s3a.secret.key={WORD}"], ["--jobconf", f"my.token={WORD}"], [f"--jobconf=my.credentials={WORD}"],
])  # fmt: skip
def test_hidden(words: list[str]) -> None:
    told = concealed(["run", "job.py", *words, "in.txt"])
    assert (told[0], told[-1], len(told)) == ("run", "in.txt", len(words) + 3)
    assert WORD not in "".join(told)
    assert "***" in told[-2]


@pytest.mark.parametrize("words", [["-D", "mapreduce.job.reduces=3"], ["--key", "a=b"], ["--cmdenv"], ["-D"], []])
def test_told(words: list[str]) -> None:
    assert concealed(words) == words


def test_neither_in_manifests_nor_in_what_a_flow_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "job.py").write_text(JOB)
    (tmp_path / "in.txt").write_text("a\n")
    (tmp_path / "flow.toml").write_text(f"""
name = "secret"
[steps.counts]
run = "job.py"
inputs = ["in.txt"]
output = "out/flow"
options = {{cmdenv = {{KEY = "{WORD}"}}}}
""")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    command.run("run", "job.py", "in.txt", "-o", "out/run", "--cmdenv", f"KEY={WORD}", cwd=tmp_path).ok()
    planned = command.run("flow", "run", "flow.toml", "--dry-run", cwd=tmp_path).ok()
    command.run("flow", "run", "flow.toml", cwd=tmp_path).ok()
    assert WORD not in planned.out.decode()
    written = [path for path in tmp_path.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    kept = [path for path in written if path.name not in ("job.py", "flow.toml")]
    assert {path.name for path in kept} >= {"_MANIFEST.json"} and any(path.suffix == ".events" for path in kept)
    assert [path for path in kept if WORD in path.read_text()] == []
    assert json.loads((tmp_path / "out/run/_MANIFEST.json").read_text())["arguments"][-1] == "KEY=***"
    changed = (tmp_path / "flow.toml").read_text().replace(WORD, "other")
    (tmp_path / "flow.toml").write_text(changed)
    assert (
        "hidden values changed"
        in command.run("flow", "run", "flow.toml", "--dry-run", cwd=tmp_path).ok().out.decode()
    )


@pytest.mark.hadoop
@pytest.mark.slow
def test_nor_where_a_run_tells_all_it_does(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(JOB.replace("assert", "assert True or"))
    (tmp_path / "in.txt").write_text("a\n")
    said = ["job.py", "in.txt", "-r", "hadoop", "-v", "-D", "mapreduce.framework.name=local"]
    done = command.run("run", *said, cwd=tmp_path, env={**lab.environment(), "AWS_SECRET_ACCESS_KEY": WORD}).ok()
    assert "Running step 1 of 1" in done.err
    assert WORD not in done.err
