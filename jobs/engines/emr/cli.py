"""fanin emr up, status, down, steps and logs: clusters that wait for steps, and what becomes of them."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from jobs.engines.emr import clusters, logs, options
from jobs.engines.emr.control import ENDED, GONE, Control, why_ended
from jobs.engines.emr.cost import Prices
from jobs.engines.emr.held import started
from jobs.engines.emr.profile import storage
from jobs.errors import UsageError
from jobs.storage.base import base_name


def main(arguments: Sequence[str]) -> None:
    """The command line `fanin emr ...`."""
    asked = _parser().parse_args(arguments)
    asked.command(asked)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fanin emr", description="Clusters on EMR.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="start a cluster that waits for steps, and ends once it has idled")
    options.add_launch_options(up)
    up.add_argument("--dry-run", action="store_true", help="print what EMR would be asked, and do nothing")
    up.set_defaults(command=_up)

    status = commands.add_parser("status", help="how fanin's clusters stand: instances, idle time, cost so far")
    status.add_argument("--cluster", metavar="J-ID", help="this one in detail, whoever has started it")
    status.set_defaults(command=_status)

    down = commands.add_parser("down", help="end clusters, whatever they do")
    which = down.add_mutually_exclusive_group(required=True)
    which.add_argument("--cluster", metavar="J-ID", help="this one")
    which.add_argument("--all", action="store_true", help="all that fanin has started")
    down.set_defaults(command=_down)

    steps = commands.add_parser("steps", help="a cluster's steps: states, seconds, why they failed")
    steps.set_defaults(command=_steps)

    kept = commands.add_parser("logs", help="where a step's logs are, and its last words")
    kept.add_argument("--step", metavar="S-ID", help="(default the last one)")
    kept.set_defaults(command=_logs)

    for one in (steps, kept):
        one.add_argument("--cluster", metavar="J-ID", required=True)
    for one in (status, down, steps, kept):
        options.add_place_options(one)
    return parser


def _up(asked: argparse.Namespace) -> None:
    profile = options.profile(asked)
    try:
        if asked.dry_run:
            print(json.dumps({"run_job_flow": profile.request(profile.tag, [], alive=True)}, indent=2))
            return
        cluster = started(profile)
        print(cluster, flush=True)
        if not asked.quiet:
            _say(f"it ends once it has idled for {profile.options['max_mins_idle']:g} minutes, or by")
            _say(f"fanin emr down --cluster {cluster} --region {profile.control.region}")
    finally:
        profile.cleanup()


def _status(asked: argparse.Namespace) -> None:
    control = Control(options.region(asked))
    found = [control.cluster(asked.cluster)] if asked.cluster else clusters.living(control)
    prices, now = Prices(control.region), datetime.now(UTC)
    for said in found:
        stands = clusters.standing(control, said, prices, now)
        print(stands.line(), flush=True)
        if asked.cluster:
            for line in stands.details(prices, clusters.zone_of(said)):
                print(f"  {line}")
    if not found:
        _say(f"no cluster of fanin's is up in {control.region}")
    if prices.unknown:
        _say(f"what they cost is not known: {prices.unknown}")


def _down(asked: argparse.Namespace) -> None:
    control = Control(options.region(asked))
    found = clusters.living(control) if asked.all else [control.cluster(asked.cluster)]
    ending = [one["Id"] for one in found if one["Status"]["State"] not in GONE]
    clusters.end(control, ending)
    for one in found:
        print(
            f"{one['Id']}: is ended; {one['Name']}"
            if one["Id"] in ending
            else f"{why_ended(one)}; it had ended before"
        )
    if not found:
        _say(f"no cluster of fanin's is up in {control.region}")


def _steps(asked: argparse.Namespace) -> None:
    control = Control(options.region(asked))
    control.cluster(asked.cluster)  # which says so if there is none
    for step in reversed(list(control.all("list_steps", "Steps", ClusterId=asked.cluster))):
        print(_line(step))


def _line(step: dict[str, Any]) -> str:
    status = step["Status"]
    times = status["Timeline"]
    words = [status["State"], step["Name"]]
    if start := times.get("StartDateTime"):
        words.append(f"{((times.get('EndDateTime') or datetime.now(UTC)) - start).total_seconds():.0f} s")
    reason = status.get("FailureDetails", {}).get("Reason") or status.get("StateChangeReason", {}).get("Message")
    return f"{step['Id']}: {', '.join(words)}" + (f"; {reason}" if reason and status["State"] in ENDED else "")


def _logs(asked: argparse.Namespace) -> None:
    control = Control(options.region(asked))
    cluster = control.cluster(asked.cluster)
    if not logs.of_cluster(cluster):
        raise UsageError(f"{asked.cluster}: keeps no logs on S3: it has been started without a LogUri")
    listed = (
        [control.step(asked.cluster, asked.step)]
        if asked.step
        else control.call("list_steps", ClusterId=asked.cluster)["Steps"]
    )
    step = listed[0] if listed else None
    for folder in [logs.of_cluster(cluster), *([logs.of_step(cluster, step)] if step else [])]:
        for entry in storage(folder).list(folder):
            if not (entry.folder and base_name(entry.path) == "steps"):
                print(f"{entry.path}/" if entry.folder else f"{entry.path} ({entry.size:,} bytes)")
    if step is None:
        _say(f"{asked.cluster} has no steps")
        return
    print(_line(step))
    words = logs.last_words(logs.of_step(cluster, step), patience=0)
    print(words or "its standard error is not there, or empty; EMR copies it every few minutes")


def _say(text: str) -> None:
    print(f"fanin: {text}", file=sys.stderr, flush=True)
