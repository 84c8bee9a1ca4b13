"""One body for all storages: list, open, write aside, publish whole, and refuse what is not as published."""

import errno
import io
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.errors import FaninError, UsageError
from jobs.storage import local, owners
from jobs.storage.base import MANIFEST, SUCCESS, join, writing_failed
from jobs.storage.inputs import resolve
from jobs.storage.manifest import NO_PARTIALS, File, Manifest
from jobs.storage.output import Output
from jobs.storage.places import storage_of
from jobs.storage.s3 import S3
from tests import command
from tests.storage.conftest import KINDS
from tests.storage.places import LocalPlace, Place, S3Place

BIG = bytes(range(256)) * 4 * 9000 + b"end"  # more than one range of S3, less than two blocks of HDFS


@pytest.fixture(autouse=True)
def fresh_clients() -> None:
    """Each test has its own endpoint; clients of another would answer for it."""
    from jobs.storage import places, s3

    places._remote.cache_clear()
    s3._client.cache_clear()


def manifest_of(files: list[File], started: str = "", seconds: float = 0.0) -> Manifest:
    return Manifest(
        fanin="0", job="m:J", arguments=[], plan={}, signature="s", files=files, columns=[], encoding="copy-text",
        partials=NO_PARTIALS, order=[], partitioner={}, counters={}, samples=[], inputs=[], origins=[], step={}, started=started, seconds=seconds,
    )  # fmt: skip


def write(path: str, *parts: bytes, overwrite: bool = False) -> None:
    with Output(path, overwrite) as output:
        fill(output, *parts)
        output.publish(manifest_of)


def fill(output: Output, *parts: bytes) -> None:
    for number, data in enumerate(parts):
        writer = output.part(number)
        for piece in (data[:10], data[10:]):
            writer.write(memoryview(piece), piece.count(b"\n"))
        writer.close()


def contents(path: str) -> list[bytes]:
    found = []
    for file in resolve([path]).files:
        with io.BufferedReader(file.open()) as stream:  # type: ignore[type-var]
            found.append(stream.read())
    return found


def out(place: Place) -> str:
    return join(place.root, "out")


def visible(place: Place) -> list[str]:
    return [name for name in place.names(out(place)) if name[0] not in "._"]


def clean(place: Place) -> bool:
    """Whether nothing but the output lies there."""
    beside = [name for name in place.names(place.root) if name != "out"]
    hidden = [name for name in place.names(out(place)) if name not in (MANIFEST, SUCCESS) and name[0] in "._"]
    return not beside and not hidden


# Reading


def test_files_are_listed_and_read(place: Place) -> None:
    for name, data in (("b", b"bb"), ("a c+é%2F", BIG), ("_hidden", b""), (".hidden", b"x")):
        place.write(join(place.root, name), data)
    place.write(join(place.root, "folder/inside"), b"x")
    storage = storage_of(place.root)
    found = {entry.path.removeprefix(place.root + "/"): entry for entry in storage.list(place.root)}
    assert {name: (entry.size, entry.folder) for name, entry in found.items() if not entry.folder} == {
        "b": (2, False), "a c+é%2F": (len(BIG), False), "_hidden": (0, False), ".hidden": (1, False)
    }  # fmt: skip
    assert [name for name, entry in found.items() if entry.folder] == ["folder"]
    assert contents(join(place.root, "a*")) == [BIG]
    assert contents(join(place.root, "[bx]")) == [b"bb"]
    assert contents(join(place.root, "fold*/ins?de")) == [b"x"]
    assert storage.read(join(place.root, "b"), 1) == b"bb"
    assert storage.read(join(place.root, "none"), 1) is None


def test_what_is_there_is_said(place: Place) -> None:
    place.write(join(place.root, "folder/file"), b"x")
    storage = storage_of(place.root)
    folder, file = storage.stat(join(place.root, "folder")), storage.stat(join(place.root, "folder/file"))
    assert folder and folder.folder
    assert file and not file.folder and file.size == 1 and file.version
    assert storage.stat(join(place.root, "fold")) is None
    assert storage.stat(join(place.root, "folder/file2")) is None


def test_a_change_of_bytes_changes_the_version(place: Place) -> None:
    path = join(place.root, "file")
    seen = set()
    for data in (b"one", b"two"):
        place.write(path, data)
        entry = storage_of(path).stat(path)
        assert entry
        seen.add(entry.version)
    assert len(seen) == 2


def test_inputs_that_are_refused(place: Place) -> None:
    place.write(join(place.root, "empty/_SUCCESS"), b"")
    place.write(join(place.root, "deep/folder/file"), b"")
    for name, why in (
        ("none", "no such file"),
        ("*.csv", "no file matches"),
        ("empty", "without files"),
        ("deep", "holds the folder"),
    ):
        with pytest.raises(UsageError, match=why):
            resolve([join(place.root, name)])


# Publishing


def test_an_output_appears_whole(place: Place) -> None:
    place.write(join(place.root, "x"), b"")
    with Output(out(place)) as output:
        fill(output, b"a\nb\n", b"", BIG)
        assert storage_of(place.root).read(join(out(place), MANIFEST), 10) is None
        with pytest.raises(UsageError, match=r"no such file|is not finished"):
            resolve([out(place)])
        output.publish(manifest_of)
    place.delete(join(place.root, "x"))
    assert contents(out(place)) == [b"a\nb\n", b"", BIG]
    assert SUCCESS in place.names(out(place))
    assert clean(place)
    listed = json.loads(place.read(join(out(place), MANIFEST)))["files"]
    assert [(file["size"], file["records"], file["part"]) for file in listed] == [
        (4, 2, 0), (0, 0, 1), (len(BIG), BIG.count(b"\n"), 2)
    ]  # fmt: skip


def test_an_attempt_given_up_leaves_nothing(place: Place) -> None:
    place.write(join(place.root, "x"), b"")
    for error in (RuntimeError, KeyboardInterrupt):
        with pytest.raises(error), Output(out(place)) as output:
            fill(output, b"a\n", BIG * 3)
            output.part(2).write(memoryview(BIG * 3), 1)
            raise error
    assert place.names(place.root) == ["x"]
    if isinstance(place, S3Place):
        assert not place.client.list_multipart_uploads(Bucket=place.bucket).get("Uploads")


def test_an_existing_output_is_refused_or_replaced(place: Place) -> None:
    write(out(place), b"old\n", b"more\n")
    with pytest.raises(UsageError, match="already exists"):
        Output(out(place))
    assert contents(out(place)) == [b"old\n", b"more\n"]
    write(out(place), b"new\n", overwrite=True)
    assert contents(out(place)) == [b"new\n"]
    assert len(visible(place)) == 1
    assert clean(place)


@pytest.mark.parametrize("inside", ["sub", "a/b/c"])
def test_an_output_inside_another_is_refused(inside: str, place: Place) -> None:
    """The other one would be read no more, as something has been added to it."""
    write(out(place), b"whole\n")
    with pytest.raises(UsageError, match="lies in .*out, which is an output itself"):
        Output(join(out(place), inside))
    assert contents(out(place)) == [b"whole\n"]
    assert clean(place)


@pytest.mark.parametrize("name", ["out/data.txt", "out"])
def test_overwrite_replaces_output_directories_only(place: Place, name: str) -> None:
    place.write(join(place.root, name), b"precious")
    for overwrite, why in ((False, "already exists"), (True, "replaces output directories only")):
        if isinstance(place, S3Place) and name == "out":
            continue  # an object beside a prefix of the same name is no conflict on S3
        with pytest.raises(UsageError, match=why):
            Output(out(place), overwrite)
        assert place.read(join(place.root, name)) == b"precious"


def test_hadoops_own_output_may_be_replaced(place: Place) -> None:
    place.write(join(out(place), "part-00000"), b"old")
    place.write(join(out(place), SUCCESS), b"")
    write(out(place), b"new\n", overwrite=True)
    assert contents(out(place)) == [b"new\n"]


def test_of_two_at_once_one_wins_and_one_says_so(place: Place) -> None:
    with Output(out(place)) as first, Output(out(place)) as second:
        fill(first, b"first\n")
        fill(second, b"second\n")
        second.publish(manifest_of)
        with pytest.raises(UsageError, match=r"another run has published it|already exists"):
            first.publish(manifest_of)
    assert contents(out(place)) == [b"second\n"]
    assert len(visible(place)) == 1
    assert clean(place)


def test_a_publication_whose_answers_are_all_lost_is_whole(make_place: Callable[[str], Place]) -> None:
    """Nobody can tell the run whether its manifest was put; it must not take the parts away from under it."""
    place = make_place("s3")
    real = S3.put
    for takes_effect in (True, False):

        def lost(self: S3, path: str, data: bytes, *, took: bool = takes_effect, **conditions: str) -> None:
            if not path.endswith(MANIFEST) or took:
                real(self, path, data, **conditions)
            if path.endswith(MANIFEST):
                raise FaninError("no answer")

        with pytest.MonkeyPatch.context() as patch, pytest.raises(FaninError, match="not known"):
            patch.setattr(S3, "put", lost)
            write(out(place), b"one\n", b"two\n")
        if takes_effect:
            assert contents(out(place)) == [b"one\n", b"two\n"]
        else:
            with pytest.raises(UsageError, match="is not finished"):
                resolve([out(place)])
        for name in place.names(out(place)):
            place.delete(join(out(place), name))


# Leftovers


def test_leftovers_of_the_dead_are_swept_and_the_living_are_not(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    living = Output(out(place))
    fill(living, b"living\n")
    real = owners.new_tag()
    universe, _, start, epoch, _ = real.split("-")
    with monkeypatch.context() as patch:
        dead = f"{universe}-99999999-{start}-{epoch}-12345678"
        for module in ("renamed", "s3"):
            patch.setattr(f"jobs.storage.{module}.new_tag", lambda: dead)
        fill(Output(out(place)), b"dead\n", BIG)
    with Output(out(place)) as output:
        fill(output, b"next\n")
        output.publish(manifest_of)
    living.__exit__(None, None, None)
    assert contents(out(place)) == [b"next\n"]
    assert len(visible(place)) == 1
    assert clean(place)


def test_what_a_dead_run_moved_aside_is_put_back(make_place: Callable[[str], Place]) -> None:
    for kind in ("local",):
        place = make_place(kind)
        write(out(place), b"old\n")
        universe, _, start, epoch, _ = owners.new_tag().split("-")
        aside = join(place.root, f".out.old-{universe}-99999999-{start}-{epoch}-12345678")
        storage_of(place.root).rename(out(place), aside)  # type: ignore[attr-defined]
        with pytest.raises(UsageError, match="already exists"):
            Output(out(place))
        assert contents(out(place)) == [b"old\n"]
        assert clean(place)


def test_half_of_what_was_replaced_never_returns(tmp_path: Path) -> None:
    """Killed while it removes the old output, which a user then removes the new one of, too."""
    place = LocalPlace(tmp_path)
    write(out(place), b"old\n", b"more\n")
    code = (
        "import os, shutil, signal, sys\n"
        "from tests.storage.test_storages import write\n"
        "def half(folder, ignore_errors):\n"
        "    if os.path.exists(folder + '/_MANIFEST.json') and 'spill' not in folder:\n"
        "        os.unlink(folder + '/_MANIFEST.json')\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "shutil.rmtree = half\n"
        "write(sys.argv[1], b'new', overwrite=True)\n"
    )
    assert command.call(sys.executable, "-c", code, out(place)).code == -signal.SIGKILL
    assert contents(out(place)) == [b"new"]
    place.delete(out(place))
    write(out(place), b"next\n")
    assert contents(out(place)) == [b"next\n"]
    assert clean(place)


# Damage


def part(place: Place) -> str:
    return join(out(place), visible(place)[0])


def edit(place: Place, old: bytes, new: bytes) -> None:
    path = join(out(place), MANIFEST)
    place.write(path, place.read(path).replace(old, new))


def flip(place: Place) -> None:
    data = bytearray(place.read(part(place)))
    data[len(data) // 2] ^= 1
    place.write(part(place), bytes(data))


DAMAGE: dict[str, tuple[Callable[[Place], None], str]] = {
    "a byte flipped": (flip, r"part-00000.*: damaged: its CRC32C is"),
    "a part cut": (lambda p: p.write(part(p), p.read(part(p))[:-1]), r"part-00000.*: has \d+ bytes, where the manifest"),
    "a part longer": (lambda p: p.write(part(p), p.read(part(p)) + b"x\n"), r"part-00000.*: has \d+ bytes, where"),
    "a part removed": (lambda p: p.delete(part(p)), r"out: part-00000.* is missing"),
    "a size edited": (lambda p: edit(p, b'"records": 2', b'"records": 3'), "has been edited or damaged"),
    "a manifest cut": (lambda p: p.write(join(out(p), MANIFEST), p.read(join(out(p), MANIFEST))[:-20]), "cannot be trusted"),
    "a manifest emptied": (lambda p: p.write(join(out(p), MANIFEST), b""), "cannot be trusted"),
    "a manifest of another kind": (lambda p: p.write(join(out(p), MANIFEST), b"[1]"), "not a manifest of version 1"),
}  # fmt: skip


@pytest.mark.parametrize("place", [KINDS[0], pytest.param("s3", marks=pytest.mark.slow), *KINDS[2:]], indirect=True)
@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_refused_by_name(place: Place, damage: str) -> None:
    write(out(place), b"one\ntwo\n", b"three\n")
    harm, why = DAMAGE[damage]
    harm(place)
    with pytest.raises(FaninError, match=why):
        contents(out(place))
    for verb in (["verify"], ["cat"], ["run", "word_count"]):
        done = command.run(*verb, out(place))
        assert done.code == 1
        assert "Traceback" not in done.err


def test_an_added_part_is_refused(make_place: Callable[[str], Place]) -> None:
    """Not on S3: there the objects of another attempt may lie beside at any time, and are not read."""
    for kind in ("local",):
        place = make_place(kind)
        write(out(place), b"one\n")
        place.write(join(out(place), "part-00007"), b"extra\n")
        with pytest.raises(FaninError, match="part-00007 is not in its manifest"):
            contents(out(place))


def test_on_s3_only_listed_objects_are_read(make_place: Callable[[str], Place]) -> None:
    place = make_place("s3")
    write(out(place), b"one\n")
    place.write(join(out(place), "part-00000-0123456789abcdef"), b"of another attempt\n")
    assert contents(out(place)) == [b"one\n"]


# Two storages in one run


@pytest.mark.slow
@pytest.mark.parametrize("target", KINDS)
def test_inputs_and_outputs_mix(
    place: Place, target: str, make_place: Callable[[str], Place], tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = make_place(target) if target != "local" else None
    output = join(other.root, "counts") if other else str(tmp_path_factory.mktemp("out") / "counts")
    place.write(join(place.root, "in/one.txt"), b"to be or not\n")
    place.write(join(place.root, "in/two.txt"), b"to be")
    command.run("run", "word_count", join(place.root, "in"), "-o", output, "--parts", "2").ok()
    assert sorted(command.run("cat", output).ok().out.splitlines()) == [b"be\t2", b"not\t1", b"or\t1", b"to\t2"]
    assert b"good: 2 files, 4 records" in command.run("verify", output).ok().out
    command.run("run", "word_count", output, "-o", output + "2").ok()
    told = command.run("history", output + "2").ok().out.decode()
    for piece in (output, "in/one.txt, 13 bytes", "in/two.txt", "records 4", "--parts 2"):
        assert piece in told


# Much, and too much


@pytest.mark.slow
def test_more_objects_than_a_page_lists(make_place: Callable[[str], Place]) -> None:
    place = make_place("s3")
    for number in range(1050):
        place.write(join(place.root, f"in/{number}.txt"), b"word\n")
    assert len(resolve([join(place.root, "in")]).files) == 1050
    assert command.run("run", "word_count", join(place.root, "in")).ok().out == b"word\t1050\n"


def test_a_disk_that_fills_at_any_byte_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real disks fill by pages (test_faults); here the room ends at each byte of parts, marker and manifest."""
    real, room = local._Writer.write, [0]

    def limited(self: local._Writer, data: bytes | memoryview) -> int:
        written = real(self, memoryview(data)[: room[0]])
        room[0] -= written
        if written < len(data):
            raise writing_failed("out", OSError(errno.ENOSPC, "No space left on device"))
        return written

    place = LocalPlace(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(local._Writer, "write", limited)
        for size in range(10_000):
            room[0] = size
            try:
                write(out(place), b"one\n", b"two\nthree\n")
                break
            except FaninError as error:
                assert "disk full" in str(error)
            assert place.names(place.root) == []
    assert size > 500
    assert contents(out(place)) == [b"one\n", b"two\nthree\n"]
