"""The options of a cluster on a command line that runs no job: mrjob's for EMR, and ours."""

import argparse
from collections.abc import Sequence
from typing import Any

from mrjob.conf import load_opts_from_mrjob_confs
from mrjob.emr import EMRJobRunner
from mrjob.options import _add_basic_args, _add_runner_args, _filter_by_role

from jobs.engines.emr.profile import WITHOUT, Profile
from jobs.errors import UsageError
from jobs.job import add_cluster_options, add_node_options, check_confs, hear_mrjob

UNUSED = {
    "bootstrap_mrjob", "bootstrap_python", "bootstrap_spark", "cloud_fs_sync_secs", "cloud_part_size_mb", "owner",
    "pool_name",
}  # fmt: skip
"""mrjob's options that change nothing here."""
NAMES = _filter_by_role(EMRJobRunner.OPT_NAMES, "connect", "launch") - WITHOUT.keys() - UNUSED
LABEL = "cluster"


def add_place_options(parser: argparse.ArgumentParser) -> None:
    """Declares those that say in which region clusters are."""
    parser.add_argument("--region", metavar="NAME", help="of the clusters (default that of mrjob.conf, or boto3's)")
    parser.add_argument(
        "-c", "--conf-path", dest="conf_paths", action="append", metavar="FILE", help="mrjob.conf, for its region"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="tell tracebacks, too")


def add_launch_options(parser: argparse.ArgumentParser) -> None:
    """Declares those of a cluster that is started, as fanin run -r emr takes them."""
    _add_basic_args(parser)
    _add_runner_args(parser, NAMES, include_deprecated=False)
    add_cluster_options(parser.add_argument)
    add_node_options(parser.add_argument)


def region(options: argparse.Namespace) -> str | None:
    """The region that the options name, or a mrjob.conf; None for boto3's."""
    hear_mrjob(bool(options.verbose))
    return options.region or next((one["region"] for one in _said(options) if one.get("region")), None)


def profile(options: argparse.Namespace) -> Profile:
    """What the options of a launch ask for.  UsageError if they do not fit together."""
    hear_mrjob(bool(options.verbose))
    names = {*NAMES, "conf_paths", "max_instances", "security_configuration", "node_python", "node_arch", "wheels"}
    said = {name: getattr(options, name) for name in names}
    return Profile(**{**said, "label": options.label or LABEL})


def _said(options: argparse.Namespace) -> Sequence[dict[str, Any]]:
    """What the files of mrjob.conf say of EMR, the last one first."""
    check_confs(options.conf_paths)
    try:
        return [said for _, said in reversed(load_opts_from_mrjob_confs("emr", options.conf_paths))]
    except Exception as error:  # of its reading, or of YAML's
        raise UsageError(f"mrjob.conf: {error}") from error
