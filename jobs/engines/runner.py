"""mrjob's runner interface over the local engine, for programs that drive a job themselves.

with WordCount(args=["in.txt"]).make_runner() as runner:
    runner.run()
    for chunk in runner.cat_output(): ...
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import TracebackType

from jobs.storage.inputs import chunks
from jobs.storage.scratch import scratch


class LocalRunner:
    """Runs one job once.

    run_to: runs it, and publishes the output directory of that path; gives the counters.  output_dir: None for a temporary
    directory, gone after `cleanup`.
    """

    alias = "local"

    def __init__(self, run_to: Callable[[str], Counter[str]], output_dir: str | None) -> None:
        self._run_to = run_to
        self._exit = ExitStack()
        self._output = output_dir or str(self._exit.enter_context(scratch()) / "output")
        self._counters: Counter[str] | None = None

    def run(self) -> None:
        """Runs the job and publishes its output; raises FaninError and publishes nothing if it fails."""
        self._counters = self._run_to(self._output)

    def cat_output(self) -> Iterator[bytes]:
        """The output's bytes, part by part, in chunks."""
        if self._counters is None:
            raise ValueError("run the job before reading its output")
        yield from chunks(self._output)

    def counters(self) -> list[dict[str, dict[str, int]]]:
        """Counters as mrjob gives them: for each step, group to counter to value."""
        return [{"fanin": dict(self._counters)}] if self._counters is not None else []

    def get_output_dir(self) -> str | None:
        """Where the output is, once the job has run."""
        return self._output if self._counters is not None else None

    def cleanup(self, mode: object = None) -> None:
        """Removes the temporary output, if there is one."""
        del mode  # mrjob's runners keep more than one kind of thing
        self._exit.close()

    def __enter__(self) -> "LocalRunner":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cleanup()
