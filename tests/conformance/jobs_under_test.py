"""The jobs that every engine runs."""

from jobs import AggregateJob, Count, CountDistinct, First, Last, Mean, Min, StdDev, Sum, Tsv


class Lines(AggregateJob):
    """How often each whole line occurs: every byte of a key matters, and empty lines count."""

    rows = "SELECT line FROM lines"
    group_by = ["line"]
    measures = {"count": Count()}


class TwoColumns(AggregateJob):
    """How often each pair of a line's first two tab-separated fields occurs; a missing second one is null."""

    rows = """
        SELECT fields[1] AS first, fields[2] AS second
        FROM (SELECT string_split(line, E'\\t') AS fields FROM lines)
    """
    group_by = ["first", "second"]
    measures = {"count": Count()}


class Total(AggregateJob):
    """How many lines there are: one row, whatever the input."""

    rows = "SELECT line FROM lines"
    measures = {"count": Count()}


class Statistics(AggregateJob):
    """All there is of an amount, text or number, and its place in an order: states of text, and several of a group."""

    input = Tsv({"1": "text", "2": "text", "3": "integer"})
    rows = """SELECT "1" AS key, "2" AS amount, "3" AS place FROM input"""
    group_by = ["key"]
    measures = {
        "rows": Count(), "amounts": CountDistinct("amount"), "places": CountDistinct("place"),
        "sum": Sum("amount", scale=2), "mean": Mean("amount", scale=2), "deviation": StdDev("amount", scale=2, decimals=4),
        "least": Min("amount"), "first": First("amount", by="place"), "last": Last("amount", by="place"),
    }  # fmt: skip
