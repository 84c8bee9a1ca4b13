"""Values that are the same when they are written the same."""

import re

from jobs.sql import identifier
from jobs.text import numbers

# Types whose equal values have one text. Others are told apart by their text: 1 month equals 30 days, say.
ONE_TEXT = {*numbers.INTEGERS, "VARCHAR", "BOOLEAN", "DATE", "TIME", "TIMESTAMP"}


def canonical(column: str, type: str) -> str:
    """SQL for the value of a column of DuckDB type `type`, such that equal ones are written the same, and only they."""
    name = identifier(column)
    if type in numbers.FLOATS:
        return f"CASE WHEN isnan({name}) THEN 'nan' ELSE ({name} + 0)::VARCHAR END"  # -0.0 + 0 is 0.0
    return name if type in ONE_TEXT or re.fullmatch(r"DECIMAL\(\d+,\d+\)", type) else f"{name}::VARCHAR"
