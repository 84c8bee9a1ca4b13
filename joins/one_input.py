"""The one input of a tool that prepares a join: its options, and the side that they tell of."""

from collections.abc import Callable
from typing import Any

from jobs.database import Limits, database
from jobs.engines.local import heads, refuse_records
from jobs.errors import UsageError
from jobs.storage.inputs import Inputs
from jobs.text.sources import Reading
from joins.database import open_side
from joins.plan import Side
from joins.sides import Layout, bound, keys_of


def add_options(add: Callable[..., Any]) -> None:
    """The options that tell how an input is read, and its keys.  add: a job's add_passthru_arg."""
    add("--on", metavar="KEYS", help="the columns that are joined on, by comma, as user_id,region")
    add(
        "--format",
        default="tsv",
        metavar="F",
        help="tsv (default), csv, jsonl, common, combined or an nginx log_format",
    )
    add("--header", action="store_true", help="files begin with their columns' names")
    add("--columns", default="", metavar="C", help="as 'id, at:time'; without a header all columns, in order")
    add("--delimiter", default=",", metavar="C", help="between a csv's columns (default a comma)")
    add("--null", metavar="TEXT", help=r"what stands for null (default \N in tsv, nothing in csv)")
    add("--time-zone", default="UTC", metavar="ZONE", help="of times without one (default UTC)")
    add("--where", default="", metavar="SQL", help='the rows that are wanted, as "status = 200"')


def side(options: Any, inputs: Inputs, reading: Reading) -> Side:
    """The input as its options and the heads of its files tell it; UsageError where they do not fit."""
    if not options.on:
        raise UsageError("give --on, the columns to join on, as user_id or user_id,region")
    keys, others = keys_of(options.on)
    if keys != others:
        raise UsageError(f"--on {options.on!r}: there is one input; write the names that its columns have")
    o = options
    layout = Layout(o.format, o.header, o.columns, o.delimiter, o.null, o.time_zone, o.where)
    found = bound(layout, keys, heads(inputs, reading), None)
    refuse_records(found.input, inputs)
    for key in found.keys:
        if found.keys.count(key) > 1:
            raise UsageError(f"--on: {key} is there twice; name it once")
    with database(Limits(256_000_000, 1)) as connection:
        open_side(connection, found, list)
    return found
