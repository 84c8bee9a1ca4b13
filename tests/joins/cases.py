"""The joins that every engine must do alike."""

import random
from collections.abc import Callable
from decimal import Decimal

from tests.joins.oracle import Case, Files, Row, comma

TWO_SIDES = ("inner", "left", "right", "full")  # those whose output has both


def table(header: str, *rows: str) -> Files:
    """One file of a header and lines, columns by blanks; ~ for an empty one."""
    return {"one.tsv": "".join(line.replace(" ", "\t").replace("~", "") + "\n" for line in (header, *rows)).encode()}


def raw(header: bytes, *rows: bytes) -> Files:
    return {"one.tsv": b"".join(line + b"\n" for line in (header, *rows))}


def many(seed: int, header: str, width: int, files: int) -> Files:
    """Random rows over few keys of all kinds, in several files, each with the header."""
    rng = random.Random(seed)
    keys = ["", "\\N", "1", "01", "a", "a\x01", "a\\t", "\\\\", "\\n", "é", "日", "\x08", *map(str, range(30))]
    out = {}
    for number in range(files):
        rows = ["\t".join(rng.choice(keys) for _ in range(width)) for _ in range(60)]
        out[f"{number}.tsv"] = "\n".join([header.replace(" ", "\t"), *rows]).encode()
    return out


USERS = table("id age", "1 30", "2 40", "2 41", "4 ~", r"5 \N")
EVENTS = table("id url", "1 /a", "2 /b", "2 /c", "3 /d", "1 /a", r"4 \N", r"\N /e")
ON_ID = ["--on", "id"]


def typed(type: str, written: Callable[[str], str], left: list[str], right: list[str]) -> Case:
    """A case whose key has a type, as columns without a header are told, in order."""
    columns = [word for side in ("left", "right") for word in (f"--{side}-columns", f"k:{type}, {side[0]}")]
    return Case(
        ["--on", "k", *columns],
        raw(*(f"{text}\tl{number}".encode() for number, text in enumerate(left))),
        raw(*(f"{text}\tr{number}".encode() for number, text in enumerate(right))),
        headers=0, left_types={0: written}, right_types={0: written},
    )  # fmt: skip


def is_adult(row: Row) -> bool:
    return row[1] is not None and row[1] >= "40"


CASES: dict[str, Case] = {
    "plain": Case(ON_ID, EVENTS, USERS),
    "everything": Case(
        ["--on", "a=x,c=z"], many(1, "a b c", 3, 3), many(2, "w x y z", 4, 2), ((0, 1), (2, 3)), (3, 4)
    ),
    "one key of everything": Case(["--on", "b=x"], many(3, "a b", 2, 2), many(4, "x y", 2, 2), ((1, 0),)),
    "several keys": Case(
        ["--on", "a,b"], table("a b l", "1 2 x", "1 3 y", r"1 \N z", r"\N \N n", "~ ~ e", "12 ~ j", "1 2 w"),
        table("r b a", "x 2 1", r"z \N 1", r"n \N \N", "e ~ ~", "j ~ 12", "k 2~ 1", "o 12 ~"), ((0, 2), (1, 1)), (3, 3),
    ),
    "null keys": Case(ON_ID, table("id l", r"\N a", r"\N b", "1 c"), table("id r", r"\N x", r"\N y", "1 z")),
    "nothing but null keys": Case(ON_ID, table("id l", r"\N a"), table("id r", r"\N x", r"\N x")),
    "empty keys": Case(ON_ID, table("id l", "~ a", "~ b", r"\N c", "x d"), table("id r", "~ x", "~ ~", r"\N z")),
    "escaped keys": Case(
        ON_ID, raw(rb"id	l", rb"a\tb	1", rb"\\	2", rb"\\t	3", rb"a\nb	4", rb"\\N	5", rb"\N	6", rb"\\\\N	\t"),
        raw(rb"id	r", rb"\\N	1", rb"\\t	2", rb"\\	\\", rb"a\nb	\n", rb"a\tb	5", rb"\r	6"),
    ),
    "non-ASCII": Case(
        ON_ID, raw(b"id\tl", *(f"{key}\t{key}".encode() for key in ("é", "e\u0301", "日本", "\U0001f600", "\uffff", "ß", "z"))),
        raw(b"id\tr", *(f"{key}\tr".encode() for key in ("\U0001f600", "é", "日本", "ss", "日", "\uffff"))),
    ),
    "bytes below tab": Case(
        ON_ID, raw(b"id\tl", b"a\t1", b"a\x01\t2", b"a\x08b\t3", b"ab\t4", b"a\x0b\t5", b"\x01\t6"),
        raw(b"id\tr", b"a\x01\tx", b"a\ty", b"a\x08b\tz", b"\x01\tw", b"a\x02\tv", b"a\t\x01"),
    ),
    "bytes below tab in two keys": Case(
        ["--on", "a,b"], raw(b"a\tb\tl", b"a\tb\t1", b"a\x01\tb\t2", b"a\tb\x01\t3", b"a\x01\t\t4", b"a\t\x01\t5"),
        raw(b"a\tb\tr", b"a\x01\t\tx", b"a\t\x01\ty", b"a\tb\tz", b"a\x01\tb\tw"), ((0, 0), (1, 1)), (3, 3),
    ),
    "invalid UTF-8": Case(ON_ID, raw(b"id\tl", b"\xff\t1", b"\xc3\t2", b"x\xffy\t3"), raw(b"id\tr", b"\xfe\tx", b"x\xffy\ty")),
    "numbers that are texts": Case(
        ON_ID, table("id l", "1 a", "01 b", "1.0 c", "+1 d", "1e0 e", "0 f", "-0 g"), table("id r", "01 x", "1 y", "0 z", "1~~ w")
    ),
    "duplicate keys": Case(
        ON_ID, table("id l", *["a x"] * 3, *[f"b {n}" for n in range(20)]), table("id r", *["a y"] * 4, *[f"b {n}" for n in range(30)])
    ),
    "left empty": Case(ON_ID, table("id l"), USERS),
    "right empty": Case(ON_ID, EVENTS, table("id r")),
    "both empty": Case(ON_ID, table("id l"), table("id r")),
    "left without a byte": Case([*ON_ID, "--left-columns", "id, l"], {"one.tsv": b""}, USERS),
    "right without a byte": Case([*ON_ID, "--right-columns", "id, r"], EVENTS, {"one.tsv": b"", "two.tsv": b""}),
    "a file without a byte": Case(ON_ID, {**EVENTS, "a.tsv": b""}, {**USERS, "z.tsv": b""}),
    "keys alone": Case(ON_ID, table("id", "a", "b", "a", "~", "a\x01"), table("id", "a", "c", "~", "a\x01", "a"), widths=(1, 1)),
    "keys alone on the right": Case(ON_ID, EVENTS, table("id", "1", "1", "3"), widths=(2, 1)),
    "self join": Case(["--on", "boss=id"], table("id boss", "1 2", "2 3", "3 3", r"4 \N", "5 9"), on=((1, 0),)),
    "self join on the same": Case(ON_ID, EVENTS),
    "by number": Case(["--on", "2=1"], raw(b"x\t1", b"y\t2", b"z\t3"), raw(b"2\ta", b"3\tb", b"4\tc"), ((1, 0),), headers=0),
    "by number under a header": Case(["--header", "--on", "2=1"], EVENTS, table("url id", "/a 1", "/x 2"), ((1, 0),)),
    "no final line end": Case(ON_ID, {"1": b"id\tl\r\na\t1\r\nb\t2"}, {"1": b"id\tr\ra\tx\rb\ty\rc\tz"}),
    "csv": Case(
        ["--format", "csv", *ON_ID],
        {"1": b'id,l\n1,"a ""x"", b"\n"2",\n,c\n"3 \\ 4",d\n', "2": b'id,l\r\n"a\tb",e\r\n'},
        {"1": b'"id",r\n2,x\n1,\n3 \\ 4,"y, z"\n,w\na\tb,\\N\n'}, read=comma,
    ),
    "integers": typed(
        "integer", lambda text: str(int(text)), ["1", "01", "+1", "-0", r"\N", "7", str(10**27)],
        ["1", "0", r"\N", "001", str(10**27), "8", "-1"],
    ),
    "decimals": typed("decimal(2)", lambda text: f"{Decimal(text):.2f}", ["1", "1.0", "-1.50", r"\N", "7"], ["1.00", "-1.5", "8"]),
    "dates": typed("date", str, ["2026-11-21", "2024-02-29", r"\N"], ["2024-02-29", "2026-11-22", "2024-02-29"]),
    "times": typed(
        "time",
        lambda text: {"2026-11-21T09:30:00Z": "2026-11-21 09:30:00", "2026-11-21 10:30+01:00": "2026-11-21 09:30:00"}.get(text, text),
        ["2026-11-21T09:30:00Z", "2026-11-21 10:30+01:00", "2026-11-21 09:30:00.25", r"\N"],
        ["2026-11-21 10:30+01:00", "2026-11-21 09:30:00.25", "2026-11-21 09:30:01"],
    ),
    "booleans": typed("boolean", str, ["true", "false", r"\N"], ["true", "true"]),
    "columns under a header": Case(
        ["--header", *ON_ID, "--left-columns", "id:integer, n:decimal(1)", "--right-columns", "id:integer", "--select", "n, l.id"],
        table("n x id", "1 a 01", "2.5 b 2", r"\N c \N"), USERS, ((2, 0),), (3, 2),
        left_types={0: lambda text: f"{Decimal(text):.1f}", 2: lambda text: str(int(text))}, select=lambda x, y: [x[0], x[2]],
    ),
    "select": Case(
        [*ON_ID, "--select", "upper(url) AS url, age, coalesce(l.id, r.id) || '!' AS called"], EVENTS, USERS,
        select=lambda x, y: [x[1] and x[1].upper(), y[1], f"{x[0] or y[0]}!" if x[0] or y[0] else None], hows=TWO_SIDES,
    ),
    "select without a key": Case([*ON_ID, "--select", "url"], EVENTS, USERS, select=lambda x, y: [x[1]]),
    "select of one side": Case([*ON_ID, "--select", "l.*"], EVENTS, USERS, select=lambda x, y: x),
    "where": Case(
        [*ON_ID, "--where", "age IS NULL OR age >= '40'"], EVENTS, USERS,
        where=lambda x, y: y[1] is None or is_adult(y), hows=TWO_SIDES,
    ),
    "where of both": Case(
        [*ON_ID, "--where", "url < '/c' OR age < '35' -- a remark"], EVENTS, USERS,
        where=lambda x, y: bool((x[1] and x[1] < "/c") or (y[1] is not None and y[1] < "35")), hows=TWO_SIDES,
    ),
    "where of the left": Case([*ON_ID, "--where", "url <> '/a'"], EVENTS, USERS, where=lambda x, y: x[1] not in (None, "/a")),
    "left where": Case([*ON_ID, "--left-where", "url <> '/b'"], EVENTS, USERS, left_where=lambda row: row[1] not in (None, "/b")),
    "right where": Case([*ON_ID, "--right-where", "age >= '40'"], EVENTS, USERS, right_where=is_adult),
    "both wheres": Case(
        [*ON_ID, "--left-where", "id = '2'", "--right-where", "id <> '1' OR age IS NULL"], EVENTS, USERS,
        left_where=lambda row: row[0] == "2", right_where=lambda row: row[0] not in (None, "1") or row[1] is None,
    ),
    "both wheres by alias": Case(
        [*ON_ID, "--left-where", "l.id = '2' AND url > ''", "--right-where", "r.id <> '1' OR r.age IS NULL"], EVENTS, USERS,
        left_where=lambda row: row[0] == "2", right_where=lambda row: row[0] not in (None, "1") or row[1] is None,
    ),
    "never true": Case([*ON_ID, "--where", "1 = 0"], EVENTS, USERS, where=lambda x, y: False),
    "nothing of the left": Case([*ON_ID, "--left-where", "false"], EVENTS, USERS, left_where=lambda row: False),
    "nothing of the right": Case([*ON_ID, "--right-where", "id = '1' AND id = '2'"], EVENTS, USERS, right_where=lambda row: False),
    "the same names": Case(ON_ID, table("id x", "1 a", "2 b"), table("x id", "c 1", "d 3"), on=((0, 1),)),
}  # fmt: skip
