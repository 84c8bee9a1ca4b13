"""Hadoop's own partition of a text key, so that n parts written here are the parts n reducers write.

HashPartitioner over Text: WritableComparator.hashBytes starts at 1 and takes 31 * h + each signed byte in 32-bit
arithmetic; the part is the hash without its sign bit, modulo n. KeyFieldBasedPartitioner starts at 0.
"""

MASK = 0xFFFFFFFF
TEXT, FIELDS = 1, 0  # where the two begin
LONG = 200  # characters from which a key is hashed piece by piece
PIECE = 100  # characters: a sum of so many products is exact in a double


def part(key: str, parts: int, start: int = TEXT) -> str:
    """SQL for the part, 0 to parts - 1, of the encoded key `key` (VARCHAR).  start: TEXT or FIELDS."""
    if parts == 1:
        return "0"
    characters = f"string_split({key}, '')"
    # Characters are bytes where there are as many of them; elsewhere the bytes are read from their hex, signed.
    signed_bytes = (
        f"list_transform(regexp_extract_all(hex({key}), '..'), lambda x: ('0x' || x)::BIGINT - if(x >= '80', 256, 0))"
    )
    hashed = (
        f"CASE WHEN {key} = '' THEN {start}"
        f" WHEN strlen({key}) = length({key}) THEN {_hashed(characters, 'ord(b)', start)}"
        f" ELSE {_hashed(signed_bytes, 'b', start)} END"
    )
    return modulo(hashed, parts)


def hashed_latin(key: str, start: int) -> str:
    """SQL for the hash of `key`, text whose characters are bytes (latin-1).  start: TEXT or FIELDS."""
    characters = f"string_split({key}, '')"
    return (
        f"CASE WHEN {key} = '' THEN {start} WHEN length({key}) > {LONG} THEN {_hashed_long(key, start)}"
        f" WHEN strlen({key}) = length({key}) THEN {_hashed(characters, 'ord(b)', start)}"
        f" ELSE {_hashed(characters, SIGNED, start)} END"
    )


def modulo(hashed: str, parts: int) -> str:
    """SQL for the part, 0 to parts - 1, of what has that hash."""
    return f"(({hashed}) & {MASK >> 1}) % {parts}"


SIGNED = "(ord(b) - if(b > chr(127), 256, 0))"


def _hashed(items: str, code: str, start: int) -> str:
    """The hash, item by item; `code` of an item b is its signed byte."""
    return f"list_reduce({items}, lambda h, b: (h * 31 + {code}) & {MASK}, {start}::BIGINT)"


def _hashed_long(key: str, start: int) -> str:
    """The hash, piece by piece: item by item would cost 10 us a character, where a chunk of rows has few of them.

    NULs in front make whole pieces, and change nothing; a start of 1 is what a character of code 1 gives.
    """
    text = f"chr({start}) || {key}"
    padded = f"repeat(chr(0), {PIECE - 1} - (length({key}) % {PIECE})) || {text}"
    powers = f"[{', '.join(str(pow(31, n, MASK + 1)) for n in reversed(range(PIECE)))}]::DOUBLE[]"
    codes = f"list_transform(string_split(p, ''), lambda b: {SIGNED}::DOUBLE)"
    hashes = (
        f"list_transform(regexp_extract_all({padded}, '[\\x00-\\x{{ff}}]{{{PIECE}}}'),"
        f" lambda p: (list_inner_product({codes}, {powers})::BIGINT & {MASK})::UBIGINT)"
    )
    step = f"lambda h, v: (h * {pow(31, PIECE, MASK + 1)}::UBIGINT + v) & {MASK}::UBIGINT"
    return f"list_reduce({hashes}, {step})::BIGINT"
