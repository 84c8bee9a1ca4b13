"""What a job declares, to read before it runs: columns, measures, options, and the SQL of each stage."""

from collections.abc import Iterator

from jobs import stages
from jobs.aggregate import AggregateJob
from jobs.database import Limits, database, open_rows
from jobs.plan import Plan

INDENT = "    "


def describe(job: AggregateJob) -> Iterator[str]:
    """Lines of text about `job`; raises DeclarationError where its declaration is wrong."""
    plan = job.plan()
    with database(Limits(memory=256_000_000, threads=1)) as connection:
        types = open_rows(connection, plan, list)
    yield f"{plan.job}: {(type(job).__doc__ or '').strip().splitlines()[0] if type(job).__doc__ else ''}"
    yield "\nkeys"
    yield from (f"{INDENT}{key} {types[key]}" for key in plan.group_by)
    yield "\nmeasures"
    yield from (f"{INDENT}{name} = {measure}" for name, measure in plan.measures.items())
    yield "\noptions"
    yield from _options(job)
    for name, sql in _stages(plan, types):
        yield f"\n{name}"
        yield from (INDENT + line for line in sql.strip().splitlines())


def _options(job: AggregateJob) -> Iterator[str]:
    for action in job.arg_parser._actions:
        if action.dest in job._passthru_arg_dests:
            value = getattr(job.options, action.dest)
            yield f"{INDENT}{'/'.join(action.option_strings)} = {value}    {action.help or ''}"


def _stages(plan: Plan, types: dict[str, str]) -> Iterator[tuple[str, str]]:
    yield "lines: each block of input, split", stages.lines()
    yield "rows: the job's own, line by line", plan.rows
    yield "partial: one state per group (a map task, or the whole of one process)", stages.partial(plan, types)
    yield "merge: states of one group become one (a reduce task)", stages.merge(plan, types)
    yield "final: the columns of the output", stages.final(plan, types)
    yield "records: encoded, in order, for one part", stages.records(plan, 1)
