"""Fields of a key, as Hadoop's KeyFieldBasedPartitioner divides keys by them and KeyFieldBasedComparator orders keys by them.

Their rules, down to the odd ones, are those of KeyFieldHelper in org.apache.hadoop.mapreduce.lib.partition: `-k pos1[,pos2]`,
where pos is f[.c][nr]; `-n`, `-r` and `-nr` alone are for all fields that have neither.
"""

import re
from dataclasses import dataclass, replace

from jobs.errors import UsageError

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
