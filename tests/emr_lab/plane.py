"""AWS on one endpoint of the loopback: EMR whose steps run, and moto for all else (S3, IAM, STS, EC2)."""

import contextlib
import logging
import re
import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.exceptions import ClientError
from moto.moto_server.werkzeug_app import (
    BackendRequest,
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

from tests import lab
from tests.emr_lab.cluster import Cluster
from tests.emr_lab.front import Front, Request
from tests.emr_lab.node import Node
from tests.emr_lab.reasons import MASTER_LOST, Reason
from tests.emr_lab.service import Backend, Service

REGION = "us-east-1"


class Keys(NamedTuple):
    """Credentials. Whose a request is, or a leak, can be told by them."""

    access: str
    secret: str


LAPTOP = Keys("AKIALAPTOP0000000000", "secret-key-of-the-laptop-00000000000000")
MASTER = Keys("AKIAMASTER0000000000", "secret-key-of-the-master-node-000000000")
EMR = Keys("AKIAEMR0000000000000", "secret-key-of-emr-itself-00000000000000")


class Plane:
    """The endpoint, from when it is made until close(). Misbehaves when told to."""

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._dooms: list[Reason] = []
        self._lock = threading.Lock()
        self._emr = Backend(REGION, self._begin)
        self._front = Front(self._answer, DomainDispatcherApplication(create_backend_app))
        self._server = make_server("127.0.0.1", 0, self._front, threaded=True, request_handler=MotoRequestHandler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self._folder = Path(tempfile.mkdtemp(prefix="fanin-emr-"))
        self._node = Node(self._folder, self.environment(MASTER))
        self._logs = self.client("s3", EMR)

    def close(self) -> None:
        """Ends all clusters and what still runs of them, then the server."""
        clusters = list(self._emr.clusters.values())
        for cluster in clusters:
            cluster.terminate()
        for cluster in clusters:
            cluster.join()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        shutil.rmtree(self._folder)

    def environment(self, keys: Keys = LAPTOP) -> dict[str, str]:
        """The variables that lead boto3 here, and nowhere else."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": keys.access,
            "AWS_SECRET_ACCESS_KEY": keys.secret,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    def client(self, service: str, keys: Keys = LAPTOP) -> Any:
        """A plain client of boto3's."""
        return boto3.client(
            service, REGION, endpoint_url=self.url, aws_access_key_id=keys.access, aws_secret_access_key=keys.secret
        )

    def install_hadoop(self) -> None:
        """Gives the master nodes the Hadoop lab, which is started if it is not up."""
        self._node.install_hadoop(lab.environment())

    def asked(self, operation: str = "", keys: Keys = LAPTOP) -> list[Request]:
        """The requests so far of whoever has these credentials, those whose operation begins so."""
        return [one for one in self._front.requests if one.key == keys.access and one.operation.startswith(operation)]

    # Misbehaviour

    def doom(self, reason: Reason) -> None:
        """The next cluster ends with this in place of running."""
        self._dooms.append(reason)

    def lose_master(self, cluster: str) -> None:
        """The cluster's master node is gone from one moment to the next, with all that runs on it."""
        self._emr.cluster(cluster).terminate(MASTER_LOST)

    def throttle(self, operation: str, times: int) -> None:
        """The next so many requests of an operation of EMR's are too many."""
        self._front.throttled[operation] = times

    def lose(self, operation: str) -> None:
        """The next request of an operation of EMR's is heard, and its answer is lost."""
        self._front.lost[operation] = 1

    @contextlib.contextmanager
    def expired(self, keys: Keys = LAPTOP) -> Iterator[None]:
        """Within, no service takes these credentials any more."""
        self._front.expired.add(keys.access)
        try:
            yield
        finally:
            self._front.expired.remove(keys.access)

    # How it works

    def _begin(self, cluster: Cluster) -> None:
        cluster.live(self._node, self._dooms.pop(0) if self._dooms else None, self._keep)

    def _keep(self, url: str, files: Mapping[str, bytes]) -> None:
        """Puts logs below an s3:// URL; like EMR it says nothing if there is no such bucket."""
        bucket, _, prefix = re.sub("^s3[an]?://", "", url).partition("/")
        with contextlib.suppress(ClientError):
            for name, data in files.items():
                self._logs.put_object(Bucket=bucket, Key=f"{prefix}{name}", Body=data)

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        with self._lock:  # moto shows a cluster that it is still making
            status, headers, body = Service(self._emr)._dispatch(BackendRequest(environ))
        start_response(f"{status} {'OK' if status == 200 else 'Bad Request'}", list(headers.items()))
        return [body.encode() if isinstance(body, str) else body]
