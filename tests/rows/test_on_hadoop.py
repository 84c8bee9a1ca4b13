"""The shuffle and the real streaming jar give the same parts: of any bytes, by every partitioner and comparator."""

import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from jobs.engines.rows.key_fields import parse, partition
from jobs.engines.rows.shuffle import Keys
from tests import lab
from tests.rows.test_shuffle import expected, same_but_for_the_order_of_values, shuffled

pytestmark = pytest.mark.hadoop

PARTS = 4
LIB = "org.apache.hadoop.mapred.lib."
FIELDS = ["-partitioner", LIB + "KeyFieldBasedPartitioner"]


@dataclass(frozen=True)
class Case:
    """Keys, and the same as Hadoop is told; the lines that mappers write."""

    keys: Keys
    options: list[str]
    settings: dict[str, str]
    lines: list[bytes]


def any_bytes() -> Iterator[bytes]:
    chance = random.Random(8)
    yield from [b"", b"\t", b"\tvalue", b"key", b"key\t", b"a\tb\tc", b"\x00", b"\x01\tx", b"a\x01\tx", b"a\tx", b"\xed\xa0\x80\t", b"\xed\xa0,"]  # fmt: skip
    pieces = [*["a", "b", "\t", ",", "-", ".", "é", "😀", "\x00"], "\ufffd"]
    for _ in range(400):
        yield b"".join(chance.choice(pieces).encode() for _ in range(chance.randrange(9)))
        yield bytes(chance.choice(b"\xed\xa0\x80\xf0\x9f\x98\xe2\xc0\xf4\x90\xff\xc3\xa9,\ta") for _ in range(chance.randrange(9)))  # fmt: skip
        yield chance.randbytes(chance.randrange(12)).replace(b"\n", b"").replace(b"\r", b"")
    yield b"k" * 5000 + b"\t" + b"v" * 100_000
    yield b"\xff" * 3000


def words() -> Iterator[bytes]:
    chance = random.Random(9)
    for _ in range(600):
        fields = [chance.choice(["", "a", "ab", "abc", "abcde", "b", "é", "7", "-7", "10", "07x"]) for _ in range(chance.randrange(5))]  # fmt: skip
        yield ",".join(fields).encode()


NUMBERS = {
    "decimals": "0 -0 0.0 -0.00 1 1.0 1.5 1.50 1.05 -1.5 -1.50 -1.05 -1 10 9 -10 -9 123456789012345678901234567890 .5 -.5 .05 1.500001",
    "empty": " 0 1 -1 5 10",
    "zeros": "0 00 7 07 007 10 010 -7 -07 -007",
    "ended": "7 7a 7b 7kB 70 70a 7- 7,5 7é",
    "words": "a b 1 9 0 +1 abc é",
    "addresses": "10.0.0.1 10.0.0.2 10.0.1.0 9.255.0.1 192.0.0.1 10.10.0.1",
    "dates": "2024-01-02 2023-12-31 1999-01-01",
}


def numbers() -> Iterator[bytes]:
    for name, texts in NUMBERS.items():
        for text in texts.split(" "):
            for other in ("1", "-2.50", "10"):
                yield f"{name}\t{text}\t{other}\tvalue".encode()


def by_fields(order: str) -> dict[str, str]:
    comparator = LIB + "KeyFieldBasedComparator"
    return {
        "mapreduce.job.output.key.comparator.class": comparator,
        "mapreduce.partition.keycomparator.options": order,
    }


def separated(by: str, fields: int = 1) -> dict[str, str]:
    return {"stream.map.output.field.separator": by, "stream.num.map.output.key.fields": str(fields)}


DIVIDE = "mapreduce.partition.keypartitioner.options"
BETWEEN = "mapreduce.map.output.key.field.separator"
CASES = {
    "by default": Case(Keys(), [], {}, list(any_bytes())),
    "several fields": Case(
        Keys(2, ",", "::"),
        [],
        separated(",", 2) | {"stream.reduce.input.field.separator": "::"},
        list(any_bytes()),
    ),
    "a long separator": Case(Keys(2, "é", "\t"), [], separated("é", 2), list(any_bytes())),
    "the text of the key": Case(Keys(2, partition=()), FIELDS, separated("\t", 2), list(any_bytes())),
    "fields of the key": Case(
        Keys(3, ",", "\t", ",", parse("-k2,2 -k1.2,1.3"), parse("-k2,2r -k1.2,1.3")),
        FIELDS,
        separated(",", 3) | by_fields("-k2,2r -k1.2,1.3") | {DIVIDE: "-k2,2 -k1.2,1.3", BETWEEN: ","},
        [*any_bytes(), *words()],
    ),
    "ends before starts": Case(
        Keys(4, ",", "\t", ",", partition("", "2"), parse("-k1.3,1 -k3,2r -k2.2,2")),
        FIELDS,
        separated(",", 4)
        | by_fields("-k1.3,1 -k3,2r -k2.2,2")
        | {"num.key.fields.for.partition": "2", BETWEEN: ","},
        list(words()),
    ),
    "numbers": Case(
        Keys(3, partition=parse("-k1,1"), order=parse("-k1,1 -k2,2n -k3,3nr")),
        FIELDS,
        separated("\t", 3) | by_fields("-k1,1 -k2,2n -k3,3nr") | {DIVIDE: "-k1,1"},
        list(numbers()),
    ),
    "everything reversed": Case(Keys(2, ",", order=parse("-r")), [], separated(",", 2) | by_fields("-r"), list(words())),
    "integers, reversed": Case(
        Keys(1, order=parse("-nr")), [], by_fields("-nr"), [b"%d\t%d" % (n * 7919 % 2003 - 1000, n) for n in range(2003)]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_streaming_jar_gives_the_same_parts(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    data = b"\n".join(case.lines) + b"\n"
    on_hadoop = streamed(case, data, tmp_path)
    here = shuffled([data], case.keys, PARTS, tmp_path)
    for hadoops, ours, part in zip(on_hadoop, here, expected([data], case.keys, PARTS), strict=True):
        same_but_for_the_order_of_values(hadoops, part, case.keys)
        same_but_for_the_order_of_values(ours, part, case.keys)


def streamed(case: Case, data: bytes, folder: Path) -> list[bytes]:
    """What each reducer reads on Hadoop, in one process."""
    env = lab.environment()
    (folder / "in").mkdir()
    (folder / "in" / "lines").write_bytes(data)
    settings = {
        "mapreduce.framework.name": "local", "fs.defaultFS": "file:///", "hadoop.tmp.dir": str(folder / "tmp"),
        "mapreduce.job.reduces": str(PARTS), "stream.reduce.output": "keyonlytext", **case.settings,
    }  # fmt: skip
    defined = [word for name, value in settings.items() for word in ("-D", f"{name}={value}")]
    places = ["-input", str(folder / "in"), "-output", str(folder / "out")]
    command = ["hadoop", "jar", env["HADOOP_STREAMING_JAR"], *defined, *places, "-mapper", "cat", "-reducer", "cat"]
    done = subprocess.run([*command, *case.options], env=env, capture_output=True, cwd=folder, timeout=250)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return [(folder / "out" / f"part-{number:05}").read_bytes() for number in range(PARTS)]
