"""What every engine must write, in a few lines of plain Python."""

import csv
import hashlib
import io
import json
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Context, Decimal
from fractions import Fraction
from itertools import pairwise

WIDE = Context(prec=100)


def lines(data: bytes) -> list[str]:
    """The lines of a file's plain bytes."""
    pieces = re.split(rb"\r\n|\r|\n", data.removeprefix(b"\xef\xbb\xbf"))
    if not pieces[-1]:
        pieces.pop()
    return [piece.decode(errors="replace") for piece in pieces]


def words(line: str) -> list[tuple[str | None, ...]]:
    return [(word,) for word in re.split("[ \t\f]", line) if word]


def whole(line: str) -> list[tuple[str | None, ...]]:
    return [(line,)]


def two_columns(line: str) -> list[tuple[str | None, ...]]:
    fields = line.split("\t")
    return [(fields[0], fields[1] if len(fields) > 1 else None)]


def pages(line: str) -> list[tuple[str | None, ...]]:
    quoted = re.fullmatch(
        r'\S+ \S+ .+ \[[^]]+\] "\S+ (\S+) HTTP/[\d.]+" \d{3} (?:\d+|-) "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*"', line
    )
    return [(quoted[1],)] if quoted else []


def nothing(line: str) -> list[tuple[str | None, ...]]:
    del line
    return [()]


def encode(value: str | None) -> str:
    if value is None:
        return "\\N"
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def hadoop_hash(key: bytes) -> int:
    """Java's: h = 31 * h + signed byte, in 32 bits, from 1; without the sign bit."""
    h = 1
    for byte in key:
        h = (31 * h + (byte - 256 if byte > 127 else byte)) & 0xFFFFFFFF
    return h & 0x7FFFFFFF


def half_even(value: Fraction, decimals: int) -> str:
    scaled = value * 10**decimals
    whole = scaled.numerator // scaled.denominator
    rest = scaled - whole
    whole += rest > Fraction(1, 2) or (rest == Fraction(1, 2) and whole % 2 == 1)
    return f"{Decimal(whole).scaleb(-decimals, WIDE):f}"


def variance(numbers: list[Fraction], less: int) -> Fraction | None:
    n = len(numbers)
    if n <= less:
        return None
    mean = sum(numbers, Fraction()) / n
    return sum(((x - mean) ** 2 for x in numbers), Fraction()) / (n - less)


def root(value: Fraction, decimals: int) -> str:
    """The square root of `value`, rounded half to even: by bisection over integers."""
    target = value * 100**decimals
    low, high = 0, 1
    while high * high <= target:
        high *= 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle * middle <= target else (low, middle)
    half = Fraction(2 * low + 1, 2) ** 2
    low += half < target or (half == target and low % 2 == 1)
    return f"{Decimal(low).scaleb(-decimals, WIDE):f}"


def decode(field: str) -> str | None:
    if field == "\\N":
        return None
    return re.sub(r"\\(.)", lambda match: {"t": "\t", "n": "\n", "r": "\r"}.get(match[1], match[1]), field)


def written(records: Iterable[tuple[list[str | None], list[str | None]]], number: int) -> list[bytes]:
    """The bytes of each part of records of (keys, values), those of one key in the order they come in."""
    out: list[list[tuple[bytes, bytes]]] = [[] for _ in range(number)]
    for keys, values in records:
        text = "\t".join(map(encode, keys)).encode()
        record = "\t".join(map(encode, [*keys, *values])).encode() + b"\n"
        out[hadoop_hash(text) % number].append((text, record))
    return [b"".join(record for _, record in sorted(part, key=lambda one: one[0])) for part in out]


def statistics(files: Iterable[bytes], number: int) -> list[bytes]:
    """What the job Statistics writes of lines of a key, an amount and a place, tab-separated."""
    groups: dict[str | None, list[tuple[str | None, int | None]]] = {}
    for data in files:
        for line in lines(data):
            key, amount, place = (decode(field) for field in line.split("\t"))
            groups.setdefault(key, []).append((amount, None if place is None else int(place)))
    records: list[tuple[list[str | None], list[str | None]]] = []
    for key, rows in groups.items():
        amounts = [amount for amount, _ in rows if amount is not None]
        values = [Fraction(amount) for amount in amounts]
        spread = variance(values, 1)
        ordered = sorted(
            (place, amount.encode()) for amount, place in rows if amount is not None and place is not None
        )
        columns = [
            str(len(rows)),
            str(len(set(amounts))),
            str(len({place for _, place in rows} - {None})),
            half_even(sum(values, Fraction()), 2) if values else None,
            half_even(sum(values, Fraction()) / len(values), 6) if values else None,
            None if spread is None else root(spread, 4),
            min(amounts, key=str.encode, default=None),
            ordered[0][1].decode() if ordered else None,
            ordered[-1][1].decode() if ordered else None,
        ]
        records.append(([key], columns))
    return written(records, number)


def csv_rows(files: Iterable[bytes]) -> list[dict[str, str | None]]:
    """The rows of CSV files with a header; an empty column without quotes is null, which no test's data quotes."""
    return [
        {name: value or None for name, value in row.items()}
        for data in files
        for row in csv.DictReader(io.StringIO(data.decode()))
    ]


def sums(files: Iterable[bytes], number: int) -> list[bytes]:
    """sums --key town --value amount --scale 2."""
    totals: dict[str | None, Fraction | None] = {}
    for row in csv_rows(files):
        amount = None if row["amount"] is None else Fraction(row["amount"])
        before = totals.get(row["town"])
        totals[row["town"]] = before if amount is None else amount + (before or 0)
    return written((([key], [None if x is None else half_even(x, 2)]) for key, x in totals.items()), number)


def group_stats(files: Iterable[bytes], number: int) -> list[bytes]:
    """group_stats --key 1 --value 3 over the lines that the job Statistics reads."""
    groups: dict[str | None, list[int | None]] = {}
    for data in files:
        for line in lines(data):
            key, _, place = (decode(field) for field in line.split("\t"))
            groups.setdefault(key, []).append(None if place is None else int(place))
    records: list[tuple[list[str | None], list[str | None]]] = []
    for key, rows in groups.items():
        values = [Fraction(x) for x in rows if x is not None]
        spread = variance(values, 1)
        found: list[str | None] = [None] * 4
        if values:
            total = sum(values, Fraction())
            found = [str(total), half_even(total / len(values), 4), str(min(values)), str(max(values))]
        records.append(([key], [str(len(rows)), *found, None if spread is None else root(spread, 4)]))
    return written(records, number)


def histogram(files: Iterable[bytes], number: int) -> list[bytes]:
    """histogram --key town --value amount --weight people --scale 1 --bins equal:-50:50:4."""
    edges = [-50, -25, 0, 25, 50]
    names = ["underflow", *(f"[{low}, {high})" for low, high in pairwise(edges)), "overflow", "nan", "null"]
    digest = hashlib.sha256(b"-50,-25,0,25,50").hexdigest()[:8]
    found: dict[str | None, dict[int, list[Fraction]]] = {}
    for row in csv_rows(files):
        place = 7 if row["amount"] is None else bisect_right(edges, Fraction(row["amount"]))
        weights = found.setdefault(row["town"], {}).setdefault(place, [])
        weights += [] if row["people"] is None else [Fraction(row["people"])]
    records: list[tuple[list[str | None], list[str | None]]] = []
    for key, bins in found.items():
        total, until = sum((w for weights in bins.values() for w in weights), Fraction()), Fraction()
        for place, weights in sorted(bins.items()):
            until += sum(weights)
            shares = [half_even(x / total, 6) if total > 0 else None for x in (sum(weights, Fraction()), until)]
            low, high = ([None, *edges, None, None, None][place], [*edges, None, None, None][place])
            records.append(([key], [
                names[place], *(None if x is None else str(x) for x in (low, high)), str(len(weights)),
                half_even(sum(weights, Fraction()), 1), *shares,
                root(sum((w * w for w in weights), Fraction()), 4), digest,
            ]))  # fmt: skip
    return written(records, number)


def iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def windows(files: Iterable[bytes], number: int) -> list[bytes]:
    """windows --format jsonl --key user --time at --time-type 'time(s)' --size 90s --slide 1m --value n."""
    found: dict[tuple[str | None, int], list[int | None]] = {}
    for data in files:
        for line in lines(data):
            row = json.loads(line)
            for start in range(row["at"] // 60 * 60 - 60, row["at"] + 1, 60):
                if start <= row["at"] < start + 90:
                    found.setdefault((row.get("user"), start), []).append(row["n"])
    return written((
        ([user], [iso(start), iso(start + 90), str(len(ns)), None if set(ns) == {None} else str(sum(n or 0 for n in ns))])
        for (user, start), ns in sorted(found.items(), key=lambda one: one[0][1])
    ), number)  # fmt: skip


def sessions(files: Iterable[bytes], number: int) -> list[bytes]:
    """sessions of an access log in the combined format, with a gap of 30 minutes."""
    clicks: dict[str, list[tuple[int, bytes]]] = {}
    for data in files:
        for line in lines(data):
            if page := pages(line):
                when = datetime.strptime(line.split("[", 1)[1].split("]")[0], "%d/%b/%Y:%H:%M:%S %z")
                clicks.setdefault(line.split()[0], []).append((int(when.timestamp()), str(page[0][0]).encode()))
    records: list[tuple[list[str | None], list[str | None]]] = []
    for user, events in clicks.items():
        runs: list[list[tuple[int, bytes]]] = []
        for event in sorted(events):
            if not runs or event[0] - runs[-1][-1][0] > 1800:
                runs.append([])
            runs[-1].append(event)
        for run in runs:
            first, last = run[0][0], run[-1][0]
            path = json.dumps([page.decode() for _, page in run], separators=(",", ":"), ensure_ascii=False)
            records.append(([user], [iso(first), iso(last + 1800), str(len(run)), f"{last - first}.000000", path]))
    return written(records, number)


def parts(
    files: Iterable[bytes],
    keys: Callable[[str], list[tuple[str | None, ...]]],
    number: int,
    top: int | None = None,
) -> list[bytes]:
    """The bytes of each part file.  top: how many groups are kept, the most frequent first, in one part."""
    counts = Counter(key for data in files for line in lines(data) for key in keys(line))
    if keys is nothing:
        counts.update({(): 0})
    encoded = sorted(("\t".join(map(encode, key)).encode(), n) for key, n in counts.items())
    if top:
        first = sorted(encoded, key=lambda group: -group[1])[:top]
        return [b"".join(b"%b\t%d\n" % group for group in first)]
    out = [b""] * number
    grouped: list[list[bytes]] = [[] for _ in out]
    for text, n in encoded:
        record = b"%b\t%d\n" % (text, n) if keys is not nothing else b"%d\n" % n
        grouped[hadoop_hash(text) % number].append(record)
    return [b"".join(records) for records in grouped]
