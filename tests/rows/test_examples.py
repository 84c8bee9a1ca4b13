"""mrjob's own example jobs, and exercises of the textbooks, checked against plain Python."""

import inspect
import json
import math
import re
from collections import Counter, defaultdict
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import mrjob.examples
import pytest

from tests import command
from tests.conformance.cases import DATA
from tests.rows.test_mrjob import here, job, run

__all__ = ["here"]  # a fixture

pytestmark = pytest.mark.slow

EXAMPLES = Path(inspect.getfile(mrjob.examples)).parent
WORD = re.compile(r"[\w']+")
LOG = (DATA / "apache_access.log").read_text().splitlines()[:300]


def pairs(name: str, *arguments: str) -> list[tuple[Any, Any]]:
    """Keys and values that an example writes of a piece of the access log."""
    Path("log.txt").write_text("\n".join(LOG) + "\n")
    lines = run(str(EXAMPLES / f"{name}.py"), *arguments, inputs=["log.txt"]).lines
    return [tuple(json.loads(text) if text else None for text in line.split(b"\t")) for line in lines]  # type: ignore[misc]


def words(line: str) -> list[str]:
    return [word.lower() for word in WORD.findall(line)]


COUNTED = Counter(word for line in LOG for word in words(line))


def test_word_freq_count() -> None:
    assert dict(pairs("mr_word_freq_count")) == COUNTED


def test_words_containing_u() -> None:
    assert dict(pairs("mr_words_containing_u_freq_count")) == {word: n for word, n in COUNTED.items() if "u" in word}


def test_most_used_word() -> None:
    stop = set((EXAMPLES / "stop_words.txt").read_text().split())
    expected = max((n, word) for word, n in COUNTED.items() if word not in stop)[1]
    assert [key for key, _ in pairs("mr_most_used_word")] == [expected]


def test_next_word_stats() -> None:
    follows = Counter(pair for line in LOG for pair in pairwise(words(line)))
    begins: Counter[str] = Counter()
    for (word, _), n in follows.items():
        begins[word] += n
    expected = {(a, b): [begins[a], n, 100.0 * n / begins[a]] for (a, b), n in follows.items()}
    assert {tuple(key): value for key, value in pairs("mr_next_word_stats")} == expected


def test_wc_and_the_lines_counted_right_and_wrong() -> None:
    wc = {
        "chars": sum(len(line) + 1 for line in LOG),
        "lines": len(LOG),
        "words": sum(len(line.split()) for line in LOG),
    }
    assert dict(pairs("mr_wc")) == wc
    assert pairs("mr_count_lines_right", "--threads", "3") == [(None, len(LOG))]
    wrong = pairs("mr_count_lines_wrong", "-D", "mapreduce.job.maps=3")
    assert (len(wrong), sum(n for _, n in wrong)) == (3, len(LOG))


def test_grep() -> None:
    Path("log.txt").write_text("\n".join(LOG) + "\n")
    found = run(str(EXAMPLES / "mr_grep.py"), "-e", "favicon", inputs=["log.txt"]).output.decode()
    assert found == "".join(f"{line}\t\n" for line in LOG if "favicon" in line)


def test_count_lines_by_file(here: Path) -> None:
    assert pairs("mr_count_lines_by_file") == [(f"file:{here}/log.txt", len(LOG))]


def test_log_sampler() -> None:
    Path("log.txt").write_text("\n".join(LOG) + "\n")
    ran = run(str(EXAMPLES / "mr_log_sampler.py"), "--sample-size", "20", inputs=["log.txt"])
    sample = [line.removesuffix("\t") for line in ran.output.decode().splitlines()]
    assert len(sample) == 20
    assert not Counter(sample) - Counter(LOG)


def test_text_classifier() -> None:
    """As mrjob's inline runner; sums of floats, but for the order they are added in."""
    documents = sorted(str(path) for path in (EXAMPLES / "docs-to-classify").iterdir())
    file = str(EXAMPLES / "mr_text_classifier.py")
    theirs = command.python(file, "-r", "inline", "--no-conf", "--no-test-set", *documents).ok().out
    ours = run(file, "--no-test-set", inputs=documents).output
    assert rounded(ours) == rounded(theirs)


def rounded(output: bytes) -> Counter[str]:
    """Lines whose numbers have nine digits, and whose objects are sorted."""
    lines = (
        json.dumps([json.loads(text) for text in line.split(b"\t")], sort_keys=True) for line in output.splitlines()
    )
    return Counter(re.sub(r"-?\d+\.\d+(e-?\d+)?", lambda number: f"{float(number[0]):.6f}", line) for line in lines)


def test_boom() -> None:
    with pytest.raises(Exception, match="BOOM"):
        pairs("mr_boom")


# Exercises


def values(body: str) -> dict[Any, Any]:
    """What a class writes of in.txt, by key; the same with one reducer and with three."""
    file = job(body)
    one, three = (dict(map(loaded, run(file, "-D", f"mapreduce.job.reduces={n}").lines)) for n in (1, 3))
    assert one == three
    return one


def loaded(line: bytes) -> tuple[Any, Any]:
    key, value = (json.loads(text) for text in line.split(b"\t"))
    return tuple(key) if isinstance(key, list) else key, value


def test_an_inverted_index() -> None:
    Path("in.txt").write_text("".join(f"doc{n % 40}\t{line}\n" for n, line in enumerate(LOG)))
    found = values("""
class Job(MRJob):
    def mapper(self, _, line):
        name, text = line.split("\\t", 1)
        for word in set(text.split()):
            yield word, [name]
    def combiner(self, word, names):
        yield word, sorted({name for some in names for name in some})
    def reducer(self, word, names):
        yield word, sorted({name for some in names for name in some})
""")
    index = defaultdict(set)
    for n, line in enumerate(LOG):
        for word in line.split():
            index[word].add(f"doc{n % 40}")
    assert found == {word: sorted(names) for word, names in index.items()}


def test_a_product_of_matrices() -> None:
    size = 7
    a = {(i, j): i * j % 5 - 2 for i in range(size) for j in range(size)}
    b = {(i, j): i + 3 * j - 9 for i in range(size) for j in range(size)}
    Path("in.txt").write_text(
        "".join(f"{name} {i} {j} {x}\n" for name, matrix in (("A", a), ("B", b)) for (i, j), x in matrix.items())
    )
    found = values("""
class Job(MRJob):
    def steps(self):
        return [MRStep(mapper=self.by_inner, reducer=self.products), MRStep(combiner=self.total, reducer=self.total)]
    def by_inner(self, _, line):
        name, i, j, x = line.split()
        yield (int(j), [name, int(i), int(x)]) if name == "A" else (int(i), [name, int(j), int(x)])
    def products(self, _, entries):
        entries = list(entries)
        for name, i, x in entries:
            for other, j, y in entries:
                if (name, other) == ("A", "B"):
                    yield (i, j), x * y
    def total(self, place, products):
        yield place, sum(products)
""")
    assert found == {(i, j): sum(a[i, k] * b[k, j] for k in range(size)) for i in range(size) for j in range(size)}


def test_friends_in_common() -> None:
    friends = {n: sorted(m for m in range(12) if m != n and (n * m + n + m) % 3) for n in range(12)}
    Path("in.txt").write_text("".join(f"{n}: {' '.join(map(str, some))}\n" for n, some in friends.items()))
    found = values("""
class Job(MRJob):
    def mapper(self, _, line):
        person, friends = line.split(":")
        for friend in friends.split():
            yield sorted([int(person), int(friend)]), [int(one) for one in friends.split()]
    def reducer(self, pair, friends):
        friends = list(friends)
        if len(friends) == 2:
            yield pair, sorted(set(friends[0]) & set(friends[1]))
""")
    expected = {
        (n, m): sorted({*friends[n]} & {*friends[m]})
        for n, m in combinations(friends, 2)
        if m in friends[n] and n in friends[m]
    }
    assert len(expected) > 20
    assert found == expected


def test_a_step_of_pagerank() -> None:
    links = {n: sorted({(n * 7 + 3) % 20, (n * n) % 20, (n + 1) % 20}) for n in range(20)}
    ranks = {n: (n + 1) / 210 for n in links}
    Path("in.txt").write_text("".join(f"{n}\t{json.dumps([ranks[n], links[n]])}\n" for n in links))
    found = values("""
class Job(MRJob):
    INPUT_PROTOCOL = JSONProtocol
    def mapper(self, page, node):
        rank, links = node
        yield page, ["links", links]
        for link in links:
            yield link, ["rank", rank / len(links)]
    def reducer(self, page, values):
        links, rank = [], []
        for kind, value in values:
            if kind == "links":
                links = value
            else:
                rank.append(value)
        yield page, [0.15 / 20 + 0.85 * sum(sorted(rank)), links]
""")
    got: defaultdict[int, list[float]] = defaultdict(list)
    for page, some in links.items():
        for link in some:
            got[link].append(ranks[page] / len(some))
    assert found == {page: [0.15 / 20 + 0.85 * sum(sorted(got[page])), some] for page, some in links.items()}
    assert math.isclose(sum(rank for rank, _ in found.values()), 1)
