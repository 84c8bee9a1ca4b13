"""The engines under test: each runs a job over a folder of inputs and gives its part files."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests import command, lab
from tests.storage.places import HdfsPlace

Engine = Callable[[str | list[str], Path, int], list[bytes]]


PARTS = "part-{:05d}".format


def words(job: str | list[str]) -> list[str]:
    """A job as the command line names it, with its options."""
    return [job] if isinstance(job, str) else job


def local(job: str | list[str], folder: Path, parts: int) -> list[bytes]:
    """`fanin run` on this machine."""
    output = folder.with_name("out")
    command.run("run", *words(job), str(folder), "-o", str(output), "--parts", str(parts)).ok()
    names = sorted(path.name for path in output.iterdir() if path.name[0] not in "._")
    assert names == [*map(PARTS, range(len(names)))]
    return [(output / name).read_bytes() for name in names]


def streaming(job: str | list[str], folder: Path, parts: int) -> list[bytes]:
    """The real streaming jar under Hadoop's LocalJobRunner: its reader, partitioner and shuffle, without YARN."""
    one_process = ("mapreduce.framework.name=local", "mapreduce.job.maps=3", f"hadoop.tmp.dir={folder.parent}/tmp")
    return hadoop(job, folder, parts, *one_process)


def yarn(job: str | list[str], folder: Path, parts: int) -> list[bytes]:
    """The lab's cluster."""
    return hadoop(job, folder, parts)


def hadoop(job: str | list[str], folder: Path, parts: int, *settings: str) -> list[bytes]:
    """`fanin run -r hadoop`, from HDFS to HDFS."""
    environment = lab.environment()
    place = HdfsPlace(environment["FANIN_LAB_HDFS"])
    with ThreadPoolExecutor(20) as pool:  # HDFS takes .4 s to close a file
        list(pool.map(lambda file: place.write(f"{place.root}/in/{file.name}", file.read_bytes()), folder.iterdir()))
    output = f"{place.root}/out"
    command.run(
        "run", *words(job), f"{place.root}/in", "-o", output, "-r", "hadoop",
        *(word for setting in (f"mapreduce.job.reduces={parts}", *settings) for word in ("-D", setting)),
        env=environment,
    ).ok()  # fmt: skip
    manifest, success, *names = place.names(output)
    assert [manifest, success, *names] == ["_MANIFEST.json", "_SUCCESS", *map(PARTS, range(len(names)))]
    return [place.read(f"{output}/{name}") for name in names]


ENGINES: dict[str, Engine] = {"local": local, "streaming": streaming, "yarn": yarn}
