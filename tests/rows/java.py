"""What Hadoop's partitioners and comparators do with a key, in plain Python written from their Java's semantics; slow."""

import codecs
import re
from collections.abc import Sequence

from jobs.engines.rows.key_fields import KeyField

MASK = 0xFFFFFFFF


def signed(byte: int) -> int:
    return byte - 256 if byte > 127 else byte


def sign(number: int) -> int:
    return (number > 0) - (number < 0)


def hash_bytes(key: bytes, start: int) -> int:
    for byte in key:
        start = (31 * start + signed(byte)) & MASK
    return start


def modulo(hash: int, parts: int) -> int:
    return (hash & 0x7FFFFFFF) % parts


def hash_partition(key: bytes, parts: int) -> int:
    """HashPartitioner of a Text."""
    return modulo(hash_bytes(key, 1), parts)


def decoded(key: bytes) -> str:
    """Text.toString: U+FFFD where Python has it, but one for a whole encoded surrogate, or its beginning."""
    return key.decode(errors="as in Java")


def _replaced(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    surrogate = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]?").match(error.object, error.start)
    return "\ufffd", surrogate.end() if surrogate else error.end


codecs.register_error("as in Java", _replaced)


def field_partition(key: bytes, fields: Sequence[KeyField], separator: bytes, parts: int) -> int:
    """KeyFieldBasedPartitioner."""
    text = decoded(key)
    if not fields:
        units = text.encode("utf-16-be")
        hash = 0
        for high, low in zip(units[::2], units[1::2], strict=True):
            hash = (31 * hash + high * 256 + low) & MASK
        return modulo(hash, parts)
    data = text.encode()
    hash = 0
    for field in fields:
        if (piece := bounds(data, field, separator)) is not None:
            hash = hash_bytes(data[piece[0] : max(piece)], hash)
    return modulo(hash, parts)


def bounds(key: bytes, field: KeyField, separator: bytes) -> tuple[int, int] | None:
    """Where a piece starts and ends, the end maybe before the start; None if it is not there."""
    words = key.split(separator)

    def place(number: int) -> int:
        return sum(len(word) + 1 for word in words[: number - 1])

    if len(words) < field.first or place(field.first) + field.character > len(key):
        return None
    start = place(field.first) + field.character - 1
    if not field.last or len(words) < field.last:
        return start, len(key)
    return start, min(len(key), place(field.last) + (field.end or len(words[field.last - 1])))


def compare(a: bytes, b: bytes, fields: Sequence[KeyField], separator: bytes) -> int | None:
    """KeyFieldBasedComparator; None where neither has a piece, of which it says that either is less, whatever comes behind."""
    for field in fields:
        one, other = bounds(a, field, separator), bounds(b, field, separator)
        if one is None and other is None:
            return None
        if one is None or other is None:
            result = (one is not None) - (other is not None)
        elif field.numeric:
            result = numerical(a, *one, b, *other)
        else:
            result = compare_bytes(a, *one, b, *other)
        if result:
            return -sign(result) if field.reverse else sign(result)
    return 0


def compare_bytes(a: bytes, start_a: int, end_a: int, b: bytes, start_b: int, end_b: int) -> int:
    length_a, length_b = end_a - start_a, end_b - start_b
    for i in range(min(length_a, length_b)):
        if a[start_a + i] != b[start_b + i]:
            return a[start_a + i] - b[start_b + i]
    return length_a - length_b


def numerical(a: bytes, i: int, end_a: int, b: bytes, j: int, end_b: int) -> int:
    """KeyFieldBasedComparator.numericalCompare."""
    first_a, first_b = a[i], b[j]
    minus = first_a == first_b == ord("-")
    if minus:
        i, j = i + 1, j + 1
    elif first_a == ord("-"):
        return 0 if is_zero(a[i + 1 : end_a]) and is_zero(b[j:end_b]) else -1
    elif first_b == ord("-"):
        return 0 if is_zero(b[j + 1 : end_b]) and is_zero(a[i:end_a]) else 1
    while i < end_a and a[i] == ord("0"):
        i += 1
    while j < end_b and b[j] == ord("0"):
        j += 1
    while i < end_a and j < end_b and is_digit(a[i]) and a[i] == b[j]:
        i, j = i + 1, j + 1
    if i < end_a:
        first_a = a[i]
    if j < end_b:
        first_b = b[j]
    point = ord(".")
    if (first_a == point and (not is_digit(first_b) or j >= end_b)) or (
        first_b == point and (not is_digit(first_a) or i >= end_a)
    ):
        result = decimals(a[i:end_a], b[j:end_b])
    else:
        more = digits(a[i:end_a]) - digits(b[j:end_b])
        result = more or signed(first_a) - signed(first_b)
    return -result if minus else result


def is_digit(byte: int) -> bool:
    return ord("0") <= byte <= ord("9")


def digits(text: bytes) -> int:
    return next((n for n, byte in enumerate(text) if not is_digit(byte)), len(text))


def is_zero(text: bytes) -> bool:
    text = text.lstrip(b"0")
    if text.startswith(b"."):
        text = text[1:].lstrip(b"0")
    return not (text and is_digit(text[0]))


def decimals(a: bytes, b: bytes) -> int:
    """decimalCompare of what follows equal digits."""
    if not a:
        return -is_more(b[1:])
    if not b:
        return is_more(a[1:])
    if a[:1] != b[:1]:
        return is_more(a[1:]) if a[:1] == b"." else -is_more(b[1:])
    for one, other in zip(a, b, strict=False):
        if one != other:
            both = is_digit(one) and is_digit(other)
            return one - other if both else is_digit(one) - is_digit(other)
    return is_more(a[len(b) :]) - is_more(b[len(a) :])


def is_more(text: bytes) -> int:
    """decimalCompare1: whether a digit other than 0 follows any zeros."""
    text = text.lstrip(b"0")
    return int(bool(text) and is_digit(text[0]))
