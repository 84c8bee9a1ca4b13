"""`fanin new`: a job to begin with, and its test, in the current folder."""

import importlib.util
import keyword
import re
from pathlib import Path

from jobs.errors import UsageError

JOB = '''"""Number and exact total of amounts for each place.

    fanin run {name}.py INPUT... -o OUT

Input is text, `place amount`; output is `place<TAB>sales<TAB>total`. Held in memory: the distinct places, then spilled to disk.
"""

from jobs import AggregateJob, Count, Sum


class {kind}(AggregateJob):
    """Number and exact total of amounts for each place."""

    rows = "SELECT f[1] AS place, f[2] AS amount FROM (SELECT string_split(line, ' ') AS f FROM lines)"
    group_by = ["place"]
    measures = {{"sales": Count(), "total": Sum("amount", scale=2)}}


if __name__ == "__main__":
    {kind}.run()
'''
TEST = '''"""{name}.py against a few lines of plain Python."""

import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

JOB = Path(__file__).with_name("{name}.py")
LINES = ["Seattle 4000000.00", "Town 25000.50", "Seattle 0.25"]


def test_a_few_lines(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("".join(f"{{line}}\\n" for line in LINES))
    done = subprocess.run([sys.executable, JOB, tmp_path / "in.txt"], capture_output=True, text=True, check=True)
    sales, totals = Counter(), Counter()
    for place, amount in map(str.split, LINES):
        sales[place] += 1
        totals[place] += Decimal(amount)
    assert done.stdout == "".join(f"{{place}}\\t{{sales[place]}}\\t{{totals[place]}}\\n" for place in sorted(sales))
'''


def new(name: str) -> list[Path]:
    """Writes NAME.py and test_NAME.py; their paths. Raises UsageError for what is no module's name, or is there already."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise UsageError(
            f"new {name!r}: a job's name is one of a Python module: small letters, digits and _, as in my_job"
        )
    if importlib.util.find_spec(name):
        raise UsageError(
            f"new {name}: Python has a module {name} already, which the job's file would hide; choose another name"
        )
    kind = "".join(word.capitalize() for word in name.split("_"))
    files = {Path(f"{name}.py"): JOB, Path(f"test_{name}.py"): TEST}
    for file in files:
        if file.exists():
            raise UsageError(f"new {name}: {file} is there already; choose another name, or move it away")
    for file, text in files.items():
        file.write_text(text.format(name=name, kind=kind))
    return list(files)
