"""Rows that a job declares bad: left out, counted, sampled, and too many of them refused.

A job's `bad` names a text column of its rows that says what is wrong with a row, its line perhaps, and is null in good ones.
"""

import itertools

from jobs.database import Limits, database, open_rows
from jobs.errors import FaninError, UsageError
from jobs.plan import Plan
from jobs.sql import identifier
from jobs.storage.inputs import InputFile
from jobs.storage.local import STDIN
from jobs.text.sources import Reading

SAMPLES = 3
LOOK = 64  # blocks of about 1 MiB that are read again for samples


def check_limit(limit: str) -> str:
    """`limit`, how many bad rows a run may have, as 20 or as a share of its lines, 1.5%; UsageError if it is neither."""
    digits = limit.removesuffix("%").replace(".", "", limit.count("%"))
    if not (digits.isascii() and digits.isdecimal()) or (limit.endswith("%") and float(limit[:-1]) > 100):
        raise UsageError(f"--max-bad: {limit!r} is neither a number, as 20, nor a share of the lines, as 1.5%")
    return limit


def refuse_too_many(plan: Plan, files: list[InputFile], bad: int, lines: int) -> list[str]:
    """Samples of the `bad` rows that a run over `files` of so many lines has met; FaninError for more than it may."""
    found = samples(plan, files) if bad else []
    share = plan.max_bad.removesuffix("%")
    most = float(share) * lines / 100 if share != plan.max_bad else float(share)
    if bad > most:
        said = "".join(f"\n  {text}" for text in found)
        raise FaninError(
            f"{bad} bad rows in {lines} lines; --max-bad allows {plan.max_bad}"
            + (f". Some of them:{said}" if said else "")
        )
    return found


def samples(plan: Plan, files: list[InputFile]) -> list[str]:
    """The first bad rows of `files`, up to SAMPLES of those near their start, each cut to 400 characters."""
    reading = Reading(plan.max_line, strict=False, shape=plan.input)
    again = [file for file in files if file.name != STDIN]
    with database(Limits(memory=256_000_000, threads=1)) as connection:
        open_rows(connection, plan, lambda: itertools.islice(reading.texts(again), LOOK))
        bad = identifier(plan.bad)
        query = f"SELECT left({bad}::VARCHAR, 400) FROM rows WHERE {bad} IS NOT NULL LIMIT {SAMPLES}"
        return [text for (text,) in connection.execute(query).fetchall()]
