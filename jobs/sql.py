"""Quoting: the only way a name or a text of the user's enters SQL."""


def identifier(name: str) -> str:
    """`name` as a quoted SQL identifier.

    >>> print(identifier('the "best" key'))
    "the ""best"" key"
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """`text` as a SQL string literal; a NUL, which no SQL text can hold, is refused.

    >>> literal("it's")
    "'it''s'"
    """
    if "\0" in text:
        raise ValueError("a NUL character cannot stand in SQL text")
    return "'" + text.replace("'", "''") + "'"
