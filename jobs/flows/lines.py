"""The lines of the keys of a TOML file, which tomllib does not tell, for errors."""

import re
import tomllib

TOKEN = re.compile(
    r'"{3}(?:\\.|[^\\])*?"{3,5}'
    r"|'{3}.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[][{}=,.\n]"
    r"|[^][{}=,.\n\s#\"']+",
    re.S,
)
Path = tuple[str, ...]


class Lines:
    """Where keys stand in the file `path`, whose `text` is good TOML."""

    def __init__(self, path: str, text: str) -> None:
        self.path, self._lines = path, _lines(text)

    def at(self, *key: str) -> str:
        """Where a key is said, by its path, or else the table that it is in; to begin an error with."""
        number = next((self._lines[key[:end]] for end in range(len(key), 0, -1) if key[:end] in self._lines), 0)
        return f"{self.path}:{number}: " if number else f"{self.path}: "

    def of(self, *table: str) -> dict[str, int]:
        """The lines of the keys of a table, and '' for its own."""
        inside = {path[-1]: line for path, line in self._lines.items() if path[:-1] == table}
        return {**inside, "": self._lines[table]}


def _lines(text: str) -> dict[Path, int]:
    """The line of each table and key, by its path, whether its table has a [header], is {inline}, or stands in a dotted key."""
    found: dict[Path, int] = {}
    table: Path = ()  # whose header was the last
    open: list[tuple[Path, str]] = []  # brackets, with the key whose value they are in
    key: list[str] = []  # what has been read of one
    reading: str = "key"  # or a "header", or a "value"
    path: Path = ()
    line = 1

    def see(whole: Path) -> None:
        for end in range(1, len(whole) + 1):
            found.setdefault(whole[:end], line)

    for match in TOKEN.finditer(text):
        token = match[0]
        if token == "\n" and not open:
            reading, key = "key", []
        elif reading == "key" and token == "[" and not key and not open:
            reading = "header"
        elif reading == "header" and token == "]":
            reading, table = "value", tuple(key)
            see(table)
        elif reading == "key" and token == "=":
            path = (*(open[-1][0] if open else table), *key)
            reading = "value"
            see(path)
        elif token in ("[", "{") and reading != "header":
            open.append((path, token))
            reading, key = ("key" if token == "{" else "value"), []
        elif token in ("]", "}") and open:
            path, _ = open.pop()
            reading = "value"
        elif token == "," and open:
            path = open[-1][0]
            reading, key = ("key" if open[-1][1] == "{" else "value"), []
        elif reading != "value" and token not in (".", "[", "\n") and token[0] != "#":
            key.append(str(tomllib.loads(f"key = {token}")["key"]) if token[0] in "\"'" else token)
        line += token.count("\n")
    return found
