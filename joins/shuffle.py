"""The lines that Hadoop shuffles for a join: the key columns, the side's tag, then the side's other columns.

    u1 <TAB> 0 <TAB> Ann                 of the side that comes first: the smaller one
    u1 <TAB> 1 <TAB> /index <TAB> 200    of the other

They are sorted by key and tag (secondary sort), and divided by the key alone.
"""

from jobs.sql import identifier, literal
from jobs.stages import read
from jobs.text.records import NEWLINE, TAB, encoded, joined
from joins.plan import NAMES, JoinPlan, Name
from joins.stages import ALIAS, key_text, known


def tags(first: Name) -> dict[Name, str]:
    """The tag of each side's lines.  first: the side that comes first."""
    return {name: "0" if name == first else "1" for name in NAMES}


def payload(plan: JoinPlan, name: Name) -> list[str]:
    """A side's columns but its keys, as they follow the tag."""
    side = plan.sides[name]
    return [column for column in side.columns if column not in side.keys]


def tagged(plan: JoinPlan, name: Name, tag: str) -> str:
    """`part`, always 0, and `record`: the lines of a side's rows, but of those that can be in no output."""
    columns = [encoded(f"{ALIAS[name]}.{identifier(column)}") for column in payload(plan, name)]
    where = "" if plan.keeps(name) else f"\nWHERE {known(plan, name)}"
    line = f"{joined([key_text(plan, name), literal(tag), *columns])} || {NEWLINE}"
    return f"SELECT 0 AS part, {line} AS record\nFROM {ALIAS[name]}{where}"


def fields(plan: JoinPlan, source: str = "lines") -> str:
    """`sorted by`, `tag` and `f`, all columns, of the lines that `tagged` wrote."""
    keys = len(plan.left.keys)
    sort = f"array_to_string(f[1:{keys + 1}], {TAB})" if keys > 1 else f"f[1] || {TAB} || f[2]"
    return f'SELECT {sort} AS "sorted by", f[{keys + 1}] AS tag, f FROM (SELECT string_split(line, {TAB}) AS f FROM {source})'


def rows(plan: JoinPlan, name: Name, tag: str, source: str) -> str:
    """A side's rows again, with their columns, of `source`, fields."""
    side = plan.sides[name]
    places = {column: number for number, column in enumerate(side.keys, 1)}
    places |= {column: number for number, column in enumerate(payload(plan, name), len(side.keys) + 2)}
    columns = [
        f"{read(f'f[{number}]', side.type(column))} AS {identifier(column)}" for column, number in places.items()
    ]
    return f"SELECT {', '.join(columns)} FROM {source} WHERE tag = '{tag}'"
