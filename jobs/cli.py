"""The command line: fanin run, new, streaming, flow, join, hot-keys, bucket, merge, cat, verify, history, show, emr, doctor."""

import argparse
import sys
from collections.abc import Callable, Sequence

from jobs import audit
from jobs.errors import FAILED, UsageError, exit_code
from jobs.storage.inputs import chunks, expanded

DOCTORS = (
    "conf-path", "node-python", "node-arch", "wheels", "python-bin", "hadoop-bin", "hadoop-streaming-jar", "jobconf",
    "region", "cloud-tmp-dir", "release-label", "instance-type", "master-instance-type", "core-instance-type",
    "task-instance-type", "num-core-instances", "num-task-instances", "max-instances", "subnet", "iam-service-role",
    "iam-instance-profile",
)  # fmt: skip
"""Options that a doctor takes as they are and hands on."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The `fanin` command; gives its exit code: 0 done, 1 failed, 2 refused, 130 interrupted."""

    def command() -> None:
        options = parser().parse_args(arguments)
        options.command(options)

    return exit_code(command)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fanin", description="Exact batch jobs over files.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", add_help=False, help="run a job: fanin run JOB INPUT... -o OUT")
    run.add_argument("-h", "--help", action="store_true")
    run.add_argument("job", nargs="?", help="word_count, my_job.py:MyJob, package.module:MyJob")
    run.add_argument("arguments", nargs=argparse.REMAINDER, help="inputs and the job's own options")
    run.set_defaults(command=_run)

    new = commands.add_parser("new", help="write a job to begin with, and its test: fanin new NAME")
    new.add_argument("name", metavar="NAME", help="NAME.py and test_NAME.py are written, in this folder")
    new.set_defaults(command=_new)

    jobs: dict[str, tuple[Callable[[argparse.Namespace], None], str]] = {
        "join": (_join, "join two inputs: fanin join LEFT RIGHT --on KEYS -o OUT"),
        "hot-keys": (_hot_keys, "the commonest keys of an input: fanin hot-keys INPUT... --on KEYS"),
        "streaming": (_streaming, "Hadoop Streaming's own command line, on this machine"),
        "flow": (_flow, "steps chained through output directories: fanin flow run FLOW.toml"),
        "emr": (_emr, "look after clusters on EMR: fanin emr up, status, down, steps, logs"),
        "bucket": (_bucket, "divide by keys, for joins: fanin bucket INPUT... --on KEYS --buckets N -o OUT"),
    }
    for name, (command, help) in jobs.items():
        # No argument begins with a NUL, so that all of them, the first too, are left for the job to parse.
        job = commands.add_parser(name, add_help=False, prefix_chars="\0", help=help)
        job.add_argument("arguments", nargs=argparse.REMAINDER)
        job.set_defaults(command=command)

    merge = commands.add_parser("merge", help="reduce again: make one output of several of the same job")
    merge.add_argument("directories", nargs="+", metavar="DIR", help="outputs of runs with --keep-partials")
    merge.add_argument("-o", "--output-dir", required=True, metavar="DIR")
    merge.add_argument("--parts", type=int, default=1, metavar="N", help="part files to write (default 1)")
    merge.add_argument("--memory", metavar="SIZE", help="for DuckDB (default a quarter of the machine)")
    merge.add_argument("--overwrite", action="store_true", help="replace an existing output directory")
    merge.set_defaults(command=_merge)

    cat = commands.add_parser("cat", help="print the records of output directories")
    cat.add_argument("directories", nargs="+", metavar="DIR")
    cat.add_argument("--json", action="store_true", help="as one JSON object: keys in keys, then what was measured")
    cat.add_argument("--column", metavar="NAME", help="with --json: this column alone is told of each group")
    cat.set_defaults(command=_cat)

    verify = commands.add_parser("verify", help="check output directories against their manifests")
    verify.add_argument("directories", nargs="+", metavar="DIR")
    verify.set_defaults(command=_verify)

    history = commands.add_parser("history", help="what made an output directory, back to the sources")
    history.add_argument("directory", metavar="DIR")
    history.set_defaults(command=_history)

    show = commands.add_parser("show", help="show what a job declares and the SQL of its stages")
    show.add_argument("job")
    show.add_argument("arguments", nargs=argparse.REMAINDER, help="the job's own options")
    show.set_defaults(command=_show)

    doctor = commands.add_parser("doctor", help="say what is missing to run on a cluster, and the fix for each")
    doctor.add_argument("-r", "--runner", choices=["hadoop", "emr"], required=True)
    as_run = doctor.add_argument_group("as fanin run takes them")
    for name in DOCTORS:
        switches = ["-c", f"--{name}"] if name == "conf-path" else [f"--{name}"]
        as_run.add_argument(*switches, dest="options", action="append", type=f"--{name}={{}}".format, metavar="VALUE")
    doctor.set_defaults(command=_doctor, options=[])
    for one in (new, merge, cat, verify, history, doctor):
        one.add_argument("-v", "--verbose", action="store_true", help="tell tracebacks, too")
    return parser


def _run(options: argparse.Namespace) -> None:
    from jobs.catalog import find, ready  # brings mrjob, which `fanin cat` does without

    if options.job is None:
        print("usage: fanin run JOB INPUT... [-o OUT] [options]\n")
        print("JOB is one of: " + ", ".join(ready()) + "; or my_job.py:MyJob, or package.module:MyJob.")
        print("`fanin run JOB --help` lists the job's options.")
        if not options.help:
            raise UsageError("run: name a job")
        return
    job = find(options.job)
    sys.argv = [f"fanin run {options.job}", *options.arguments]  # mrjob reads it
    job.run()


def _new(options: argparse.Namespace) -> None:
    from jobs.new import new

    job, test = new(options.name)
    print(
        f"{job}, to change; {test}, to change with it\ntry: fanin run {job} INPUT...; and, where pytest is installed, pytest {test}"
    )


def _join(options: argparse.Namespace) -> None:
    from joins import JoinJob  # joins stand on jobs; only this command knows of them

    sys.argv = ["fanin join", *options.arguments]
    JoinJob.run()


def _hot_keys(options: argparse.Namespace) -> None:
    from joins.hot_keys import HotKeys

    sys.argv = ["fanin hot-keys", *options.arguments]
    HotKeys.run()


def _bucket(options: argparse.Namespace) -> None:
    from joins.bucket import Bucket

    sys.argv = ["fanin bucket", *options.arguments]
    Bucket.run()


def _streaming(options: argparse.Namespace) -> None:
    from jobs.streaming import main as streaming

    streaming(options.arguments)


def _flow(options: argparse.Namespace) -> None:
    from jobs.flows.cli import main as flow

    flow(options.arguments)


def _emr(options: argparse.Namespace) -> None:
    from jobs.engines.emr.cli import main as emr

    emr(options.arguments)


def _merge(options: argparse.Namespace) -> None:
    from jobs.database import parse_size
    from jobs.engines import local, merge
    from jobs.planned import at_least

    settings = local.Settings(
        parts=at_least("--parts", options.parts, 1),
        memory=options.memory and at_least("--memory", parse_size(options.memory), 64_000_000),
        overwrite=options.overwrite,
        arguments=["merge", *options.directories],
    )
    merge.run([one for path in options.directories for one in expanded(path)], options.output_dir, settings)


def _cat(options: argparse.Namespace) -> None:
    if options.json:
        from jobs.report import nested

        print(nested(options.directories, options.column))
        return
    if options.column:
        raise UsageError("cat: --column is of --json")
    for directory in options.directories:
        sys.stdout.buffer.writelines(chunks(directory))


def _verify(options: argparse.Namespace) -> None:
    for directory in options.directories:
        print(audit.verify(directory))


def _history(options: argparse.Namespace) -> None:
    for line in audit.history(options.directory):
        print(line)


def _show(options: argparse.Namespace) -> None:
    from jobs.aggregate import AggregateJob
    from jobs.catalog import find
    from jobs.declared import quoting
    from jobs.show import describe

    kind = find(options.job)
    if not issubclass(kind, AggregateJob):
        raise UsageError(
            f"show {options.job}: shows what aggregate jobs declare, and this is a join, or of mappers and reducers"
        )
    sys.argv = [f"fanin show {options.job}", *options.arguments]
    with quoting(kind):
        for line in describe(kind()):
            print(line)


def _doctor(options: argparse.Namespace) -> None:
    if options.runner == "emr":
        from jobs.engines.emr.doctor import examine
    else:
        from jobs.engines.hadoop.doctor import examine
    if not examine(options.options):
        sys.exit(FAILED)


if __name__ == "__main__":
    sys.exit(main())
