"""Hadoop Streaming's own command line, as `hadoop jar hadoop-streaming.jar` takes it, read into a step."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jobs.engines.rows.step import OUTPUT, TEXT_INPUT, Command, Step
from jobs.engines.rows.workspace import Shipped, shipped
from jobs.errors import UsageError
from jobs.storage.site import properties

WITH_VALUE = (
    "-D", "-conf", "-files", "-archives", "-file", "-cacheFile", "-cacheArchive", "-input", "-output", "-mapper", "-combiner",
    "-reducer", "-partitioner", "-inputformat", "-outputformat", "-numReduceTasks", "-cmdenv", "-additionalconfspec",
)  # fmt: skip
PASSED_OVER = ("-verbose", "-info", "-background")
IDENTITY = "IdentityReducer"
NONE = "NONE"


@dataclass(frozen=True)
class Streaming:
    """What a command line says.  inputs: paths.  output: '' where none is said.  rest: arguments that Hadoop does not know.

    warnings: of what Hadoop does with it that few people want.
    """

    step: Step
    shipped: tuple[Shipped, ...]
    inputs: tuple[str, ...]
    output: str
    rest: tuple[str, ...]
    warnings: tuple[str, ...]


def parse(arguments: Sequence[str], command: Callable[[str, str], Command] | None = None) -> Streaming:
    """The job that Streaming's options say; UsageError for what is Java's, or missing.

    command: makes a command of what is said of `mapper`, `combiner` or `reducer`; by default `words` does.
    """
    said: dict[str, list[str]] = {name: [] for name in WITH_VALUE}
    rest: list[str] = []
    waiting = list(arguments)
    while waiting:
        name = waiting.pop(0)
        if name.startswith("-D") and len(name) > 2 and "=" in name:
            said["-D"].append(name[2:])
        elif name in said:
            if not waiting:
                raise UsageError(f"{name}: takes a value, and none follows")
            said[name].append(waiting.pop(0))
        elif name not in PASSED_OVER:
            rest.append(name)
    settings = _settings(said)
    reducer = _last(said, "-reducer")
    if reducer == NONE:
        settings["mapreduce.job.reduces"], reducer = "0", ""
    if not said["-mapper"]:
        raise UsageError("-mapper: none is given; for lines as they are give -mapper cat")
    make = command or (lambda text, kind: Command(words(text)) if not _is_java(text) else _refuse(text, kind))
    combiner = _last(said, "-combiner")
    step = Step(
        mapper=make(said["-mapper"][-1], "mapper"),
        combiner=make(combiner, "combiner") if combiner else None,
        reducer=make(reducer, "reducer") if reducer and not reducer.endswith(f".{IDENTITY}") else None,
        partitioner=_last(said, "-partitioner"),
        input_format=_last(said, "-inputformat") or TEXT_INPUT,
        output_format=_last(said, "-outputformat") or OUTPUT,
        settings=settings,
        environment=dict(pair for text in said["-cmdenv"] for pair in _variables(text)),
    )
    files = [*_listed(said["-files"]), *said["-file"], *said["-cacheFile"]]
    archives = [*_listed(said["-archives"]), *said["-cacheArchive"]]
    return Streaming(
        step,
        (*(shipped(text) for text in files), *(shipped(text, archive=True) for text in archives)),
        tuple(path for text in said["-input"] for path in ([text] if Path(text).exists() else text.split(","))),
        _last(said, "-output"),
        tuple(rest),
        tuple(warning for text in said["-cmdenv"] for warning in _left_out(text)),
    )


def words(text: str) -> tuple[str, ...]:
    """A command's words as Streaming's own StreamUtil.splitArgs has them: quotes of both kinds group, no shell sees them.

    >>> words('''awk -F, '{print $2 "\\t" $1}' ''')
    ('awk', '-F,', '{print $2 "\\t" $1}')
    """
    found: list[str] = []
    word: list[str] = []
    quote, inside = "", False
    for character in text:
        if quote:
            if character == quote:
                quote = ""
            else:
                word.append(character)
        elif character in "'\"":
            quote, inside = character, True
        elif character in " \t":
            if word or inside:
                found.append("".join(word))
            word, inside = [], False
        else:
            word.append(character)
    if word or inside:
        found.append("".join(word))
    if not found:
        raise UsageError(f"{text!r}: no command")
    return tuple(found)


def _settings(said: dict[str, list[str]]) -> dict[str, str]:
    settings: dict[str, str] = {}
    for option in ("-conf", "-additionalconfspec"):
        for file in said[option]:
            try:
                settings |= properties(Path(file))
            except UsageError as error:
                raise UsageError(f"{option} {error}") from None
    settings |= dict(_pair("-D", text) for text in said["-D"])
    if said["-numReduceTasks"]:
        settings["mapreduce.job.reduces"] = said["-numReduceTasks"][-1]
    return settings


def _pair(option: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"{option} {text}: write {option} NAME=VALUE")
    return name, value


def _variables(text: str) -> list[tuple[str, str]]:
    """The variables that -cmdenv sets: Streaming ends a value at a blank, and takes for another variable what is behind that.

    >>> _variables("A=hello world B=x=y")
    [('A', 'hello'), ('B', 'x=y')]
    """
    return [_pair("-cmdenv", word) for word in text.split(" ") if "=" in word] or [_pair("-cmdenv", text)]


def _left_out(text: str) -> list[str]:
    """What is to be said of words of -cmdenv that set no variable."""
    name, words = text.strip(" ").partition("=")[0], [word for word in text.split(" ") if word and "=" not in word]
    return (
        [f"-cmdenv {name}=...: Hadoop ends a value at a blank; left out behind it: {len(words)} word(s)"]
        if words
        else []
    )


def refuse_blanks(environment: Mapping[str, str]) -> None:
    """Raises UsageError for a variable of an mrjob class that Streaming would cut without a word."""
    for name, value in environment.items():
        if " " in value:
            raise UsageError(
                f"--cmdenv {name}=...: has a blank, where Hadoop ends a value; set it by --setup \"export {name}='...'\""
            )


def _listed(texts: Sequence[str]) -> list[str]:
    return [path for text in texts for path in text.split(",") if path]


def _last(said: dict[str, list[str]], name: str) -> str:
    return said[name][-1] if said[name] else ""


def _is_java(text: str) -> bool:
    """Whether a mapper or reducer is a class of Java's, or Streaming's own `aggregate`."""
    return text == "aggregate" or (text.startswith(("org.apache.", "com.", "java.")) and " " not in text)


def _refuse(text: str, kind: str) -> Command:
    advice = "give -mapper cat" if kind == "mapper" else "write a command that does it"
    raise UsageError(f"-{kind} {text}: is Java's, and there is no JVM here; {advice}")
