"""Lines of an access log taken apart by the log's own format, in DuckDB.

A format is what nginx's `log_format` declares, https://nginx.org/en/docs/http/ngx_http_log_module.html#log_format,
or `common` or `combined`, as Apache writes them too, https://httpd.apache.org/docs/2.4/mod/mod_log_config.html.
Between quotes a text ends at the first quote that no backslash escapes: nginx writes a quote in it as \\x22,
Apache as \\". Values are given as they were written: escapes stay, and so does the `-` for none.
"""

import re
from collections.abc import Collection, Iterable, Mapping

from jobs.errors import UsageError
from jobs.sql import identifier, let, literal

COMMON = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent'
NAMED = {"common": COMMON, "combined": f'{COMMON} "$http_referer" "$http_user_agent"'}
_VARIABLE = re.compile(r"\$(\w+|\{\w+\})", re.ASCII)
# One value for each server asked, https://nginx.org/en/docs/http/ngx_http_upstream_module.html#var_upstream_addr
_UPSTREAM = r"(?:[\w.:/\[\]-]+(?:(?:,| :) [\w.:/\[\]-]+)*)?"
_USER = r'(?:[^"\\\[]|\\.)+|""'
# The same with a blank behind it: where a bracket follows, each character then leaves RE2 one way to go on, which takes it a
# third of the time.
_USER_AND_BLANK = r'""\ |(?:[^"\\\[]|\\.)(?:(?:[^"\\\[ ]|\\.)*\ )+'
_KNOWN = {
    "remote_addr": r"[\w.:%-]+",  # also a host's name, or `unix:`
    "remote_user": _USER,  # blanks, too, but not all of a line that was cut and one behind it
    "time_local": r"[^\] ]+ [+-][0-9]{4}",
    "time_iso8601": r"[0-9-]+T[0-9:]+[+-][0-9:]+",
    "status": "[0-9]{3}",
    **dict.fromkeys(["body_bytes_sent", "bytes_sent", "request_length", "connection_requests"], "[0-9]+|-"),
    **dict.fromkeys(["msec", "request_time"], r"[0-9]+\.[0-9]+|-"),
    **{f"upstream_{what}": _UPSTREAM for what in ["addr", "status", "bytes_received", "bytes_sent"]},
    **{f"upstream_{what}": _UPSTREAM for what in ["connect_time", "header_time", "response_time", "response_length"]},
}

_NEVER_EMPTY = ("status", "remote_addr", "time_local", "time_iso8601", "msec")

# RFC 9112, section 3: a method, a target without blanks, a protocol. The text of each group, and what closes the target's.
_REQUEST = (
    ("method", r"^([\w!#$%&'*+.^`|~-]+) "), ("uri", "("), ("path", "([^ ?#]+)"), ("", "(?:[?#][^ ]*)?"), ("", ") "),
    ("protocol", r"(HTTP/[0-9](?:\.[0-9])?)$"),
)  # fmt: skip
_PARTS = ("method", "uri", "path", "protocol")
_MATCH, _PART = identifier("$match"), identifier("$part")  # a table or column of the same name would hide them


def pattern(format: str, captured: Collection[str] | None = None) -> tuple[str, list[str]]:
    """A regular expression of RE2 for whole lines of `format`, and its groups: the variables, in lower case.

    captured: those that become groups, if not all; RE2 takes longer for each, above all from the fifth on.

    A known variable matches what its server can write, another the shortest text up to what follows it, without a
    bare quote where it stands in quotes. In `common` and `combined` any word may stand for the first `-`: Apache's
    logname. A `remote_user` in front of a bracket is captured with the blank between them. Raises UsageError for no
    variable, one twice, two with nothing between, and a stray `$`.

    >>> pattern("$host=$status")
    ('^(.*?)=([0-9]{3})$', ['host', 'status'])
    """
    pieces = _VARIABLE.split(NAMED.get(format, format))
    literals, variables = pieces[::2], [name.strip("{}").lower() for name in pieces[1::2]]
    _check(format, literals, variables)
    regex, quotes = "^", 0
    for before, name, after in zip(literals, variables, literals[1:], strict=False):
        quotes += before.count('"')
        text, end = (r'(?:[^"\\]|\\.)*', '"') if quotes % 2 else (".*", "")
        unknown = text if after[:1] == end else f"{text}?"  # lazy only where that matters: RE2 takes longer over it
        group = "(" if captured is None or name in captured else "(?:"
        regex += f"{re.escape(before)}{group}{_KNOWN.get(name, unknown)})"
    regex = regex.replace(f"{_USER})\\ \\[", f"{_USER_AND_BLANK})\\[")
    if format in NAMED:
        regex = regex.replace(re.escape(" - "), r" \S+ ", 1)
    names = [name for name in variables if captured is None or name in captured]
    return f"{regex}{re.escape(literals[-1])}$", names


def _check(format: str, literals: list[str], variables: list[str]) -> None:
    def refuse(why: str) -> UsageError:
        return UsageError(f"log format {format!r}: {why}")

    if any("$" in text for text in literals):
        raise refuse("a stray $; a variable is $name or ${name}")
    if not variables:
        raise refuse(
            f"no variable in it; write nginx's log_format, or {', '.join(NAMED)}, tsv, csv, jsonl or parquet"
        )
    if re.search(r"[\0\r\n]", format):
        raise refuse("a line end or a NUL in it; it is the format of one line")
    for first, between, second in zip(variables, literals[1:], variables[1:], strict=False):
        if not between:
            raise refuse(f"nothing between ${first} and ${second} tells where one ends; name them as one variable")
    if twice := [name for name in variables if variables.count(name) > 1]:
        raise refuse(f"${twice[0]} twice; give one of them another name")


def fields(format: str, line: str = "line", only: Collection[str] | None = None) -> str:
    """SQL for a STRUCT of VARCHAR: the variables of `format` in the column `line`; NULL for a line of another form.

    With `$request` also its `method`, `uri` (the target as written), `path` (that up to its `?` or `#`) and
    `protocol`, but for names that the format itself declares. All four are NULL for a request that is not `METHOD
    target HTTP/version`: `-`, a TLS handshake, HTTP/0.9, a target with blanks. An empty line is NULL.

    only: the fields that are wanted, if not all; UsageError for one that there is not.

    DuckDB pushes a filter on the STRUCT below it, and takes each line apart twice. To do it once, unnest:
    `SELECT s.path FROM (SELECT unnest(l) AS s FROM (SELECT [{fields}] AS l FROM lines)) WHERE s IS NOT NULL`.
    """
    _, variables = pattern(format)
    derived = [name for name in _PARTS if "request" in variables and name not in variables]
    wanted = [*variables, *derived] if only is None else list(only)
    for name in wanted:
        if name not in (*variables, *derived):
            raise UsageError(
                f"log format {format!r}: no field {name!r}; there are {', '.join([*variables, *derived])}"
            )
    parts = [name for name in derived if name in wanted]
    captured = {name for name in wanted if name in variables} | ({"request"} if parts else set())
    # Where nothing matches all groups are empty: so is one that else cannot be, or, if there is none such, one of the
    # whole line, "$", as no variable is called.
    sure = next((name for name in variables if name in _NEVER_EMPTY), "$")
    regex, names = pattern(format, captured | {sure})
    if sure == "$":
        regex, names = f"({regex})", ["$", *names]
    values = {name: f"{_MATCH}.{identifier(name)}" for name in names if name in wanted}
    if "remote_user" in values and _USER_AND_BLANK in regex:
        values["remote_user"] += "[:-2]"
    struct = _struct(values)
    if parts:
        values |= {name: f"nullif({_PART}.{identifier(name)}, '')" for name in parts}
        request = "".join(text if name in (*parts, "") else text.replace("(", "(?:", 1) for name, text in _REQUEST)
        named = [name for name, _ in _REQUEST if name in parts]
        struct = let(_PART, _groups(f"{_MATCH}.request", request, named), _struct(values))
    found = f"{_MATCH}.{identifier(sure)} <> ''"
    return let(_MATCH, _groups(identifier(line), regex, names), f"CASE WHEN {found} THEN {struct} END")


def _groups(text: str, regex: str, names: Iterable[str]) -> str:
    return f"regexp_extract({text}, {literal(regex)}, [{', '.join(map(literal, names))}])"


def _struct(values: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{identifier(name)}: {value}" for name, value in values.items()) + "}"
