"""Whether the two sides of a join are bucketed alike, as their manifests prove, or else what differs.

Then all rows of a key are in the buckets of one number, in order there, and one task joins them without any others. An
output of `fanin bucket` is bucketed, and so is one of a join by sort_merge or partitioned, with all columns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from jobs.engines.local import Settings
from jobs.storage.inputs import Inputs
from jobs.text.formats import Tsv
from joins.plan import NAMES, JoinPlan, Name, Side

FUNCTION = "hadoop-key-fields"


def buckets(sources: Mapping[Name, Inputs]) -> int:
    """How many buckets the sides have that are bucketed alike."""
    return len(sources["left"].files)


def in_buckets(plan: JoinPlan, sources: Mapping[Name, Inputs], settings: Settings) -> Settings:
    """The settings of a join of sides that are bucketed alike: part i holds the records of bucket i."""
    return settings if plan.aggregate else replace(settings, parts=buckets(sources))


def difference(plan: JoinPlan, sources: Mapping[Name, Inputs], parts: int | None) -> str:
    """What keeps the sides from being joined bucket by bucket, and what to do; '' if nothing does.

    parts: the number of part files that is asked for, None if any will do.
    """
    for name in NAMES:
        side = plan.sides[name]
        if what := _unlike(name, side, sources[name]):
            return f"{what}; `fanin bucket INPUT --on {','.join(side.keys)} --buckets N` makes it so"
        if what := _misread(name, side, sources[name]):
            return what
    left, right = (len(sources[name].files) for name in NAMES)
    if left != right:
        keys = ",".join(plan.right.keys)
        return (
            f"the left side has {left} buckets, and the right one {right}; make them alike, with"
            f" `fanin bucket INPUT --on {keys} --buckets {left}`"
        )
    types = {name: _types(sources[name]) for name in NAMES}
    for one, other in zip(plan.left.keys, plan.right.keys, strict=True):
        if types["left"][one] != types["right"][other]:
            return (
                f"the left side's {one!r} was bucketed as {types['left'][one]}, and the right one's {other!r} as"
                f" {types['right'][other]}; declare them alike, with `fanin bucket --columns`"
            )
    if parts not in (None, left) and not plan.aggregate:
        return f"--parts {parts}: there is a part file for each of the {left} buckets; leave it out"
    return ""


def _unlike(name: Name, side: Side, inputs: Inputs) -> str:
    """What keeps a side from being one directory of buckets of its keys, in order."""
    if len(inputs.manifests) != 1 or not all(file.listed for file in inputs.files):
        return f"the {name} side is not one output directory of fanin bucket"
    (manifest,) = inputs.manifests.values()
    by, keys = manifest.partitioner, list(side.keys)
    if by.get("function") != FUNCTION or manifest.encoding != "copy-text":
        return f"the {name} side is not bucketed: its manifest says that its partitioner is {by.get('function') or 'none'}"
    if by.get("columns") != keys:
        return f"the {name} side is bucketed by {_list(by.get('columns'))}, and the join is on {_list(keys)}"
    if manifest.order != keys:
        return f"the {name} side's buckets are in order of {_list(manifest.order)}, not of {_list(keys)}"
    numbers = [file.part for file in manifest.files]
    if by.get("buckets") != len(numbers) or numbers != list(range(len(numbers))):
        return f"the {name} side has {len(numbers)} files, which are not its {by.get('buckets')} buckets in turn"
    return ""


def _misread(name: Name, side: Side, inputs: Inputs) -> str:
    """What reads other keys out of a side's buckets than those by which it was divided."""
    if not isinstance(side.input, Tsv) or side.input.null != Tsv.null:
        return f"the {name} side's buckets are tsv, with \\N for null; leave --format and --null out"
    for key in side.keys:
        was, read = _types(inputs).get(key), side.type(key)
        if read not in ("VARCHAR", was):
            return f"the {name} side's {key!r} was bucketed as {was}, and is to be read as {read}; leave out its type"
        if read == "TIMESTAMP" and side.input.zone != "UTC":
            return f"the {name} side's {key!r} was bucketed as times of UTC; leave --time-zone out"
    return ""


def _types(inputs: Inputs) -> dict[str, str]:
    (manifest,) = inputs.manifests.values()
    return {column["name"]: column["type"] for column in manifest.columns}


def _list(columns: Sequence[str] | object) -> str:
    return f"({', '.join(map(str, columns))})" if isinstance(columns, list) else str(columns)
