"""Temporary folders: gone with their run, and those of the dead with the next."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobs.storage import owners
from jobs.storage.scratch import scratch

WAIT = "import time\nfrom jobs.storage.scratch import scratch\nwith scratch() as folder:\n    print(folder, flush=True)\n    time.sleep(60)"


def test_the_dead_are_swept_and_the_living_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    (tmp_path / "fanin-notes").mkdir()
    killed = subprocess.Popen([sys.executable, "-c", WAIT], stdout=subprocess.PIPE, text=True)
    living = subprocess.Popen([sys.executable, "-c", WAIT], stdout=subprocess.PIPE, text=True)
    folders = [Path(process.stdout.readline().strip()) for process in (killed, living) if process.stdout]
    killed.kill()
    killed.wait()
    assert all(folder.exists() for folder in folders)
    with scratch() as mine:
        assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "fanin-notes", folders[1], mine])
    living.terminate()
    living.wait()


def test_a_tag_of_elsewhere_is_dead_after_a_week_only() -> None:
    now = int(time.time())
    assert not owners.is_dead(owners.new_tag())
    assert not owners.is_dead(f"0otheruniverse1-1-1-{now - 6 * 24 * 3600}-12345678")
    assert owners.is_dead(f"0otheruniverse1-1-1-{now - 8 * 24 * 3600}-12345678")
    assert not owners.is_dead("whatever")


def test_a_pid_used_again_is_not_the_owner() -> None:
    universe, pid, start, epoch, rest = owners.new_tag().split("-")
    assert owners.is_dead(f"{universe}-{pid}-{int(start) + 1}-{epoch}-{rest}")
