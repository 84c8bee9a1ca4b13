"""Sums, and what follows from them: means, variances and standard deviations, exact up to the last declared decimal.

A state holds integers: of each value x * 10^scale the count n, the sum S and the sum of squares, so no order of adding
and no split can show. The finished values are rounded once, half to even.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Literal

from jobs.errors import UsageError
from jobs.measures.measure import Measure, Rows, State
from jobs.sql import identifier, literal
from jobs.text import numbers

SQUARED = 14  # digits of a value that is squared: as many squares can be added as values can


@dataclass(frozen=True)
class _OfNumbers(Measure):
    """column: a number column of `rows`, or text in the strict grammar of `jobs.text.numbers`.

    scale: decimals kept, 0 to 27; a value with more is refused, never rounded.
    rounding: how a floating-point value becomes exact, value by value; without it floats are refused.
    """

    column: str
    scale: int = 0
    rounding: Literal["half_even"] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.scale < numbers.DIGITS:
            raise UsageError(f"{self._name}: scale is {self.scale}, must be 0 to {numbers.DIGITS - 1}")
        if self.rounding not in (None, "half_even"):
            raise UsageError(f"{self._name}: rounding is {self.rounding!r}, must be 'half_even'")

    @property
    def _name(self) -> str:
        return f"{type(self).__name__}({self.column!r}, scale={self.scale})"

    def _exact(self, rows: Rows) -> str:
        """SQL for the exact value of a row."""
        type, name = rows.type_of(self.column), f"column {self.column!r}, scale={self.scale}"
        return rows.once(numbers.exact(
            identifier(self.column), type, scale=self.scale, rounding=self.rounding, name=name, group=rows.group
        ))  # fmt: skip


@dataclass(frozen=True)
class Sum(_OfNumbers):
    """The exact sum of a column; nulls are left out, and a group without a value sums to null, as in SQL."""

    def partial(self, rows: Rows) -> dict[str, str]:
        return {"sum": f"sum({self._exact(rows)})"}

    def merge(self, state: State) -> dict[str, str]:
        return {"sum": f"sum({state['sum']})"}

    def final(self, state: State) -> str:
        return state["sum"]


@dataclass(frozen=True)
class Mean(_OfNumbers):
    """The mean of a column's values, to `decimals`; nulls are left out. State: their exact sum, and how many they are.

    decimals: from scale to scale + 9.
    """

    decimals: int = 6

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_decimals(self._name, self.decimals, self.scale, self.scale + 9)

    def partial(self, rows: Rows) -> dict[str, str]:
        return {"sum": f"sum({self._exact(rows)})", "n": f"count({identifier(self.column)})::HUGEINT"}

    def merge(self, state: State) -> dict[str, str]:
        return {name: f"sum({column})" for name, column in state.items()}

    def steps(self, state: State) -> dict[str, str]:
        units, of = numbers.units(state["sum"]), f"nullif({state['n']}, 0)"
        power = 10 ** (self.decimals - self.scale)
        return {"of": of, "units": units, **quotient(state, "mean", state["units"], state["of"], power)}

    def final(self, state: State) -> str:
        return numbers.decimal(state["mean"], self.decimals)


@dataclass(frozen=True)
class _Spread(_OfNumbers):
    """State: how many values, their exact sum, and that of their squares."""

    decimals: int = 6
    population: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scale > SQUARED:
            raise UsageError(f"{self._name}: scale is {self.scale}, must be 0 to {SQUARED}")

    def partial(self, rows: Rows) -> dict[str, str]:
        x = self._exact(rows)
        too_long = f"error({literal(f'{self._name}: a value has more than {SQUARED} digits, in ')} || {rows.group})"
        limit = 10 ** (SQUARED - self.scale)
        square = rows.once(f"CASE WHEN abs({x}) >= {limit} THEN {too_long} ELSE {x} * {x} END")
        return {"n": f"count({x})::HUGEINT", "sum": f"sum({x})", "squares": f"sum({square})"}

    def merge(self, state: State) -> dict[str, str]:
        return {name: f"sum({column})" for name, column in state.items()}

    def steps(self, state: State) -> dict[str, str]:
        """The variance * 10^(2 scale) as whole + part / of, by the sum D of squared distances from a whole number near the mean.

        With S = q n + r it is D = sum of squares - q (S + r); from the mean itself the distances' squares sum to
        D - r^2 / n = w + v / n, 0 <= v < n; divided by k, n or n - 1, that is whole + part / (k n).
        https://en.wikipedia.org/wiki/Algorithms_for_calculating_variance#Computing_shifted_data
        """
        huge = f"error({literal(f'{self._name}: more digits than can be computed with, in group ')} || key)"
        n, total, r, q, d, k = (state[name] for name in ("n", "total", "r", "q", "d", "k"))
        return {
            "total": numbers.units(state["sum"]),
            "square": numbers.units(state["squares"]),
            "k": f"nullif(greatest({n} - {0 if self.population else 1}, 0), 0)",
            "of": f"{k} * {n}",
            "r": f"(({total} % nullif({n}, 0)) + {n}) % nullif({n}, 0)",
            "q": f"({total} - {r}) // nullif({n}, 0)",
            "d": f"{state['square']} - {q} * ({total} + {r})",
            "v": f"({n} - ({r} * {r}) % nullif({n}, 0)) % nullif({n}, 0)",
            "w": f"{d} - ({r} * {r} + {state['v']}) // nullif({n}, 0)",
            "whole": f"{state['w']} // {k}",
            "part": f"({state['w']} % {k}) * {n} + {state['v']}",
            "digits": f"CASE WHEN {state['whole']} >= {10 ** (37 - self._powers)}::HUGEINT THEN {huge}"
                      f" ELSE {state['whole']} * {10**self._powers}::HUGEINT"
                      f" + ({state['part']} * {10**self._powers}::HUGEINT) // {state['of']} END",
            "rest": f"({state['part']} * {10**self._powers}::HUGEINT) % {state['of']}",
        }  # fmt: skip

    def final(self, state: State) -> str:
        return numbers.decimal(state["value"], self.decimals)

    @property
    @abstractmethod
    def _powers(self) -> int:
        """The power of ten that makes `digits`, and `rest / of` behind them, of the variance * 10^(2 scale)."""


@dataclass(frozen=True)
class Variance(_Spread):
    """The variance of a column's values, to `decimals`; nulls are left out.

    decimals: from 2 * scale to 2 * scale + 9.  population: divided by n, not by n - 1; a sample of one has no variance.
    A value may have 14 digits.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_decimals(self._name, self.decimals, 2 * self.scale, 2 * self.scale + 9)

    def steps(self, state: State) -> dict[str, str]:
        value = numbers.rounded(state["digits"], state["rest"], state["of"])
        return super().steps(state) | {"value": value}

    @property
    def _powers(self) -> int:
        return self.decimals - 2 * self.scale


@dataclass(frozen=True)
class StdDev(_Spread):
    """The standard deviation of a column's values, to `decimals`; nulls are left out.

    decimals: from scale to scale + 6.  population: divided by n, not by n - 1; a sample of one has no deviation.
    A value may have 14 digits.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_decimals(self._name, self.decimals, self.scale, self.scale + 6)

    def steps(self, state: State) -> dict[str, str]:
        value = numbers.rounded_root(state["root"], state["digits"], state["rest"], state["of"])
        return super().steps(state) | {"root": numbers.root(state["digits"]), "value": value}

    @property
    def _powers(self) -> int:
        return 2 * (self.decimals - self.scale)


def quotient(state: State, name: str, dividend: str, divisor: str, power: int) -> dict[str, str]:
    """Steps to the step `name`: dividend * power / divisor, rounded half to even.  Both: HUGEINT columns, divisor > 0 or NULL."""
    whole, part, digits, rest = (state[f"{name} {step}"] for step in ("whole", "part", "digits", "rest"))
    return {
        f"{name} whole": f"abs({dividend}) // {divisor}",
        f"{name} part": f"(abs({dividend}) % {divisor}) * {power}::HUGEINT",
        f"{name} digits": f"{whole} * {power}::HUGEINT + {part} // {divisor}",
        f"{name} rest": f"{part} % {divisor}",
        name: f"sign({dividend})::HUGEINT * ({numbers.rounded(digits, rest, divisor)})",
    }


def _check_decimals(name: str, decimals: int, least: int, most: int) -> None:
    if not least <= decimals <= most:
        raise UsageError(f"{name}: decimals is {decimals}; with this scale it must be {least} to {most}")
