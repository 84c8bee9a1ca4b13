"""Quoting, the only way a name or a text of the user's enters SQL; and a name for what is computed once."""


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


def let(name: str, value: str, body: str) -> str:
    """SQL for `body` with `name`, quoted, for `value`, computed once; in a CASE it would be computed for each mention."""
    return f"list_transform([{value}], lambda {name}: {body})[1]"
