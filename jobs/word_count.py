"""How often each word occurs.

    fanin run word_count INPUT... -o OUT [--words hadoop|letters]

Input is text; output is `word<TAB>count`. Held in memory: the distinct words, then spilled to disk.
"""

from jobs import AggregateJob, Count

# What Hadoop's own WordCount takes (Java's StringTokenizer): runs of anything but space, tab, \n, \r, form feed.
HADOOP = r"string_split(replace(replace(line, E'\t', ' '), E'\f', ' '), ' ')"
# Letters, with the marks that go with them, and digits; lower-cased character by character.
LETTERS = r"regexp_extract_all(lower(line), '[\p{L}\p{M}\p{Nd}]+')"


class WordCount(AggregateJob):
    """How often each word occurs."""

    group_by = ["word"]
    measures = {"count": Count()}

    def configure_args(self) -> None:
        super().configure_args()
        self.add_passthru_arg(
            "--words", choices=["hadoop", "letters"], default="hadoop",
            help="hadoop: between blanks, case kept; letters: letters and digits, lower-cased (default hadoop)",
        )  # fmt: skip

    @property
    def rows(self) -> str:  # type: ignore[override]
        words = HADOOP if self.options.words == "hadoop" else LETTERS
        each = f"SELECT unnest(words) AS word FROM (SELECT {words} AS words FROM lines)"
        return f"SELECT word FROM ({each}) WHERE word <> ''"


if __name__ == "__main__":
    WordCount.run()
