"""What a path stands for."""

from collections.abc import Callable
from pathlib import Path

import pytest
from moto.s3.models import s3_backends

from jobs.errors import UsageError
from jobs.storage.inputs import resolve
from jobs.storage.places import canonical, storage_of
from jobs.storage.s3 import S3
from tests.storage.places import Place, S3Place


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("b.txt", "a.txt", "_SUCCESS", ".hidden", "log[1].txt", "log1.txt"):
        Path(name).write_text(name)
    Path("in").mkdir()
    for name in ("2", "1", "_logs", ".crc"):
        Path("in", name).write_text(name)
    return tmp_path


def names(*paths: str) -> list[str]:
    return [file.name for file in resolve(paths).files]


def test_files_keep_their_order_and_may_come_twice() -> None:
    assert names("b.txt", "a.txt", "b.txt") == ["b.txt", "a.txt", "b.txt"]


def test_a_folder_is_its_visible_files_by_name() -> None:
    assert names("in") == names("in/") == ["in/1", "in/2"]


def test_a_glob_skips_hidden_names_and_reads_folders() -> None:
    assert names("*.txt") == ["a.txt", "b.txt", "log1.txt", "log[1].txt"]
    assert names("i?") == ["in/1", "in/2"]
    assert names("in/[12]") == ["in/1", "in/2"]
    assert names("in/*") == ["in/1", "in/2"]


def test_an_existing_name_with_glob_characters_is_that_file() -> None:
    assert names("log[1].txt") == ["log[1].txt"]


def test_a_named_hidden_file_is_read() -> None:
    assert names("_SUCCESS") == ["_SUCCESS"]


def test_a_link_is_what_it_points_at(folder: Path) -> None:
    (folder / "link").symlink_to("in")
    assert names("link") == ["link/1", "link/2"]


@pytest.mark.parametrize(("path", "why"), [
    ("missing", "missing: no such file or folder"), ("*.csv", r"\*\.csv: no file matches"),
    ("_*", "no file matches"), ("", "no such file"), ("in/1/x", "no such file"),
])  # fmt: skip
def test_what_names_nothing_is_refused(path: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        names(path)


def test_a_folder_without_visible_files_is_refused(folder: Path) -> None:
    (folder / "empty").mkdir()
    (folder / "empty" / "_SUCCESS").touch()
    with pytest.raises(UsageError, match="empty: a folder without files"):
        names("empty")


def test_a_folder_in_a_folder_is_refused_not_skipped(folder: Path) -> None:
    (folder / "in" / "deeper").mkdir()
    with pytest.raises(UsageError, match="in: holds the folder in/deeper"):
        names("in")


def test_standard_input_can_be_read_once() -> None:
    assert names("-") == ["-"]
    with pytest.raises(UsageError, match="only once"):
        names("-", "-")


@pytest.mark.parametrize("default", ["hdfs://nn", "hdfs://nn/", "hdfs://nn:8020"])
def test_hdfs_has_one_spelling_of_the_same_place(default: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = f"<property><name>fs.defaultFS</name><value>{default}</value></property>"
    (folder / "core-site.xml").write_text(f"<configuration>{named}</configuration>")
    monkeypatch.setenv("HADOOP_CONF_DIR", str(folder))
    spellings = ["hdfs:///out", "hdfs:///out/", "hdfs://nn//out", "hdfs://nn:8020/in/../out"]
    assert {canonical(path) for path in spellings} == {"hdfs://nn:8020/out"}
    assert canonical("hdfs://nn:9000/out") == "hdfs://nn:9000/out"


def test_every_slash_within_a_key_of_s3_counts() -> None:
    assert canonical("s3://b/in/") == "s3://b/in"
    assert canonical("s3://b/in//x") != canonical("s3://b/in/x")


@pytest.mark.slow
def test_ten_thousand_objects_take_twelve_requests(make_place: Callable[[str], Place]) -> None:
    place = make_place("s3")
    assert isinstance(place, S3Place)
    for number in range(10_000):
        s3_backends["123456789012"]["aws"].put_object(place.bucket, f"many/{number}", b"")
    requests: list[str] = []
    storage = storage_of(f"s3://{place.bucket}")
    assert isinstance(storage, S3)
    storage.client.meta.events.register("before-send.s3", lambda request, **_: requests.append(request.url))
    assert len(resolve([f"s3://{place.bucket}/many"]).files) == 10_000
    assert len(requests) <= 12
