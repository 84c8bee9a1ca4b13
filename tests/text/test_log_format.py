"""Access logs: each field as it was written, of the lines that the format can have written, and of no other."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.database import Limits, database, open_rows
from jobs.errors import UsageError
from jobs.measures import Count
from jobs.plan import Plan
from jobs.text.log_format import COMMON, NAMED, fields, pattern
from tests.examples import examples

CONNECTION = duckdb.connect()
LOG = Path(__file__).parent.parent / "data" / "apache_access.log"

PARTS = ("method", "uri", "path", "protocol")
NAMES = ["remote_addr", "remote_user", "time_local", "request", "status", "body_bytes_sent"]
LINE = '1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a?b=c#d HTTP/1.1" 200 12'
COMBINED = LINE + ' "http://a/" "curl/8"'


def take(format: str, *lines: str | None) -> list[dict[str, str | None] | None]:
    """The fields of each line."""
    sql = f"SELECT {fields(format)} FROM (SELECT unnest($1::VARCHAR[]) AS line)"
    return [row[0] for row in CONNECTION.execute(sql, [list(lines)]).fetchall()]


def one(format: str, line: str) -> dict[str, str | None]:
    """The fields of a line that matches."""
    [found] = take(format, line)
    assert found is not None
    return found


def parts(request: str) -> list[str | None]:
    found = one("[$request]", f"[{request}]")
    return [found[part] for part in PARTS]


# A real log against an oracle

ORACLE = re.compile(r'(\S+) \S+ (\S+) \[(.+?)\] "(.*?)" (\d+) (\d+|-) "(.*?)" "(.*)"')


def oracle(line: str) -> dict[str, str | None] | None:
    match = ORACLE.fullmatch(line)
    if not match:
        return None
    method, uri, protocol = match[4].split(" ")
    values = dict(zip(pattern("combined")[1], match.groups(), strict=True))
    return values | {"method": method, "uri": uri, "path": re.split("[?#]", uri)[0], "protocol": protocol}


def test_a_real_log_field_by_field() -> None:
    lines = LOG.read_text().splitlines()
    expected = [oracle(line) for line in lines]
    assert take("combined", *lines) == expected
    assert [number for number, values in enumerate(expected, 1) if values is None] == [8899]  # it was cut


def test_the_top_pages_of_a_real_log() -> None:
    files = {"/favicon.ico": 807, "/style2.css": 546, "/reset.css": 538, "/images/jordan-80.png": 533}
    banner = {"/images/web/2009/banner.png": 516}
    lines = LOG.read_text().splitlines()
    for key, top in (("uri", files | banner), ("path", files | {"/": 575})):  # /?flav=rss20 and the like are /, too
        assert dict(Counter(values[key] for line in lines if (values := oracle(line))).most_common(5)) == top
        assert dict(Counter(values[key] for values in take("combined", *lines) if values).most_common(5)) == top


@given(st.text('a "\\[', max_size=8))
@examples(500)
def test_a_user_ends_where_the_plain_regular_expression_ends_it(user: str) -> None:
    line = f"{user} [17/May/2015:10:05:03 +0000]"
    plain = re.fullmatch(r'((?:[^"\\\[]|\\.)+|"") \[([^\] ]+ [+-][0-9]{4})\]', line)
    found = take("$remote_user [$time_local]", line)[0]
    assert found == (plain and {"remote_user": plain[1], "time_local": plain[2]})


# Formats

INGRESS = (  # of Kubernetes' ingress-nginx
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'
    " $request_length $request_time [$proxy_upstream_name] [] $upstream_addr $upstream_response_length"
    " $upstream_response_time $upstream_status $req_id"
)


def test_a_custom_format_with_lists_of_upstreams() -> None:
    line = (
        COMBINED + " 80 0.012 [web-80] [] 10.0.0.1:80, [::1]:80 : unix:/s 0, 7 : 9 0.000, 0.1 : - 502, 200 : 200 f0"
    )
    found = one(INGRESS, line)
    assert [found[name] for name in ("request_length", "request_time", "proxy_upstream_name", "req_id")] == [
        *("80", "0.012", "web-80", "f0")
    ]
    assert [found[f"upstream_{name}"] for name in ("addr", "response_length", "response_time", "status")] == [
        *("10.0.0.1:80, [::1]:80 : unix:/s", "0, 7 : 9", "0.000, 0.1 : -", "502, 200 : 200")
    ]
    assert found["path"] == "/a"


def test_a_format_of_json() -> None:
    format = '{"t":"$time_iso8601","s":$status,"up":"$upstream_addr","ua":"$http_user_agent"}'
    line = r'{"t":"2020-01-01T00:00:00+00:00","s":200,"up":"","ua":"a \"b\", \\"}'
    assert one(format, line) == {
        "time_iso8601": "2020-01-01T00:00:00+00:00", "status": "200", "upstream_addr": "",
        "http_user_agent": r"a \"b\", \\",
    }  # fmt: skip


def test_names_in_braces_and_in_any_case() -> None:
    assert one("${Host}_$STATUS.", "a_200.") == {"host": "a", "status": "200"}


def test_a_request_in_pieces_between_quotes() -> None:
    found = one('"$request_method $request_uri $server_protocol" "$x"', r'"GET /\"a\" b HTTP/1.1" ""')
    assert found == {"request_method": "GET", "request_uri": r"/\"a\"", "server_protocol": "b HTTP/1.1", "x": ""}


def test_the_shortest_text_up_to_what_follows() -> None:
    assert one("$a - $b", "x - y - z") == {"a": "x", "b": "y - z"}
    assert one("$a $status", "x 200 200") == {"a": "x 200", "status": "200"}


def test_a_format_of_many_variables() -> None:
    names = [f"v{number}" for number in range(200)]
    assert one(" ".join(f"${name}" for name in names), " ".join(names)) == {name: name for name in names}


@pytest.mark.parametrize(("format", "why"), [
    ("", "no variable"), ("combind", "no variable in it; write nginx's log_format, or common, combined, tsv, csv, jsonl or parquet"),
    ("$host$uri", r"nothing between \$host and \$uri"), ("a ${b}${c}", r"nothing between \$b and \$c"),
    ("$a $b $a", r"\$a twice"), ("$a $A", r"\$a twice"), ("$a $", r"stray \$"), ("$", r"stray \$"),
    ("$$a", r"stray \$"), ("${a", r"stray \$"), ("$a ${}", r"stray \$"), ("$a $-b", r"stray \$"), ("$é", r"stray \$"),
    ("$a\n", "a line end"), ("$a\0", "a NUL"),
])  # fmt: skip
def test_refused(format: str, why: str) -> None:
    for refused in (pattern, fields):
        with pytest.raises(UsageError, match=why):
            refused(format)


# Lines


def test_the_names_of_common_and_combined() -> None:
    assert pattern("common")[1] == NAMES
    assert pattern("combined")[1] == [*NAMES, "http_referer", "http_user_agent"]
    assert list(one("combined", COMBINED)) == [*NAMES, "http_referer", "http_user_agent", *PARTS]


def test_a_logname_and_a_user_with_blanks() -> None:
    line = LINE.replace(" - - ", " ident John D. ")
    assert one("common", line)["remote_user"] == "John D."
    assert take(COMMON, line) == [None]  # nginx writes a - there


@pytest.mark.parametrize(
    "address", ["::1", "2001:db8::ff00:42:8329", "fe80::1%eth0", "::ffff:1.2.3.4", "a-b.example"]
)
def test_addresses(address: str) -> None:
    assert one("common", LINE.replace("1.2.3.4", address))["remote_addr"] == address


def test_quotes_escaped_as_apache_does_and_as_nginx_does() -> None:
    for text in (r"a \"quoted\" word", r"\\", r"\\\"", r"\x22 \x5C\x22", r"\" 200 1 \"-\" \"-"):
        found = one("combined", COMBINED.replace("curl/8", text).replace("http://a/", text))
        assert found["http_user_agent"] == found["http_referer"] == text


def test_empty_and_missing_values() -> None:
    found = one("combined", LINE.replace(" 12", " -") + ' "" "-"')
    assert one("common", LINE.replace("- -", '- ""'))["remote_user"] == '""'  # so writes Apache an empty one
    assert [found["body_bytes_sent"], found["http_referer"], found["http_user_agent"]] == ["-", "", "-"]


@pytest.mark.parametrize("line", [
    None, "", " ", "garbage", '"', "\x00", "# " + COMBINED, COMBINED + " ", LINE + ' "-" "a "bare" quote"',
    COMBINED.replace("200", "20"), COMBINED.replace("200", "-"), COMBINED.replace(" 12", " 1.2"),
    COMBINED.replace("+0000", ""), COMBINED + COMBINED, COMBINED[:50] + COMBINED, COMBINED[:20] + COMBINED, LINE + ' "-" "\\"',
])  # fmt: skip
def test_garbage_is_null(line: str | None) -> None:
    assert take("combined", line) == [None]


def test_a_line_cut_anywhere_is_null() -> None:
    cut = [COMBINED[:length] for length in range(len(COMBINED))] + [COMBINED[length:] for length in range(8, 99)]
    assert set(map(str, take("combined", *cut))) == {"None"}


# Requests


@pytest.mark.parametrize(("request_", "path"), [
    ("GET / HTTP/1.0", "/"), ("POST /a/b?x=/y HTTP/1.1", "/a/b"), ("GET /a#b?c HTTP/2.0", "/a"),
    ("OPTIONS * HTTP/1.1", "*"), ("CONNECT a:443 HTTP/1.1", "a:443"), ("GET http://a/b?c HTTP/3", "http://a/b"),
    (r"GET /\x22\xC3\xA9? HTTP/1.1", r"/\x22\xC3\xA9"), ("M-SEARCH /é HTTP/1.1", "/é"),
])  # fmt: skip
def test_the_parts_of_a_request(request_: str, path: str) -> None:
    method, uri, protocol = request_.split(" ")
    assert parts(request_) == [method, uri, path, protocol]


@pytest.mark.parametrize("request_", [
    "-", "", r"\x16\x03\x01\x00", "GET /", "GET / HTTP", "GET  / HTTP/1.1", "GET /a b HTTP/1.1", "GET ?a HTTP/1.1",
    "/ HTTP/1.1", "GET / HTTP/1.1 ", " GET / HTTP/1.1", "G(T / HTTP/1.1",
])  # fmt: skip
def test_no_parts_of_anything_else(request_: str) -> None:
    assert parts(request_) == [None] * 4


def test_what_the_format_declares_is_kept() -> None:
    found = one('"$request" $uri', '"GET /a HTTP/1.1" /index.html')
    assert (found["uri"], found["path"]) == ("/index.html", "/a")


# In a job


def unread() -> Iterator[str]:
    raise AssertionError("input was read")
    yield ""


@pytest.mark.parametrize("rows", [
    "SELECT s.path AS page, s.status FROM (SELECT {} AS s FROM lines) WHERE s IS NOT NULL",
    "SELECT s.path AS page, s.status FROM (SELECT unnest(l) AS s FROM (SELECT [{}] AS l FROM lines)) WHERE s.path <> ''",
])  # fmt: skip
@pytest.mark.parametrize("format", NAMED)
def test_rowwise(format: str, rows: str) -> None:
    with database(Limits(memory=256_000_000, threads=1)) as connection:
        plan = Plan("j", rows.format(fields(format)), (), {"n": Count()})
        assert open_rows(connection, plan, unread) == {"page": "VARCHAR", "status": "VARCHAR"}


@pytest.mark.parametrize("column", ["x", "status", 'a "b"', "it's"])
def test_any_column_beside_any_other(column: str) -> None:
    name = '"' + column.replace('"', '""') + '"'
    sql = f"SELECT {fields('common', column)} FROM (SELECT $1 AS {name}, {{'path': 0}} AS request) AS r"
    row = CONNECTION.execute(sql, [LINE]).fetchone()
    assert row and (row[0]["path"], row[0]["status"]) == ("/a", "200")


# What is written by a format is read by it


def nginx(text: str) -> str:
    return "".join(chr(b) if 32 <= b < 127 and chr(b) not in '"\\' else f"\\x{b:02X}" for b in text.encode())


def apache(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
QUOTED = st.one_of(st.builds(nginx, TEXT), st.builds(apache, TEXT), st.text('\\" [1]', max_size=9).map(apache))
NUMBER = st.integers(0, 10**12).map(str)
TIME = st.datetimes().map(lambda time: f"{time.day:02}/May/{time.year:04}:{time:%H:%M:%S} +0000")
VALUES = {
    "remote_addr": st.ip_addresses().map(str),
    "remote_user": st.builds(apache, st.text("aé .-]\"'\\", min_size=1)),
    "time_local": TIME,
    "request": QUOTED,
    "status": st.integers(0, 999).map("{:03}".format),
    "body_bytes_sent": st.just("-") | NUMBER,
    "http_referer": QUOTED,
    "http_user_agent": QUOTED,
}


def written(format: str, values: dict[str, str]) -> str:
    return re.sub(r"\$\{?([a-z_0-9]+)\}?", lambda variable: values[variable[1]], format)


@settings(deadline=None)
@given(st.fixed_dictionaries(VALUES))
def test_values_of_combined_come_back(values: dict[str, str]) -> None:
    found = one("combined", written(NAMED["combined"], values))
    assert {name: found[name] for name in values} == values


@settings(deadline=None)
@given(st.data())
def test_values_of_any_format_come_back(data: st.DataObject) -> None:
    between = st.text("!\"#%&'()*+,-./:;<=>?@[\\]^_`{|}~ \té→", min_size=1)
    format, values = "", {}
    for number, value in enumerate(data.draw(st.lists(st.text("aZ09"), min_size=1, max_size=9))):
        format += data.draw(between) + f"${{v{number}}}"
        values[f"v{number}"] = value
    format += data.draw(st.just("") | between)
    assert one(format, written(format, values)) == values


@pytest.mark.parametrize(
    "only", [["uri"], ["path"], ["method", "protocol"], ["status"], ["uri", "status", "path"], ["request", "path"]]
)
@pytest.mark.parametrize(
    "format", ["combined", '$remote_addr - $remote_user [$time_local] "$request" $status $x "$y" "$z"']
)
def test_some_fields_are_those_of_all(format: str, only: list[str]) -> None:
    lines = [line.decode() for line in LOG.read_bytes().splitlines()[8800:9000]]
    values = "(SELECT unnest($1::VARCHAR[]) AS line)"
    some = CONNECTION.execute(f"SELECT {fields(format, only=only)} FROM {values}", [lines]).fetchall()
    whole = CONNECTION.execute(f"SELECT {fields(format)} FROM {values}", [lines]).fetchall()
    assert any(found is None for (found,) in whole)
    assert [found for (found,) in some] == [found and {name: found[name] for name in only} for (found,) in whole]


def test_a_field_that_there_is_not_is_refused() -> None:
    with pytest.raises(UsageError, match="no field 'uri'; there are host, status"):
        fields("$host $status", only=["uri"])
