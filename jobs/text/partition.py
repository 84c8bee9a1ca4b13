"""Hadoop's own partition of a text key, so that n parts written here are the parts n reducers write.

HashPartitioner over Text: WritableComparator.hashBytes starts at 1 and takes 31 * h + each signed byte in 32-bit
arithmetic; the part is the hash without its sign bit, modulo n. KeyFieldBasedPartitioner starts at 0.
"""

MASK = 0xFFFFFFFF
TEXT, FIELDS = 1, 0  # where the two begin


def part(key: str, parts: int, start: int = TEXT) -> str:
    """SQL for the part, 0 to parts - 1, of the encoded key `key` (VARCHAR).  start: TEXT or FIELDS."""
    if parts == 1:
        return "0"
    # Characters are bytes where there are as many of them; elsewhere the bytes are read from their hex, signed.
    ascii_codes = f"list_transform(string_split({key}, ''), lambda c: ord(c)::BIGINT)"
    signed_bytes = (
        f"list_transform(regexp_extract_all(hex({key}), '..'), lambda x: ('0x' || x)::BIGINT - if(x >= '80', 256, 0))"
    )
    hashed = (
        f"CASE WHEN {key} = '' THEN {start}"
        f" WHEN strlen({key}) = length({key}) THEN {_hashed(ascii_codes, str(start))}"
        f" ELSE {_hashed(signed_bytes, str(start))} END"
    )
    return modulo(hashed, parts)


def hashed_latin(key: str, start: str) -> str:
    """SQL for the hash of `key`, text whose characters are bytes (latin-1), that goes on from the hash `start`."""
    signed_bytes = f"list_transform(string_split({key}, ''), lambda c: ord(c)::BIGINT - if(c > chr(127), 256, 0))"
    return f"if({key} = '', {start}, {_hashed(signed_bytes, start)})"


def modulo(hashed: str, parts: int) -> str:
    """SQL for the part, 0 to parts - 1, of what has that hash."""
    return f"(({hashed}) & {MASK >> 1}) % {parts}"


def _hashed(codes: str, start: str) -> str:
    return f"list_reduce({codes}, lambda h, b: (h * 31 + b) & {MASK}, ({start})::BIGINT)"
