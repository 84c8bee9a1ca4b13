"""The one input of a tool that prepares a join: its options, and the side that they tell of."""

from collections.abc import Callable
from typing import Any

from jobs.database import Limits, database
from jobs.errors import UsageError
from jobs.storage.inputs import Inputs
from jobs.text.sources import Reading
from joins import sides
from joins.database import open_side
from joins.inputs import side_of
from joins.plan import Side
from joins.sides import Layout, keys_of, told


def add_options(add: Callable[..., Any]) -> None:
    """The options that tell how an input is read, and its keys.  add: a job's add_passthru_arg."""
    add("--on", metavar="KEYS", help="the columns that are joined on, by comma, as user_id,region")
    sides.add_options(add)
    add("--columns", metavar="C", help="as 'id, at:time'; without a header all columns, in order")
    add("--where", metavar="SQL", help='the rows that are wanted, as "status = 200"')


def side(options: Any, inputs: Inputs, reading: Reading) -> Side:
    """The input as its options and the heads of its files tell it; UsageError where they do not fit."""
    if not options.on:
        raise UsageError("give --on, the columns to join on, as user_id or user_id,region")
    keys, others = keys_of(options.on)
    if keys != others:
        raise UsageError(f"--on {options.on!r}: there is one input; write the names that its columns have")
    found = side_of(told(options, Layout(), None), keys, inputs, reading, None)
    for key in found.keys:
        if found.keys.count(key) > 1:
            raise UsageError(f"--on: {key} is there twice; name it once")
    with database(Limits(256_000_000, 1)) as connection:
        open_side(connection, found, list)
    return found
