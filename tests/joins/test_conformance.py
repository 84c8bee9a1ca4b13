"""One body, every engine: each case's part files are the oracle's, for every type of join."""

from pathlib import Path

import pytest

from tests.joins.cases import CASES
from tests.joins.engines import ENGINES
from tests.joins.oracle import HOWS, Files

# Of buckets, and of all in a hurry: these cases with all types, of the others the full join, and one type each in turn.
ALL_TYPES = {"plain", "everything", "null keys", "duplicate keys"}
IN_TURN = {name: {"full", HOWS[at % len(HOWS)]} for at, name in enumerate(CASES)}
PARTS = dict.fromkeys(ENGINES, 3) | {"local": 7}  # each part of buckets is a merge of its own


def differs(name: str, how: str) -> bool:
    """Whether this type does with this case what others do not show."""
    return name in ALL_TYPES or how in IN_TURN[name]


def is_slow(engine: str, name: str, how: str, parts: int) -> bool:
    return parts == 1 or not differs(name, how) or (engine != "local" and name != "everything")


MATRIX = [
    pytest.param(
        engine,
        name,
        how,
        parts,
        id=f"{engine}-{name}-{how}-{parts}",
        marks=[pytest.mark.slow] * is_slow(engine, name, how, parts),
    )
    for engine in ENGINES
    for name, case in CASES.items()
    for how in case.hows
    if engine == "local" or differs(name, how)
    for parts in ([1] if name == "everything" else []) + [PARTS[engine]]
]


@pytest.mark.parametrize(("engine", "name", "how", "parts"), MATRIX)
def test_same_records(engine: str, name: str, how: str, parts: int, tmp_path: Path) -> None:
    case, (run, check) = CASES[name], ENGINES[engine]
    left = folder(tmp_path / "left", case.left)
    right = left if case.right is None else folder(tmp_path / "right", case.right)
    check(run([*case.options, "--how", how], left, right, parts), case.parts(how, parts))


def folder(path: Path, files: Files) -> Path:
    path.mkdir()
    for name, data in files.items():
        (path / name).write_bytes(data)
    return path
