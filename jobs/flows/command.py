"""A step that is any program: what it has written into a folder is published as an output directory."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from jobs import audit
from jobs.engines.describe import describe_lines
from jobs.errors import FaninError, UsageError
from jobs.storage.inputs import expanded, resolve
from jobs.storage.output import Output

READ = 4 << 20
GUARDED = 'exec 3<&0 </dev/null; (read gone <&3; kill -9 0) & exec 3<&- "$@"'
"""For sh: runs its words, and kills them and itself once standard input, a pipe, has ended."""


def main(arguments: Sequence[str]) -> None:
    """Runs `[--overwrite] OUTPUT COUNT INPUT... WORD...`; FaninError, and nothing published, if the program fails."""
    overwrite = arguments[0] == "--overwrite"
    output, count, *rest = arguments[overwrite:]
    inputs, words = rest[: int(count)], rest[int(count) :]
    read = resolve(inputs)
    inputs = [one for path in inputs for one in expanded(path)]
    for directory in read.manifests:
        audit.verify(directory)  # as the program will not
    with Output(output, overwrite) as out:
        folder = out.spill / "command"
        folder.mkdir(parents=True)
        filled = list(_filled(words, inputs, str(folder.absolute())))
        _run(filled)
        files = sorted(folder.iterdir())
        for file in files:
            _check(file, output)
        for number, file in enumerate(files):
            with open(file, "rb") as source, closing(out.named(number, file.name)) as writer:
                while data := source.read(READ):
                    writer.write(memoryview(data), data.count(b"\n"))
        counters = {"read": sum(file.size or 0 for file in read.files), "records": out.records}
        out.publish(partial(describe_lines, words[0], {"command": list(words)}, read, words, counters))


def _filled(words: Sequence[str], inputs: Sequence[str], folder: str) -> Iterator[str]:
    places = {"{input}": "".join(inputs[:1]), "{output}": folder}
    for word in words:
        if word == "{inputs}":
            yield from inputs
            continue
        if "{input}" in word and len(inputs) != 1:
            raise UsageError(f"{word!r}: there are {len(inputs)} inputs; a word {{inputs}} stands for all of them")
        yield re.sub(r"\{(input|output)\}", lambda match: places[match[0]], word)


def _run(words: Sequence[str]) -> None:
    """Runs a program to its end; then, or when this ends in any way, it and what it has started are killed."""
    if shutil.which(words[0]) is None:
        raise FaninError(f"{words[0]}: cannot be started: there is no such program")
    ours, theirs = os.pipe()
    with open(theirs, "wb"):
        process = subprocess.Popen(["sh", "-c", GUARDED, "sh", *words], stdin=ours, start_new_session=True)
        os.close(ours)
        try:
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # so that its id stays its own
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # with all that it has left behind, which might still write
            code = process.wait()
    if code:
        raise FaninError(f"{words[0]}: {f'exit code {code}' if code > 0 else f'killed by signal {-code}'}")


def _check(file: Path, output: str) -> None:
    if file.is_symlink() or not file.is_file() or file.name[0] in "._":
        raise FaninError(
            f"{output}: the command has written {file.name!r}; only plain files that are not hidden are published"
        )
