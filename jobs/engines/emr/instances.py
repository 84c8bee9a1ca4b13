"""Kinds of instances: which processors they have, and the fleets that a cluster is made of."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

GRAVITON = re.compile(r"^(a1|[a-z]+\d+[a-z-]*g[a-z-]*)\.")
"""a1, and a `g` among the letters behind the generation's number: m7g, c6gn, r8gd, im4gn, but not g5 or g4dn."""
DEFAULT = "m7g.xlarge"
ON_DEMAND_AFTER = 10  # minutes without spot capacity


def architecture(kind: str) -> str:
    """The processors of an instance type.

    >>> architecture("m7g.xlarge"), architecture("g5.xlarge"), architecture("im4gn.large")
    ('aarch64', 'x86_64', 'aarch64')
    """
    return "aarch64" if GRAVITON.match(kind) else "x86_64"


def kinds_of(instances: Mapping[str, Any]) -> list[str]:
    """The instance types in a request for instances, or among the fleets or groups of a cluster."""
    fleets = [*instances.get("InstanceFleets", ())]
    listed = [one for fleet in fleets for key in ("InstanceTypeConfigs", "InstanceTypeSpecifications")
              for one in fleet.get(key, ())]  # fmt: skip
    return sorted({one["InstanceType"] for one in [*listed, *instances.get("InstanceGroups", ())]})


def fleets(
    master: Sequence[str], core: Sequence[str], task: Sequence[str], cores: int, tasks: int
) -> list[dict[str, Any]]:
    """The fleets of a cluster: a master and `cores` on demand, `tasks` on the spot market.

    master, core, task: instance types that will do.  A lost task node costs its tasks' time; a lost core node would
    take a part of HDFS with it, a lost master the cluster.
    """
    found = [_fleet("MASTER", master, on_demand=1)]
    if cores:
        found.append(_fleet("CORE", core, on_demand=cores))
    if tasks:
        found.append(_fleet("TASK", task, spot=tasks))
    return found


def _fleet(role: str, kinds: Sequence[str], on_demand: int = 0, spot: int = 0) -> dict[str, Any]:
    launch: dict[str, Any] = {"OnDemandSpecification": {"AllocationStrategy": "lowest-price"}}
    if spot:
        launch["SpotSpecification"] = {
            "AllocationStrategy": "price-capacity-optimized",
            "TimeoutDurationMinutes": ON_DEMAND_AFTER,
            "TimeoutAction": "SWITCH_TO_ON_DEMAND",
        }
    targets = {"TargetOnDemandCapacity": on_demand, "TargetSpotCapacity": spot}
    return {
        "Name": role.lower(),
        "InstanceFleetType": role,
        **{name: count for name, count in targets.items() if count},
        "InstanceTypeConfigs": [{"InstanceType": kind, "WeightedCapacity": 1} for kind in kinds],
        "LaunchSpecifications": launch,
    }
