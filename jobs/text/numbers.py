"""Numbers, exactly: a strict grammar, and values that no order of adding can overflow.

A value has at most 28 digits, and DECIMAL(38) or HUGEINT holds 38: ten thousand million such values add up in
any order without overflow. Text must be `[+-]digits[.digits]`: no blanks, no exponent, no 0x10, no 1_000.
"""

from typing import Literal

from jobs.errors import UsageError
from jobs.sql import literal

DIGITS = 28
INTEGERS = {
    *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"),
    *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
}
FLOATS = {"FLOAT", "DOUBLE"}


def exact(value: str, type: str, *, scale: int, rounding: Literal["half_even"] | None, name: str, group: str) -> str:
    """SQL that makes `value` of DuckDB type `type` a HUGEINT (scale 0) or a DECIMAL(28, scale), or an error.

    The error of a row names `name` (the measure), the value and `group` (SQL text). A type that can hold what the
    result cannot say exactly is refused here, before any row is read.
    """
    target = f"DECIMAL({DIGITS}, {scale})" if scale else "HUGEINT"

    def refuse(why: str) -> str:
        return f"error({literal(name + ': ')} || ({value})::VARCHAR || {literal(f' {why}, in ')} || {group})"

    whole = DIGITS - scale
    too_long = refuse(f"has more digits than it holds: {whole} before the point, {scale} after it")
    if type == "VARCHAR":
        number = "[+-]?[0-9]+" + (r"(\.[0-9]+)?" if scale else "")
        any_number = r"[+-]?[0-9]+(\.[0-9]+)?"
        return (
            f"CASE {read(value, scale)} WHEN {value} IS NULL THEN NULL"
            f" WHEN regexp_full_match({value}, {literal(number)}) THEN {too_long}"
            f" WHEN regexp_full_match({value}, {literal(any_number)})"
            f" THEN {refuse('has decimals; declare a scale to keep them')}"
            f" ELSE {refuse('is not a number')} END"
        )
    if type in FLOATS:
        if rounding is None:
            raise UsageError(
                f"{name}: a {type} column has no exact sum; give it decimals to keep and a rounding, as in"
                " Sum(..., scale=2, rounding='half_even'), or a DECIMAL cast in rows"
            )
        value = f"round_even({value}, {scale})"
    elif type.startswith("DECIMAL("):
        precision, decimals = (int(number) for number in type[8:-1].split(","))
        if decimals == scale and precision <= DIGITS:
            return f"{value}::{target}"
        if decimals > scale:
            raise UsageError(f"{name}: the column is {type}; declare a scale that keeps all its decimals")
    elif type not in INTEGERS:
        raise UsageError(f"{name}: the column is {type}, not a number; cast it in rows")
    comparable = f"TRY_CAST({value} AS HUGEINT)" if type in INTEGERS else value
    limit = f"{10**whole}::{'HUGEINT' if type in INTEGERS else 'DECIMAL(38, 0)'}"
    return (
        f"CASE WHEN {value} IS NULL THEN NULL WHEN {comparable} > -{limit} AND {comparable} < {limit}"
        f" THEN {value}::{target} ELSE {too_long} END"
    )


def read(text: str, scale: int) -> str:
    """SQL: the branches of a CASE for texts that are numbers of at most `scale` decimals, which give their exact value.

    Those with two decimals, or none, as DuckDB writes them, are seen faster than by a regular expression.
    """
    target = f"DECIMAL({DIGITS}, {scale})" if scale else "HUGEINT"
    fits = f"[+-]?0*[0-9]{{1,{DIGITS - scale}}}" + (rf"(\.[0-9]{{1,{scale}}})?" if scale else "")
    usual = [f"DECIMAL({min(18, DIGITS - scale + few)}, {few})" for few in sorted({min(scale, 2), 0}, reverse=True)]
    same = [f"TRY_CAST({text} AS {type})" for type in usual]
    seen = " ".join(f"WHEN {number}::VARCHAR = {text} THEN {number}::{target}" for number in same)
    return f"{seen} WHEN regexp_full_match({text}, {literal(fits)}) THEN TRY_CAST({text} AS {target})"


def units(value: str) -> str:
    """SQL for a DECIMAL(p, scale) or HUGEINT as an integer, in units of its last decimal."""
    return f"replace(({value})::VARCHAR, '.', '')::HUGEINT"


def decimal(units: str, decimals: int) -> str:
    """SQL for the DECIMAL(38, decimals) of an integer column in units of its last decimal: the inverse of `units`."""
    if not decimals:
        return units
    digits = f"lpad(abs({units})::VARCHAR, greatest(length(abs({units})::VARCHAR), {decimals + 1})::INTEGER, '0')"
    text = f"if({units} < 0, '-', '') || left({digits}, -{decimals}) || '.' || right({digits}, {decimals})"
    return f"({text})::DECIMAL(38, {decimals})"


def rounded(whole: str, rest: str, of: str) -> str:
    """SQL for whole + rest / of, rounded half to even, of HUGEINT columns with 0 <= rest < of."""
    return f"{whole} + if(2 * {rest} > {of} OR (2 * {rest} = {of} AND {whole} % 2 <> 0), 1, 0)"


def root(square: str) -> str:
    """SQL for the whole part of the square root of a HUGEINT column, 0 to 10^38.

    One step of Newton's from the double's root, which is never below the root, and here less than one above it.
    https://en.wikipedia.org/wiki/Integer_square_root
    """
    guess = f"greatest(sqrt({square}::DOUBLE)::HUGEINT, 1)"
    near = f"(({guess} + {square} // {guess}) // 2)"
    return f"{near} - ({near} * {near} > {square})::HUGEINT"


def rounded_root(root: str, square: str, rest: str, of: str) -> str:
    """SQL for the square root of square + rest / of, rounded half to even, from its whole part, all HUGEINT columns."""
    above = f"({square} - {root} * {root} - {root})"  # compare square + rest / of with (root + 1/2)^2
    tie = f"{above} = 0 AND 4 * {rest}"
    return f"{root} + if({above} > 0 OR ({tie} > {of}) OR ({tie} = {of} AND {root} % 2 <> 0), 1, 0)"
