"""A JoinPlan's stages as SQL. Each reads the one before by its name.

    blocks ─ lines ─ l ─┐
                        ├─ matched ─ records         one process
    blocks ─ lines ─ r ─┘         └─ joined ─ rows ─ partial ...    with an aggregate

A row's `join key` is its encoded key columns, joined by tabs. Records come in the byte order of that and one more tab,
which is the order in which Hadoop's shuffle brings keys that a side's tag follows.
"""

from collections.abc import Mapping

from jobs import stages
from jobs.errors import UsageError
from jobs.sql import identifier
from jobs.text.formats import MISFIT
from jobs.text.partition import FIELDS, part
from jobs.text.records import NEWLINE, TAB, encoded, joined
from joins.plan import JoinPlan, Name, Side

KEY = identifier("join key")
JOIN = {"inner": "JOIN", "left": "LEFT JOIN", "right": "RIGHT JOIN", "full": "FULL JOIN", "semi": "SEMI JOIN", "anti": "ANTI JOIN"}  # fmt: skip
MIRRORED = {"inner": "JOIN", "left": "RIGHT JOIN", "right": "LEFT JOIN", "full": "FULL JOIN"}
ALIAS: Mapping[Name, str] = {"left": "l", "right": "r"}


def side(side: Side, blocks: str, alias: str) -> str:
    """The rows of a side, out of a table of blocks.  alias: what its condition may call it."""
    rows = f"SELECT * EXCLUDE ({MISFIT}) FROM ({side.input.view('fail')})"
    where = f" WHERE (\n{side.where}\n)" if side.where else ""
    return f"WITH lines AS ({stages.lines(blocks)})\nSELECT * FROM ({rows}) AS {alias}{where}"


def key(plan: JoinPlan, name: Name, number: int) -> str:
    """SQL for a key column of one side."""
    return f"{ALIAS[name]}.{identifier(plan.sides[name].keys[number])}"


def key_text(plan: JoinPlan, name: Name | None = None) -> str:
    """SQL for the join key of a side's row, or of a joined row."""
    return joined([encoded(_either(plan, number, name)) for number, _ in enumerate(plan.left.keys)])


def known(plan: JoinPlan, name: Name) -> str:
    """SQL for whether no key column of a side's row is null, so that it can match."""
    return " AND ".join(f"{key(plan, name, number)} IS NOT NULL" for number, _ in enumerate(plan.left.keys))


def matched(plan: JoinPlan, left: str = "l", right: str = "r", last: Name = "right") -> str:
    """What follows FROM: the rows that are in the output, as `l` and `r`.  last: the side that is named last, if SQL can say so."""
    pairs = range(len(plan.left.keys))
    on = " AND ".join(f"{key(plan, 'left', number)} = {key(plan, 'right', number)}" for number in pairs)
    sides = [f"{left} AS l", f"{right} AS r"]
    if last == "left" and plan.how in MIRRORED:
        return f"{sides[1]} {MIRRORED[plan.how]} {sides[0]} ON {on}{_where(plan)}"
    return f"{sides[0]} {JOIN[plan.how]} {sides[1]} ON {on}{_where(plan)}"


def left_rows(plan: JoinPlan, left: str) -> str:
    """What follows FROM for rows of the left side that are known to be in the output."""
    return f"{left} AS l{_where(plan)}"


def _where(plan: JoinPlan) -> str:
    return f"\nWHERE (\n{plan.where}\n)" if plan.where else ""


def items(plan: JoinPlan) -> dict[str, str]:
    """Column to SQL of the output behind the keys, where `select` says nothing; UsageError if two have one name.

    Those of the right side that have the name of another get the plan's suffix.
    """
    keys = {name: name for name in plan.left.keys}
    out = {name: f"l.{identifier(name)}" for name in plan.left.columns if name not in keys}
    if plan.how in ("semi", "anti"):
        return out
    for name in plan.right.columns:
        if name in plan.right.keys:
            continue
        taken = {column.lower() for column in (*keys, *out)}
        called = name + plan.suffix if name.lower() in taken else name
        if called.lower() in taken:
            raise UsageError(f"two columns of the output are called {called!r}; choose another --suffix, or --select")
        out[called] = f"r.{identifier(name)}"
    return out


def joined_rows(plan: JoinPlan, source: str = "") -> str:
    """The rows of the output, with their columns' names.  source: what follows FROM, if not all that is matched."""
    return f"SELECT {select_list(plan)}\nFROM {source or matched(plan)}"


def select_list(plan: JoinPlan) -> str:
    """What follows SELECT: the columns of the output, with their names."""
    if plan.select:
        return plan.select
    keys = [f"{_either(plan, number)} AS {identifier(name)}" for number, name in enumerate(plan.left.keys)]
    columns = [f"{sql} AS {identifier(name)}" for name, sql in items(plan).items()]
    return ", ".join([*keys, *columns])


def record(columns: list[str]) -> str:
    """SQL of the line of a record, with its newline, of encoded columns: concat_ws and || take half as much time again."""
    return f"concat({f', {TAB}, '.join(columns)}, {NEWLINE})"


def unordered(plan: JoinPlan, names: list[str]) -> str:
    """`part`, always 0, and `record`, in no order."""
    return f"SELECT 0 AS part, record FROM ({_keyed_records(plan, names, matched(plan))})"


def _keyed_records(plan: JoinPlan, names: list[str], source: str) -> str:
    """`join key` and `record`, the encoded line with its newline."""
    told = plan.select or ", ".join(items(plan).values())
    # Called by their places, as one may be called what we call the key.
    columns = [identifier(f"column {number}") for number, _ in enumerate(names if plan.select else items(plan))]
    values = record([*[KEY] * (not plan.select), *map(encoded, columns)])
    rows = f"SELECT {', '.join(filter(None, (key_text(plan), told)))}\nFROM {source}"
    return f"SELECT {KEY}, {values} AS record\nFROM ({rows}) AS told({', '.join([KEY, *columns])})"


def records(plan: JoinPlan, names: list[str], parts: int, source: str = "") -> str:
    """`part` and `record`, in order.  names: of the output's columns.  source: what follows FROM, if not all that is matched."""
    # A record that begins with its key and a tab is in order where its bytes are.
    whole = not plan.select and len(names) > len(plan.left.keys)
    order = "record" if whole else f"{KEY} || {TAB}, record"
    return (
        f"SELECT ({part(KEY, parts, FIELDS)})::INTEGER AS part, record\n"
        f"FROM ({_keyed_records(plan, names, source or matched(plan))})\nORDER BY part, {order}"
    )


def _either(plan: JoinPlan, number: int, name: Name | None = None) -> str:
    if name is None and plan.how == "full":
        return f"coalesce({key(plan, 'left', number)}, {key(plan, 'right', number)})"
    return key(plan, name or ("right" if plan.how == "right" else "left"), number)
