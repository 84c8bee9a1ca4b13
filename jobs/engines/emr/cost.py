"""What a cluster's instances cost: their hours, at the prices that AWS's own lists name today.

An instance costs EC2's price, on demand or spot, and EMR's on top of it. Volumes, traffic and S3 are not counted.
https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/price-changes.html
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from jobs.engines.emr.control import Service
from jobs.errors import FaninError

LISTS = "us-east-1"  # where price lists are asked for
SYSTEM = "Linux/UNIX"
SHARED = {"operatingSystem": "Linux", "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used"}
WAITED_FOR = "AWAITING_FULFILLMENT"
"""The state of an instance that is not there yet."""


@dataclass(frozen=True)
class Use:
    """A cluster's instances of one type and market.  running: how many there are.  seconds: of all that have been."""

    kind: str
    spot: bool
    running: int
    seconds: int

    def __str__(self) -> str:
        return f"{self.kind}{' spot' if self.spot else ''}"

    @property
    def hours(self) -> Decimal:
        """Instance hours."""
        return Decimal(self.seconds) / 3600


def uses(instances: Iterable[Mapping[str, Any]], now: datetime) -> list[Use]:
    """The use of a cluster's instances, as EMR lists them, up to now."""
    found: dict[tuple[str, bool], list[int]] = {}
    for one in instances:
        status = one["Status"]
        if status["State"] != WAITED_FOR:
            times = status["Timeline"]
            seconds = (times.get("EndDateTime") or now) - times["CreationDateTime"]
            use = found.setdefault((one["InstanceType"], one.get("Market") == "SPOT"), [0, 0])
            use[0] += status["State"] != "TERMINATED"
            use[1] += max(int(seconds.total_seconds()), 0)
    return [Use(*kind, *use) for kind, use in sorted(found.items())]


class Prices:
    """Prices in one region, as far as the user may ask for them.  unknown: why some are not known, '' if all are."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._known: dict[tuple[str, bool, str], Decimal | None] = {}
        self.unknown = ""

    def total(self, used: Iterable[Use], zone: str) -> Decimal | None:
        """USD for uses in an availability zone; None if a price is not known."""
        total = Decimal(0)
        for use in used:
            price = self.an_hour(use.kind, use.spot, zone)
            if price is None:
                return None
            total += use.hours * price
        return total

    def an_hour(self, kind: str, spot: bool, zone: str) -> Decimal | None:
        """USD for an hour of an instance."""
        key = kind, spot, zone if spot else ""
        if key not in self._known:
            try:
                self._known[key] = (self._spot(kind, zone) if spot else self._on_demand(kind)) + self._emr(kind)
            except FaninError as error:
                self.unknown = self.unknown or str(error)
                self._known[key] = None
        return self._known[key]

    def _on_demand(self, kind: str) -> Decimal:
        return self._only(f"{kind} on EC2", self._listed("AmazonEC2", kind, SHARED))

    def _emr(self, kind: str) -> Decimal:
        listed = [one for one in self._listed("ElasticMapReduce", kind, {})
                  if one["product"]["attributes"].get("usagetype", "").endswith(f"BoxUsage:{kind}")
                  and one["product"]["attributes"].get("softwareType", "EMR") == "EMR"]  # fmt: skip
        return self._only(f"{kind} on EMR", listed)

    def _spot(self, kind: str, zone: str) -> Decimal:
        asked = {"InstanceTypes": [kind], "ProductDescriptions": [SYSTEM], "AvailabilityZone": zone, "MaxResults": 5}
        told = Service("ec2", self._region).call("describe_spot_price_history", **asked)["SpotPriceHistory"]
        if not told:
            raise FaninError(f"EC2 names no spot price of {kind} in {zone}")
        return Decimal(max(told, key=lambda one: one["Timestamp"])["SpotPrice"])

    def _listed(self, service: str, kind: str, more: Mapping[str, str]) -> list[dict[str, Any]]:
        wanted = {"instanceType": kind, "regionCode": self._region, **more}
        filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()]
        told = Service("pricing", LISTS).call("get_products", ServiceCode=service, Filters=filters)["PriceList"]
        return [json.loads(one) for one in told]

    def _only(self, what: str, listed: Iterable[Mapping[str, Any]]) -> Decimal:
        found = {price for one in listed for price in _hourly(one) if price}
        if len(found) != 1:
            raise FaninError(
                f"the price list names {len(found) or 'no'} price{'s' * bool(found)} of {what} in {self._region}"
            )
        return found.pop()


def _hourly(product: Mapping[str, Any]) -> Iterator[Decimal]:
    """A product's prices for an hour on demand, in USD."""
    for term in product["terms"].get("OnDemand", {}).values():
        for rate in term["priceDimensions"].values():
            if rate["unit"].lower().startswith(("hr", "hour")) and "USD" in rate["pricePerUnit"]:
                yield Decimal(rate["pricePerUnit"]["USD"])
