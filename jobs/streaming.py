"""fanin streaming: Hadoop Streaming's own command line, run on this machine.

    fanin streaming -D mapreduce.job.reduces=4 -files map.py,reduce.py -input in -output out -mapper map.py -reducer reduce.py

The options are those of `hadoop jar hadoop-streaming.jar`, and some of ours behind two dashes. The parts are those that a cluster
writes: divided and sorted as there. What only Java can do is refused by name.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from jobs.counters import grouped, tell
from jobs.engines.describe import describe_lines, sha256
from jobs.engines.rows.command_line import parse
from jobs.engines.rows.machine import machine
from jobs.engines.rows.run import run
from jobs.errors import UsageError
from jobs.storage.inputs import resolve
from jobs.storage.output import Output


def main(arguments: Sequence[str]) -> None:
    """Runs one job, and publishes its output; raises FaninError, and leaves nothing, if it fails."""
    if {"-h", "-help", "--help"} & set(arguments):
        parser().print_help()
        return
    said = parse(arguments)
    options = parser().parse_args(said.rest)
    if not said.inputs or not said.output:
        raise UsageError("streaming: give -input PATH and -output DIR")
    inputs = resolve(said.inputs)
    here = machine(options.threads, options.memory, options.quiet, options.task_logs)
    for warning in said.warnings:
        here.warn(warning)
    digests = {one.name: sha256(one.path) for one in said.shipped if Path(one.path).is_file()}
    with Output(said.output, options.overwrite) as output:
        counted = run("streaming", [said.step], said.shipped, inputs.files, output, here)
        counters = {"read": sum(file.size or 0 for file in inputs.files), "records": output.records}
        plan = {"command": list(arguments), "files": digests}
        output.publish(partial(describe_lines, "streaming", plan, inputs, arguments, counters))
    if not options.quiet:
        tell(grouped(sum(counted, Counter())))


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fanin streaming",
        usage="fanin streaming [-D NAME=VALUE] [-files ...] -input PATH -output DIR -mapper COMMAND [-reducer COMMAND] ...",
        description="Run a command line of Hadoop Streaming on this machine.",
        epilog="Hadoop's: -D -conf -files -archives -file -input -output -mapper -combiner -reducer -partitioner -inputformat"
        " -outputformat -numReduceTasks -cmdenv",
    )  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="replace an existing output directory")
    parser.add_argument("--memory", metavar="SIZE", help="for DuckDB, which sorts (default a quarter of the machine)")
    parser.add_argument("--threads", type=int, metavar="N", help="tasks at a time (default all cores)")
    parser.add_argument("--task-logs", metavar="DIR", help="keep what tasks say on standard error, a file a task")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing on the way")
    parser.add_argument("-v", "--verbose", action="store_true", help="tell tracebacks, too")
    return parser
