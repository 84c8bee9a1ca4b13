"""Faults: whatever dies, and whenever, afterwards there is nothing or everything, and the next run works."""

import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.storage.base import MANIFEST, SUCCESS, join
from tests import command
from tests.storage.faulty_proxy import FaultyProxy
from tests.storage.places import LocalPlace, Place, s3_environment

LINES = b"".join(b"word%d common\n" % (i * 7919 % 3000) for i in range(3000))
# With overwriting there is every moment there is without. HDFS takes .5 s to close a file; once is enough, and two parts.
STORAGES = [
    ("local", False), ("local", True), ("s3", False), ("s3", True),
    pytest.param("hdfs", True, marks=pytest.mark.hadoop),
]  # fmt: skip
STOP_AT = ["-m", "tests.storage.stop_at"]


def job(place: Place) -> list[str]:
    """A run of some parts over an input of the place, to its `out`."""
    return [
        "run",
        "word_count",
        join(place.root, "in.txt"),
        "-o",
        join(place.root, "out"),
        "--parts",
        str(parts(place)),
    ]


def parts(place: Place) -> int:
    return 2 if place.root.startswith("hdfs:") else 3


def undisturbed(place: Place) -> bytes:
    """The right records."""
    place.write(join(place.root, "in.txt"), LINES)
    return command.run("run", "word_count", join(place.root, "in.txt"), "--parts", str(parts(place))).ok().out


def check(place: Place, records: bytes, *old: bytes) -> None:
    """Nothing or everything is there; the next run works; then nothing else is left."""
    out = join(place.root, "out")
    seen = command.run("cat", out)
    if seen.code == 0:
        assert seen.out in (records, *old)
        assert command.run("verify", out).ok()
    else:
        assert re.search("no such file|is not finished", seen.err), seen.err
    command.run(*job(place), "--overwrite").ok()
    assert command.run("cat", out).ok().out == records
    assert [name for name in place.names(place.root) if name != "in.txt"] == ["out"]
    names = place.names(out)
    assert [name for name in names if name[0] in "._"] == [MANIFEST, SUCCESS]
    assert len(names) == parts(place) + 2


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("kind", "overwrite"), STORAGES)
def test_stopped_at_every_step(kind: str, overwrite: bool, when: str, make_place: Callable[[str], Place]) -> None:
    place = make_place(kind)
    records = undisturbed(place)
    old = b"old\t1\n"
    number, moments = 0, 1
    while number <= moments:
        folder = join(place.root, "out") if kind == "s3" else place.root
        for name in place.names(folder):
            if name != "in.txt":
                place.delete(join(folder, name))
        if overwrite:
            command.run("run", "word_count", "-", "-o", join(place.root, "out"), input=b"old").ok()
        done = command.python(*STOP_AT, when, str(number), *job(place), *["--overwrite"] * overwrite)
        if number == 0:
            moments = int(done.ok().err.rpartition("moments ")[2])
            assert moments >= 7
        else:
            assert done.code == -signal.SIGKILL, (number, moments, done)
            check(place, records, *[old] * overwrite)
        number += 1


@pytest.mark.slow
@pytest.mark.parametrize("half", range(2))
def test_killed_at_200_random_moments(half: int, tmp_path: Path) -> None:
    place = LocalPlace(tmp_path)
    records = undisturbed(place)
    rng = random.Random(half)
    out = tmp_path / "out"
    whole = 0.5  # seconds that a run takes, followed as the machine is busy or not
    killed = survived = 0
    for turn in range(100):
        if turn % 2:
            shutil.rmtree(out, ignore_errors=True)
        arguments = [command.FANIN, *job(place), "--overwrite", "--memory", "64MB"]
        process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.3, 1.1) * whole)
        process.kill()
        dead = process.wait() == -signal.SIGKILL
        whole *= 1.05 if dead else 0.93
        seen = command.run("cat", str(out))
        assert (seen.code, seen.out) in ((0, records), (2, b"")), seen.err
        assert dead or seen.code == 0
        killed, survived = killed + dead, survived + (seen.code == 0)
    assert killed > 20
    assert survived > 5
    check(place, records)


def test_every_file_and_folder_is_synced_before_the_rename_that_publishes(tmp_path: Path) -> None:
    place = LocalPlace(tmp_path)
    undisturbed(place)
    trace = tmp_path / "trace"
    calls = "openat,fsync,fdatasync,rename,renameat,renameat2,close"
    strace = ["strace", "-f", "-y", "-e", f"trace={calls}", "-o", str(trace), command.FANIN]
    command.call(*strace, *job(place)).ok()
    lines = trace.read_text().splitlines()
    (rename,) = (i for i, line in enumerate(lines) if re.search(r"rename.*\.attempt-.*= 0", line))
    synced = [(i, match[1]) for i, line in enumerate(lines) if (match := re.search(r"fsync\(\d+<(.*?)>", line))]
    before = [path.rpartition("/")[2] for i, path in synced if i < rename]
    assert before[:5] == ["part-00000", "part-00001", "part-00002", SUCCESS, MANIFEST]
    assert ".attempt-" in before[5]
    assert str(tmp_path) in [path for i, path in synced if i > rename]


@pytest.mark.slow
def test_two_runs_to_one_name_at_once(tmp_path: Path) -> None:
    place = LocalPlace(tmp_path)
    records = undisturbed(place)
    for _ in range(5):
        runs = [subprocess.Popen([command.FANIN, *job(place)], stderr=subprocess.PIPE) for _ in range(3)]
        words = [run.communicate()[1].decode() for run in runs]
        assert sorted(run.returncode for run in runs) == [0, 2, 2]
        assert sum("has published it" in said or "already exists" in said for said in words) == 2
        check(place, records)
        shutil.rmtree(tmp_path / "out")


@pytest.mark.parametrize("size", [*range(8, 73, 8), 128, 256])
def test_disk_full_at_any_byte_of_the_output(size: int, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    text = tmp_path / "in.txt"
    text.write_bytes(LINES)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(disk)], check=True)
    try:
        done = command.run("run", "word_count", str(text), "-o", str(disk / "out"), "--parts", "3")
        if done.code == 0:
            command.run("verify", str(disk / "out")).ok()
            assert size > 8
        else:
            assert (done.code, list(disk.iterdir())) == (1, [])
            assert re.search("disk full", done.err), done.err
            assert size < 256
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# S3 behind a proxy that fails


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_a_faulty_s3_is_survived_or_said_never_short(
    seed: int, make_place: Callable[[str], Place], s3_endpoint: str
) -> None:
    place = make_place("s3")
    data = LINES * 300  # 14 MB: several ranges
    place.write(join(place.root, "in.txt"), data)
    expected = command.run("run", "word_count", "-", "--parts", "3", input=data).ok().out
    rate = (0.1, 0.3, 0.7)[seed % 3]
    with FaultyProxy(s3_endpoint, seed, rate) as proxy:
        done = command.run(*job(place), env=os.environ | s3_environment(proxy.url))
    seen = command.run("cat", join(place.root, "out"))
    if done.code == 0:
        assert (seen.code, seen.out) == (0, expected)
    else:
        assert done.code == 1
        assert "Traceback" not in done.err
        assert re.search("S3|cannot be read", done.err), done.err
        assert (seen.code == 0 and seen.out == expected) or re.search("no such file|is not finished", seen.err)
    if rate == 0.1:
        assert done.code == 0, done.err
    assert proxy.faults > 0 or rate == 0.1
    command.run(*job(place), "--overwrite").ok()
    assert command.run("cat", join(place.root, "out")).ok().out == expected


def test_an_object_that_changes_while_it_is_read_is_an_error(make_place: Callable[[str], Place]) -> None:
    from jobs.errors import FaninError
    from jobs.storage import places, s3

    place = make_place("s3")
    places._remote.cache_clear()
    s3._client.cache_clear()
    path = join(place.root, "in.txt")
    place.write(path, b"x" * (s3.RANGE * 6))
    storage = places.storage_of(path)
    entry = storage.stat(path)
    assert entry
    with storage.open(entry) as stream:
        stream.read(10)
        place.write(path, b"y" * (s3.RANGE * 6))
        with pytest.raises(FaninError, match="has changed while it was read"):
            while stream.read(1 << 20):
                pass


def test_without_credentials_or_server_it_is_said(tmp_path: Path) -> None:
    empty = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    empty |= {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull, "HOME": str(tmp_path)}
    done = command.run("cat", "s3://bucket/x", env=empty | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    assert done.code == 1
    assert re.search("credentials", done.err, re.IGNORECASE), done.err
    done = command.run("cat", "s3://bucket/x", env=empty | s3_environment("http://127.0.0.1:9"))
    assert done.code == 1
    assert "S3 cannot be reached" in done.err
