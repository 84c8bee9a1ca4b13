"""Measures: what is computed for each group of rows."""

from jobs.measures.counts import Count, CountDistinct
from jobs.measures.extremes import First, Last, Max, Min
from jobs.measures.measure import Measure, Rows, State, from_json, to_json
from jobs.measures.moments import Mean, StdDev, Sum, Variance

__all__ = [
    "Count", "CountDistinct", "First", "Last", "Max", "Mean", "Measure", "Min", "Rows", "State", "StdDev", "Sum",
    "Variance", "from_json", "to_json",
]  # fmt: skip
