"""Parquet: columns that have a type already, read by DuckDB itself from local files."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import duckdb

from jobs.errors import UsageError, without_class
from jobs.sql import identifier, literal
from jobs.text import numbers, typed
from jobs.text.formats.format import Format, Texts


@dataclass(frozen=True)
class Parquet(Format):
    """A column has the type declared, or one that holds nothing which that cannot; text is read strictly, as other formats' is.

    files: local paths.  found: DuckDB type of each column there.
    """

    files: Sequence[str] = field(default=(), kw_only=True)
    found: Mapping[str, str] = field(default_factory=dict, kw_only=True)

    kind: ClassVar[str] = "parquet"

    def of_files(self, connection: duckdb.DuckDBPyConnection, files: Mapping[str, str]) -> "Parquet":
        """This format for the files of these names and local paths; UsageError for one without a column, or of other types."""
        schemas = {name: schema_of(connection, name, path) for name, path in files.items()}
        found: dict[str, str] = {}
        for name, schema in schemas.items():
            for column in self.columns:
                if column not in schema:
                    raise UsageError(f"{name}: no column {column!r}; it has: {', '.join(schema)}")
                if found.setdefault(column, schema[column]) != schema[column]:
                    first = next(iter(schemas))
                    raise UsageError(
                        f"{name}: column {column!r} is {schema[column]}, where it is {found[column]} in {first}"
                    )
        return replace(self, files=list(files.values()), found=found)

    def type(self, name: str) -> typed.Type:
        declared, found = super().type(name), self.found.get(name, "VARCHAR")
        if found == "VARCHAR":
            return declared
        if not _holds(self.columns[name], found):
            raise UsageError(f"it is {found}, which cannot be read as {self.columns[name]} without loss")
        as_declared = f"TRY_CAST({{}} AS {declared.duckdb})"
        if found == "TIMESTAMP WITH TIME ZONE":
            as_declared = "make_timestamp(epoch_us({}))"
        return declared._replace(read=as_declared.format)

    def texts(self) -> Texts:
        if not self.files:  # to know the columns' types is all that is wanted
            columns = ", ".join(f"NULL::VARCHAR AS {identifier(name)}" for name in self.columns)
            source = f"(SELECT '' AS filename, 0 AS file_row_number, {columns} FROM lines)"
            return Texts(source, {name: identifier(name) for name in self.columns}, line="''", carried="filename")
        files = ", ".join(literal(file) for file in self.files)
        line = "regexp_extract(filename, '[^/]*$') || ', row ' || (file_row_number + 1)"
        return Texts(
            f"read_parquet([{files}], filename = true, file_row_number = true)",
            {name: identifier(name) for name in self.columns},
            line=line, carried="filename, file_row_number",
        )  # fmt: skip


def declared(found: str) -> str:
    """The type that a column of the DuckDB type `found` may be declared as, without loss; '' if there is none.

    >>> declared("BIGINT"), declared("DECIMAL(9,2)"), declared("INTEGER[]")
    ('integer', 'decimal(2)', '')
    """
    if found == "VARCHAR":
        return "text"
    scale = re.fullmatch(r"DECIMAL\([0-9]+,([0-9]+)\)", found)
    decimals = [f"decimal({scale[1]})"] if scale else []
    types = ("integer", *decimals, "boolean", "date", "time", "float", "text")
    return next((type for type in types if _holds(type, found)), "")


def _holds(declared: str, found: str) -> bool:
    """Whether a column of the DuckDB type `found` can be read as the type `declared`."""
    name = declared.partition("(")[0]
    if name == "text":
        return found in (*numbers.INTEGERS, "BOOLEAN", "DATE", "UUID") or found.startswith(("DECIMAL(", "ENUM("))
    if name == "integer":
        return found in numbers.INTEGERS
    if name == "decimal":
        scale = re.fullmatch(r"DECIMAL\([0-9]+,([0-9]+)\)", found)
        return found in numbers.INTEGERS or bool(scale and int(scale[1]) <= int(declared[8:-1]))
    if name == "time":
        return found in ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_S", "TIMESTAMP_MS", "DATE")
    return found in {"float": ("FLOAT", "DOUBLE"), "boolean": ("BOOLEAN",), "date": ("DATE",)}.get(name, ())


def schema_of(connection: duckdb.DuckDBPyConnection, name: str, path: str) -> dict[str, str]:
    """Column to DuckDB type of a local file, which messages call `name`; UsageError if it is not Parquet."""
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM read_parquet({literal(path)})").fetchall()
    except duckdb.Error as error:
        raise UsageError(f"{name}: cannot be read as Parquet: {without_class(str(error)).splitlines()[0]}") from error
    return {column: type for column, type, *_ in described}
