"""The lines that Hadoop shuffles for a join: the key columns, the side's tag, then the side's other columns.

    u1 <TAB> 0 <TAB> Ann                 of the side that comes first: the smaller one
    u1 <TAB> 1 <TAB> /index <TAB> 200    of the other

They are sorted by key and tag (secondary sort), and divided by the key alone.
"""

from jobs.sql import identifier, literal
from jobs.stages import read
from jobs.text.records import TAB, encoded, joined
from joins.plan import NAMES, JoinPlan, Name
from joins.stages import ALIAS, joined_rows, key_text, known, record

OUT_OF_ORDER = "the input is not sorted: '{}' comes behind '{}'; LC_ALL=C sort it"


def tags(first: Name) -> dict[Name, str]:
    """The tag of each side's lines.  first: the side that comes first."""
    return {name: "0" if name == first else "1" for name in NAMES}


def payload(plan: JoinPlan, name: Name) -> list[str]:
    """A side's columns but its keys, as they follow the tag."""
    side = plan.sides[name]
    return [column for column in side.columns if column not in side.keys]


def line(plan: JoinPlan, name: Name, tag: str) -> str:
    """SQL of the line of a side's row."""
    columns = [encoded(f"{ALIAS[name]}.{identifier(column)}") for column in payload(plan, name)]
    return record([key_text(plan, name), literal(tag), *columns])


def kept(plan: JoinPlan, name: Name) -> str:
    """What follows FROM: a side's rows, but those that can be in no output."""
    return ALIAS[name] if plan.keeps(name) else f"{ALIAS[name]} WHERE {known(plan, name)}"


def tagged(plan: JoinPlan, name: Name, tag: str) -> str:
    """`part`, always 0, and `record`: the lines of a side's rows."""
    return f"SELECT 0 AS part, {line(plan, name, tag)} AS record\nFROM {kept(plan, name)}"


def fields(plan: JoinPlan, source: str = "lines", ordered: bool = True) -> str:
    """`tag` and `f`, all columns, of the lines that `tagged` wrote.  ordered: a line that is not, by key and tag, is an error."""
    keys = len(plan.left.keys)
    split = f"SELECT string_split(line, {TAB}) AS f FROM {source}"
    if not ordered:
        return f"SELECT f[{keys + 1}] AS tag, f FROM ({split})"
    by = joined([f"f[{number}]" for number in range(1, keys + 2)])
    both = f"SELECT f, sorted_by, lag(sorted_by) OVER () AS before FROM (SELECT f, {by} AS sorted_by FROM ({split}))"
    wrong = f"error(format({literal(OUT_OF_ORDER)}, sorted_by, before))"
    return f"SELECT CASE WHEN before > sorted_by THEN {wrong} ELSE f[{keys + 1}] END AS tag, f FROM ({both})"


def rows(plan: JoinPlan, name: Name, tag: str, source: str, decode: bool) -> str:
    """A side's rows again, with their columns, of `source`, fields.  decode: or all stay the texts that they are in lines."""
    side = plan.sides[name]
    places = {column: number for number, column in enumerate(side.keys, 1)}
    places |= {column: number for number, column in enumerate(payload(plan, name), len(side.keys) + 2)}

    def value(column: str, number: int) -> str:
        if decode:
            return read(f"f[{number}]", side.type(column))
        return f"nullif(f[{number}], '\\N')" if column in side.keys else f"f[{number}]"

    columns = [f"{value(column, number)} AS {identifier(column)}" for column, number in places.items()]
    return f"SELECT {', '.join(columns)} FROM {source} WHERE tag = '{tag}'"


def records(plan: JoinPlan, names: list[str], source: str, decode: bool) -> str:
    """`part` and `record`, in no order.  names: of the output's columns.  source: what follows FROM.  decode: or texts as they are in lines."""
    values = [encoded(identifier(name)) if decode else text(name) for name in names]
    return f"SELECT 0 AS part, {record(values)} AS record\nFROM ({joined_rows(plan, source)})"


def text(column: str) -> str:
    """SQL for the text of a column of the output that is still as it was in lines."""
    return f"coalesce({identifier(column)}, '\\N')"


def order(plan: JoinPlan) -> str:
    """What follows ORDER BY behind `records` of such texts.  To order by whole records costs a fifth of the merge."""
    return "record" if plan.in_order else f"{joined([text(name) for name in plan.left.keys])} || {TAB}"
