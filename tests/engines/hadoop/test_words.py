"""What is made of Hadoop's words and settings, without a cluster."""

from pathlib import Path

import pytest

from jobs.engines.hadoop import conf, jvm
from jobs.engines.hadoop.failures import Failure, own_words, reason
from jobs.engines.hadoop.inputs import combined
from jobs.storage.base import Entry
from jobs.storage.inputs import InputFile
from jobs.storage.places import LOCAL
from jobs.storage.site import site
from jobs.tasks.container import split_name


def test_a_tasks_own_words_are_its_last_traceback() -> None:
    stderr = (
        "log4j:WARN No appenders\nTraceback (most recent call last):\nold\nTraceback (most recent call last):\n"
        '  File "x"\nreporter:status:running\n\nValueError: new\n'
    )
    assert own_words(stderr) == 'Traceback (most recent call last):\n  File "x"\nValueError: new'
    assert own_words("\n".join(map(str, range(1000)))).splitlines() == [str(number) for number in range(975, 1000)]


def test_a_reason_is_told_without_javas_stack() -> None:
    message = "Error: java.lang.RuntimeException: x\n\tat org.a.B.c(B.java:1)\n\t... 8 more\nCaused by: y\n"
    assert reason(message) == "Error: java.lang.RuntimeException: x\nCaused by: y"


def test_a_failure_names_the_task_and_its_split() -> None:
    whole = Failure("task_1_2_m_000012", "its words", "hdfs:///a:0+5", "Hadoop's", "a hint")
    assert str(whole) == "map task 12 over hdfs:///a:0+5 failed:\nHadoop's\nits words\n(a hint)"
    assert str(Failure("task_1_2_r_000000", "", "", "Hadoop's", "")) == "reduce task 0 failed:\nHadoop's"


@pytest.mark.parametrize(("said", "name"), [
    ({}, "standard input"),
    ({"mapreduce_map_input_file": "hdfs:///a", "mapreduce_map_input_start": "0"}, "hdfs:///a"),
    ({"mapreduce_map_input_file": "hdfs:///a", "mapreduce_map_input_start": "99"}, "hdfs:///a, behind byte 99"),
    ({"mapreduce_map_input_file": "hdfs:///a", "mapred_input_format_class": "x.CombineTextInputFormat"},
     "hdfs:///a, or a small file read with it"),
])  # fmt: skip
def test_a_task_names_its_split(said: dict[str, str], name: str) -> None:
    assert split_name(said) == name


def test_small_files_are_combined() -> None:
    def files(number: int, size: int) -> list[InputFile]:
        return [InputFile(Entry(f"{index}", size, ""), LOCAL) for index in range(number)]

    assert not combined(files(1, 10))
    assert not combined(files(2, 10))
    assert combined(files(200, 10))
    assert not combined(files(200, 128 << 20))


def write(folder: Path, name: str, **properties: str) -> None:
    conf.write(folder / name, ((key.replace("__", "."), value) for key, value in properties.items()))


def test_the_configuration_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path))
    write(tmp_path, "core-site.xml", fs__defaultFS="hdfs://${host}:1", host="a&b")
    assert site() == {"fs.defaultFS": "hdfs://a&b:1", "host": "a&b"}
    assert conf.resource_managers(site()) == []
    write(tmp_path, "mapred-site.xml", mapreduce__framework__name="yarn")
    write(tmp_path, "yarn-site.xml", yarn__resourcemanager__hostname="rm")
    assert conf.resource_managers(site()) == ["http://rm:8088"]


def test_the_web_addresses_of_several_resource_managers() -> None:
    said = {
        "mapreduce.framework.name": "yarn",
        "yarn.resourcemanager.ha.rm-ids": "a, b",
        "yarn.resourcemanager.webapp.address.a": "one:1",
        "yarn.resourcemanager.hostname.b": "two",
    }
    assert conf.resource_managers(said) == ["http://one:1", "http://two:8088"]
    said |= {"yarn.http.policy": "HTTPS_ONLY", "yarn.resourcemanager.webapp.https.address.a": "one:2"}
    assert conf.resource_managers(said) == ["https://one:2", "https://two:8090"]


def test_jvm_flags_do_not_contradict_the_clusters() -> None:
    light = jvm.with_flags(jvm.LIGHT, {"mapreduce.map.java.opts": "-XX:+UseG1GC"})
    assert light["mapreduce.admin.map.child.java.opts"].endswith("WARN -XX:TieredStopAtLevel=1")
    assert light["mapreduce.admin.reduce.child.java.opts"].endswith("-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
    assert light["yarn.app.mapreduce.am.admin-command-opts"] == "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
    assert jvm.with_flags("", {}) == {}
    heap = jvm.with_heap({"mapreduce.map.java.opts": "-Da=b -Xmx1638m", "mapred.child.java.opts": "-Xmx2g -Dc=d"})
    assert [" ".join(flags.split()) for flags in heap.values()] == ["-Da=b -Xmx256m", "-Dc=d -Xmx256m"]
