"""Weighted histograms: how much of a weight falls into each bin of a value."""

from dataclasses import dataclass
from functools import cached_property

from jobs.errors import UsageError
from jobs.measures.bins import Bins, parse
from jobs.measures.measure import Measure, Rows, State
from jobs.measures.moments import Mean, Variance, quotient
from jobs.sql import identifier, literal
from jobs.text import numbers

RANKS = {"underflow": 0, "overflow": 3, "other": 3, "nan": 4, "null": 5}  # what else is told in place of a bin
BEHIND = 3  # decimals of an error, behind those of the weights


@dataclass(frozen=True)
class WeightedHistogram(Measure):
    """For each bin of `value` that is not empty a record of its own, in the bins' order:

    bin: the bin, [low, high), and its edges; underflow, overflow, nan and null, too.  n: rows.  weight: their sum.
    share: of all weights of the group, and cumulative, with all bins before, to `decimals`; null where these sum to 0 or less.
    error: the root of the sum of squared weights, as boost-histogram's Weight storage has it.  edges: a digest of all edges.

    weight: a number column of at most `scale` decimals and 14 digits; rows where it is null are left out.  None: each row weighs 1.
    bins: as `jobs.measures.bins.parse` takes them.
    merged: whether the values are bins of other histograms, so that there is no error, and a weight may have 28 digits.
    edges: the column with their digest, if there is one; a group of several fails.
    """

    value: str
    weight: str | None = None
    bins: str = "categories"
    scale: int = 0
    decimals: int = 6
    merged: bool = False
    edges: str | None = None

    def __post_init__(self) -> None:
        self._bins  # noqa: B018  (refuses what are no bins)
        if not 0 <= self.decimals <= 9:
            raise UsageError(f"WeightedHistogram({self.value!r}): decimals is {self.decimals}, must be 0 to 9")
        if self.scale and self.weight is None:
            raise UsageError(
                f"WeightedHistogram({self.value!r}): scale is {self.scale}, where no weight has decimals"
            )

    @cached_property
    def _bins(self) -> Bins:
        return parse(self.bins)

    @property
    def fields(self) -> tuple[str, ...]:
        ends = ("low", "high") if self._bins.numeric else ()
        error = () if self.merged else ("error",)
        return ("bin", *ends, "n", "weight", "share", "cumulative", *error, "edges")

    def within(self, rows: Rows) -> dict[str, str]:
        type, value = rows.type_of(self.value), identifier(self.value)
        if self._bins.numeric and type == "VARCHAR":
            name = f"column {self.value!r}"
            value = rows.once(numbers.exact(value, type, scale=9, rounding=None, name=name, group=rows.group))
            type = f"DECIMAL({numbers.DIGITS},9)"
        return {"bin": self._bins.place(value, type)}

    def partial(self, rows: Rows) -> dict[str, str]:
        if self.weight is None:
            states = dict.fromkeys(("n", "sum", "squares"), "count(*)::HUGEINT")
        elif self.merged:
            states = Mean(self.weight, self.scale, decimals=self.scale).partial(rows)
        else:
            states = Variance(self.weight, self.scale, decimals=2 * self.scale).partial(rows)
        if self.edges and rows.type_of(self.edges):
            edges = identifier(self.edges)
            return states | {"edges": f"min({edges})", "others": f"max({edges})"}
        return states | dict.fromkeys(("edges", "others"), literal(self._bins.digest))

    def merge(self, state: State) -> dict[str, str]:
        ends = {"edges": f"min({state['edges']})", "others": f"max({state['others']})"}
        return {name: f"sum({column})" for name, column in state.items() if name != "bin"} | ends

    def steps(self, state: State) -> dict[str, str]:
        power, limit = 10 ** (2 * BEHIND), 10 ** (37 - 2 * BEHIND)
        huge = f"error({literal('WeightedHistogram: weights too large for their error, in group ')} || key)"
        steps = {
            "order": _in_order(state["bin"]) if self._bins.names == () else state["bin"],
            "units": f"coalesce({numbers.units(state['sum'])}, 0)",
            "until": f"sum({state['units']}) OVER (one_group ORDER BY {state['order']})",
            "total": f"nullif(greatest(sum({state['units']}) OVER one_group, 0), 0)",
            **quotient(state, "share", state["units"], state["total"], 10**self.decimals),
            **quotient(state, "cumulative", state["until"], state["total"], 10**self.decimals),
        }
        if self.merged:
            return steps
        return steps | {
            "square": f"coalesce({numbers.units(state['squares'])}, 0)",
            "digits": f"CASE WHEN {state['square']} >= {limit}::HUGEINT THEN {huge}"
                      f" ELSE {state['square']} * {power}::HUGEINT END",
            "root": numbers.root(state["digits"]),
            "error": numbers.rounded_root(state["root"], state["digits"], "0", "1"),
        }  # fmt: skip

    def final(self, state: State) -> str:
        found, place = self._bins, state["bin"]
        values = {
            "bin": found.label(place),
            "low": found.low(place),
            "high": found.high(place),
            "n": state["n"],
            "weight": numbers.decimal(state["units"], self.scale),
            "share": numbers.decimal(state["share"], self.decimals),
            "cumulative": numbers.decimal(state["cumulative"], self.decimals),
            "error": numbers.decimal(state["error"], self.scale + BEHIND),
            "edges": self._same_edges(state),
        }
        told = ", ".join(f"{literal(name)}: {values[name]}" for name in self.fields)
        return f"CASE WHEN {state['n']} > 0 THEN {{{told}}} END"

    def _same_edges(self, state: State) -> str:
        least, most = f"min({state['edges']}) OVER one_group", f"max({state['others']}) OVER one_group"
        differ = f"error({literal('WeightedHistogram: bins with different edges, ')} || {least} || ' and ' || {most} || ', in group ' || key)"
        return f"CASE WHEN {least} < {most} THEN {differ} ELSE {least} END"


def _in_order(text: str) -> str:
    """SQL to order the texts of bins by: numbers and edges as such, other texts by their bytes."""
    number = f"TRY_CAST(coalesce(nullif(regexp_extract({text}, '^\\[([^, ]+), ', 1), ''), {text}) AS DECIMAL(38, 9))"
    ranks = " ".join(f"WHEN {literal(name)} THEN {rank}" for name, rank in RANKS.items())
    rank = f"CASE {text} {ranks} ELSE CASE WHEN {text} IS NULL THEN 5 WHEN {number} IS NULL THEN 2 ELSE 1 END END"
    return f"{{'rank': {rank}, 'number': {number}, 'text': {text}}}"
