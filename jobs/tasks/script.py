"""The entry of mrjob's own tasks on a node: python node/jobs/tasks/script.py JOB.py --mapper --step-num=0 ...

What the job imports lies in the bundle beside this file. setuptools comes first: on Python 3.12 and later mrjob needs
the distutils that it brings, and a folder on the path is not searched for the .pth file that would load it.
"""

import os
import runpy
import sys
from collections.abc import Callable, Sequence
from typing import Any

CLASS = "FANIN_JOB_CLASS"
"""The variable that names the class of the job: a script that runs another, or none, would write a wrong output, or an empty one."""


def run(script: str, arguments: Sequence[str], base: Any, start: Callable[[Any], object]) -> None:
    """Runs the script of a job, and `start(job)` where its task would begin; exits with a message where that is not the wanted one.

    base: mrjob's own job class, which is imported in one way on nodes and in another here.
    """
    started = False

    def execute(job: Any) -> None:
        nonlocal started
        wanted = os.environ.get(CLASS)
        if wanted and wanted != type(job).__name__:
            sys.exit(
                f"{script}: runs {type(job).__name__} where {wanted} is wanted; the script of a task can run but one job"
            )
        started = True
        start(job)

    execution, base.execute = base.execute, execute
    sys.argv = [script, *arguments]
    try:
        runpy.run_path(script, run_name="__main__")
    finally:
        base.execute = execution
    if not started:
        sys.exit(
            f"{script}: ran to its end and started no job; it must end with: if __name__ == '__main__': MyJob.run()"
        )


def main() -> None:
    sys.path[0] = os.path.abspath(os.path.join(os.path.dirname(__file__), os.pardir, os.pardir))
    sys.path.insert(1, os.getcwd())
    import setuptools  # noqa: F401
    from mrjob.job import MRJob

    run(sys.argv[1], sys.argv[2:], MRJob, MRJob.execute)


if __name__ == "__main__":
    main()
