"""A cluster for as long as several runs need it: started once, ended with them, and by itself if nobody ends it."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from jobs.engines.emr.profile import CLUSTER, Profile, upload
from jobs.errors import FaninError

CONF = "MRJOB_CONF"


@contextmanager
def held(name: str, conf_paths: Sequence[str], cluster: str | None, side_by_side: int, output: str) -> Iterator[None]:
    """Within, runs with -r emr use one cluster: `cluster`, which stays, or one that is started here and ends here.

    conf_paths: of mrjob.conf, none for where mrjob looks.  side_by_side: steps at a time.  output: on the bucket for temporary files.
    """
    before = {variable: os.environ.get(variable) for variable in (CLUSTER, CONF)}
    profile = Profile(output=output, conf_paths=conf_paths or None, label=name, cluster_id=cluster)
    there = profile.options["cluster_id"]
    try:
        if conf_paths:
            os.environ[CONF] = os.path.abspath(conf_paths[-1])
        os.environ[CLUSTER] = there or started(profile, side_by_side)
        yield
    finally:
        if not there and os.environ.get(CLUSTER) != before[CLUSTER]:
            _end(profile, os.environ[CLUSTER])
        for variable, value in before.items():
            os.environ.pop(variable, None)
            os.environ.update({variable: value} if value else {})
        profile.cleanup()


def started(profile: Profile, side_by_side: int = 1) -> str:
    """Starts a cluster that waits for steps; its id.  side_by_side: steps at a time."""
    profile.check_place()
    asked = profile.request(profile.tag, [], alive=True, side_by_side=side_by_side)
    for path, url in profile.uploads().items():
        upload(path, url)
    profile.secure()
    cluster = profile.control.start(asked)
    print(f"fanin: {cluster} has been started", file=sys.stderr, flush=True)
    return cluster


def _end(profile: Profile, cluster: str) -> None:
    try:
        profile.control.call("terminate_job_flows", JobFlowIds=[cluster])
    except FaninError as error:
        print(f"fanin: {error}\nfanin: {cluster} ends by itself once it has idled", file=sys.stderr, flush=True)
