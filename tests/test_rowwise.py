"""What `rows` may hold: nothing that sees more than its own line, nothing that changes its answer."""

from collections.abc import Iterator

import pytest

from jobs.database import Limits, database, open_rows
from jobs.errors import DeclarationError
from jobs.measures import Count
from jobs.plan import Plan


def unread() -> Iterator[str]:
    """Input that must not be asked for."""
    raise AssertionError("input was read")
    yield ""


def columns(rows: str) -> dict[str, str]:
    """The columns of `rows`."""
    with database(Limits(memory=256_000_000, threads=1)) as connection:
        return open_rows(connection, Plan("j", rows, (), {"n": Count()}), unread)


REFUSED = {
    "limit": ("SELECT line FROM lines LIMIT 3", "LIMIT"),
    "limit in a subquery": ("SELECT upper(line) AS l FROM (SELECT line FROM lines LIMIT 3)", "LIMIT"),
    "limit percent": ("SELECT line FROM lines LIMIT 10%", "LIMIT"),
    "offset": ("SELECT line FROM lines OFFSET 1", "LIMIT"),
    "distinct": ("SELECT DISTINCT line FROM lines", "DISTINCT"),
    "distinct on": ("SELECT DISTINCT ON (line) line FROM lines", "DISTINCT"),
    "order by": ("SELECT line FROM lines ORDER BY line", "ORDER BY"),
    "top n": ("SELECT line FROM lines ORDER BY line LIMIT 1", "ORDER BY"),
    "window": ("SELECT lag(line) OVER (ORDER BY line) AS l FROM lines", "window"),
    "streaming window": ("SELECT row_number() OVER () AS n FROM lines", "window"),
    "aggregate": ("SELECT count(*) AS n FROM lines", "aggregate"),
    "group by": ("SELECT line, max(line) AS m FROM lines GROUP BY line", "GROUP BY"),
    "aggregate in a filter": ("SELECT line FROM lines WHERE line = (SELECT max(line) FROM lines)", "not row-wise"),
    "sample": ("SELECT line FROM lines USING SAMPLE 10%", "SAMPLE"),
    "tablesample": ("SELECT line FROM lines TABLESAMPLE reservoir(10)", "SAMPLE"),
    "union": ("SELECT line FROM lines UNION ALL SELECT line FROM lines", "UNION"),
    "except": ("SELECT line FROM lines EXCEPT SELECT 'a'", "not row-wise"),
    "self join": ("SELECT a.line FROM lines a JOIN lines b USING (line)", "join"),
    "cross join": ("SELECT line FROM lines, range(3)", "cross product"),
    "values": ("SELECT line FROM lines, (VALUES (1), (2)) v(x)", "cross product"),
    "unnest in FROM": ("SELECT w FROM lines, unnest(string_split(line, ' ')) t(w)", "unnest in SELECT"),
    "materialised with": ("WITH x AS MATERIALIZED (SELECT line FROM lines) SELECT * FROM x", "materialised WITH"),
    "no input": ("SELECT 1 AS x", "SELECT without lines"),
    "limit of nothing": ("SELECT line FROM lines LIMIT 0", "LIMIT"),
    "an aggregate where nothing is true": ("SELECT max(line) AS m FROM lines WHERE false", "aggregate"),
    "distinct where nothing is true": ("SELECT DISTINCT line FROM lines WHERE false", "DISTINCT"),
    "a window where nothing is true": ("SELECT row_number() OVER () AS n FROM lines WHERE false", "window"),
    "no input where nothing is true": ("SELECT 'x' AS line WHERE false", "SELECT without lines"),
    "a self join where nothing is true": ("SELECT a.line FROM lines a JOIN lines b USING (line) WHERE false", "join"),
    "blocks, which splits cut": ("SELECT length(block) AS n FROM blocks", "it reads blocks; lines is all it may read"),
    "another input": ("SELECT * FROM range(3)", "range"),
    "random": ("SELECT random() AS r FROM lines", "random"),
    "random in a filter": ("SELECT line FROM lines WHERE random() < 0.5", "random"),
    "random, quoted and qualified": ('SELECT main."random"() AS r FROM lines', "random"),
    "random in a lambda": ("SELECT list_transform([1], lambda x: x + random()) AS r FROM lines", "random"),
    "uuid": ("SELECT uuid() AS u FROM lines", "uuid"),
    "now": ("SELECT now() AS t FROM lines", "now"),
    "today": ("SELECT today() - 1 AS t FROM lines", "today"),
    "current_timestamp": ("SELECT current_timestamp AS t FROM lines", "current_timestamp"),
    "current_date": ("SELECT CURRENT_DATE AS t FROM lines", "current_date"),
    "localtime": ("SELECT localtime AS t FROM lines", "localtime"),
    "localtimestamp": ("SELECT localtimestamp AS t FROM lines", "localtimestamp"),
    "age of one argument": ("SELECT age(TIMESTAMP '2020-01-01') AS a FROM lines", "age"),
    "now through a macro": ("SELECT ago(INTERVAL 1 day) AS t FROM lines", r"current_timestamp \(through ago\(\)\)"),
    "a setting": ("SELECT current_setting('threads') AS s FROM lines", "current_setting"),
    "a variable": ("SELECT getvariable('x') AS v FROM lines", "getvariable"),
    "a sequence": ("SELECT nextval('s') AS n FROM lines", "nextval"),
    "a seed": ("SELECT setseed(0.5) AS s FROM lines", "setseed"),
    "a transaction": ("SELECT txid_current() AS t FROM lines", "txid_current"),
    "two statements": ("SELECT line FROM lines; SELECT 'x'", "one SELECT"),
    "another statement": ("SELECT line FROM lines; DROP VIEW lines", "must be a SELECT"),
    "no select": ("DELETE FROM lines", "must be a SELECT"),
    "an insert": ("INSERT INTO lines VALUES ('x')", "must be a SELECT"),
    "closing the parenthesis": ("SELECT line FROM lines) UNION (SELECT 'x'", "syntax error"),
    "bad syntax": ("SELEKT line FROM lines", "syntax error"),
    "an unknown column": ("SELECT lin FROM lines", '"lin" not found'),
    "an unknown function": ("SELECT lenght(line) AS n FROM lines", "lenght does not exist"),
    "an unknown table": ("SELECT line FROM line", "line does not exist"),
    "a variable of Python": ("SELECT * FROM REFUSED", "REFUSED does not exist"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name_before_any_input_is_read(name: str) -> None:
    rows, why = REFUSED[name]
    with pytest.raises(DeclarationError, match=why) as caught:
        columns(rows)
    assert caught.value.attribute == "rows"


ALLOWED = {
    "projection": "SELECT upper(line) AS l, length(line) AS n FROM lines",
    "filter": "SELECT line FROM lines WHERE line <> '' AND length(line) > 3",
    "never true": "SELECT line FROM lines WHERE false",
    "null, and so never true": "SELECT line FROM lines WHERE NULL",
    "a contradiction": "SELECT line FROM lines WHERE line = 'a' AND line = 'b'",
    "always true": "SELECT line FROM lines WHERE 1 = 1",
    "a part that is never true": "SELECT w FROM (SELECT line AS w FROM lines WHERE 1 = 0) WHERE w <> ''",
    "unnest": "SELECT unnest(words) AS w FROM (SELECT string_split(line, ' ') AS words FROM lines)",
    "filter over unnest": "SELECT w FROM (SELECT unnest(ws) AS w FROM (SELECT [line] AS ws FROM lines)) WHERE w <> ''",
    "with": "WITH x AS (SELECT line AS l FROM lines) SELECT l FROM x",
    "from first": "FROM lines",
    "a long IN": "SELECT line FROM lines WHERE line IN ('a', 'b', 'c', 'd', 'e', 'f', 'g')",
    "list functions": "SELECT list_max(string_split(line, ' ')) AS m, list_sort([line]) AS s FROM lines",
    "regular expressions": "SELECT regexp_extract(line, '([0-9]+)', 1) AS n FROM lines",
    "json": "SELECT json_extract_string(line, '$.a') AS a FROM lines",
    "error": "SELECT CASE WHEN line = '' THEN error('empty') ELSE line END AS l FROM lines",
    "functions of which one form depends on the session's zone": (
        "SELECT length(line) + 1 - 2 AS n, date_trunc('day', TIMESTAMP '2020-01-01 10:00') + INTERVAL 1 DAY AS d FROM lines"
    ),
    "age of two arguments": "SELECT age(TIMESTAMP '2020-01-01', TIMESTAMP '2021-01-01') AS a, line FROM lines",
    "a column named user": "SELECT user AS u FROM (SELECT line AS user FROM lines)",
    "a final semicolon": "SELECT line FROM lines;\n",
    "a final comment": "SELECT line FROM lines -- all of them",
}  # fmt: skip


@pytest.mark.parametrize("name", ALLOWED)
def test_allowed(name: str) -> None:
    assert columns(ALLOWED[name])
