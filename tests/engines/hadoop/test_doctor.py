"""`fanin doctor -r hadoop`: all there on the lab's cluster; elsewhere what is missing, by name, with its fix."""

import json
import os
import re
import socket
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests import command, lab
from tests.storage.places import HdfsPlace

ALL = [
    "hdfs-native", "hadoop command", "streaming jar", "configuration", "HDFS", "ResourceManager", "NodeManagers",
    "bundle", "task on a node",
]  # fmt: skip


def doctor(*options: str, env: dict[str, str], code: int) -> tuple[dict[str, str], str]:
    """What was found of each check, and all that was printed."""
    done = command.run("doctor", "-r", "hadoop", *options, env=env)
    out = done.out.decode()
    assert done.code == code, out + done.err
    assert "Traceback" not in out + done.err
    return {what: state for state, what in re.findall(r"^(\w+) +([\w -]+): ", out, re.MULTILINE)}, out


@pytest.fixture
def nowhere(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine without Hadoop, and without bundles made before."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HADOOP_")}
    return kept | {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}


def configured(env: dict[str, str], core_site: str) -> dict[str, str]:
    """The environment with a configuration of this core-site.xml alone."""
    folder = Path(env["PATH"]) / "conf"
    folder.mkdir()
    (folder / "core-site.xml").write_text(core_site)
    return env | {"HADOOP_CONF_DIR": str(folder)}


def site(**settings: str) -> str:
    """A file of settings, _ for . in their names."""
    pairs = ((name.replace("_", "."), value) for name, value in settings.items())
    rows = (f"<property><name>{name}</name><value>{value}</value></property>" for name, value in pairs)
    return f"<configuration>{''.join(rows)}</configuration>"


def test_a_machine_without_hadoop(nowhere: dict[str, str]) -> None:
    found, out = doctor("--wheels", nowhere["PATH"], env=nowhere, code=1)  # wheels: no package index is asked
    assert list(found) == ALL
    assert [what for what in ALL if found[what] == "ok"] == ["hdfs-native"]
    assert [what for what in ALL if found[what] == "missing"] == [
        "hadoop command", "streaming jar", "configuration", "bundle",
    ]  # fmt: skip
    fixes = re.findall(r"^missing .*\n  fix: (.*)$", out, re.MULTILINE)
    for fix, words in zip(
        fixes, ["HADOOP_HOME", "--hadoop-streaming-jar", "HADOOP_CONF_DIR", "--wheels"], strict=True
    ):
        assert words in fix
    assert "skipped  HDFS: needs configuration\n" in out


@pytest.mark.parametrize(
    ("listens", "words"),
    [
        (False, "Connection refused\n  fix: start HDFS"),
        pytest.param(True, "no answer in 15 s", marks=pytest.mark.slow),
    ],
)
def test_an_hdfs_that_does_not_answer(nowhere: dict[str, str], listens: bool, words: str) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listens:
            server.listen()
        url = f"hdfs://127.0.0.1:{server.getsockname()[1]}"
        start = time.monotonic()
        env = configured(nowhere, site(fs_defaultFS=url))
        found, out = doctor("--wheels", nowhere["PATH"], env=env, code=1)
        assert time.monotonic() - start < 30
    assert found["configuration"] == "ok"
    assert re.search(rf"^missing  HDFS: {url}.*{words}", out, re.MULTILINE), out


def test_a_cluster_without_a_healthy_node(nowhere: dict[str, str]) -> None:
    sick = {"id": "n1:45454", "state": "UNHEALTHY", "healthReport": "1/1 local-dirs are bad"}

    class ResourceManager(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            answer = {"clusterMetrics": {"activeNodes": 0}, "nodes": {"node": [sick]}}
            self.wfile.write(json.dumps(answer).encode())

    with ThreadingHTTPServer(("127.0.0.1", 0), ResourceManager) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{server.server_port}"
        settings = site(mapreduce_framework_name="yarn", yarn_resourcemanager_webapp_address=address)
        found, out = doctor("--wheels", nowhere["PATH"], env=configured(nowhere, settings), code=1)
        server.shutdown()
    assert (found["HDFS"], found["ResourceManager"]) == ("missing", "ok")
    told = "missing  NodeManagers: none is up; n1:45454 is UNHEALTHY 1/1 local-dirs are bad\n  fix: start one: yarn "
    assert told in out


def test_a_configuration_that_is_no_xml(nowhere: dict[str, str]) -> None:
    refused = command.run("doctor", "-r", "hadoop", env=configured(nowhere, "<configuration>"))
    assert refused.code == 2
    assert f"{nowhere['PATH']}/conf/core-site.xml: is no XML" in refused.err


def test_java_that_does_not_run(nowhere: dict[str, str]) -> None:
    hadoop = Path(nowhere["PATH"]) / "hadoop"
    hadoop.write_text("#!/bin/sh\necho 'ERROR: JAVA_HOME is not set and could not be found.' >&2\nexit 1\n")
    hadoop.chmod(0o755)
    _, out = doctor("--wheels", nowhere["PATH"], "--hadoop-streaming-jar", "no.jar", env=nowhere, code=1)
    assert re.search(r"^missing  hadoop command: .*JAVA_HOME is not set.*\n  fix: install Java", out, re.MULTILINE), (
        out
    )
    assert "missing  streaming jar: no file no.jar\n" in out


@pytest.mark.parametrize("option", ["--node-arch=sparc", "--jobconf=nonsense"])
def test_wrong_options_are_refused(nowhere: dict[str, str], option: str) -> None:
    found, _ = doctor(option, env=nowhere, code=2)
    assert found == {}


@pytest.mark.hadoop
@pytest.mark.slow
class TestCluster:
    """On the lab's cluster."""

    def test_all_is_there_and_nothing_is_left(self) -> None:
        user = f"user-{uuid.uuid4().hex}"
        env = lab.environment() | {"LOGNAME": user}
        place = HdfsPlace(env["FANIN_LAB_HDFS"])
        try:
            found, out = doctor(env=env, code=0)
            assert found == dict.fromkeys(ALL, "ok")
            assert re.search(r"hadoop command: .*, Hadoop 3\.", out)
            assert re.search(r"NodeManagers: 1 up; a container has at most \d+ MB", out)
            left = place.names(f"/user/{user}/tmp/mrjob")
            assert [name for name in left if not name.startswith("bundle-")] == []
        finally:
            place.delete(f"/user/{user}")

    def test_containers_that_no_node_has(self) -> None:
        found, out = doctor("--jobconf", "mapreduce.map.memory.mb=99999", env=lab.environment(), code=1)
        assert found == dict.fromkeys(ALL, "ok") | {"NodeManagers": "missing", "task on a node": "skipped"}
        assert "but mapreduce.map.memory.mb is 99999\n  fix: set at most " in out

    def test_a_user_who_may_not_write(self) -> None:
        env = lab.environment() | {"LOGNAME": "stranger", "HADOOP_USER_NAME": "stranger"}
        found, out = doctor(env=env, code=1)
        assert (found["HDFS"], found["task on a node"]) == ("missing", "skipped")
        assert re.search(
            r"HDFS: .*Permission denied: .*[^)]\n  fix: let your user write hdfs:///user/stranger", out
        ), out
        assert "FSPermissionChecker" not in out

    def test_a_python_that_no_node_has(self) -> None:
        found, out = doctor("--python-bin", "python9.9", env=lab.environment(), code=1)
        assert found == dict.fromkeys(ALL, "ok") | {"task on a node": "missing"}
        assert "python9.9" in out.partition("missing")[2]
        assert out.rstrip().splitlines()[-1].startswith("  fix: name the nodes' Python by --node-python")
