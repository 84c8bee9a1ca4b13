"""What EMR keeps of a step's logs on S3. It copies them there every few minutes, so what there is may be late, or missing."""

import time
import zlib
from collections.abc import Mapping
from typing import Any

from jobs.engines.emr.profile import storage
from jobs.engines.hadoop.failures import own_words
from jobs.errors import FaninError

PATIENCE = 15  # seconds that a log is waited for
LIMIT = 64 << 20
GZIP = 31  # as zlib numbers its formats


def of_cluster(cluster: Mapping[str, Any]) -> str:
    """The folder of a cluster's logs; '' if it keeps none."""
    log = str(cluster.get("LogUri") or "").replace("s3n://", "s3://").rstrip("/")
    return f"{log}/{cluster['Id']}/" if log else ""


def of_step(cluster: Mapping[str, Any], step: Mapping[str, Any]) -> str:
    """The folder of a step's logs; '' if the cluster keeps none."""
    folder = of_cluster(cluster)
    return f"{folder}steps/{step['Id']}/" if folder else ""


def last_words(folder: str, patience: float = PATIENCE) -> str:
    """The end of what a step's program has said on its standard error, if that comes soon.  patience: in seconds."""
    end = time.monotonic() + patience
    while folder:
        for name in ("stderr.gz", "stderr"):
            try:
                data = storage(folder).read(folder + name, LIMIT)
            except FaninError:
                return ""
            if data is not None:
                text = (
                    zlib.decompressobj(GZIP).decompress(data) if name.endswith(".gz") else data
                )  # as far as it goes
                return own_words(text.decode(errors="replace"))
        if time.monotonic() > end:
            break
        time.sleep(1)
    return ""
