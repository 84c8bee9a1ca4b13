"""The entry of a task on a node: python -m jobs.tasks map|reduce PLAN.json, lines on stdin and stdout."""

import os
import sys
from pathlib import Path

from jobs.errors import exit_code
from jobs.plan import Plan
from jobs.tasks import run
from jobs.tasks.container import budget, streams


def main(kind: str, file: str) -> None:
    plan = Plan.from_json(Path(file).read_text())
    ends = streams(os.environ)
    {"map": run.map, "reduce": run.reduce}[kind](plan, ends, budget(kind))
    ends.exhaust()


if __name__ == "__main__":
    run.leave(exit_code(lambda: main(*sys.argv[1:3])))
