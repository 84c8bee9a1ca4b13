"""Fields of a key, as Hadoop's KeyFieldBasedPartitioner divides keys by them and KeyFieldBasedComparator orders keys by them.

Their rules, down to the odd ones, are those of KeyFieldHelper in org.apache.hadoop.mapreduce.lib.partition: `-k pos1[,pos2]`,
where pos is f[.c][nr]; `-n`, `-r` and `-nr` alone are for all fields that have neither.

    key          alpha TAB 27 TAB x         fields 1 to 3, bytes of a field from 1
    -k2,2        27
    -k1.3,1.4    ph
    -k2          27 TAB x                   no end: to the end of the key, as an end in a field that is not there
    -k1.5,1.8    a TAB 27                   a piece may go on beyond its field
    -k2.5        (not there)                it would start beyond the key: before any other one

In SQL here a key is text whose characters are its bytes (latin-1).
"""

import re
from dataclasses import dataclass, replace

from jobs.errors import UsageError
from jobs.sql import let, literal
from jobs.text.partition import FIELDS, MASK, hashed_latin

UNDERSTOOD = "understood are -k F[.C][nr][,F[.C][nr]] with fields F and characters C from 1, -n, -r and -nr"


@dataclass(frozen=True)
class KeyField:
    """A piece of a key, as bytes.  first, character: the field it starts in and the byte of that, from 1.

    last, end: the field it ends in, and the last byte of that: 0 for the end of the field; last is 0 for the end of the key.
    numeric: compared as a number.  reverse: compared the other way round.
    """

    first: int = 1
    character: int = 1
    last: int = 0
    end: int = 0
    numeric: bool = False
    reverse: bool = False


def parse(options: str) -> tuple[KeyField, ...]:
    """The fields that options such as `-k2,2nr -k1.2,1.3` tell; UsageError if they are not understood."""
    words = iter(options.split())
    fields, everywhere = [], ""
    for word in words:
        if word in ("-n", "-r", "-nr"):
            everywhere += word
        elif word.startswith("-k"):
            fields.append(_field(word[2:] or next(words, ""), options))
        else:
            raise UsageError(f"key options {options!r}: {word!r} is not understood; {UNDERSTOOD}")
    usual = KeyField(numeric="n" in everywhere, reverse="r" in everywhere)
    if everywhere and not fields:
        return (usual,)
    return tuple(
        one if one.numeric or one.reverse else replace(one, numeric=usual.numeric, reverse=usual.reverse)
        for one in fields
    )


def partition(options: str, fields: str = "") -> tuple[KeyField, ...]:
    """The fields that KeyFieldBasedPartitioner divides by; none of them: it takes the whole key's text.

    options: its own; not read, as there, where `fields`, the old setting num.key.fields.for.partition, says how many.
    """
    if not fields:
        return parse(options)
    if not re.fullmatch(r"[0-9]{1,9}", fields):
        raise UsageError(f"num.key.fields.for.partition={fields}: is no number of fields")
    return (KeyField(last=int(fields)),) if int(fields) else ()


def _field(text: str, options: str) -> KeyField:
    number = "[1-9][0-9]{0,8}"
    match = re.fullmatch(rf"({number})(?:\.({number}))?([nr]*)(?:,({number}|0)(?:\.({number}|0))?([nr]*))?", text)
    if not match:
        raise UsageError(f"key options {options!r}: -k{text} is not understood; {UNDERSTOOD}")
    first, character, start, last, end, stop = match.groups("")
    flags = start + stop
    return KeyField(int(first), int(character or 1), int(last or 0), int(end or 0), "n" in flags, "r" in flags)


def hashed(fields: tuple[KeyField, ...], key: str, separator: str) -> str:
    """SQL for KeyFieldBasedPartitioner's hash of a key: from 0, over piece after piece; of no field, String.hashCode."""
    text = f"CASE WHEN strlen({key}) = length({key}) THEN {key} ELSE {_through_java(key)} END"
    if not fields:
        return f"CASE WHEN {key} = '' THEN 0 ELSE {_string_hash(text)} END"
    pieces = [f"coalesce({_Piece(field, 'text', separator).text}, '')" for field in fields]
    return let("text", text, let("piece", " || ".join(pieces), hashed_latin("piece", FIELDS)))


def order(fields: tuple[KeyField, ...], key: str, separator: str) -> list[str]:
    """Terms of an ORDER BY that orders keys as KeyFieldBasedComparator does.

    Where its own comparison is an order: numbers with something behind them and without, or with zeros before them beside
    decimals, it does not order; among these, here is one of the orders that it could have meant.
    """
    return [term for field in fields for term in _Piece(field, key, separator).order()] or [key]


class _Piece:
    """SQL for a field of a key.  text: NULL if it is not there."""

    def __init__(self, field: KeyField, key: str, separator: str) -> None:
        self._field, self._key = field, key
        self._separator = literal(separator)
        self._split = f"string_split({key}, {self._separator})"
        there, start = self._place(field.first)
        self._start = f"({start} + {field.character - 1})"
        self._there = f"{there} AND {self._start} < length({key})"
        self._length = f"({self._end()} - {self._start})"
        self.text = f"CASE WHEN {self._there} THEN {self._substring()} END"

    def order(self) -> list[str]:
        """Terms of an ORDER BY."""
        field = self._field
        terms = [f"CASE WHEN {self._there} THEN {self._number()} END"] if field.numeric else [self.text]
        if field.last and not field.numeric and (field.character > 1 or field.last < field.first):
            # An end before the start is a length below 0, by which Java then compares.
            terms.insert(0, f"CASE WHEN {self._there} THEN least({self._length}, 0) END")
        return [f"{term} {'DESC NULLS LAST' if field.reverse else 'ASC NULLS FIRST'}" for term in terms]

    def _place(self, number: int) -> tuple[str, str]:
        """Whether a field is there, and how many bytes are before it."""
        if number == 1:
            return "true", "0"
        before = f"length(array_to_string({self._split}[:{number - 1}], {self._separator})) + 1"
        return f"len({self._split}) >= {number}", before

    def _end(self) -> str:
        last, end = self._field.last, self._field.end
        if not last:
            return f"length({self._key})"
        there, start = self._place(last)
        length = str(end) if end else f"length({self._split}[{last}])"
        return f"CASE WHEN {there} THEN least({start} + {length}, length({self._key})) ELSE length({self._key}) END"

    def _substring(self) -> str:
        return f"substring({self._key}, {self._start} + 1, greatest({self._length}, 0))"

    def _number(self) -> str:
        """A text for the number, ordered as KeyFieldBasedComparator.numericalCompare compares; it has no blanks, + or exponents.

        Its sign, how many digits, the digits, and the fraction without zeros at its end, in which all but digits are alike and
        before them. Last what ended the digits: a key's first byte if nothing did, which tells 7 from 07, as in Java.
        """
        first = f"substring({self._key}, {self._start} + 1, 1)"
        parsed = rf"regexp_extract({self._substring()}, '^-?0*([0-9]*)(\.?)(?s:(.*))$', ['digits', 'point', 'rest'])"
        fraction = "if(m.point = '', '', rtrim(regexp_replace(m.rest, '[^0-9]', '!', 'g'), '0'))"
        initial = f"if({first} = '.', '0', {first})"
        ended = (
            f"CASE WHEN fraction <> '' THEN '0' WHEN m.point <> '' OR m.rest = '' THEN {initial} ELSE m.rest[1] END"
        )
        zero = r"m.digits = '' AND NOT regexp_matches(fraction, '^0*[1-9]')"
        plus = "'1' || lpad(length(m.digits)::VARCHAR, 9, '0') || m.digits || fraction || ' '"
        plus += f" || lpad(((ord({ended}) + 128) % 256)::VARCHAR, 3, '0')"
        minus = "'0' || (999999999 - length(m.digits))::VARCHAR || translate(m.digits, '0123456789', '9876543210')"
        minus += " || translate(fraction, '0123456789!', '9876543210:') || '~'"
        minus += f" || lpad((255 - (ord({ended}) + 128) % 256)::VARCHAR, 3, '0')"
        zeros = f"'1' || repeat('0', 9) || ' ' || {ord('0') + 128}"
        number = f"CASE WHEN {first} <> '-' THEN {plus} WHEN {zero} THEN {zeros} ELSE {minus} END"
        return let("m", parsed, let("fraction", fraction, number))


VALID = (
    r"[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]"
    r"|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}"
)
"""A character in UTF-8."""
INVALID = (
    r"\xe0[\xa0-\xbf]|\xed[\xa0-\xbf][\x80-\xbf]|[\xe1-\xef][\x80-\xbf]"
    r"|\xf0[\x90-\xbf][\x80-\xbf]?|[\xf1-\xf3][\x80-\xbf]{1,2}|\xf4[\x80-\x8f][\x80-\xbf]?|[\x80-\xff]"
)
"""What Java's decoder makes one U+FFFD of: as much as could begin a character; and, unlike Python, a whole encoded surrogate."""
REPLACED = "\ufffd".encode().decode("latin-1")


def _through_java(key: str) -> str:
    """A key decoded and encoded again, which the partitioner does: what is no UTF-8 becomes U+FFFD."""
    pieces = f"regexp_extract_all({key}, '{VALID}|{INVALID}')"
    replaced = f"lambda p: if(regexp_full_match(p, '{VALID}'), p, {literal(REPLACED)})"
    return f"array_to_string(list_transform({pieces}, {replaced}), '')"


def _string_hash(text: str) -> str:
    """String.hashCode of valid UTF-8, over its UTF-16 units."""
    hexadecimal = (
        f"array_to_string(list_transform(string_split({text}, ''), lambda c: lpad(to_hex(ord(c)), 2, '0')), '')"
    )
    pair = "[55296 + ((ord(c) - 65536) >> 10), 56320 + ((ord(c) - 65536) & 1023)]"
    units = f"list_transform(string_split(decode(unhex({hexadecimal})), ''), lambda c: if(ord(c) < 65536, [ord(c)], {pair}))"
    return f"list_reduce(flatten({units}), lambda h, u: (h * 31 + u) & {MASK}, 0::BIGINT)"
