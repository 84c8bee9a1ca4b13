"""Jobs that go wrong, or take their time, on a cluster."""

from jobs import AggregateJob, Count


class Wrong(AggregateJob):
    """Fails at every line, in the job's own words."""

    rows = "SELECT error('wrong on purpose: ' || line) AS word FROM lines"
    group_by = ["word"]
    measures = {"count": Count()}


class Slow(AggregateJob):
    """Takes about a second for 20,000 lines, and counts them."""

    rows = """
        SELECT line || if(waste < 0, 'never', '') AS word
        FROM (SELECT line, list_reduce(range(3_000 + length(line)), lambda a, b: (a * 31 + b) % 1_000_003) AS waste FROM lines)
    """
    group_by = ["word"]
    measures = {"count": Count()}
