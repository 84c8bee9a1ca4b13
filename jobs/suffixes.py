"""What the names of files say of their format, where no option says it."""

from pathlib import PurePath

from jobs.errors import UsageError
from jobs.storage.inputs import Inputs
from jobs.text.compression import suffix
from jobs.text.sources import Reading

BY_SUFFIX = {".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet"}


def format_of(inputs: Inputs, reading: Reading, delimiter: str, others: str = "tsv") -> str:
    """What the names of all files say, whatever they are compressed by; `others` of names that say nothing.

    UsageError if they differ, or where what is called csv begins with a line of tsv.  delimiter: between a csv's columns.
    """
    names = [file.name.lower().removesuffix(suffix(file.name)) for file in inputs.files]
    said = {BY_SUFFIX.get(PurePath(name).suffix, others) for name in names}
    if len(said) > 1:
        told = " and ".join(sorted(said))
        raise UsageError(f"{inputs.files[0].name}: the names of it and of files beside it say {told}; give --format")
    found = next(iter(said), others)
    if found == "csv":
        _refuse_tabbed(inputs, reading, delimiter)
    return found


def _refuse_tabbed(inputs: Inputs, reading: Reading, delimiter: str) -> None:
    for file in inputs.files:
        for line in reading.head(file, 1):
            if "\t" in line and delimiter not in line:
                raise UsageError(f"{file.name}: its name says csv, its first line tsv; give --format")
            return
