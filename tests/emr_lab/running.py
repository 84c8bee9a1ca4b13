"""`fanin ... -r emr` as a person runs it, on the laboratory's EMR, and what plain clients see of it."""

import os
import platform
import subprocess
from collections.abc import Mapping
from functools import partial
from typing import Any

from tests import command
from tests.command import Result
from tests.emr_lab.plane import Plane
from tests.emr_lab.user import User
from tests.waiting import until as waited

until = partial(waited, seconds=150)

ONE_PROCESS = ("-D", "mapreduce.framework.name=local")
"""Hadoop's LocalJobRunner on the master node, where YARN is not the subject."""


class Laptop:
    """A person's machine.

    root: a folder of their own on S3, with every kind of character in its name.  shared: a bucket for temporary files,
    where bundles are for all.
    """

    def __init__(self, plane: Plane, user: User, shared: str) -> None:
        self.plane, self.user = plane, user
        self.root = f"s3://{user.bucket}/a folder+é%20"
        self.place = f"s3://{shared}/tmp/"
        self.logs = f"s3://{user.bucket}/logs/"
        self.env = {**os.environ, **plane.environment()}

    def key(self, path: str) -> str:
        return path.partition("://")[2].partition("/")[2]

    def write(self, path: str, data: bytes) -> str:
        """Puts an object below root; its whole path."""
        whole = f"{self.root}/{path}"
        self.user.s3.put_object(Bucket=self.user.bucket, Key=self.key(whole), Body=data)
        return whole

    def read(self, path: str) -> bytes:
        return bytes(self.user.s3.get_object(Bucket=path.split("/")[2], Key=self.key(path))["Body"].read())

    def names(self, folder: str) -> list[str]:
        """What there is below a folder, all the way down."""
        prefix = self.key(folder).rstrip("/") + "/"
        pages = self.user.s3.get_paginator("list_objects_v2").paginate(Bucket=folder.split("/")[2], Prefix=prefix)
        return sorted(item["Key"].removeprefix(prefix) for page in pages for item in page.get("Contents", ()))

    def parts(self, folder: str) -> list[bytes]:
        """The parts of an output, in order, by its objects' names alone."""
        names = [name for name in self.names(folder) if name[0] != "_"]
        return [self.read(f"{folder}/{name}") for name in names]

    def conf(self) -> dict[str, Any]:
        """Options, as mrjob.conf has them."""
        places = {"cloud_tmp_dir": self.place, "cloud_log_dir": self.logs}
        return {**places, "node_arch": platform.machine(), "check_cluster_every": 0.2}

    def options(self) -> list[str]:
        said = [(f"--{name.replace('_', '-')}", str(value)) for name, value in self.conf().items()]
        return ["-r", "emr", *(word for pair in said for word in pair)]

    def run(self, *words: str, **options: Any) -> Result:
        """`fanin run ... -r emr`."""
        return self.fanin("run", *words, *self.options(), **options)

    def fanin(self, *words: str, **options: Any) -> Result:
        return command.run(*words, env=self.env, **options)

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        """`fanin`, going on."""
        pipe, whole = subprocess.PIPE, [command.FANIN, *words, *self.options()]
        return subprocess.Popen(whole, env=self.env, stdout=pipe, stderr=pipe, stdin=subprocess.DEVNULL)

    def clusters(self) -> list[dict[str, Any]]:
        """The clusters whose logs lie in this bucket."""
        listed = self.user.emr.get_paginator("list_clusters").paginate()
        found = [
            self.user.emr.describe_cluster(ClusterId=one["Id"])["Cluster"]
            for page in listed
            for one in page["Clusters"]
        ]
        return [one for one in found if self.user.bucket in one.get("LogUri", "")]

    def asked(self, operation: str) -> list[Mapping[str, Any]]:
        """The bodies of this person's requests of EMR, of clusters in this bucket."""
        return [one.body for one in self.plane.asked(operation) if self.user.bucket in str(one.body)]
