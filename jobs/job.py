"""fanin's jobs as mrjob's command line knows them: the options of all of them, engines, and exit codes."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any, ClassVar

from jobs.counters import tell
from jobs.declared import quoting
from jobs.engines.bundle import ARCHITECTURES
from jobs.errors import UsageError, exit_code
from jobs.plain_mrjob import RUNNER_OPTS, STEP_OPTS
from jobs.plain_mrjob import MRJob as PlainMRJob

NODE_OPTIONS = ("node_python", "node_arch", "wheels", "jvm_flags", "bundle")
CLUSTERS = ("node_python", "node_arch", "wheels", "jvm_flags", "max_instances", "security_configuration")
"""Our own options for clusters."""
TOLD = {
    "runner": {"metavar": "ENGINE", "help": "local (default), hadoop or emr"},
    "output_dir": {
        "help": "where the output goes: a folder that is not there, or s3://, hdfs:// (default: records to standard output)"
    },
}
"""What mrjob's own options mean here."""
MRJOBS = {*RUNNER_OPTS, *STEP_OPTS, "args", "deprecated", "step_output_dir"}
"""Those that --help does not tell by itself."""
TASKS = frozenset({
    "cmdenv", "py_files", "python_bin", "setup", "sh_bin", "task_python_bin", "upload_archives", "upload_dirs", "upload_files",
})  # fmt: skip
"""Those of mrjob's that say what processes of mappers and reducers find."""
ANYWHERE = frozenset({
    "bootstrap_mrjob", "check_input_paths", "cleanup", "cleanup_on_failure", "hadoop_version", "jobconf", "label", "local_tmp_dir",
    "owner", "read_logs",
})  # fmt: skip
"""Those of mrjob's that no engine need be told of."""
ENGINES = {"local": "local", "inline": "local", "hadoop": "hadoop", "emr": "emr"}
"""What -r names."""


class MRJob(PlainMRJob):  # type: ignore[misc]  # mrjob is untyped
    """An mrjob job of mappers and reducers that fanin runs.

    `from jobs import MRJob` in place of `from mrjob.job import MRJob`, or `fanin run their_job.py` as it is.
    """

    heeded: ClassVar[Set[str]] = TASKS | ANYWHERE
    """mrjob's options for runners that mean something on this machine."""

    def configure_args(self) -> None:
        """Declares options, as in mrjob: call super(), then self.add_passthru_arg(...)."""
        super().configure_args()
        add = self.arg_parser.add_argument_group("fanin").add_argument
        add("--overwrite", action="store_true", help="replace an existing output directory")
        add_node_options(add)
        add("--jvm-flags", metavar="FLAGS", help="of Hadoop's JVMs, '' for none (default those that start quickly)")
        self.arg_parser.set_defaults(bundle=None)  # no option: a program that has one ready says so
        add = self.arg_parser.add_argument_group("fanin, EMR").add_argument
        add("--cluster", dest="cluster_id", metavar="J-ID", help="run on this cluster (default: one of its own)")
        add_cluster_options(add)
        add("--dry-run", action="store_true", help="print what EMR would be asked, and do nothing")
        add = self.arg_parser.add_argument_group("fanin, this machine").add_argument
        add("--memory", metavar="SIZE", help="for DuckDB, which sorts (default a quarter of the machine)")
        add("--threads", type=int, metavar="N", help="threads, or tasks at a time (default all cores)")
        add("--task-logs", metavar="DIR", help="keep what mappers and reducers say on standard error, a file a task")

    def _print_help(self, options: Any) -> None:
        """What can be said to this job; of mrjob's options those of an engine are told with -r alone, as mrjob has it."""
        if options.runner:
            super()._print_help(options)
            return
        groups = [group for group in self.arg_parser._action_groups if (group.title or "").startswith("fanin")]
        ours = {action for group in groups for action in group._group_actions}
        for action in self.arg_parser._actions:
            vars(action).update(TOLD.get(action.dest, {}))
            if action.dest in MRJOBS and action not in ours:
                action.help = argparse.SUPPRESS
        self.arg_parser.usage = self._usage()
        self.arg_parser.print_help()
        print("\nMore for Hadoop and EMR, from mrjob: --help -r hadoop, --help -r emr.")

    def _engine(self) -> str:
        """local, hadoop or emr, as -r names it."""
        named = self.options.runner or "local"
        if named not in ENGINES:
            raise UsageError(f"-r {named}: no such engine; there are: local (also called inline), hadoop and emr")
        return ENGINES[named]

    def make_runner(self) -> Any:
        """mrjob's way to drive a job from a program: with job.make_runner() as runner: runner.run()."""
        engine = self._engine()
        check_confs(self.options.conf_paths)
        if engine != "emr":
            if self.options.dry_run:
                raise UsageError("--dry-run: prints what EMR would be asked; give -r emr")
            if engine == "local":
                self._tell_unheeded()
            return self._runner(engine)
        from jobs.engines.emr.profile import Profile  # no other engine needs what these load
        from jobs.engines.emr.runner import EmrRunner

        if not any(path.startswith("hdfs://") for path in self._inputs()):  # which are the cluster's
            self._runner("hadoop")  # it refuses now what would be refused there, minutes later
        o = self.options
        kept = (*NODE_OPTIONS, "max_instances", "security_configuration")
        options = self._kwargs_from_switches({*RUNNER_OPTS, *kept})
        script = {"conf_paths": o.conf_paths, "mr_job_script": self.mr_job_script()}
        profile = Profile(output=o.output_dir, **options, **script)
        return EmrRunner(self, profile, o.output_dir, bool(o.quiet), o.dry_run)

    def _runner(self, engine: str) -> Any:
        """The runner of this job on an engine, local or hadoop."""
        if engine == "local":
            from jobs.engines.rows.runner import RowsRunner

            return RowsRunner(
                job_class=type(self).__name__, machine=self._machine(), steps=self._steps_desc(), mr_job_script=self.mr_job_script(),
                overwrite=self.options.overwrite, arguments=self._arguments(), **self._mrjobs_options(),
            )  # fmt: skip
        from jobs.engines.hadoop.runner import HadoopRunner

        return HadoopRunner(
            job_class=type(self).__name__, steps=self._steps_desc(), mr_job_script=self.mr_job_script(), overwrite=self.options.overwrite,
            quiet=bool(self.options.quiet), arguments=self._arguments(), **self._hadoop_options(),
        )  # fmt: skip

    def _tell_unheeded(self) -> None:
        """Says which options of the command line are for clusters alone; those of a mrjob.conf are for all engines."""
        idle = {*RUNNER_OPTS, *CLUSTERS} - self.heeded
        words = {word.partition("=")[0] for word in self._cl_args}
        told: dict[str, str] = {}
        for action in self.arg_parser._actions:
            if action.dest in idle and getattr(self.options, action.dest) != action.default:
                for name in action.option_strings:
                    if action.dest not in told or name in words:
                        told[action.dest] = name
        if told and not self.options.quiet:
            print(f"fanin: not used with -r local: {', '.join(told.values())}", file=sys.stderr)

    def _inputs(self) -> list[str]:
        """The inputs that the command line names."""
        return list(self.options.args)

    _said: Sequence[str] | None = None
    """The command line of whoever has this job run, if that is not this one."""

    def _arguments(self) -> list[str]:
        """The command line, for the manifest."""
        return list(self._cl_args if self._said is None else self._said)

    def _machine(self) -> Any:
        """What a run on this machine may use."""
        from jobs.engines.rows.machine import machine

        options = self.options
        return machine(options.threads, options.memory, bool(options.quiet), options.task_logs)

    def run_job(self) -> None:
        """Runs all of the job; without --output-dir its records go to standard output, once all are there."""
        hear_mrjob(self.options.verbose)
        with quoting(type(self)), self.make_runner() as runner:
            runner.run()
            for number, group in enumerate(runner.counters(), 1):
                if not self.options.quiet:
                    tell(group, f" (step {number})")
                kept = getattr(self.options, "on_error", None) == "null"
                _warn(
                    group.get("fanin", {}),
                    "have nulls for what does not fit" if kept else "were left out",
                    self.options.quiet,
                )
            if self._should_cat_output():
                for chunk in runner.cat_output():
                    self.stdout.write(chunk)
                self.stdout.flush()

    @classmethod
    def run(cls) -> None:
        """Runs the command line, and exits: 0 done, 1 failed, 2 refused, 130 interrupted."""
        sys.exit(exit_code(lambda: cls().execute()))

    def _mrjobs_options(self) -> dict[str, Any]:
        """What mrjob's runners take of the command line."""
        names = set(RUNNER_OPTS)
        if self._engine() == "local":
            names &= self.heeded
        if self._engine() == "emr":  # what is meant for its clusters no other engine knows
            from mrjob.hadoop import HadoopJobRunner

            names &= HadoopJobRunner.OPT_NAMES
        said = {**self._non_option_kwargs(), **self._kwargs_from_switches(names), **self._job_kwargs()}
        said.pop("mr_job_script")
        return said

    def _hadoop_options(self) -> dict[str, Any]:
        return self._mrjobs_options() | {name: getattr(self.options, name) for name in NODE_OPTIONS}


def check_confs(paths: Sequence[str] | None) -> None:
    """Raises UsageError for a mrjob.conf that is named and is not there, which mrjob passes over."""
    for path in paths or ():
        if not os.path.exists(os.path.expanduser(os.path.expandvars(path))):
            raise UsageError(f"-c {path}: there is no such file")


def add_node_options(add: Callable[..., Any]) -> None:
    """Declares the options that say what a cluster's nodes are.  add: as argparse's add_argument."""
    add("--node-python", metavar="X.Y", help="Python of the cluster's nodes (default this one's version)")
    add("--node-arch", choices=ARCHITECTURES, help="processors of the nodes (default this machine's)")
    add("--wheels", metavar="DIR", help="take what nodes need from these wheels, not from a package index")


def add_cluster_options(add: Callable[..., Any]) -> None:
    """Declares our own options of a cluster that is started on EMR."""
    add("--max-instances", type=int, metavar="N", help="let task nodes come and go, up to so many in all")
    add("--security-configuration", metavar="NAME", help="of the cluster (default one that asks for IMDSv2)")


def adopted(kind: type[PlainMRJob]) -> type[MRJob]:
    """The job class `kind` with our options and engines; on nodes its own file runs as it is."""
    if issubclass(kind, MRJob):
        return kind
    return type(kind.__name__, (MRJob, kind), {"__module__": kind.__module__, "__doc__": kind.__doc__})


def hear_mrjob(verbose: bool) -> None:
    """Lets mrjob's warnings through in our manner; with --verbose all it says."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("fanin: mrjob: %(message)s"))
    handler.addFilter(lambda record: verbose or not record.getMessage().startswith("No configs specified"))
    handler.addFilter(lambda record: not record.getMessage().startswith("  with environment:"))  # it holds secrets
    log = logging.getLogger("mrjob")
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.DEBUG if verbose else logging.WARNING)


def _warn(counters: Mapping[str, int], done: str, quiet: bool) -> None:
    if (bad := counters.get("bad_rows", 0)) and not quiet:
        print(f"fanin: {bad} bad row(s) {done}; --max-bad 0 refuses and shows some", file=sys.stderr)
    if (replaced := counters.get("invalid_utf8", 0)) and not quiet:
        print(
            f"fanin: {replaced} invalid UTF-8 sequence(s) were read as U+FFFD; --strict refuses and names them",
            file=sys.stderr,
        )
