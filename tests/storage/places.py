"""The storages under test, each with a plain client of its own to look at it and to damage it."""

import os
import shutil
import uuid
from pathlib import Path
from typing import Any, Protocol


class Place(Protocol):
    """A storage.  root: a fresh path on it.  env: what `fanin` needs to reach it."""

    root: str
    env: dict[str, str]

    def write(self, path: str, data: bytes) -> None: ...
    def read(self, path: str) -> bytes: ...
    def delete(self, path: str) -> None: ...
    def names(self, folder: str) -> list[str]: ...


class LocalPlace:
    """A directory of this machine."""

    def __init__(self, folder: Path) -> None:
        self.root = str(folder)
        self.env: dict[str, str] = {}

    def write(self, path: str, data: bytes) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(data)

    def read(self, path: str) -> bytes:
        return Path(path).read_bytes()

    def delete(self, path: str) -> None:
        shutil.rmtree(path) if Path(path).is_dir() else Path(path).unlink()

    def names(self, folder: str) -> list[str]:
        return sorted(os.listdir(folder))


class S3Place:
    """A bucket of moto's, over loopback."""

    def __init__(self, endpoint: str) -> None:
        import boto3

        self.env = s3_environment(endpoint)
        self.bucket = f"bucket-{uuid.uuid4().hex}"
        self.root = f"s3://{self.bucket}/a folder+é%20"
        self.client: Any = boto3.client(
            "s3", endpoint_url=endpoint, aws_access_key_id="k", aws_secret_access_key="s", region_name="us-east-1"
        )
        self.client.create_bucket(Bucket=self.bucket)

    def key(self, path: str) -> str:
        return path.removeprefix(f"s3://{self.bucket}/")

    def write(self, path: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=self.key(path), Body=data)

    def read(self, path: str) -> bytes:
        return bytes(self.client.get_object(Bucket=self.bucket, Key=self.key(path))["Body"].read())

    def delete(self, path: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=self.key(path))

    def names(self, folder: str) -> list[str]:
        prefix = self.key(folder).rstrip("/") + "/"
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
        return sorted({key.removeprefix(prefix).split("/")[0] for key in keys})


class HdfsPlace:
    """A directory of the Hadoop lab's HDFS."""

    def __init__(self, url: str) -> None:
        from hdfs_native import Client

        self.client: Any = Client(url)
        self.url = url
        self.env: dict[str, str] = {}
        self.root = f"{url}/tests/{uuid.uuid4().hex}"

    def inside(self, path: str) -> str:
        return path.removeprefix(self.url)

    def write(self, path: str, data: bytes) -> None:
        from hdfs_native import WriteOptions

        with self.client.create(self.inside(path), WriteOptions(overwrite=True, create_parent=True)) as file:
            file.write(data)

    def read(self, path: str) -> bytes:
        with self.client.read(self.inside(path)) as file:
            return bytes(file.read())

    def delete(self, path: str) -> None:
        self.client.delete(self.inside(path), recursive=True)

    def names(self, folder: str) -> list[str]:
        return sorted(status.path.rpartition("/")[2] for status in self.client.list_status(self.inside(folder)))


def s3_environment(endpoint: str) -> dict[str, str]:
    """The settings that boto3 users know."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
    }
