"""The manifest of an output directory: what is in it, what made it, and from what. Read as hostile.

Version 1, one JSON object; docs/manifest.md describes every field. It ends with the SHA-256 of the rest, so that
an edited manifest is found out.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import Any, get_args, get_origin

from jobs.errors import FaninError

VERSION = 1
PARTIAL = "_partial-"  # hidden from whoever reads the records
TYPE = re.compile(r"[A-Z][A-Z0-9_ ]*(\([0-9]+(, ?[0-9]+)?\))?(\[\])*")
LIMIT = 256 << 20  # bytes of the largest manifest read


@dataclass(frozen=True)
class File:
    """A data file.  name: within the directory.  crc32c: of its bytes, eight hex digits.  part: its number."""

    name: str
    size: int
    crc32c: str
    records: int
    part: int


@dataclass(frozen=True)
class Input:
    """A file that was read.  version: its mtime in ns or ETag, as the storage gives it."""

    path: str
    size: int
    version: str


@dataclass(frozen=True)
class Origin:
    """An output directory that was read.  digest: of its manifest."""

    path: str
    digest: str


@dataclass(frozen=True)
class Partials:
    """The groups' states, kept to be merged with others'.  files: of lines of a key and its states, by part.

    states: their columns behind the key, name to DuckDB type.  rows: those of the job's rows.  All empty where none are kept.
    """

    files: list[File]
    states: Mapping[str, str]
    rows: Mapping[str, str]


NO_PARTIALS = Partials([], {}, {})


@dataclass(frozen=True)
class Manifest:
    """What a directory's manifest says; see the module."""

    fanin: str
    job: str
    arguments: list[str]
    plan: Mapping[str, Any]
    signature: str
    files: list[File]
    partials: Partials
    columns: list[Mapping[str, str]]
    encoding: str
    order: list[str]
    partitioner: Mapping[str, Any]
    counters: Mapping[str, int]
    samples: list[str]
    inputs: list[Input]
    origins: list[Origin]
    step: Mapping[str, Any]
    started: str
    seconds: float

    @property
    def all_files(self) -> list[File]:
        """The data files, and those of partial states."""
        return [*self.files, *self.partials.files]

    @property
    def digest(self) -> str:
        """The SHA-256 of all that is said, in hex."""
        return digest(asdict(self))

    def to_json(self) -> bytes:
        said = {"fanin_manifest": VERSION, **asdict(self), "digest": self.digest}
        return json.dumps(said, ensure_ascii=False, indent=1).encode() + b"\n"

    @classmethod
    def from_json(cls, data: bytes, directory: str) -> "Manifest":
        """The manifest in `data`; FaninError names `directory` and what is wrong with it."""
        try:
            if len(data) > LIMIT:
                raise ValueError(f"it is larger than {LIMIT} bytes")
            said = json.loads(data)
            if not isinstance(said, dict) or said.pop("fanin_manifest", None) != VERSION:
                raise ValueError(f"it is not a manifest of version {VERSION}")
            if said.pop("digest", None) != digest(said):
                raise ValueError("it has been edited or damaged: its digest does not fit")
            manifest: Manifest = _checked(cls, said)
            manifest._check_files()
            return manifest
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise FaninError(f"{directory}: its manifest cannot be trusted: {error}") from error

    def _check_files(self) -> None:
        seen: set[str] = set()
        for file in self.all_files:
            plain = file.name.removeprefix(PARTIAL) if file in self.partials.files else file.name
            if not plain or plain[0] in "._" or re.search(r"[/\\\0-\x1f]", plain) or file.name in seen:
                raise ValueError(f"it names a file {file.name!r}, which is no plain name of its own directory")
            seen.add(file.name)
        for type in (*self.partials.states.values(), *self.partials.rows.values()):
            if not TYPE.fullmatch(type):
                raise ValueError(f"it has {type!r:.40} for a type")


def digest(value: Any) -> str:
    """The SHA-256, in hex, of a JSON value whatever the order of its keys."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _checked(kind: Any, said: Any) -> Any:
    """`said`, JSON values, as the type `kind` of a field: a dataclass, list, mapping or plain value."""
    inner = get_args(kind)
    if kind is Any:
        return said
    if is_dataclass(kind):
        types = {field.name: field.type for field in fields(kind)}
        if not isinstance(said, dict) or said.keys() != types.keys():
            raise ValueError(f"it does not have the fields {', '.join(types)} where it should")
        return kind(**{name: _checked(type, said[name]) for name, type in types.items()})  # type: ignore[operator]
    if get_origin(kind) is list and isinstance(said, list):
        return [_checked(inner[0], item) for item in said]
    if get_origin(kind) is Mapping and isinstance(said, dict):
        return {name: _checked(inner[1], value) for name, value in said.items()}
    if type(said) is kind or (kind is float and type(said) is int):
        return said
    raise ValueError(f"it has {said!r:.40} for a {getattr(kind, '__name__', kind)}")
