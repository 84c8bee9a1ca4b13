"""Which strategy a join on Hadoop takes: what each needs, what it would cost, and why one is chosen."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from jobs.errors import UsageError
from joins.broadcast import refusal, shipped_side, text_sizes
from joins.bucketed import buckets, difference
from joins.explosion import refuse, refuse_standard_input
from joins.local import Sources, together
from joins.plan import NAMES, JoinPlan, Name
from joins.salting import Hot, choose_hot
from joins.sample import Sample, sample

BROADCAST = 64 << 20


@dataclass(frozen=True)
class Option:
    """A strategy.  refused: why it cannot be had here; '' if it can.  cost: what it would cost, in words."""

    strategy: str
    refused: str
    cost: str


@dataclass(frozen=True)
class Choice:
    """strategy: the one chosen, and why.  options: all of them.  hot: keys that are spread over several reducers."""

    strategy: str
    why: str
    options: Sequence[Option]
    hot: Sequence[Hot]

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    def __str__(self) -> str:
        told = [f"{self.strategy}: {self.why}"]
        told += [
            f"  {option.strategy:<11}  {f'not here: {option.refused}' if option.refused else option.cost}"
            for option in self.options
        ]
        return "\n".join(told)


def choose(
    plan: JoinPlan,
    sources: Sources,
    asked: str,
    parts: int | None,
    limit: int = BROADCAST,
    max_rows: int | None = None,
) -> Choice:
    """The strategy of a join on Hadoop: the one asked for, UsageError if it cannot be had; or, of `auto`, the cheapest.

    parts: as many reducers, None for one, or whatever a strategy needs.  limit: bytes of text that the side that is
    shipped may have.  max_rows: refuse to join if more rows than these would match, as far as a sample tells.
    """
    if max_rows is not None:
        refuse_standard_input(together(sources).files)
    sizes, reducers = text_sizes(sources), parts or 1
    unlike = difference(plan, sources, parts)
    shipped, refused = _broadcast(plan, sizes, limit)
    found, hot = None, []
    if asked == "salted" or (asked == "auto" and refused and unlike) or max_rows is not None:
        found = sample(plan, sources)
        hot = choose_hot(plan, found, reducers)
    all_bytes = sum(sizes.values())
    options = [
        Option("partitioned", unlike, _in_buckets(sources)),
        Option("broadcast", refused, f"ships {_bytes(sizes[shipped])} of the {shipped} side to each node; nothing is shuffled"),
        Option("sort_merge", "", f"shuffles and sorts about {_bytes(all_bytes)}; its slowest reducer gets all of the commonest key"),
        Option("salted", "", f"as sort_merge, and {_hot_keys(plan, hot, found)}"),
    ]  # fmt: skip
    if why := next((option.refused for option in options if option.strategy == asked), ""):
        raise UsageError(f"--strategy {asked}: {why}")
    if found and max_rows is not None:
        refuse(found.matches, max_rows)
    if asked != "auto":
        return Choice(asked, "it was asked for", options, hot if asked == "salted" else [])
    if not unlike:
        return Choice("partitioned", "both sides are bucketed alike, as their manifests prove", options, [])
    if not refused:
        return Choice(
            "broadcast", f"the {shipped} side has {_bytes(sizes[shipped])}, which each node can hold", options, []
        )
    if hot or (found and _piled(plan, found, reducers)):
        return Choice("salted", _hot_keys(plan, hot, found), options, hot)
    return Choice("sort_merge", f"no side is small ({refused}), and no key is so common that one reducer would be late", options, [])  # fmt: skip


def here(plan: JoinPlan, sources: Sources, asked: str, parts: int | None) -> Choice:
    """The choice of the local engine; UsageError if sides are to be bucketed alike, and are not."""
    if asked == "partitioned" and (unlike := difference(plan, sources, parts)):
        raise UsageError(f"--strategy partitioned: {unlike}")
    why = f"one DuckDB process joins ({plan.how}) and sorts, in bounded memory; strategies are for -r hadoop"
    return Choice("local", why, [], [])


def _broadcast(plan: JoinPlan, sizes: dict[Name, int], limit: int) -> tuple[Name, str]:
    """The side that would be shipped, and why it cannot be, or ''."""
    small = shipped_side(plan.how, sizes)
    if small is None:
        return min(NAMES, key=lambda name: sizes[name]), refusal(plan.how)
    if plan.in_order:
        return (
            small,
            "--order: mappers that join their own split give records in no order; --strategy sort_merge does",
        )
    if sizes[small] > limit:
        told = f"the {small} side has about {_bytes(sizes[small])}, more than the {_bytes(limit)} that --max-broadcast allows"
        return small, f"{told}; --strategy sort_merge needs no side to be small"
    return small, ""


def _in_buckets(sources: Sources) -> str:
    """What it costs to join bucket by bucket."""
    sizes = [
        sum(file.size or 0 for file in both) for both in zip(*(sources[name].files for name in NAMES), strict=False)
    ]
    number = buckets(sources)
    return f"reads about {_bytes(sum(sizes))} in {number} tasks, the largest {_bytes(max(sizes, default=0))}; nothing is shuffled or sorted"


def _piled(plan: JoinPlan, found: Sample, reducers: int) -> bool:
    """Whether rows with null keys, which match nothing, would make one reducer late."""
    kept = sum(found.nulls[name] for name in NAMES if plan.keeps(name))
    return kept > found.all_rows / reducers


def _hot_keys(plan: JoinPlan, hot: Sequence[Hot], found: Sample | None) -> str:
    if not found:
        return "spreads common keys over several reducers"
    told = [f"{key.key!r} has about {_share(found, key.key)} of all rows" for key in hot[:3]]
    kept = sum(found.nulls[name] for name in NAMES if plan.keeps(name))
    if kept:
        told.append(f"null keys about {kept / max(found.all_rows, 1):.0%}")
    return f"spreads common keys over several reducers: {', '.join(told) or 'there are none in a sample'}"


def _share(found: Sample, key: str) -> str:
    return f"{sum(found.keys[key].values()) / max(found.all_rows, 1):.0%}"


def _bytes(number: int) -> str:
    for unit in ("bytes", "KB", "MB", "GB"):
        if number < 10_000 or unit == "GB":
            return f"{number} {unit}"
        number = round(number / 1000)
    raise AssertionError
