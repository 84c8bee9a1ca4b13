"""The inputs that every engine must read alike: a case's files, by name, made when asked for."""

import bz2
import gzip
import json
import lzma
import random
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from backports import zstd

from tests.conformance import oracle

DATA = Path(__file__).parent.parent / "data"


class Case(NamedTuple):
    """job: as `fanin run` names it, and its options.  plain: file name to plain bytes.  stored: these to stored bytes, where they differ.

    keys: the groups of a line, if the job counts; top: how many of them it keeps, if not all.
    expected: what else the job writes: of the plain bytes and a number of parts.
    """

    job: str | list[str]
    keys: Callable[[str], list[tuple[str | None, ...]]] | None
    plain: Callable[[], dict[str, bytes]]
    stored: Callable[[str, bytes], bytes] = lambda name, data: data
    top: int | None = None
    expected: Callable[[Iterable[bytes], int], list[bytes]] | None = None

    def parts(self, plain: Iterable[bytes], number: int) -> list[bytes]:
        """The bytes of each part file."""
        if self.expected:
            return self.expected(plain, number)
        assert self.keys
        return oracle.parts(plain, self.keys, number, self.top)


JOBS = str(Path(__file__).with_name("jobs_under_test.py"))
LINES, TWO, TOTAL, STATISTICS = (f"{JOBS}:{name}" for name in ("Lines", "TwoColumns", "Total", "Statistics"))


def one(data: bytes, name: str = "input.txt") -> Callable[[], dict[str, bytes]]:
    return lambda: {name: data}


def zipf_words() -> dict[str, bytes]:
    rng = random.Random(1)
    vocabulary = ["".join(rng.choices("abcdeé日", k=rng.randint(1, 8))) for _ in range(5000)]
    text = "\n".join(" ".join(vocabulary[int(5000 ** rng.random()) - 1] for _ in range(10)) for _ in range(20_000))
    return {"words.txt": text.encode()}


def access_log() -> dict[str, bytes]:
    return {"access.log": (DATA / "apache_access.log").read_bytes()}


def small_files() -> dict[str, bytes]:
    return {f"{i:03d}.txt": b"word%d common\n" % (i % 7) * (i % 3) + b"last" for i in range(200)}


def random_bytes() -> dict[str, bytes]:
    rng = random.Random(2)
    alphabet = [b"\x00", b"\t", b"\\", b"\r", b"\n", b" ", b"a", b"\xc3\xa9", b"\xff", b"\xe2\x82", b"\xed\xa0\x80"]
    return {f"{i}.bin": b"".join(rng.choices(alphabet, k=5000)) for i in range(4)}


def two_members(name: str, data: bytes) -> bytes:
    """Compressed as several members or streams, cut in the middle of a line."""
    middle = len(data) // 2 + 1
    compress: dict[str, Callable[[bytes], bytes]] = {
        ".gz": gzip.compress,
        ".bz2": bz2.compress,
        ".xz": lzma.compress,
        ".zst": zstd.compress,
    }
    squeeze = compress[Path(name).suffix.lower()]
    return squeeze(data[:middle]) + squeeze(data[middle:])


def zlib_checked(name: str, data: bytes) -> bytes:
    """One gzip member with a file name and a comment in its header, as other tools write it."""
    raw = zlib.compressobj(wbits=-15)
    body = raw.compress(data) + raw.flush()
    header = b"\x1f\x8b\x08\x18" + b"\0" * 6 + name.encode() + b"\0comment\0"
    return header + body + zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")


def several_texts() -> dict[str, bytes]:
    """More of them than Hadoop would give a split each."""
    return {f"{number}.gz": TEXT + b"%d" % number for number in range(5)}


TEXT = "die Katze\tsaß auf  der Matte\fdie Maus\n\n\\N lag \\ daneben\n".encode() * 500


def several_logs() -> dict[str, bytes]:
    lines = (DATA / "apache_access.log").read_bytes().splitlines(keepends=True)
    return {f"{number}.log": b"".join(lines[number::3]) for number in range(3)}


def amounts() -> dict[str, bytes]:
    rng = random.Random(3)
    keys = ["plain", "", "\\N", "tab\\tin", "back\\\\slash", "é日", *map(str, range(40))]
    values = [
        "\\N",
        "0",
        "-0.01",
        "99999999999.99",
        *(f"{rng.randint(-(10**6), 10**6) / 100:.2f}" for _ in range(50)),
    ]
    rows = [[rng.choice(keys), rng.choice(values), rng.choice(["\\N", *map(str, range(-5, 5))])] for _ in range(5000)]
    rows += [["alone", "1.5", "1"], ["nulls", "\\N", "\\N"]]
    text = ["\t".join(row) + "\n" for row in rows]
    return {f"{number}.tsv": "".join(text[number::3]).encode() for number in range(3)}


def towns() -> dict[str, bytes]:
    """CSV with a header in each file: quotes, nulls, unicode, CRLF; as many files as Hadoop would rather combine."""
    rng = random.Random(4)
    names = ["Seattle", "", '"Saint ""Lo"""', '"a, b"', "Öster", "Town", '"tab\tin"']
    out = {}
    for number in range(5):
        rows = [
            f"{rng.choice(names)},{rng.choice(['', f'{rng.randint(-8000, 8000) / 100:.2f}', '25', '-50.00'])},"
            f'{rng.choice(["", "0", "0.5", "12.3", "1000000"])},"x"'
            for _ in range(2000)
        ]
        out[f"{number}.csv"] = "\r\n".join(["town,amount,people,rest", *rows]).encode()
    return out


TOWNS = ["--key", "town", "--value", "amount"]


def events() -> dict[str, bytes]:
    rng = random.Random(5)
    users = ["ann", "bob", "é", None]
    told = [
        {
            "at": 1_700_000_000 + rng.randint(-2000, 2000),
            "user": rng.choice(users),
            "n": rng.choice([None, 1, -7, 10**20]),
        }
        for _ in range(6000)
    ]
    lines = [json.dumps({name: x for name, x in one.items() if x is not None or name == "n"}) + "\n" for one in told]
    return {f"{number}.jsonl": "".join(lines[number::3]).encode() for number in range(3)}


EVENTS = ["--key", "user", "--time", "at", "--time-type", "time(s)", "--value", "n"]

CASES: dict[str, Case] = {
    "words": Case("word_count", oracle.words, zipf_words),
    "access log": Case("word_count", oracle.words, access_log),
    "access log, whole lines": Case(LINES, oracle.whole, access_log),
    "top pages": Case("top_pages", oracle.pages, several_logs, top=5),
    "sums, csv with headers": Case(["sums", *TOWNS, "--scale", "2"], None, towns, expected=oracle.sums),
    "group_stats": Case(["group_stats", "--key", "1", "--value", "3"], None, amounts, expected=oracle.group_stats),
    "histogram": Case(
        ["histogram", *TOWNS, "--weight", "people", "--scale", "1", "--bins", "equal:-50:50:4"], None, towns,
        expected=oracle.histogram,
    ),
    "windows": Case(["windows", *EVENTS, "--size", "90s", "--slide", "1m"], None, events, expected=oracle.windows),
    "sessions": Case("sessions", None, several_logs, expected=oracle.sessions),
    "empty input, sums": Case(["sums", "--value", "1"], None, one(b""), expected=lambda _, n: oracle.written([([], [None])], n)),
    "statistics": Case(STATISTICS, None, amounts, expected=oracle.statistics),
    "empty input": Case("word_count", oracle.words, one(b"")),
    "empty input, total": Case(TOTAL, oracle.nothing, one(b"")),
    "total": Case(TOTAL, oracle.nothing, one(b"a\nb\n\nc")),
    "empty lines": Case(LINES, oracle.whole, one(b"\n\n\na\n\n")),
    "one empty line": Case(LINES, oracle.whole, one(b"\n")),
    "tabs and backslashes in keys": Case(LINES, oracle.whole, one(b"a\tb\n\\\n\\t\n\\N\n\\n\n\\.\na\tb\n\t\n")),
    "keys below tab": Case(LINES, oracle.whole, one(b"\n".join(b"a%cb" % i for i in range(1, 9)) + b"\na\na\tb\n\x01")),
    "two columns": Case(
        TWO, oracle.two_columns,
        one(b"a\tb\na\x01\tb\na\tb\na\t\na\n\ta\na\x08\t\x08\n\\N\ta\n" + "ä\tö\nz\tz\n".encode()),
    ),
    "NUL and random bytes": Case(LINES, oracle.whole, random_bytes),
    "non-BMP Unicode": Case("word_count", oracle.words, one("😀 𝒳 \ufffd \uffff 日本 😀\n𐍈".encode())),
    "invalid UTF-8": Case(
        LINES, oracle.whole,
        one(b"\xff\nok\n\xc3\n\xe2\x82\n\xe2\x82\xac\n\xed\xa0\x80\n\xf0\x9f\x98\na\xc0\x80b\n\xef\xbf\xbd\n\xf4\x90\x80\x80"),
    ),
    "BOM at the start": Case(LINES, oracle.whole, one(b"\xef\xbb\xbfa\na\n")),
    "BOM elsewhere": Case(LINES, oracle.whole, one(b"\xef\xbb\xbf\xef\xbb\xbfa\n\xef\xbb\xbfa\na\xef\xbb\xbf\n")),
    "BOM alone": Case(LINES, oracle.whole, one(b"\xef\xbb\xbf")),
    "CRLF": Case(LINES, oracle.whole, one(b"a\r\nb\r\n\r\na\r\n")),
    "lone CR": Case(LINES, oracle.whole, one(b"a\rb\r\ra\r")),
    "mixed line ends": Case(LINES, oracle.whole, one(b"a\r\r\nb\n\rc\n\r\n\r\rd" * 50_000)),
    "no final newline": Case(LINES, oracle.whole, one(b"a\nb")),
    "50 MB of lone CR": Case(LINES, oracle.whole, one(b"0123456789abcdefghi\r" * 2_621_440)),
    "50 MB of CRLF": Case(LINES, oracle.whole, one(b"0123456789abcdefgh\r\n" * 2_621_440)),
    "one 8 MB line": Case("word_count", oracle.words, one(b"start " + b"word " * 1_700_000 + b"\nend\n")),
    "a line of 16 MiB": Case(TOTAL, oracle.nothing, one(b"a\n" + b"x" * (16 << 20) + b"\r\nb")),
    "200 small files": Case("word_count", oracle.words, small_files),
    "gz, several members": Case("word_count", oracle.words, one(TEXT, "a.gz"), two_members),
    "gz, several files": Case("word_count", oracle.words, several_texts, two_members),
    "gz, other tools' header": Case("word_count", oracle.words, one(TEXT, "a.gz"), zlib_checked),
    "GZ in capitals": Case("word_count", oracle.words, one(TEXT, "a.GZ"), two_members),
    "bz2, several streams": Case("word_count", oracle.words, one(TEXT, "a.bz2"), two_members),
    "xz, several streams": Case("word_count", oracle.words, one(TEXT, "a.xz"), two_members),
    "zst, several frames": Case("word_count", oracle.words, one(TEXT, "a.zst"), two_members),
}  # fmt: skip


def together(*names: str) -> Case:
    """A case of the files of several, which are of one job; each file's name tells its case."""
    cases = [CASES[name] for name in names]

    def plain() -> dict[str, bytes]:
        return {f"{at}-{file}": data for at, case in enumerate(cases) for file, data in case.plain().items()}

    def stored(name: str, data: bytes) -> bytes:
        at, _, file = name.partition("-")
        return cases[int(at)].stored(file, data)

    return Case(cases[0].job, cases[0].keys, plain, stored)


def in_one_file(*names: str) -> Case:
    """A case of all that several read, in one file, behind a byte order mark."""
    cases = [CASES[name] for name in names]
    return Case(
        cases[0].job, cases[0].keys,
        lambda: {"all.txt": b"\xef\xbb\xbf" + b"\n".join(data for case in cases for data in case.plain().values())},
    )  # fmt: skip


ODD_LINES = [name for name, case in CASES.items() if case.job == LINES and not name.startswith("50 MB")]
# Hadoop gives each of two files a split, and combines more than two.
PAIRS = [
    ("access log", "non-BMP Unicode"),
    ("gz, several members", "bz2, several streams"),
    ("gz, other tools' header", "GZ in capitals"),
]
CASES |= {" and ".join(pair): together(*pair) for pair in PAIRS}
CASES |= {"odd lines, a file each": together(*ODD_LINES), "odd lines, one file": in_one_file(*ODD_LINES)}

# The local engine reads these one by one; on Hadoop, where each job takes seconds, they are together.
TOGETHER = {*ODD_LINES, *(name for pair in PAIRS for name in pair)}

# Hadoop has no codec for .xz, and none for .zst without its native library; engines refuse them there.
NOT_ON_HADOOP = {"xz, several streams", "zst, several frames"}

# What YARN adds to the streaming jar: containers, many splits, many files.
ON_YARN = {
    "words",
    "empty input, total",
    "odd lines, one file",
    "200 small files",
    "top pages",
    "statistics",
    "sums, csv with headers",
    "group_stats",
    "histogram",
    "windows",
    "sessions",
    "gz, several files",
}
