"""The manifest: written and read the same, documented field by field, and never trusted."""

import json
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest

from jobs.errors import FaninError
from jobs.storage.inputs import resolve
from jobs.storage.manifest import File, Input, Manifest, Origin, Partials, digest
from tests import command

GOOD = Manifest(
    fanin="1", job="m:J", arguments=["in", "-o", "out é"], plan={"rows": "FROM lines"}, signature="s",
    files=[File("part-00000", 2, "00000000", 1, 0)],
    partials=Partials([File("_partial-00000", 3, "00000000", 1, 0)], {"n.n": "HUGEINT", "s.sum": "DECIMAL(38,2)"}, {"k": "VARCHAR"}), columns=[{"name": "k", "type": "VARCHAR"}], encoding="copy-text",
    order=["k"], partitioner={"function": "hadoop-text", "columns": ["k"], "buckets": 1}, counters={"read": 1}, samples=[],
    inputs=[Input("in", 1, "mtime:1")], origins=[Origin("before", "d")], step={"step": "s"}, started="2026-01-01T00:00:00+00:00", seconds=1.5,
)  # fmt: skip


def edited(**changes: object) -> bytes:
    """A manifest whose digest fits, as a hostile writer would make it."""
    said = asdict(GOOD) | changes
    return json.dumps({"fanin_manifest": 1, **said, "digest": digest(said)}).encode()


def test_what_is_written_is_read() -> None:
    assert Manifest.from_json(GOOD.to_json(), "out") == GOOD
    assert Manifest.from_json(edited(), "out") == GOOD


def test_every_field_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "manifest.md").read_text()
    for kind in (Manifest, File, Partials, Input, Origin):
        for field in fields(kind):
            assert f"`{field.name}`" in text, field.name


def file(name: object, **changes: object) -> list[object]:
    return [{**asdict(GOOD.files[0]), "name": name, **changes}]


HOSTILE = {
    "up": edited(files=file("../secret")), "absolute": edited(files=file("/etc/passwd")), "inside": edited(files=file("a/b")),
    "dots": edited(files=file("..")), "hidden": edited(files=file(".x")), "empty": edited(files=file("")),
    "backslash": edited(files=file("a\\b")), "NUL": edited(files=file("a\0b")), "newline": edited(files=file("a\nb")),
    "twice": edited(files=file("a") * 2), "name of another type": edited(files=file(1)),
    "size of another type": edited(files=file("a", size="1")), "size true": edited(files=file("a", size=True)),
    "a field too many": edited(more=1), "files no list": edited(files={}), "counters no numbers": edited(counters={"a": "b"}),
    "a partial that is seen": edited(partials={**asdict(GOOD.partials), "files": file("../_partial-0")}),
    "SQL for a type": edited(partials={**asdict(GOOD.partials), "states": {"n": "INT); DROP TABLE x; --"}}),
    "no JSON": b"{", "no UTF-8": b"\xff{}", "no object": b"[]", "another version": edited().replace(b'_manifest": 1', b'_manifest": 2'),
    "no digest": json.dumps({"fanin_manifest": 1, **asdict(GOOD)}).encode(), "deep": b"[" * 100_000,
    "another digest": GOOD.to_json().replace(b"1.5", b"2.5"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_manifest_is_refused_by_the_directorys_name(name: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "_MANIFEST.json").write_bytes(HOSTILE[name])
    (tmp_path / "secret").write_bytes(b"x\n")
    with pytest.raises(FaninError, match=r"out: its manifest cannot be trusted: "):
        resolve([str(out)])
    for verb in ("cat", "verify", "history"):
        done = command.run(verb, str(out))
        assert (done.code, done.out) == (1, b"")
        assert "Traceback" not in done.err


@pytest.mark.parametrize("target", ["../secret", "/etc/hostname", "other"])
def test_a_link_is_refused(target: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "secret").write_bytes(b"x\n")
    (out / "part-00000").symlink_to(target)
    size = len((tmp_path / "secret").read_bytes()) if target == "../secret" else 0
    listed = replace(GOOD, files=[File("part-00000", size, "00000000", 1, 0)])
    (out / "_MANIFEST.json").write_bytes(listed.to_json())
    with pytest.raises(FaninError, match="part-00000: is a folder or a link"):
        resolve([str(out)])


def test_the_signature_tells_what_changed(tmp_path: Path) -> None:
    text = tmp_path / "in.txt"
    text.write_bytes(b"a b\n")
    signatures = []
    for number, options in enumerate([[], [], ["--words", "letters"], ["--parts", "2"], ["--threads", "1"]]):
        out = tmp_path / f"out{number}"
        command.run("run", "word_count", str(text), "-o", str(out), *options).ok()
        signatures.append(json.loads((out / "_MANIFEST.json").read_bytes())["signature"])
    assert signatures[0] == signatures[1] == signatures[4]
    assert len(set(signatures)) == 3
    text.write_bytes(b"a c\n")
    command.run("run", "word_count", str(text), "-o", str(tmp_path / "changed")).ok()
    assert json.loads((tmp_path / "changed" / "_MANIFEST.json").read_bytes())["signature"] not in signatures
