"""Clusters as a user asks after them: which are fanin's, what they are made of, whether they idle, what they have cost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from jobs.engines.emr.control import GONE, Control, why_ended
from jobs.engines.emr.cost import Prices, Use, uses
from jobs.engines.emr.profile import OURS

LIVING = ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"]
AT_ONCE = 10  # clusters that one request may end


def living(control: Control) -> list[dict[str, Any]]:
    """What EMR says of each cluster that fanin has started and that has not ended."""
    listed = control.all("list_clusters", "Clusters", ClusterStates=LIVING)
    described = [control.cluster(one["Id"]) for one in listed]
    return [one for one in described if any(tag["Key"] == OURS for tag in one.get("Tags", ()))]


def end(control: Control, clusters: Sequence[str]) -> None:
    """Ends clusters, whatever they do."""
    for first in range(0, len(clusters), AT_ONCE):
        control.call("terminate_job_flows", JobFlowIds=list(clusters[first : first + AT_ONCE]))


@dataclass(frozen=True)
class Standing:
    """How a cluster stands.  said: what EMR says of it.  used: of its instances.  idle: since its last step, if it waits.

    cost: so far, in USD; None if a price is not known.
    """

    said: dict[str, Any]
    age: timedelta
    idle: timedelta | None
    used: list[Use]
    cost: Decimal | None

    def line(self) -> str:
        """All that matters, in a line."""
        running = " + ".join(f"{use.running} {use}" for use in self.used if use.running) or "no instances"
        words = [
            self.said["Status"]["State"],
            self.said.get("ReleaseLabel", ""),
            running,
            f"up {span(self.age)}",
            f"idle {span(self.idle)}" if self.idle is not None else "",
            f"{sum(use.hours for use in self.used):.2f} instance hours",
            f"about {self.cost:.2f} USD" if self.cost is not None else "",
        ]
        return f"{self.said['Id']}: {', '.join(word for word in words if word)}; {self.said['Name']}"

    def details(self, prices: Prices, zone: str) -> Iterator[str]:
        """The rest, a line each."""
        times = self.said["Status"]["Timeline"]
        yield f"started {times['CreationDateTime']:%Y-%m-%d %H:%M:%S %Z}"
        if self.said["Status"]["State"] in GONE:
            yield why_ended(self.said).partition(": ")[2]
        for use in self.used:
            price = prices.an_hour(use.kind, use.spot, zone)
            at = f", {price.normalize():f} USD an hour" if price is not None else ""
            yield f"{use}: {use.running} now, {use.hours:.2f} hours{at}"
        yield f"logs {self.said.get('LogUri') or 'are not kept'}"


def zone_of(said: dict[str, Any]) -> str:
    """A cluster's availability zone; '' before it has one."""
    return str(said.get("Ec2InstanceAttributes", {}).get("Ec2AvailabilityZone") or "")


def standing(control: Control, said: dict[str, Any], prices: Prices, now: datetime) -> Standing:
    """How a cluster stands: at most two requests, and those for prices that are not known yet."""
    used = uses(control.all("list_instances", "Instances", ClusterId=said["Id"]), now)
    times, state = said["Status"]["Timeline"], said["Status"]["State"]
    idle = None
    if state == "WAITING":
        last = control.call("list_steps", ClusterId=said["Id"])["Steps"]  # the newest 50
        ends = [step["Status"]["Timeline"].get("EndDateTime") for step in last]
        idle = now - max(filter(None, [times.get("ReadyDateTime"), times["CreationDateTime"], *ends]))
    age = (times.get("EndDateTime") or now) - times["CreationDateTime"]
    return Standing(said, age, idle, used, prices.total(used, zone_of(said)))


def span(time: timedelta) -> str:
    """A time in a person's words.

    >>> span(timedelta(seconds=59)), span(timedelta(minutes=125))
    ('59 s', '2 h 5 min')
    """
    minutes = int(time.total_seconds()) // 60
    if minutes < 1:
        return f"{max(int(time.total_seconds()), 0)} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
