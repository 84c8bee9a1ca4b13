"""Input formats against Python's csv, json and decimal, over files cut into blocks anywhere."""

import csv
import io
import json
import math
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import IO

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs import stages
from jobs.errors import FaninError, UsageError
from jobs.text import typed
from jobs.text.arrow import BlockStream
from jobs.text.blocks import Piece
from jobs.text.formats import Csv, Format, Head, JsonLines, Log, OnError, Tsv, from_json
from jobs.text.formats.separated import Separated
from jobs.text.sources import Reading
from tests.conformance.oracle import encode
from tests.examples import examples

CONNECTION = duckdb.connect(
    config={"autoload_known_extensions": False, "autoinstall_known_extensions": False, "threads": 1}
)
CONNECTION.execute("SET TimeZone = 'UTC'")
BLOCKS = st.sampled_from([3, 4, 5, 7, 16, 64, 1 << 20])


@dataclass(frozen=True)
class File:
    """A file in memory."""

    data: bytes
    name: str = "file"

    def open(self) -> IO[bytes]:
        return io.BytesIO(self.data)


def pieces(format: Format, text: str, block: int = 1 << 20) -> list[Piece]:
    """The blocks of records in a file of `text`, that is read `block` bytes at a time."""
    reading = Reading(1 << 20, strict=True, shape=format, recent=deque())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jobs.text.blocks.BLOCK", block)
        for _ in reading.texts([File(text.encode())]):
            pass
    return [piece for _, piece in reading.recent]


def query(
    format: Format, texts: Sequence[str], on_error: OnError = "null", sql: str = "SELECT * FROM input"
) -> list[tuple[object, ...]]:
    CONNECTION.register("blocks", BlockStream(lambda: texts))
    CONNECTION.execute(f"CREATE OR REPLACE VIEW lines AS {stages.lines()}")
    CONNECTION.execute(f"CREATE OR REPLACE VIEW input AS {format.view(on_error)}")
    return CONNECTION.execute(sql).fetchall()


def rows(format: Format, text: str, block: int = 1 << 20) -> list[tuple[object, ...]]:
    """Each row, and what is wrong with it."""
    return query(format, [piece.text for piece in pieces(format, text, block)])


def of_one(format: Format, line: str) -> tuple[object, ...]:
    [row] = query(format, [line])
    return row


def texts(count: int) -> dict[str, str]:
    """Text columns called by their numbers."""
    return {str(number): "text" for number in range(1, count + 1)}


def check_numbered(found: Sequence[Piece], first: int) -> None:
    """Each piece must know its first line's number; \\r stands for a line end inside a record."""
    line = first
    for piece in found:
        assert piece.line == line
        line += piece.text.count("\n") + piece.text.count("\r") + 1


def tables(cells: st.SearchStrategy[object], most: int = 4) -> st.SearchStrategy[list[list[object]]]:
    return st.integers(1, most).flatmap(
        lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=12)
    )


# CSV

CHARACTERS = st.sampled_from('ab01 \t\n\r""\'\\,;|^]-.$\0\x85\u00e9e\u0301\u2028\U0001f600')
CELLS = st.text(CHARACTERS, max_size=6)
DELIMITERS = st.sampled_from(",;|\t ^]-\\.a'_$\u00a7")
HEADER = ["name", 'a "b"', "c,d", "\u00e9"]


def read_back(text: str) -> str:
    """Line ends as they are read."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


@examples(60)
@given(
    tables(CELLS),
    DELIMITERS,
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.booleans(),
    BLOCKS,
)
def test_csv_is_what_python_has_written(
    table: list[list[str]], delimiter: str, quoting: int, header: bool, block: int
) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, quoting=quoting, lineterminator="\r\n")  # type: ignore[arg-type]
    width = len(table[0])
    columns = dict.fromkeys(HEADER[:width], "text") if header else texts(width)
    format: Csv = Csv(columns, header, delimiter=delimiter)
    writer.writerows([HEADER[:width]] * header + table)
    if header:
        format = format.bind([Head("file", stream.getvalue().split("\r\n")[:2], None)])
    null = quoting == csv.QUOTE_MINIMAL and width > 1  # an empty line would be no row: Python quotes that column
    expected = [(*(None if null and not cell else read_back(cell) for cell in row), None) for row in table]
    assert rows(format, stream.getvalue(), block) == expected
    check_numbered(pieces(format, stream.getvalue(), block), 1 + header)


@examples(60)
@given(
    tables(st.tuples(CELLS, st.booleans())),
    st.sampled_from(",;|\t"),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["", "a", "0", "\u00e9"]),
    st.booleans(),
    BLOCKS,
)
def test_csv_is_what_python_reads(
    table: list[list[tuple[str, bool]]], delimiter: str, end: str, null: str, ended: bool, block: int
) -> None:
    """Also where quotes are not needed; what is not in quotes may be null."""
    quoted = [[(cell, force or bool(set(cell) & set(f'"\r\n{delimiter}'))) for cell, force in row] for row in table]
    lines = [
        delimiter.join('"' + cell.replace('"', '""') + '"' if quotes else cell for cell, quotes in row)
        for row in quoted
    ]
    text = end.join(lines) + end * (ended or not lines[-1])
    read = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    assert [row or [""] for row in read] == [[cell for cell, _ in row] for row in table]
    expected = [(*(None if cell == null and not quotes else read_back(cell) for cell, quotes in row), None) for row in quoted]  # fmt: skip
    format = Csv(texts(len(table[0])), null=null, delimiter=delimiter)
    assert rows(format, text, block) == expected
    check_numbered(pieces(format, text, block), 1)


@pytest.mark.parametrize(("text", "line", "broken"), [
    ('a"b"c', 'a"b"c', False), ('x\n"a"b"",c\ny', '"a"b"",c', False), ('"a" ,b', '"a" ,b', False), (' "a",b', ' "a",b', False),
    ('"a""', "", True), ('a"b', "", True), ('x,y\n"', "", True), ('"a",b"\nc', "", True),
])  # fmt: skip
def test_quotes_that_do_not_fit_stop_the_run_whatever_is_said_of_misfits(text: str, line: str, broken: bool) -> None:
    format = Csv(texts(1))
    if broken:
        with pytest.raises(FaninError, match=r"^file:[12]: a quote is opened here and never closed$"):
            pieces(format, text)
        return
    found = [piece.text for piece in pieces(format, text)]
    for on_error in ("fail", "null", "skip"):
        with pytest.raises(duckdb.Error, match=re.escape(f"quotes that do not fit, in the line {line}")):
            query(format, found, on_error)
    told = [said for _, said in query(format, found, "tell") if said]
    assert told == [f"quotes that do not fit, in the line {line}"]


@pytest.mark.parametrize("on_error", ["null", "skip"])
def test_quotes_that_do_not_fit_stop_also_a_run_that_looks_at_no_column(on_error: OnError) -> None:
    with pytest.raises(duckdb.Error, match="quotes that do not fit"):
        query(Csv(texts(1)), ['a"b"c'], on_error, "SELECT count(misfit) FROM input")


@pytest.mark.parametrize(("text", "line"), [
    ('a\nb\n"c', 3), ('"x\ny"\n"c\nd\ne', 3), ('a,"b""\nc\nd', 1), ('a\n"b\n""c""\nd""', 2), ('a\n5" pipe\nb', 2),
    ('a\n5" pipe\n"b","c"\n"d","e"\n', 2),
])  # fmt: skip
@pytest.mark.parametrize("block", [3, 8, 1 << 20])
def test_a_quote_that_is_never_closed_is_told_with_the_line_of_its_record(text: str, line: int, block: int) -> None:
    with pytest.raises(FaninError, match=f"^file:{line}: a quote is opened here and never closed$"):
        pieces(Csv(texts(1)), text, block)


@pytest.mark.parametrize("line", ["plain", '"plain"', '"a","b"', '"a ""b"""'])
def test_a_record_without_end_is_given_up_in_bounded_memory(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stray quote turns what is in quotes and what is not about; the rest of the file is one record then."""
    monkeypatch.setattr("jobs.text.formats.csv.LIMIT", 1000)
    read = 0

    def endless() -> Iterator[Piece]:
        nonlocal read
        yield Piece('5" pipe', 0, 0, 0, 1)
        for read in range(1000):
            yield Piece("\n".join([line] * 10), 0, 0, 0, 2 + 10 * read)

    with pytest.raises(FaninError, match=r"^file:1: a quote is opened here and never closed$"):
        deque(Csv(texts(1)).reshape(endless(), "file", True, True), 0)
    assert read < 100


def test_a_long_record_in_quotes_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.text.formats.csv.LIMIT", 1000)
    body = 'line ""x""\n' * 70
    assert rows(Csv(texts(2)), f'a,"{body}"\n' * 20, 100) == [("a", body.replace('""', '"'), None)] * 20


def test_hadoop_cuts_files_inside_quotes_and_such_a_line_says_so() -> None:
    halves = list(Csv(texts(1)).reshape(iter([Piece('"a\nb",c', 0, 0, 0, 1)]), "file", True, False))
    assert [piece.text for piece in halves] == ['"a\nb",c']
    with pytest.raises(duckdb.Error, match=r"a line end inside quotes can be read with -r local, not on Hadoop"):
        query(Csv(texts(1)), [piece.text for piece in halves])


@pytest.mark.parametrize(("line", "found"), [
    ("", [None, "!"]), (",", [None, None]), ('""', ["", "!"]), ('"",""', ["", ""]), ("a", ["a", "!"]), ("a,b,c", ["a", "b"]),
    (" a , b ", [" a ", " b "]), ('"a\\",b', ["a\\", "b"]), ("\\N,\\t", ["\\N", "\\t"]), ('"\U0001f600e\u0301",x', ["\U0001f600e\u0301", "x"]),
])  # fmt: skip
def test_lines_of_csv(line: str, found: list[str | None]) -> None:
    """Columns that nobody asked for may be there; one that is not there is a misfit."""
    short = found[1] == "!"
    misfit = f"column '2': there is none, in the line {line}" if short else None
    assert of_one(Csv(texts(2)), line) == (found[0], None if short else found[1], misfit)


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n", "\r", "\0"])
def test_what_cannot_be_a_delimiter(delimiter: str) -> None:
    with pytest.raises(UsageError, match="cannot be a delimiter"):
        Csv(texts(1), delimiter=delimiter)


# TSV


@examples(50)
@given(tables(st.none() | st.text(CHARACTERS | st.sampled_from("\\tnrN"), max_size=6)), st.booleans(), BLOCKS)
def test_tsv_is_what_records_are_written_as(table: list[list[str | None]], header: bool, block: int) -> None:
    width = len(table[0])
    names = HEADER[:width]
    text = "".join("\t".join(map(encode, row)) + "\n" for row in table)
    format: Tsv = Tsv(dict.fromkeys(names, "text") if header else texts(width), header)
    if header:
        head = "\t".join(names)
        text, format = f"{head}\n{text}", format.bind([Head("file", [head], None)])
    assert rows(format, text, block) == [(*row, None) for row in table]
    check_numbered(pieces(format, text, block), 1 + header)


@pytest.mark.parametrize(("null", "line", "found"), [
    ("\\N", "\\N\t", (None, "")), ("", "\\N\t", (None, None)), ("NA", "NA\tNAN", (None, "NAN")), ("\\N", "\\\\N\ta\\Nb", ("\\N", "a\\Nb")),
    ("\\N", 'a"b\t"c"', ('a"b', '"c"')), ("\\N", " a \t\\x", (" a ", "\\x")), ("\\N", "\\\\t\t\\\\\\t", ("\\t", "\\\t")),
])  # fmt: skip
def test_lines_of_tsv(null: str, line: str, found: tuple[str | None, ...]) -> None:
    assert of_one(Tsv(texts(2), null=null), line) == (*found, None)


# Headers


def bound(columns: Mapping[str, str], *heads: str | Sequence[str], kind: type[Separated] = Csv) -> Separated:
    """A format that knows the headers, and first rows, of files called 0, 1 and so on."""
    said = [head.split("\n") if isinstance(head, str) else head for head in heads]
    return kind(columns, True).bind([Head(str(n), lines, None) for n, lines in enumerate(said)])


@pytest.mark.parametrize(("columns", "heads", "line", "found"), [
    (["b"], ["a,b,c"], "1,2,3", ["2"]), (["c", "a"], ["a,b,c"], "1,2,3", ["3", "1"]), (["3", "b"], ["a,b,c"], "1,2,3", ["3", "2"]),
    (["2"], ["1,3,2"], "1,3,2", ["2"]), (["1"], ["3,2,1"], "a,b,c", ["c"]), (["3"], ["a,b,a"], "1,2,3", ["3"]), (["1"], ["a,b", "a,b"], "x,y", ["x"]),
    (["a,b", 'c"'], ['"a,b","c"""'], "1,2", ["1", "2"]), (["\u00c4", "\u00e4"], ["\u00c4,\u00e4"], "1,2", ["1", "2"]),
    (["line", "f", "q", "broken"], ["broken,q,f,line"], '1,"2",3,4', ["4", "3", "2", "1"]),
    (["text a", "a", "value a", "lacks a"], ["a,text a,value a,lacks a"], '1,"2",3,4', ["2", "1", "3", "4"]),
])  # fmt: skip
def test_columns_by_name(columns: list[str], heads: list[str], line: str, found: list[str]) -> None:
    assert of_one(bound(dict.fromkeys(columns, "text"), *heads), line) == (*found, None)


@pytest.mark.parametrize(("columns", "heads", "why"), [
    (["z"], ["a,b"], "0: no column 'z' in its header, which has: a, b"), (["A"], ["a,b"], "0: no column 'A' in its header, which has: a, b"),
    (["a"], ["a,b,a"], "0: its header has the column 'a' more than once; call it by its number"),
    (["a"], ["a,b", "a,b", "a,c"], "2: its columns are a, c, where 0 begins with a, b"), (["a"], ["a,b", "b,a"], "1: its columns are b, a, where 0 begins with a, b"),
    (["0"], ["a,b"], "0: no column '0' in its header"), (["00"], ["a,b"], "0: no column '00' in its header"),
    (["\uff11"], ["a,b"], "0: no column '\uff11' in its header"), (["9" * 20], ["a,b"], f"0: no column '{'9' * 20}' in its header"),
    (["a"], ['"a'], "csv: the header '\"a' cannot be read: unexpected end of data"),
    (["a", "A"], ["a,A"], "csv: the columns 'a' and 'A' differ in nothing but case"), ([""], [",a"], "csv: a column without a name"),
    (["Misfit"], ["Misfit"], "csv: a column cannot be called 'Misfit'"), (["misfit"], ["misfit"], "csv: a column cannot be called 'misfit'"),
])  # fmt: skip
def test_headers_that_are_refused(columns: list[str], heads: list[str], why: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(why)}"):
        bound(dict.fromkeys(columns, "text"), *heads)


@pytest.mark.parametrize("name", ["0", "01", "a", "-1", "1.5", "\uff11", "9999999"])
def test_without_a_header_columns_are_numbers(name: str) -> None:
    with pytest.raises(UsageError, match="without a header columns are called by their number, from 1"):
        Tsv({name: "text"})


def test_a_file_is_read_by_the_columns_that_its_manifest_knows() -> None:
    known = Tsv({"b": "integer"}, True).bind(
        [Head(name, ["x\t1", "y\t2"], ["a", "b"]) for name in ("first", "second")]
    )
    assert rows(known, "x\t1\ny\t2\n") == [(1, None), (2, None)]
    with pytest.raises(UsageError, match=r"^other: its columns are a, b, where first begins with a, b$"):
        Tsv({"b": "integer"}, True).bind([Head("first", ["x\t1"], ["a", "b"]), Head("other", ["a\tb", "x\t1"], None)])


def test_a_file_that_has_another_header_by_the_time_it_is_read() -> None:
    format = bound({"a": "text"}, "a,b")
    with pytest.raises(FaninError, match=r"^file: its header is 'b,a', where that of other files is 'a,b'$"):
        pieces(format, "b,a\n1,2\n")
    assert pieces(format, "a,b") == pieces(format, "a,b\n") == pieces(format, "") == []
    assert rows(format, "\ufeffa,b\r\n1,2\r\n", 3) == [("1", None)]


def test_a_header_is_at_the_start_of_a_file_only() -> None:
    format = bound({"a": "text"}, "a,b")
    piece = Piece("a,b\n1,2", 0, 0, 0, 1)
    assert [part.text for part in format.reshape(iter([piece]), "file", False, False)] == ["a,b\n1,2"]
    assert [part.text for part in format.reshape(iter([piece]), "file", True, False)] == ["1,2"]


@pytest.mark.parametrize(("heads", "lines", "found"), [
    (["a,e\n1,x"], "1,x\n2,x", [("x", None), ("x", None)]), (["a,e\n1,x", "a,e\n2,x", "a,e"], "1,x", [("x", None)]),
    (["a,e\n1,x"], "1,y", [(None, "column 'e': y is not 'x', as elsewhere, in the line 1,y")]),
    (["a,b\n1,x"], "1,x", [(None, None)]), (["a,e"], "1,", [(None, None)]), (["a,e\n1,"], "1,", [(None, None)]),
    (["a,e\n1,it's"], "1,it's", [("it's", None)]), (['a,e\n1,"x"'], '1,x\n1,"x"', [("x", None), ("x", None)]),
])  # fmt: skip
def test_what_is_the_same_everywhere(heads: list[str], lines: str, found: list[tuple[object, ...]]) -> None:
    assert query(bound({"e": "same"}, *heads), [lines]) == found


def test_what_is_not_the_same_everywhere_is_refused_by_its_files() -> None:
    with pytest.raises(UsageError, match=r"^2: its 'e' is 'y', where that of 0 is 'x'$"):
        bound({"e": "same"}, "a,e\n1,x", "a,e", "a,e\n1,y")
    with pytest.raises(UsageError, match=r"^b: its '2' is 'y', where that of a is 'x'$"):
        Csv({"2": "same"}).bind([Head("a", ["1,x", "1,z"], None), Head("b", ["1,y"], None)])


# JSON Lines

NAMES = st.text(st.sampled_from("aB.[]\"'\\/#@$-1 \t\n\u00e9\U0001f600{}:,"), min_size=1, max_size=4).filter(
    lambda name: not name.startswith(("$.", "$["))
)
ATOMS = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(max_size=5)
VALUES = ATOMS | st.lists(ATOMS, max_size=2) | st.dictionaries(st.text(max_size=2), ATOMS, max_size=2)


@pytest.mark.slow
@examples(60)
@given(
    st.lists(st.dictionaries(NAMES, VALUES, max_size=4), min_size=1, max_size=6),
    st.booleans(),
    st.sampled_from([None, 1]),
    BLOCKS,
)
def test_members_are_what_python_reads(
    objects: list[dict[str, object]], ascii: bool, spaces: int | None, block: int
) -> None:
    """What is no string is JSON text."""
    apart = (",", ":") if spaces is None else (" , ", " : ")
    lines = [json.dumps(members, ensure_ascii=ascii, separators=apart) for members in objects]
    names = sorted({name.lower(): name for members in objects for name in members}.values()) or ["a"]
    found = rows(JsonLines(dict.fromkeys(names, "text")), "\n".join(lines), block)
    assert [misfit for *_, misfit in found] == [None] * len(objects)
    for line, (*values, _) in zip(lines, found, strict=True):
        members = json.loads(line)
        for name, value in zip(names, values, strict=True):
            expected = members.get(name)
            if expected is None or isinstance(expected, str):
                assert value == expected
            else:
                assert json.loads(str(value)) == expected


@pytest.mark.parametrize(("column", "line", "found"), [
    ("$.a.b", '{"a":{"b":"x"}}', "x"), ("$.a.b", '{"a":5}', None), ("$.a.b", "{}", None), ("$.a.b", '{"a.b":"x"}', None), ("$.a[1]", '{"a":["x","y"]}', "y"),
    ("$.a[#-1].b", '{"a":[1,{"b":"y"}]}', "y"), ('$.a."b.c"', '{"a":{"b.c":"x"}}', "x"), ("a.b", '{"a":{"b":1},"a.b":"x"}', "x"), ("$", '{"$":"x"}', "x"),
    ("$price", '{"$price":"x"}', "x"), ("a", '{"A":"x"}', None), ("a", '{"a":"\\u0000\\ud83d\\ude00\\/\\n"}', "\0\U0001f600/\n"), ("a", '{"\\u0061":"x"}', "x"),
    ("a", '{"a":{"b" : [ 1, "\\u00e9" ]}}', '{"b":[1,"\u00e9"]}'), ("a", '{"a":null}', None), ("a", '{"a":"null"}', "null"), ("a", '{"a":false}', "false"),
    ("a", ' {"a":"x"}\t', "x"), ("a", '{"a":"x","a":"y"}', "x"), ("a", '{"a":"x",}', "x"), ("a", '{"a":NaN}', "NaN"), ("a", '{"a":""}', ""),
])  # fmt: skip
def test_members_of_json(column: str, line: str, found: str | None) -> None:
    """Of a name that is there twice the first counts; DuckDB lets a last comma and NaN pass."""
    assert of_one(JsonLines({column: "text"}), line) == (found, None)


@pytest.mark.parametrize("number", ["1.10", "-0.5", "1e3", "12345678901234567.5"])
def test_a_fraction_in_json_is_no_text(number: str) -> None:
    """Its text is not to be had: DuckDB would write 1.10 as 1.1."""
    value, misfit = of_one(JsonLines({"a": "text"}), f'{{"a":{number}}}')
    assert value is None
    assert "column 'a': a number with a fraction, of which readers of JSON keep no text" in str(misfit)
    assert of_one(JsonLines({"a": "text"}), f'{{"a":"{number}"}}') == (number, None)


@pytest.mark.parametrize("line", [
    "", " ", "null", "[]", '[{"a":1}]', '"a"', "1", '{"a":1', '{"a":1}}', '{"a":1}{"a":2}', "{a:1}", "{'a':1}", '{"a":01}', '{"a":+1}', '{"a":.5}', '{"a":1.}',
    '{"a":0x10}', '{"a":"\\ud800"}', '{"a":"\\x41"}', '{"a":"\t"}', '{"a":"\0"}', '{"a":1}\0', '{"a":1}//', '{"a" 1}', '{"a":tru}', "\ufeff{}",
])  # fmt: skip
@pytest.mark.parametrize("type", ["text", "float", "decimal(2)"])
def test_lines_that_are_no_json_object(line: str, type: str) -> None:
    format = JsonLines({"a": type})
    assert of_one(format, line) == (None, f"no JSON object, in the line {line}")
    with pytest.raises(duckdb.Error, match="no JSON object, in the line"):
        query(format, [line], "fail")


DIGITS = st.text("0123456789", min_size=1, max_size=22) | st.sampled_from(
    ["0", "9007199254740993", "9" * 15, "1" + "0" * 15]
)
NUMBERS = st.builds(
    lambda sign, whole, part, power: sign + (whole.lstrip("0") or "0") + part + power,
    st.sampled_from(["", "-"]),
    DIGITS,
    st.just("") | DIGITS.map(".{}".format),
    st.sampled_from(["", "", "", "e0", "E+2", "e-1", "e15", "e-16", "e-400", "e400", "e-00330"]),
)
PLACES = {
    "a": ['{{"a":{}}}', '{{"b":1.5,"a" : {} }}', '{{"\\u0061":{}}}', '{{"a":{},"b":"\\\\"}}'],
    "a.": ['{{"a.":{}}}'],
    'a"': ['{{"a\\"":{}}}'],
    "a\\": ['{{"a\\\\":{}}}'],
    "gr\u00f6\u00dfe": ['{{"gr\u00f6\u00dfe":{}}}', '{{"gr\\u00f6\\u00dfe": {}}}'],
    "$.a": ['{{"a":{}}}', '{{"\\u0061":{}}}'],
    "$.a.b": ['{{"a":{{"b":{}}}}}', '{{"a":{{"c":0.5,"b":\t{}}}}}'],
    '$.a."b.c"': ['{{"a":{{"b.c":{}}}}}'],
    '$."[a]"': ['{{"[a]":{}}}'],
    "$.a[0]": ['{{"a":[{}]}}'],
    "$.a[1]": ['{{"a":[1, {}]}}'],
    "$.a[1].b": ['{{"a":[1,{{"b":{}}}]}}'],
}


@examples(10)
@given(
    st.lists(NUMBERS, min_size=1, max_size=8),
    st.sampled_from(["integer", "decimal(2)", " Decimal( 9 )", "decimal(27)"]),
)
@example(["9007199254740993e0", "1.00000000000000000001", "1e-400", "0.1e-330", "-12345678901234.567"], "decimal(2)")
def test_a_number_of_json_is_exact_or_a_misfit(written: list[str], type: str) -> None:
    """Python has it from its text. One of 15 digits at most, and without an exponent, is no misfit."""
    scale = int(re.sub(r"\D", "", type) or 0)
    for column, places in PLACES.items():
        numbers = [number for number in written for _ in places]
        lines = [place.format(number) for number in written for place in places]
        for number, line, (value, misfit) in zip(
            numbers, lines, query(JsonLines({column: type}), lines), strict=True
        ):
            assert (value is None) == (misfit is not None)
            assert value is None or value == Decimal(number), f"{line} as {type}"
            whole, _, part = number.lstrip("-").partition(".")
            easy = "e" not in number.lower() and (not part or len(whole + part) <= 15)
            if easy and len(part) <= scale and len(whole) <= 28 - scale:
                assert value is not None, f"{line} as {type}"


@pytest.mark.parametrize(("line", "fits"), [
    ('{"a":1.5,"b":1.234567890123456789}', True), ('{"a":"1.50","b":1.234567890123456789}', True), ('{"a":1.5,"id":12345678901234567890}', True),
    ('{"a":1.5,"b":"\\n","id":"12345678901234567890.5"}', True), ('{"a":1.50000000000000000}', False), ('{"a":"1.500000000000000000000"}', False),
    ('{"b":{"a":1.234567890123456789},"a":1.5}', False), ('{"a":1.5,"b":"\\n","c":1.234567890123456789}', False),
])  # fmt: skip
def test_long_numbers_beside_that_are_let_pass_where_they_can_be_told(line: str, fits: bool) -> None:
    """Not those of the same name elsewhere in a line, nor where names may be written with escapes."""
    value, misfit = of_one(JsonLines({"a": "decimal(2)"}), line)
    assert (value, misfit is None) == ((Decimal("1.5"), True) if fits else (None, False))


@pytest.mark.parametrize("number", ["NaN", "nan", "Infinity", "-Infinity", "inf", "-inf"])
def test_what_is_no_number_in_json_is_one_as_a_string_only(number: str) -> None:
    said = "column 'a': "
    value, misfit = of_one(JsonLines({"a": "float"}), f'{{"a":{number}}}')
    assert value is None
    assert str(misfit).startswith(said)
    value, misfit = of_one(JsonLines({"a": "float"}), f'{{"a":"{number}"}}')
    assert str(value) == str(float(number))
    assert misfit is None


@examples(40)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_floats_of_json_are_those_of_python(numbers: list[float]) -> None:
    found = query(JsonLines({"x": "float"}), [json.dumps({"x": number}) for number in numbers])
    assert [math.copysign(1, value) * abs(value) for value, _ in found] == numbers  # type: ignore[arg-type]


# Access logs

LINE = '{} - - [21/Nov/2026:09:30:00 +0000] "{}" 200 {} "-" "curl"'


@pytest.mark.parametrize(("line", "found"), [
    (LINE.format("::1", "GET /a?b HTTP/1.1", 5), ("::1", "/a", 5, "-", None)),
    (LINE.format("::1", "GET /a?b HTTP/1.1", "-"), ("::1", "/a", None, "-", None)),
    (LINE.format("::1", "-", 5), ("::1", None, 5, "-", "no line of the log format")), ("", (None,) * 4 + ("no line of the log format",)),
    (LINE.format("::1", "GET /a HTTP/1.1", "9" * 29), ("::1", "/a", None, "-", f"column 'body_bytes_sent': {'9' * 29} is not an integer")),
])  # fmt: skip
@pytest.mark.parametrize("text", ["text", " Text "])
def test_lines_of_a_log(line: str, found: tuple[object, ...], text: str) -> None:
    """A misfit leaves alone what the other columns of its line are."""
    columns = {"remote_addr": text, "path": text, "body_bytes_sent": "integer", "http_referer": text}
    *values, misfit = of_one(Log(columns), line)
    assert misfit == (found[-1] and f"{found[-1]}, in the line {line}")
    assert tuple(values) == found[:-1]


# Types

FIT: dict[str, dict[str, object]] = {
    "integer": {
        **{text: int(text) for text in ("0", "-0", "+0", "5", "+5", "-5", "007", "9" * 28, "-" + "9" * 28)},
        "0" * 99 + "7": 7, "-" + "0" * 99 + "7": -7,
    },
    "decimal(2)": {
        **{text: Decimal(text) for text in ("0", "-0", "+5", "-5", "1.5", "+1.50", "-1.50", "0.01", "00.01", "9" * 26, "9" * 26 + ".99", "-" + "9" * 26 + ".99")},
        "0" * 99 + "1.25": Decimal("1.25"),
    },
    "decimal(27)": {text: Decimal(text) for text in ("0", "9", "1.5", "-9." + "9" * 27)},
    "float": {
        **{text: float(text) for text in ("0", "+5", "-5", "1.", ".5", "-.5", "+.5e1", "1e3", "1E+3", "1.e-3", "1e-400", "1e400", "9" * 29)},
        **{text: float(text) for text in ("inf", "+inf", "-inf", "Infinity", "-Infinity")},
    },
    "boolean": {"true": True, "false": False},
    "date": {text: date.fromisoformat(text) for text in ("2026-11-21", "2024-02-29", "0001-01-01", "9999-12-31")},
    "text": {text: text for text in ("", " ", "-", "null", "\\N", "a\0b")},
}  # fmt: skip
NUMBERLIKE = {"", "0", "+5", "-5"}
NEVER = [
    *("", " ", "-", "+", ".", "e3", "1_000", "1,000", "0x10", "0b1", " 1", "1 ", "1\n", "\t1", "1\0", "\uff11", "\u0661", "\u00b2", "--1", "+-1", "1-"),
    *("1e", "1e+", "1.5.5", "1..5", "1.5e1.5", "-nan", "+nan", "NAN", "INF", "infinity", "INFINITY", "infin", "null", "NULL", "1/2", "1f", "1d", "(1)", "1%"),
    *("TRUE", "True", "FALSE", "t", "f", "yes", "no", "on", "true ", " true"),
    *("2026-02-30", "2026-02-29", "2026-13-01", "2026-00-01", "2026-01-00", "2026-1-1", "26-01-01", "02026-01-01", "2026/01/01", "20260101", "today", "epoch"),
    *("0000-01-01", "0001-01-01 (BC)", "-2026-01-01", "2026-01-01 ", "2026-01-01\n", "2026-01-01T00:00", "2026-01-01 00:00", "\uff12026-01-01"),
]  # fmt: skip
MISFITS = {
    "integer": ["1.", "1.0", ".5", "1e3", "nan", "inf", "9" * 29, "-" + "1" + "0" * 28],
    "decimal(2)": ["1.", ".5", "1.500", "1e3", "nan", "inf", "9" * 27, "1" * 400],
    "decimal(27)": ["10", "1." + "9" * 28],
    "float": [],
    "boolean": ["0", "1"],
    "date": ["1"],
}


def values(type: str, texts: Sequence[str]) -> list[object]:
    read = typed.parse(type).read("x")
    found = CONNECTION.execute(f"SELECT {read} FROM (SELECT unnest($1::VARCHAR[]) AS x)", [list(texts)]).fetchall()
    return [value for (value,) in found]


@pytest.mark.parametrize("type", FIT)
def test_what_fits_a_type(type: str) -> None:
    assert dict(zip(FIT[type], values(type, list(FIT[type])), strict=True)) == FIT[type]
    described = CONNECTION.execute(
        f"DESCRIBE SELECT {typed.parse(type).read('x')} AS y FROM (SELECT '' AS x)"
    ).fetchall()
    assert described[0][1] == typed.parse(type).duckdb


@pytest.mark.parametrize("type", MISFITS)
def test_what_does_not_fit_a_type(type: str) -> None:
    texts = [text for text in NEVER if not (type == "date" and text == "20260101")] + MISFITS[type]
    texts = [text for text in texts if not (text == "20260101" and type in ("integer", "decimal(2)", "float"))]
    assert dict(zip(texts, values(type, texts), strict=True)) == dict.fromkeys(texts)


def test_nan_is_a_float() -> None:
    assert [math.isnan(value) for value in values("float", ["nan", "NaN"])] == [True, True]  # type: ignore[arg-type]


@pytest.mark.slow
@examples(30)
@given(
    st.lists(
        st.from_regex(r"\A[+-]?([0-9]{1,20}(\.[0-9]{0,20})?|\.[0-9]{1,20})([eE][+-]?[0-9]{1,3})?\Z", fullmatch=True),
        min_size=1,
    )
)
def test_a_float_is_the_nearest_to_its_text(written: list[str]) -> None:
    assert values("float", written) == [float(text) for text in written]


@examples(60)
@given(st.lists(st.from_regex(r"[+-]?[0-9]{1,30}(\.[0-9]{1,6})?", fullmatch=True), min_size=1), st.integers(0, 5))
def test_an_exact_number_is_its_text_or_none(written: list[str], scale: int) -> None:
    type = f"decimal({scale})" if scale else "integer"
    fits = [
        len(text.partition(".")[2]) <= scale and len(text.partition(".")[0].lstrip("+-0")) <= 28 - scale
        for text in written
    ]
    assert values(type, written) == [Decimal(text) if fit else None for text, fit in zip(written, fits, strict=True)]


@pytest.mark.parametrize(
    "type",
    [
        " Text ",
        "INTEGER",
        "Decimal( 2 )",
        "decimal(02)",
        "time",
        "time()",
        "time( s )",
        "time(log)",
        "date",
        "Boolean",
        "FLOAT",
    ],
)
def test_types(type: str) -> None:
    assert typed.parse(type).duckdb


@pytest.mark.parametrize("type", [
    "", "string", "int", "decimal", "decimal()", "decimal(0)", "decimal(28)", "decimal(-1)", "decimal(\uff12)", "decimal(2", "decimal(2,3)", "decimal(2)x",
    "decimal(2)(3)", "time(", "time(s", "time(ns)", "time s", "integer()", "integer(2)", "text(5)", "same", "VARCHAR",
])  # fmt: skip
def test_what_is_no_type(type: str) -> None:
    with pytest.raises(
        UsageError, match=re.escape(f"column '1': {type!r} is no type of a column; there are text, integer")
    ):
        Log({"1": type})


# What all formats share


@pytest.mark.parametrize("format", [
    Tsv({"1": "integer", "2": "decimal(1)", "3": "time"}, zone="Europe/Berlin"), Csv({"1": "integer", "2": "decimal(1)", "3": "time"}, zone="Europe/Berlin"),
])  # fmt: skip
def test_a_misfit_is_told_by_its_first_column_and_fails_only_who_asks_for_it(format: Separated) -> None:
    comma = "\t" if isinstance(format, Tsv) else ","
    good, bad = comma.join(["1", "1.5", "2026-11-21T10:30"]), comma.join(["x" * 150, "1.55", "?"])
    misfit = f"column '1': {'x' * 100} is not an integer, in the line {bad[:200]}"
    on_error: OnError
    for on_error in ("null", "skip", "tell"):
        [first, second] = query(format, [f"{good}\n{bad}"], on_error)
        assert (first[0], first[1], str(first[2]), first[3] or None) == (
            1,
            Decimal("1.5"),
            "2026-11-21 09:30:00",
            None,
        )
        assert second[:3] == (None, None, None)
        told = str(second[3]).split("\n")
        assert (told[0], len(told)) == (misfit, 3 if on_error == "tell" else 1)
    for column, why in (
        ("1", "not an integer"),
        ("2", "1.55 is not a number of at most 1 decimals"),
        ("3", "[?] is not a time as 2026"),
    ):
        with pytest.raises(duckdb.Error, match=why):
            query(format, [f"{good}\n{bad}"], "fail", f'SELECT "{column}" FROM input')
    assert query(format, [good], "fail", "SELECT misfit FROM input") == [(None,)]


@pytest.mark.parametrize("kind", [Csv, Tsv, JsonLines, Log])
def test_a_format_needs_columns_and_a_zone(kind: type[Format]) -> None:
    with pytest.raises(UsageError, match=f"^{kind.kind}: no columns; name those that are wanted"):
        kind({})
    with pytest.raises(UsageError, match=r"^no time zone 'Mars'"):
        kind({"1": "text"}, zone="Mars")


@pytest.mark.parametrize("format", [
    Csv({"1": "text"}, null="x", delimiter=";", zone="Europe/Berlin"), bound({"a": "text", "e": "same"}, "a,e\n1,x"), Tsv({"a": "date"}, True),
    JsonLines({"$.a": "decimal(2)"}), Log({"status": "integer"}, "common"),
])  # fmt: skip
def test_a_format_travels_as_json(format: Format) -> None:
    assert from_json(json.loads(json.dumps(format.to_json()))) == format
    assert from_json(None) is None
