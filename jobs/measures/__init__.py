"""Measures: what is computed for each group of rows."""

from jobs.measures.approximate import ApproxCountDistinct
from jobs.measures.counts import Count, CountDistinct
from jobs.measures.extremes import First, Last, Max, Min, Span
from jobs.measures.histogram import WeightedHistogram
from jobs.measures.listed import InOrder
from jobs.measures.measure import Measure, Rows, State, from_json, to_json
from jobs.measures.moments import Mean, StdDev, Sum, Variance
from jobs.measures.quantile import Quantile

__all__ = [
    "ApproxCountDistinct", "Count", "CountDistinct", "First", "InOrder", "Last", "Max", "Mean", "Measure", "Min", "Quantile", "Rows", "Span", "State", "StdDev", "Sum",
    "Variance", "WeightedHistogram", "from_json", "to_json",
]  # fmt: skip
