"""Bins of a histogram: a value is compared with exact edges; no log() of it is taken, and no double is computed.

A bin of numbers is half open, [low, high), and the last edge itself is overflow. Of k bins a value's place is 1 to k,
0 for underflow, k + 1 for overflow (of named categories: other), k + 2 for NaN, k + 3 for null.
"""

import re
from bisect import bisect
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from hashlib import sha256
from itertools import pairwise
from math import ceil

from jobs.errors import UsageError
from jobs.sql import literal
from jobs.text import numbers

NUMBER = rf"[+-]?(?=(?:\.?[0-9]){{1,{numbers.DIGITS}}}(?:[,:]|\Z))[0-9]+(?:\.[0-9]{{1,9}})?"
SPEC = (
    f"(equal|log):({NUMBER}):({NUMBER}):([1-9][0-9]{{0,3}}|10000)|edges:({NUMBER}(?:,{NUMBER}){{1,10000}})"
    r"|categories(?::((?:[^,\0\ud800-\udfff]+(?:,(?!\Z)|\Z)){1,10000}))?"  # names that SQL text and UTF-8 can hold
)
FORMS = (
    "write equal:LOW:HIGH:N, log:LOW:HIGH:N, edges:E0,E1,..., categories, or categories:A,B,...; edges are"
    f" [+-]digits[.digits] of at most {numbers.DIGITS} digits, 9 of them decimals, and there are 1 to 10000 bins"
)
HELD = 38  # digits before and after the point that all edges need together: those of a DECIMAL
FAST = 18  # digits of a DECIMAL that DuckDB computes with as 64 bits; with more, comparing is faster
TREE, COARSE = 200, 64  # edges: up to TREE, nested CASEs are fastest; of more they find one in COARSE
BITS = {"TINYINT": 7, "SMALLINT": 15, "INTEGER": 31, "BIGINT": 63, "HUGEINT": 127}


@dataclass(frozen=True)
class Bins:
    """edges: of bins of numbers, without trailing zeros.  names: of categories; () makes each distinct text a bin."""

    edges: tuple[Decimal, ...] = ()
    names: tuple[str, ...] | None = None

    @property
    def numeric(self) -> bool:
        return self.names is None

    @property
    def scale(self) -> int:
        return max((len(f"{edge:f}".partition(".")[2]) for edge in self.edges), default=0)

    @property
    def digest(self) -> str:
        """The same for the same edges, or categories, however they were told."""
        told = [f"{edge:f}" for edge in self.edges] if self.names is None else ["categories", *self.names]
        return sha256(",".join(told).encode()).hexdigest()[:8]

    def place(self, value: str, type: str) -> str:
        """SQL for the place of `value`, best a column, of DuckDB type `type`: INTEGER; of open categories VARCHAR."""
        value, k = f"({value})", len(self.names or self.edges[1:])
        if self.names == ():
            return f"{value}::VARCHAR"
        if self.names:
            places = ", ".join(f"{literal(name)}: {place}" for place, name in enumerate(self.names, 1))
            place = f"coalesce(map_extract_value(MAP {{{places}}}, {value}::VARCHAR), {k + 1})"
        elif type in numbers.FLOATS:
            place = _count(f"{value}::DOUBLE", [f"'{float(edge)!r}'::DOUBLE" for edge in self.edges])
            place = f"CASE WHEN isnan({value}) THEN {k + 2} ELSE {place} END"
        else:
            place = self._exact(value, type)
        return f"CASE WHEN {value} IS NULL THEN {k + 3} ELSE {place} END"

    def _exact(self, value: str, type: str) -> str:
        if bits := BITS.get(type.removeprefix("U")):
            least, most, decimals = (0, 2 * 2**bits - 1, 0) if type.startswith("U") else (-(2**bits), 2**bits - 1, 0)
        elif found := re.fullmatch(r"DECIMAL\(([0-9]+), ?([0-9]+)\)", type):
            least, most, decimals = 1 - 10 ** int(found[1]), 10 ** int(found[1]) - 1, int(found[2])
        else:
            raise UsageError(f"bins with edges need numbers, not {type}; cast the column, as in x::DECIMAL(18, 3)")
        told = [ceil(Fraction(edge) * 10**decimals) for edge in self.edges]  # no value of the type is between the two
        edges = [f"'{_text(Fraction(edge, 10**decimals))}'::{type}" for edge in told if least < edge <= most]
        scale = self.scale
        units = [int(Fraction(edge) * 10**scale) for edge in self.edges]
        widths = {high - low for low, high in pairwise(units)}
        digits = max(len(str(max(-units[0], units[-1]))) - scale, 1) + decimals
        if len(widths) > 1 or len(edges) < len(units) or digits + scale >= FAST:
            return f"{sum(edge <= least for edge in told)} + {_count(value, edges)}"
        number = f"floor({value}::DECIMAL({digits}, {decimals}) * {10**scale}::DECIMAL({scale + 1}, 0))::BIGINT"
        inside = f"(({number} - ({units[0]})) // {widths.pop()} + 1)::INTEGER"
        return f"CASE WHEN {value} < {edges[0]} THEN 0 WHEN {value} < {edges[-1]} THEN {inside} ELSE {len(edges)} END"

    def label(self, place: str) -> str:
        """SQL for the text of a place's bin; NULL for null of categories, since one may be called 'null'."""
        if self.names is not None:
            return f"([{', '.join(map(literal, (*self.names, 'other')))}])[{place}]" if self.names else place
        bins = (f"'[{low:f}, {high:f})'" for low, high in pairwise(self.edges))
        return f"(['underflow', {', '.join(bins)}, 'overflow', 'nan', 'null'])[({place}) + 1]"

    def low(self, place: str) -> str:
        """SQL for the lower edge of a place's bin, as `high`."""
        return self.high(f"({place}) - 1")

    def high(self, place: str) -> str:
        """SQL for the upper edge of a place's bin: DECIMAL(38, scale) or, without decimals, HUGEINT; NULL if none."""
        type, edges = f"DECIMAL({HELD}, {self.scale})" if self.scale else "HUGEINT", [f"'{e:f}'" for e in self.edges]
        return f"([{', '.join(edges)}]::{type}[])[({place}) + 1]" if self.numeric else f"NULL::{type}"


def parse(spec: str) -> Bins:
    """The bins that `spec` tells; anything but FORMS is refused."""
    try:
        if not (told := re.fullmatch(SPEC, spec)):
            raise UsageError(FORMS)
        kind, low, high, count, listed, named = told.groups()
        if not (kind or listed):
            names = tuple(named.split(",")) if named else ()
            if len({*names, "other"}) <= len(names):
                raise UsageError("a category is named twice, or 'other', which is all that are not named")
            return Bins(names=names)
        edges = [Fraction(edge) for edge in (listed.split(",") if listed else (low, high))]
        if kind:
            edges = (_equal if kind == "equal" else _log)(edges[0], edges[1], int(count))
        if any(lower >= upper for lower, upper in pairwise(edges)):
            raise UsageError("edges must increase; those of log, rounded to 6 digits, do with fewer bins")
        bins = Bins(edges=tuple(Decimal(_text(edge)) for edge in edges))
        if bins.scale + len(str(int(max(map(abs, edges))))) > HELD:
            raise UsageError(f"the edges need more than {HELD} digits; fewer bins or shorter bounds would do")
        return bins
    except UsageError as error:
        raise UsageError(f"bins {spec if len(spec) <= 60 else spec[:57] + '...'!r}: {error}") from None


def _equal(low: Fraction, high: Fraction, count: int) -> list[Fraction]:
    width = (high - low) / count
    if low < high and 10**HELD % width.denominator:
        do = [n for n in range(1, 10_001) if 10**HELD % ((high - low) / n).denominator == 0]
        wide = Context(prec=2, rounding=ROUND_CEILING).divide(*width.as_integer_ratio())
        other = low + count * Fraction(ceil(Fraction(wide) * 10**9), 10**9)
        bins, bounds = " or ".join(map(str, do[bisect(do, count) - 1 :][:2])), f"{_text(low)} and {_text(other)}"
        raise UsageError(f"not all edges are decimals; {bins} bins would do, or bounds {bounds}")
    return [low + width * i for i in range(count + 1)]


def _log(low: Fraction, high: Fraction, count: int) -> list[Fraction]:
    if low <= 0:
        raise UsageError("LOW must be above 0")
    exact, near, short = (Context(prec=digits, rounding=ROUND_HALF_EVEN) for digits in (50, 40, 6))
    first, factor = Decimal(_text(low)), exact.divide(Decimal(_text(high)), Decimal(_text(low)))
    inner = (exact.multiply(first, exact.power(factor, exact.divide(i, count))) for i in range(1, count))
    return [low, *(Fraction(short.plus(near.plus(edge))) for edge in inner), high]  # near: 10, not 9.99...9


def _text(number: Fraction) -> str:
    exact = Context(prec=100)  # more digits than any edge has
    return f"{exact.normalize(exact.divide(*number.as_integer_ratio())):f}"


def _count(value: str, edges: list[str]) -> str:
    """SQL for how many of `edges`, in order, are not above `value`: nodes of CASEs cost, steps of a search cost more."""
    step = 1 if len(edges) <= TREE else 2 ** (len(edges) // COARSE).bit_length()
    some, so, by = edges[step - 1 :: step], '"bins found"', '"bins more"'  # names that hide no column's

    def tree(low: int, high: int) -> str:
        if low == high:
            return str(low * step)
        mid = (low + high) // 2
        return f"CASE WHEN {value} < {some[mid]} THEN {tree(low, mid)} ELSE {tree(mid + 1, high)} END"

    found = tree(0, len(some))
    steps = [str(step >> bit) for bit in range(1, step.bit_length())]
    search = f"CASE WHEN {value} >= ([{', '.join(edges)}])[{so} + {by}] THEN {so} + {by} ELSE {so} END"
    return f"list_reduce([{', '.join([found, *steps])}], lambda {so}, {by}: {search})" if steps else found
