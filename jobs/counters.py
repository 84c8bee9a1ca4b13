"""Counters of a job's own code: grouped as mrjob gives them, and said to a person."""

import re
import sys
from collections.abc import Mapping

HADOOPS = re.compile(
    r"^(File System|Job|Map-Reduce Framework|Shuffle Errors|File (In|Out)put Format)( Counters)?\s*$|^org\.apache\."
)
"""Groups of counters that are Hadoop's own."""


def grouped(counted: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    """Group to counter to value, in order.

    >>> grouped({("words", "long"): 2, ("lines", "all"): 3, ("words", "all"): 5})
    {'lines': {'all': 3}, 'words': {'all': 5, 'long': 2}}
    """
    found: dict[str, dict[str, int]] = {}
    for (group, name), value in sorted(counted.items()):
        found.setdefault(group, {})[name] = value
    return found


def tell(groups: Mapping[str, Mapping[str, int]], behind: str = "") -> None:
    """Says those that a job's own code has counted.  behind: what each is followed by."""
    for name, counters in groups.items():
        if name != "fanin" and not HADOOPS.search(name):
            for counter, value in counters.items():
                print(f"fanin: counter {name}, {counter}: {value}{behind}", file=sys.stderr, flush=True)
