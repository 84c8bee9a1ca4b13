"""The jobs that every engine runs."""

from jobs import AggregateJob, Count


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
