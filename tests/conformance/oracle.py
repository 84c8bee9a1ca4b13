"""What every engine must write, in a few lines of plain Python."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction


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
    return f"{Decimal(whole).scaleb(-decimals):f}"


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
    return f"{Decimal(low).scaleb(-decimals):f}"


def decode(field: str) -> str | None:
    if field == "\\N":
        return None
    return re.sub(r"\\(.)", lambda match: {"t": "\t", "n": "\n", "r": "\r"}.get(match[1], match[1]), field)


def statistics(files: Iterable[bytes], number: int) -> list[bytes]:
    """What the job Statistics writes of lines of a key, an amount and a place, tab-separated."""
    groups: dict[str | None, list[tuple[str | None, int | None]]] = {}
    for data in files:
        for line in lines(data):
            key, amount, place = (decode(field) for field in line.split("\t"))
            groups.setdefault(key, []).append((amount, None if place is None else int(place)))
    out: list[list[tuple[bytes, bytes]]] = [[] for _ in range(number)]
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
        text = encode(key).encode()
        record = "\t".join(map(encode, columns)).encode()
        out[hadoop_hash(text) % number].append((text, b"%b\t%b\n" % (text, record)))
    return [b"".join(record for _, record in sorted(part)) for part in out]


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
