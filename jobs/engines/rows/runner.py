"""mrjob's runner interface over this engine: an mrjob job's steps, as mrjob renders them for Hadoop Streaming."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

from mrjob.bin import MRJobBinRunner

from jobs.counters import grouped
from jobs.engines.describe import describe_lines, script_plan
from jobs.engines.rows.command_line import parse, words
from jobs.engines.rows.machine import Machine
from jobs.engines.rows.run import Counts, run
from jobs.engines.rows.step import Command, Step
from jobs.engines.rows.workspace import Shipped
from jobs.errors import UsageError
from jobs.storage.inputs import Inputs, chunks, resolve
from jobs.storage.output import Output
from jobs.storage.scratch import scratch
from jobs.tasks import script
from jobs.tasks.script import CLASS


class RowsRunner(MRJobBinRunner):  # type: ignore[misc]  # mrjob is untyped
    """Runs one job once.

    job_class: the name of the job's class.  overwrite: whether an existing output directory is replaced.
    arguments: the command line, for the manifest.  Further ones are mrjob's.
    """

    alias = "local"
    _local_tmp_dir: str | None
    _output_dir: str | None
    _STEP_TYPES = {"streaming"}
    OPT_NAMES = MRJobBinRunner.OPT_NAMES | {"hadoop_version"}

    def __init__(
        self, *, job_class: str, machine: Machine, overwrite: bool = False, arguments: Sequence[str] = (), **kwargs: Any
    ) -> None:  # fmt: skip
        self._exit = ExitStack()  # mrjob's own __init__ packs folders
        super().__init__(**kwargs)
        self._job_class, self._overwrite, self._arguments = job_class, overwrite, arguments
        self._machine = machine
        self._counted: list[Counts] = []
        self._resolved = Inputs([], {})

    def run(self) -> None:
        """Runs the job and publishes its output; raises FaninError and publishes nothing if it fails."""
        if self._ran_job:
            raise ValueError("job already ran")
        self._resolved = resolve(self._input_paths or ["-"])
        self._output_dir = self._output_dir or str(self._exit.enter_context(scratch()) / "output")
        super().run()

    def _run(self) -> None:
        self._create_setup_wrapper_scripts()
        read = self._streaming_inputs()
        steps = [self._streaming(number) for number in range(self._num_steps())]
        assert self._output_dir
        with Output(self._output_dir, self._overwrite) as output:
            self._counted = run(self._job_key, steps, self._shipped(), read.files, output, self._machine)
            counters = {"read": sum(file.size or 0 for file in read.files), "records": output.records}
            plan = script_plan(self._steps, self._script_path)
            output.publish(partial(describe_lines, plan["script"], plan, self._resolved, self._arguments, counters))

    def _streaming_inputs(self) -> Inputs:
        if not self._uses_input_manifest():
            return self._resolved
        return resolve(self._get_input_paths())

    def _streaming(self, number: int) -> Step:
        step = self._get_step(number)
        if step["type"] != "streaming":
            raise UsageError(
                f"step {number + 1} is of the type {step['type']}, which needs a cluster; here there are mappers and reducers"
            )

        def command(text: str, kind: str) -> Command:
            one = step.get(kind, {})
            plain = one.get("type") == "script" and "pre_filter" not in one and not self._setup_wrapper_script_path
            if plain and not self._others_python() and not step.get("input_manifest"):
                words_of_it = self._substep_args(number, kind)
                return Command(tuple(word for word in words_of_it if word != script.__file__), preloaded=True)
            if kind in step:
                return Command(tuple(self._substep_args(number, kind)))
            return Command(words(text))

        said = parse(self._hadoop_streaming_jar_args(number), command).step
        return replace(said, environment=self._cmdenv())  # whose values Streaming's command line ends at blanks

    def _shipped(self) -> list[Shipped]:
        """The files and archives of tasks' folders."""
        return [
            Shipped(path.removeprefix("file://"), name, archive=kind == "archive")
            for kind in ("file", "archive")
            for name, path in sorted(self._working_dir_mgr.name_to_path(kind).items())
        ]

    def _cmdenv(self) -> dict[str, str]:
        return {CLASS: self._job_class, **super()._cmdenv()}

    def _upload_args(self) -> list[str]:
        return []  # the engine is given those, too

    def _step_input_uris(self, step_num: int) -> list[str]:
        del step_num
        return []  # the engine is given files

    def _step_output_uri(self, step_num: int) -> str:
        del step_num
        return ""

    def get_hadoop_version(self) -> str:
        return "3.4.2"

    def _default_python_bin(self, local: bool = False) -> list[str]:
        del local
        return list(super()._default_python_bin(local=True))

    def _others_python(self) -> bool:
        """Whether tasks run in a Python that the user has named, and that may hold no fanin."""
        return bool(self._opts["task_python_bin"] or self._opts["python_bin"])

    def _task_python_bin(self) -> list[str]:
        return [*super()._task_python_bin(), *([] if self._others_python() else [script.__file__])]

    def _bootstrap_mrjob(self) -> bool:
        return False  # the tasks' Python is this one

    def _get_local_tmp_dir(self) -> str:
        if self._local_tmp_dir is None:
            self._local_tmp_dir = str(self._exit.enter_context(scratch()))
        return str(self._local_tmp_dir)

    @classmethod
    def _default_opts(cls) -> dict[str, Any]:
        return {**super()._default_opts(), "check_input_paths": False}

    def counters(self) -> list[dict[str, dict[str, int]]]:
        """Counters as mrjob gives them: for each step, group to counter to value."""
        return [grouped(counted) for counted in self._counted]

    def cat_output(self) -> Iterator[bytes]:
        """The output's bytes, part by part, in chunks, verified."""
        if not self._ran_job:
            raise ValueError("run the job before reading its output")
        assert self._output_dir
        yield from chunks(self._output_dir)

    def cleanup(self, mode: Any = None) -> None:
        super().cleanup(mode)
        self._exit.close()
