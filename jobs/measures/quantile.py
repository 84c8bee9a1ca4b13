"""Quantiles of a histogram: where a share of the weight lies below, to within a bin."""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import ClassVar

from jobs.errors import UsageError
from jobs.measures.bins import parse
from jobs.measures.histogram import WeightedHistogram
from jobs.measures.measure import Measure, Rows, State
from jobs.sql import identifier, let
from jobs.text import numbers

_ALL, _TOTAL, _PLACE, _ABOVE, _UNITS = map(identifier, ("$all", "$total", "$place", "$above", "$units"))


@dataclass(frozen=True)
class Quantile(Measure):
    """The value below which the share `q` of the weight lies, as if each bin's were spread evenly over it, to `decimals`.

    So it is wrong by less than its bin's width, and yet the same on every engine. Bins that grow, log:LOW:HIGH:N, make that a
    share of the value, as in DDSketch, https://doi.org/10.14778/3352063.3352135. Null where it lies in underflow or overflow;
    NaN and null values are left out.

    q: a decimal between 0 and 1, such as "0.95".  Else as WeightedHistogram.
    """

    value: str
    q: str = "0.5"
    bins: str = ""
    weight: str | None = None
    scale: int = 0
    decimals: int = 6

    exact: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"0(\.[0-9]{1,9})?|1(\.0{1,9})?", self.q):
            raise UsageError(f"Quantile({self.value!r}): q is {self.q!r}, must be a text such as '0.95', from 0 to 1")
        bins = parse(self.bins)
        if not bins.numeric:
            raise UsageError(f"Quantile({self.value!r}): bins {self.bins!r} are not of numbers")
        if not bins.scale <= self.decimals <= bins.scale + 9:
            least = bins.scale
            raise UsageError(
                f"Quantile({self.value!r}): decimals is {self.decimals}; with these bins it must be {least} to {least + 9}"
            )

    @cached_property
    def _histogram(self) -> WeightedHistogram:
        return WeightedHistogram(self.value, self.weight, self.bins, self.scale, merged=True)

    def within(self, rows: Rows) -> dict[str, str]:
        return self._histogram.within(rows)

    def partial(self, rows: Rows) -> dict[str, str]:
        return {"sum": self._histogram.partial(rows)["sum"]}

    def merge(self, state: State) -> dict[str, str]:
        return {"sum": f"sum({state['sum']})"}

    def final(self, state: State) -> str:
        """Of the bins in order, each a place and a weight, the quantile lies in the first with which they weigh the share q.

        There it lies so far up as the weight that is still wanting is of the bin's: low + (high - low) * wanting / weight.
        """
        bins, share = parse(self.bins), Fraction(self.q)
        p, q = share.numerator, share.denominator
        edges = ", ".join(str(int(Fraction(edge) * 10**bins.scale)) for edge in bins.edges)
        known = f"{state['bin']} <= {len(bins.edges)} AND {state['sum']} > 0"
        listed = f"{{'place': {state['bin']}, 'weight': {numbers.units(state['sum'])}}}"

        def weight_of(several: str) -> str:
            return f"coalesce(list_sum(list_transform({several}, lambda b: b.weight)), 0)::HUGEINT"

        found = f"list_filter(range(1, len({_ALL}) + 1), lambda n: {weight_of(f'{_ALL}[1:n]')} * {q} >= {_TOTAL} * {p})[1]"
        wanting = f"{_TOTAL} * {p} - {weight_of(f'{_ALL}[1:{_PLACE} - 1]')} * {q}"
        low, high = (f"([{edges}]::HUGEINT[])[{_ALL}[{_PLACE}].place + {end}]" for end in (0, 1))
        of = f"({_ALL}[{_PLACE}].weight * {q})"
        power = f"{10 ** (self.decimals - bins.scale)}::HUGEINT"
        inside = f"{_ALL}[{_PLACE}].place BETWEEN 1 AND {len(bins.edges) - 1}"
        whole, rest = f"({low} * {power} + ({_ABOVE} * {power}) // {of})", f"(({_ABOVE} * {power}) % {of})"
        units = numbers.rounded(whole, rest, of)
        value = let(
            _ABOVE, f"({high} - {low}) * ({wanting})", let(_UNITS, units, numbers.decimal(_UNITS, self.decimals))
        )
        value = let(_PLACE, found, f"CASE WHEN {inside} THEN {value} END")
        everything = f"list({listed} ORDER BY {state['bin']}) FILTER ({known})"
        return let(_ALL, everything, let(_TOTAL, weight_of(_ALL), value))
