"""Input formats: how lines become rows of typed columns."""

from collections.abc import Mapping
from typing import Any

from jobs.text.formats.csv import Csv
from jobs.text.formats.format import MISFIT, Format, Head, OnError
from jobs.text.formats.json_lines import JsonLines
from jobs.text.formats.log import Log
from jobs.text.formats.parquet import Parquet
from jobs.text.formats.tsv import Tsv

__all__ = ["KINDS", "MISFIT", "Csv", "Format", "Head", "JsonLines", "Log", "OnError", "Parquet", "Tsv", "from_json"]

KINDS: dict[str, type[Format]] = {kind.kind: kind for kind in (Tsv, Csv, JsonLines, Log, Parquet)}


def from_json(value: Mapping[str, Any] | None) -> Format | None:
    """The format that `to_json` wrote."""
    if value is None:
        return None
    fields = dict(value)
    return KINDS[fields.pop("format")](**fields)
