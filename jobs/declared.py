"""Where a job class declares an attribute, to quote its own line in an error."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobs.errors import DeclarationError, UsageError


@contextmanager
def quoting(kind: type) -> Iterator[None]:
    """Within, a DeclarationError about the job class `kind` becomes a UsageError that quotes the class's own line."""
    try:
        yield
    except DeclarationError as error:
        place = declared_at(kind, error.attribute, error.line)
        raise UsageError(f"{kind.__name__}.{error.attribute}: {error}{place}") from error


def declared_at(kind: type, attribute: str, sql_line: int | None = None) -> str:
    """The file, number and text of the line where `kind` (or a base) declares `attribute`, or ''.

    sql_line: the line of the attribute's SQL text, from 1, where that is a literal of several lines.
    """
    for owner in kind.__mro__:
        if attribute not in vars(owner):
            continue
        try:
            lines, first = inspect.getsourcelines(owner)
            file = inspect.getsourcefile(owner)
        except (OSError, TypeError):
            return ""
        body = ast.parse(textwrap.dedent("".join(lines))).body[0]
        statement = _declaration(body, attribute)
        if not file or not statement:
            return ""
        number = first - 1 + _line(statement, sql_line)
        text = Path(file).read_text().splitlines()[number - 1].strip()
        return f"\n  {file}:{number}: {text}"
    return ""


def _declaration(owner: ast.AST, attribute: str) -> ast.stmt | None:
    for statement in getattr(owner, "body", ()):
        targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        if attribute in names or getattr(statement, "name", None) == attribute:
            return statement  # type: ignore[no-any-return]
    return None


def _line(statement: ast.stmt, sql_line: int | None) -> int:
    """The line of a declaration; of its SQL text where that is one literal, which begins after its quotes."""
    value = getattr(statement, "value", None)
    if sql_line and isinstance(value, ast.Constant) and value.end_lineno:
        return min(value.lineno + sql_line - 1, value.end_lineno)
    return statement.lineno
