"""fanin new: what it writes runs, and passes its own test; nothing is overwritten."""

import sys
from pathlib import Path

import pytest

from jobs.new import JOB
from tests import command

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_a_job_and_its_test(tmp_path: Path) -> None:
    told = command.run("new", "my_sales", cwd=tmp_path).ok().out.decode()
    assert told == (
        "my_sales.py, to change; test_my_sales.py, to change with it\n"
        "try: fanin run my_sales.py INPUT...; and, where pytest is installed, pytest test_my_sales.py\n"
    )
    assert (
        command.run("run", "my_sales.py", "-", cwd=tmp_path, input=b"Town 1.5\nTown 1\n").ok().out
        == b"Town\t2\t2.50\n"
    )
    assert command.call(sys.executable, "-m", "pytest", "-q", str(tmp_path)).ok()
    job = tmp_path / "my_sales.py"
    job.write_text(job.read_text().replace("scale=2", "scale=3"))
    assert command.call(sys.executable, "-m", "pytest", "-q", str(tmp_path)).code == 1, "its test can fail"


def test_it_is_the_readmes() -> None:
    body = JOB.format(name="sales", kind="Sales").partition('"""\n\n')[2]
    assert f"```python\n{body}```" in README


@pytest.mark.parametrize("name", ["My", "a-b", "../a", "class", "", "1a", "a.py"])
def test_names_that_are_none(name: str, tmp_path: Path) -> None:
    done = command.run("new", name, cwd=tmp_path)
    assert (done.code, list(tmp_path.iterdir())) == (2, [])
    assert f"new {name!r}: a job's name is one of a Python module" in done.err


@pytest.mark.parametrize("name", ["json", "jobs", "duckdb"])
def test_names_that_hide_what_jobs_import(name: str, tmp_path: Path) -> None:
    done = command.run("new", name, cwd=tmp_path)
    assert (done.code, list(tmp_path.iterdir())) == (2, [])
    assert f"Python has a module {name} already" in done.err


@pytest.mark.parametrize("there", ["mine.py", "test_mine.py"])
def test_nothing_is_overwritten(there: str, tmp_path: Path) -> None:
    (tmp_path / there).write_text("kept")
    done = command.run("new", "mine", cwd=tmp_path)
    assert done.code == 2 and f"{there} is there already" in done.err
    assert [file.read_text() for file in tmp_path.iterdir()] == ["kept"]
