"""What a step's master node is told of a job: its class, its words, and the files of this machine that they name.

request.tar.gz
    request.json   the Request
    mrjob.conf     options of the runner there, which no process list shows
    code/          the job's file, and what it has imported from beside it
    files/0/x ...  files that options name
"""

import importlib
import io
import json
import os
import sys
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mrjob.options import _parse_raw_args
from mrjob.setup import parse_setup_cmd

from jobs.engines.describe import STEP
from jobs.errors import UsageError
from jobs.job import NODE_OPTIONS, MRJob, adopted
from jobs.plain_mrjob import RUNNER_OPTS

NAME = "request.json"
CONF = "mrjob.conf"
OURS = ("jobs", "joins")
KEPT = (
    "cmdenv", "hadoop_extra_args", "jobconf", "jvm_flags", "label", "python_bin", "task_python_bin", "sh_bin",
)  # fmt: skip
FILES = ("libjars", "py_files", "upload_archives", "upload_dirs", "upload_files")
"""Options of the runner there: as they are, and those that name files."""
HERE = {
    *RUNNER_OPTS, *NODE_OPTIONS, "conf_paths", "runner", "output_dir", "cat_output", "args", "verbose", "dry_run",
    "max_instances", "security_configuration",
}  # fmt: skip
"""Options that are not for the job there, or are told it in another way."""
INPUTS = {"args", "left", "right"}
INSTALLED = {"site-packages", "dist-packages"}


@dataclass(frozen=True)
class Request:
    """One job.

    code: its file below code/, or a module of ours.  name: of its class.  words: of its command line, but inputs.
    inputs: the others.  output: where it publishes.  said: the whole command line, for the manifest.
    step: what a flow has it keep there.
    """

    code: str
    name: str
    words: list[str]
    inputs: list[str]
    output: str
    said: list[str]
    step: Mapping[str, Any] = field(default_factory=lambda: dict(STEP))

    def job(self) -> MRJob:
        """The job, in a folder where its request has been unpacked; of its output's parts nothing is printed."""
        if self.code.endswith(".py"):
            from jobs.catalog import find

            kind = find(f"{self.code}:{self.name}")
        else:
            kind = adopted(getattr(importlib.import_module(self.code), self.name))
        words = [*self.words, "-r", "hadoop", "-c", CONF, "--output-dir", self.output, *self.inputs]
        job = kind(args=words)
        job._said = self.said
        STEP.update(self.step)
        return job


def read(folder: Path) -> Request:
    """The request in a folder where it has been unpacked."""
    return Request(**json.loads((folder / NAME).read_text()))


class Pack:
    """Collects a request's files."""

    def __init__(self) -> None:
        self._members: dict[str, bytes | Path] = {}

    def file(self, path: str) -> str:
        """Takes a file or folder of this machine along; its path there. Another place's stays as it is."""
        if "://" in path:
            return path
        place = Path(path)
        if not place.exists():
            raise UsageError(f"{path}: no such file")
        found = f"files/{len(self._members)}/{place.name}"
        for inside in [place] if place.is_file() else sorted(one for one in place.rglob("*") if one.is_file()):
            self._members[f"{found}/{inside.relative_to(place)}" if place.is_dir() else found] = inside
        return found

    def code(self, job: MRJob) -> str:
        """Takes the job's file along, and what it has imported of its own; its path there, or its module if it is ours."""
        module = type(job).__module__
        if module.partition(".")[0] in OURS:
            return module
        script = Path(job.mr_job_script()).resolve()
        root = script.parent
        for file in (script, *_imported(root), *_declared(job, root)):
            self._members[f"code/{file.relative_to(root)}"] = file
        return f"code/{script.name}"

    def packed(self, request: Request, options: Mapping[str, Any]) -> bytes:
        """The archive.  options: of the runner there."""
        members = {
            NAME: json.dumps(asdict(request)).encode(),
            CONF: json.dumps({"runners": {"hadoop": options}}).encode(),
            **self._members,
        }
        written = io.BytesIO()
        with tarfile.open(fileobj=written, mode="w:gz", compresslevel=1) as archive:
            for name, content in members.items():
                data = content if isinstance(content, bytes) else content.read_bytes()
                info = tarfile.TarInfo(name)
                executable = isinstance(content, Path) and os.access(content, os.X_OK)
                info.size, info.mode = len(data), 0o700 if executable else 0o600
                archive.addfile(info, io.BytesIO(data))
        return written.getvalue()


def _imported(root: Path) -> Iterator[Path]:
    """The files of modules that lie below `root`, and are not installed."""
    for module in list(sys.modules.values()):
        file = Path(getattr(module, "__file__", None) or "/").resolve()
        ours = module.__name__.partition(".")[0] in OURS
        if file.suffix == ".py" and file.is_relative_to(root) and not ours and INSTALLED.isdisjoint(file.parts):
            yield file


def _declared(job: MRJob, root: Path) -> Iterator[Path]:
    """The files that the job's class says it needs, which lie beside it."""
    for declared in (*job.files(), *job.archives(), *job.dirs(), *job.libjars()):
        path = Path(root, str(declared).partition("#")[0]).resolve()
        if "://" in str(declared):
            continue
        if not path.is_relative_to(root):
            raise UsageError(f"{declared}: the job declares a file outside of its folder, {root}; name it by --files")
        yield from [path] if path.is_file() else (one for one in path.rglob("*") if one.is_file())


def words_of(job: MRJob, pack: Pack) -> list[str]:
    """The words of the job's command line that are its own, with the paths that files of it will have there."""
    words: list[str] = []
    for name, option, values in _parse_raw_args(job.arg_parser, job._cl_args):
        if name in HERE | INPUTS or not option:
            continue
        values = [pack.file(value) for value in values] if name in job._file_arg_dests else list(values)
        if len(values) == 1 and values[0].startswith("-"):
            words.append(f"{option}={values[0]}")
        else:
            words += [option, *values]
    return words


def options_there(options: Mapping[str, Any], pack: Pack) -> dict[str, Any]:
    """What the runner there is told of the options of the runner here."""
    told = {name: options[name] for name in KEPT if options.get(name)}
    for name in FILES:
        if options.get(name):
            told[name] = [_renamed(path, pack) for path in options[name]]
    if options.get("setup"):
        told["setup"] = ["".join(_token(token, pack) for token in parse_setup_cmd(line)) for line in options["setup"]]
    return told


def _renamed(path: str, pack: Pack) -> str:
    """A path in mrjob's way: path, or path#name."""
    file, mark, name = path.rpartition("#") if "#" in path else (path, "", "")
    return f"{pack.file(file)}{mark}{name}"


def _token(token: Any, pack: Pack) -> str:
    if isinstance(token, str):
        return token
    slash = "/" if token["type"] == "dir" else ""
    return f"{pack.file(token['path'])}{slash}#{token['name'] or ''}"


def inputs_of(job: MRJob, there: "Mapping[str, Sequence[str]]") -> tuple[list[str], list[str]]:
    """The words and the positional paths that name the job's inputs.  there: what each path here is called there."""
    words = []
    for name in ("left", "right"):
        for path in getattr(job.options, name, None) or []:
            words += [word for found in there[path] for word in (f"--{name}", found)]
    return words, [found for path in job.options.args for found in there[path]]
