"""What tells whether a step's output is still the one that would be made: its declaration, its code, and what it read.

A step's manifest keeps these, each by itself, so that a step that is stale can say why. An input that is another step's output is
told by that step's own signature and by its files' checksums; so one that was cleaned away is missed only where it must be made again.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from modulefinder import ModuleFinder
from typing import Any

from jobs.engines.describe import sha256
from jobs.flows.graph import Node
from jobs.flows.parsed import plan_of
from jobs.flows.steps import Run
from jobs.secrets import concealed
from jobs.storage.inputs import resolve
from jobs.storage.manifest import Manifest, digest

FANIN = version("fanin")
PART = re.compile(r"part-\d|_partial-\d")
Parts = dict[str, Any]


def parts(node: Node, runner: str, inputs: Mapping[str, Any]) -> Parts:
    """What is recorded of a node.  inputs: the identity of each path that it reads, as `identity_of` and `output_of` give it."""
    told = {
        "fanin": FANIN,
        "declaration": _declaration(node, runner),
        "code": {"version": node.step.version} if node.step.version else dict(_code(node)),
        "inputs": dict(inputs),
    }
    return {"step": node.step.name, "signature": digest(_lasting(told)), **told}


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """In words, what of a recorded step is no longer so; nothing if its output is still good."""
    found = []
    if old.get("fanin") != new["fanin"]:
        found.append(f"fanin is {new['fanin']}, and was {old.get('fanin')}")
    before, now = old.get("declaration", {}), new["declaration"]
    found += [f"its {name} changed" for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    before, now = old.get("code", {}), new["code"]
    found += [f"{name} changed" for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    before, now = old.get("inputs", {}), new["inputs"]
    for path in sorted({*before, *now}):
        if path not in before:
            found.append(f"reads {path}, and did not")
        elif path not in now:
            found.append(f"no longer reads {path}")
        elif not _same(before[path], now[path]):
            found.append(f"{path} changed")
    return found


def identity_of(path: str) -> dict[str, Any]:
    """Raw files, told by each one's path, size and version, and an output directory by its files' checksums; UsageError if none is there."""
    inputs = resolve([path])
    listed = {f"{directory}/": _content(manifest) for directory, manifest in inputs.manifests.items()}
    raw = [
        [file.name, file.entry.size, file.entry.version]
        for file in inputs.files
        if not file.name.startswith(tuple(listed))
    ]
    size = sum(file.entry.size for file in inputs.files)
    return {"files": len(inputs.files), "bytes": size, "digest": digest([raw, listed])}


def output_of(signature: str, manifest: Manifest | None) -> dict[str, str]:
    """Another step's output.  manifest: None where it has been cleaned away."""
    if manifest is None:
        return {"signature": signature}
    return {"signature": signature, "content": _content(manifest)}


def _content(manifest: Manifest) -> str:
    """Of all that readers see. Names of parts are left out: S3 has others at each attempt; of states, what is done with them counts, too."""
    files = [
        [file.part if PART.match(file.name) else file.name, file.size, file.crc32c] for file in manifest.all_files
    ]
    kept = [[manifest.partials.states, manifest.partials.rows], manifest.plan] if manifest.partials.files else None
    return digest([files, manifest.columns, manifest.encoding, manifest.order, manifest.partitioner, kept])


def _same(old: Any, new: Any) -> bool:
    """Whether an input is the one it was: of an output by its content, or, where that is not there, by its signature."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in ("content", "signature"):
            if name in old and name in new:
                return bool(old[name] == new[name])
    return bool(old == new)


def _lasting(told: Parts) -> Parts:
    """Without what is not known before a step has run."""
    inputs = {
        path: one["signature"] if isinstance(one, dict) and "signature" in one else one
        for path, one in told["inputs"].items()
    }
    return {**told, "inputs": inputs}


def _declaration(node: Node, runner: str) -> dict[str, Any]:
    said: dict[str, Any] = {
        "kind": node.step.key,
        "words": list(node.words),
        "options": concealed(node.options),
        "order of inputs": node.paths,
    }
    if concealed(node.options) != list(node.options):
        said["hidden values"] = digest(list(node.options))
    if plan := plan_of(node, runner):
        said |= {name: value for name, value in plan.items() if name != "job"}
    return said


def _code(node: Node) -> Iterator[tuple[str, str]]:
    """The files that hold a step's code, and their digests: of a job its own and those it imports, of a command those that it names.

    Of an aggregate job none: its plan says it all.
    """
    if isinstance(node.step, Run):
        from jobs.aggregate import AggregateJob
        from jobs.catalog import find

        kind = find(node.words[0])
        file = sys.modules[kind.__module__].__file__
        if file and not issubclass(kind, AggregateJob):
            folder = os.path.dirname(file)
            for one in sorted(_imported(file) if node.words[0].partition(":")[0].endswith(".py") else [file]):
                yield os.path.relpath(one, folder), sha256(one)
        return
    for word in node.words:
        for piece in re.split(r"[,\s]", word):
            name = piece.partition("#")[0]
            if name and os.path.isfile(name):
                yield name, sha256(name)


def _imported(file: str) -> set[str]:
    """A Python file, and those beside it that it imports, and that these import."""
    finder = ModuleFinder([os.path.dirname(file)])
    finder.run_script(file)
    return {str(place) for module in finder.modules.values() if (place := getattr(module, "__file__", None))}
