"""A step's program, on the master node of a cluster: runs a job there by -r hadoop, and leaves on S3 how it ended.

EMR starts LAUNCH, which fetches two bundles, of this program and of the nodes' tasks, and the job's request.
"""

import json
import os
import shutil
import sys
import traceback
from pathlib import Path
from typing import Any

from jobs.errors import FaninError, UsageError, exit_code

RESULT = "result.json"
LAUNCH = """set -eu
[ ! -w /mnt/tmp ] || export TMPDIR=/mnt/tmp
python=$1 region=$2 driver=$3 nodes=$4 request=$5
folder=$(mktemp -d "${TMPDIR:-/tmp}/fanin-step-XXXXXX")
cd "$folder"
hadoop fs -get "$driver" "$nodes" "$request" .
mkdir driver job
tar -xzf "${driver##*/}" -C driver
tar -xzf "${request##*/}" -C job
export AWS_DEFAULT_REGION="${AWS_DEFAULT_REGION:-$region}" PYTHONPATH="$folder/driver"
exec "$python" -m jobs.engines.emr.step "$folder" "${nodes##*/}" "${request%/*}"
"""
"""For bash: the Python of the nodes, the region, and what is fetched."""
CONFIGURATION = "/etc/hadoop/conf"


def main(folder: str, nodes: str, place: str) -> int:
    """Runs the request in folder/job; leaves its result in `place` on S3, and nothing here.  nodes: the bundle's name."""
    os.chdir(Path(folder, "job"))
    if Path(CONFIGURATION).is_dir():
        os.environ.setdefault("HADOOP_CONF_DIR", CONFIGURATION)
    return exit_code(lambda: _run(Path(folder), nodes, place))


def _run(folder: Path, nodes: str, place: str) -> None:
    from jobs.engines.emr.request import read

    try:
        job = read(folder / "job").job()
        job.options.bundle = str(folder / nodes)
        with job.make_runner() as runner:
            runner.run()
            result: dict[str, Any] = {"counters": runner.counters()}
    except FaninError as error:
        _put(place, {"error": str(error), "refused": isinstance(error, UsageError)})
        raise
    except Exception as error:
        _put(place, {"error": f"{type(error).__name__}: {error}\n{traceback.format_exc()}", "refused": False})
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _put(place, result)


def _put(place: str, result: dict[str, Any]) -> None:
    from jobs.storage.places import storage_of
    from jobs.storage.s3 import S3

    storage = storage_of(place)
    assert isinstance(storage, S3)
    storage.put(f"{place}/{RESULT}", json.dumps(result).encode())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
