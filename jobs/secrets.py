"""Command lines as they may be kept and told: without what a person has given to tasks in confidence."""

import re
from collections.abc import Iterator, Sequence

HIDDEN = "***"
SECRET = re.compile(r"(?i)secret|password|passwd|token|credential|access[._-]?key")
ENVIRONMENT = ("--cmdenv", "-cmdenv")
SETTINGS = ("-D", "--jobconf", "-jobconf")


def concealed(words: Sequence[str]) -> list[str]:
    """The words, without the values of variables for tasks, and of settings whose names tell of secrets.

    >>> concealed(["--cmdenv", "KEY=x y", "-D", "fs.s3a.secret.key=x", "-D", "mapreduce.job.reduces=3"])
    ['--cmdenv', 'KEY=***', '-D', 'fs.s3a.secret.key=***', '-D', 'mapreduce.job.reduces=3']
    >>> concealed(["--cmdenv=KEY=x", "-Dfs.s3a.access.key=x"])
    ['--cmdenv=KEY=***', '-Dfs.s3a.access.key=***']
    """
    return list(_concealed(words))


def _concealed(words: Sequence[str]) -> Iterator[str]:
    before = ""
    for word in words:
        option, value = (before, word) if before in (*ENVIRONMENT, *SETTINGS) else _split(word)
        name, equals, _ = value.partition("=")
        hidden = equals and (option in ENVIRONMENT or (option in SETTINGS and SECRET.search(name)))
        yield f"{word.removesuffix(value)}{name}={HIDDEN}" if hidden else word
        before = "" if before in (*ENVIRONMENT, *SETTINGS) else word


def _split(word: str) -> tuple[str, str]:
    """An option and its value in one word, as --cmdenv=X=1 or -DX=1; '' and '' for another."""
    for option in ("--cmdenv", "--jobconf"):
        if word.startswith(f"{option}="):
            return option, word.removeprefix(f"{option}=")
    return ("-D", word[2:]) if word.startswith("-D") and len(word) > 2 else ("", "")
