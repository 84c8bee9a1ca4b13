"""The command line of a step, parsed before anything runs: what it refuses is told with the step's own line."""

import io
import shlex
from collections.abc import Sequence
from contextlib import redirect_stderr
from typing import Any

from jobs.errors import FaninError, UsageError
from jobs.flows.graph import Node
from jobs.flows.steps import Bucket, Join, Merge, Run, Step, Streaming


def plan_of(node: Node, runner: str) -> dict[str, Any] | None:
    """What an aggregate job declares, its options applied; None for other steps. UsageError for options that are refused."""
    words = node.command(runner)
    printed = io.StringIO()
    try:
        with redirect_stderr(printed):
            return _parse(node.step, words[1:])
    except FaninError as error:
        raise UsageError(f"{node.step.at(node.step.key)}{error}") from None
    except SystemExit:
        told = printed.getvalue().strip().rpartition("error: ")[2]
    except Exception as error:  # of a user's own code, and mrjob's
        told = str(error)
    raise UsageError(f"{node.step.at('options')}fanin {shlex.join(words)}: {told}")


def _parse(step: Step, words: Sequence[str]) -> dict[str, Any] | None:
    if isinstance(step, Run):
        from jobs.aggregate import AggregateJob
        from jobs.catalog import find
        from jobs.tabular import TabularJob

        job = find(words[0])(words[1:])
        if isinstance(job, TabularJob):
            job.options.args = []  # need not be there yet; names of files, which may tell a format, count as such
        return job.plan().to_dict() if isinstance(job, AggregateJob) else None
    if isinstance(step, Join):
        from joins import JoinJob  # joins stand on jobs; only flows and the command line know of them

        JoinJob(words)
    elif isinstance(step, Bucket):
        from joins.bucket import Bucket as BucketJob

        BucketJob(words)
    elif isinstance(step, Streaming):
        from jobs.engines.rows.command_line import parse
        from jobs.streaming import parser as streaming

        streaming().parse_args(parse(words).rest)
    elif isinstance(step, Merge):
        from jobs.cli import parser

        parser().parse_args(["merge", *words])
    return None
