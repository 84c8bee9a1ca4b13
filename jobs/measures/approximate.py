"""How many distinct values, nearly: for groups whose values are too many to shuffle.

HyperLogLog, of Flajolet, Fusy, Gandouet and Meunier, http://algo.inria.fr/flajolet/Publications/FlFuGaMe07.pdf, over 64 bits
of MD5, with the estimator of Ertl, https://arxiv.org/abs/1702.01284 (algorithm 6), which has no bias at few values or many.
"""

from dataclasses import dataclass
from typing import ClassVar

from jobs.errors import UsageError
from jobs.measures.measure import Measure, Rows, State
from jobs.sql import identifier, let
from jobs.text.values import canonical

BITS = 64  # of the hash
ALPHA = 0.7213475204444817  # 1 / (2 ln 2)
_USED, _UNUSED = map(identifier, ("$used", "$unused"))


@dataclass(frozen=True)
class ApproxCountDistinct(Measure):
    """About how many distinct values a column has in a group; nulls are left out. Values are the same when they are written the same.

    The standard error is 1.04 / sqrt(2 ** precision): 1.6 % with 12, of 4 to 16. A group has at most 2 ** precision states, each a
    line of a shuffle: a register, and the highest rank of a value there. The estimate is the same on every engine: states are integers,
    and what is computed of them takes no function whose last bit depends on a library, and is rounded to a whole number.
    """

    column: str
    precision: int = 12

    exact: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not 4 <= self.precision <= 16:
            raise UsageError(f"ApproxCountDistinct({self.column!r}): precision is {self.precision}, must be 4 to 16")

    def within(self, rows: Rows) -> dict[str, str]:
        return {"register": f"({self._hash(rows)} >> {self._rest})::INTEGER"}

    def partial(self, rows: Rows) -> dict[str, str]:
        rest = f"{self._hash(rows)} & {2**self._rest - 1}::UBIGINT"
        digits = f"length(ltrim(bin({rest}), '0'))"
        return {"rank": f"max(({self._rest + 1} - {digits})::INTEGER)"}

    def merge(self, state: State) -> dict[str, str]:
        return {"rank": f"max({state['rank']})"}

    def final(self, state: State) -> str:
        count = 2**self.precision
        fractions = f"coalesce(sum(1::HUGEINT << ({self._rest + 1} - {state['rank']})), 0)::DOUBLE / {2 ** (self._rest + 1)}::DOUBLE"
        unused = f"({count} - count({state['register']}))::DOUBLE / {count}"
        estimate = f"{ALPHA * count * count!r}::DOUBLE / ({_USED} + {count} * {self._sigma(_UNUSED)})"
        value = f"CASE WHEN {_UNUSED} = 1 THEN 0 ELSE round({estimate}) END::BIGINT"
        return let(_USED, fractions, let(_UNUSED, unused, value))

    @property
    def _rest(self) -> int:
        """How many bits of a hash do not name its register."""
        return BITS - self.precision

    def _hash(self, rows: Rows) -> str:
        text = f"({canonical(self.column, rows.type_of(self.column))})::VARCHAR"
        return rows.once(f"('0x' || left(md5({text}), {BITS // 4}))::UBIGINT")

    def _sigma(self, x: str) -> str:
        """SQL for Ertl's sigma(x): x + the sum of 2^(k - 1) * x^(2^k), k = 1, 2, ..., for x below 1; the rest is nothing then."""
        start = f"{{'power': {x}, 'sum': {x}, 'times': 0::DOUBLE}}"
        terms = f"list_transform(range({self.precision + 6}), lambda k: {{'power': {x}, 'sum': {x}, 'times': (1::BIGINT << k)::DOUBLE}})"
        square = "a.power * a.power"
        step = f"{{'power': {square}, 'sum': a.sum + {square} * b.times, 'times': b.times}}"
        return f"list_reduce({terms}, lambda a, b: {step}, {start}).sum"
