"""What tells whether a step's output is still the one that would be made: its declaration, its code, and what it read.

A step's manifest keeps these, each by itself, so that a step that is stale can say why. An input that is another step's output is
told by that step's own signature and by its files' checksums; so one that was cleaned away is missed only where it must be made again.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

from jobs.engines.describe import sha256
from jobs.errors import FaninError, UsageError
from jobs.flows.flow import Node
from jobs.flows.parsed import plan_of
from jobs.flows.steps import Run
from jobs.storage.inputs import resolve
from jobs.storage.manifest import Manifest, digest

Parts = dict[str, Any]


def parts(node: Node, runner: str, inputs: Mapping[str, Any]) -> Parts:
    """What is recorded of a node.  inputs: the identity of each path that it reads, as `identity_of` and `output_of` give it."""
    told = {
        "fanin": version("fanin"),
        "declaration": _declaration(node, runner),
        "code": {"version": node.step.version} if node.step.version else dict(_code(node)),
        "inputs": dict(inputs),
    }
    return {"step": node.name, "signature": digest(_lasting(told)), **told}


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
    return digest([[file.name, file.size, file.crc32c] for file in manifest.all_files])


def _same(old: Any, new: Any) -> bool:
    """Whether an input is the one it was; of an output that is not there its signature alone tells."""
    if isinstance(old, dict) and isinstance(new, dict):
        return all(old.get(name) == value for name, value in new.items())
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
        "options": list(node.options),
        "order of inputs": node.paths,
    }
    if plan := plan_of(node, runner):
        said |= {name: value for name, value in plan.items() if name != "job"}
    return said


def _code(node: Node) -> Iterator[tuple[str, str]]:
    """The files that hold a step's code, and their digests: of a job its own file, of a command those that it names."""
    if isinstance(node.step, Run):
        from jobs.catalog import find

        try:
            module = sys.modules[find(node.words[0]).__module__]
        except FaninError as error:
            raise UsageError(f"{node.step.at('run')}{error}") from None
        if module.__file__:
            yield os.path.basename(module.__file__), sha256(module.__file__)
        return
    for word in node.words:
        for piece in re.split(r"[,\s]", word):
            file = piece.partition("#")[0]
            if file and os.path.isfile(file):
                yield file, sha256(file)
