"""Streaming programs: their command lines, inputs, and what Python makes of the same lines."""

import io
import re
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.rows import mapreduce
from tests.rows.mapreduce import Key, Lines, first, lines, reduced, shuffled, text_hash, with_tab

Files = Mapping[str, bytes]
LIB = "org.apache.hadoop.mapred.lib"
WORDS = {
    "one.txt": b"to be or not to be\nthat is the question\n\n",
    "two.txt": "whether 'tis nobler\n  été à l'école\nto be".encode(),
}
SALES = {
    "sales.csv": b"kiel,3\nbonn,10\nkiel,-5\nulm,0\nbonn,7\n",
    "more.csv": b"ulm,12\naachen,1\nkiel,40\n",
}
MESSY = {
    "bytes": b"\xff\xfe\tinvalid\nkey\t\x00\x01\xff\xc3\nkey\tnul \x00 inside\n\x00\tkey of NUL\n\xe9\x80\tcut off\n",
    "tabs": b"a\tb\tc\nk\t\t\nk\t\tx\t\nk\ttwo\ttabs\t\n\t\t\t\n",
    "empty": b"\n\n\tvalue of no key\n\t\n\nkey alone\n \n",
    "ends": b"unix\t1\ndos\t2\r\nmac\t3\rmac\t4\r\rdos\t5\r\n\r\nno end\t6",
    "more": b"follows on\t7\n",
    "nothing": b"",
}
EVENTS = {
    "a": b"".join(b"user%d\t%d\tv%d\n" % (n % 7, n * 37 % 101, n) for n in range(200)),
    "b": b"".join(b"user%d\t%d\tw%d\n" % (n % 5, n * 53 % 211 - 60, n) for n in range(150)),
}
NUMBERS = {"n": b"".join(b"%d\tx\n" % (n * 7919 % 1009 - 300) for n in range(300))}
SUM = b"""BEGIN { FS = "\\t" }
NR > 1 && $1 != key { print key "\\t" total; total = 0 }
{ key = $1; total += $2 }
END { if (NR) print key "\\t" total }
"""


@dataclass(frozen=True)
class Program:
    """A command line without -input and -output, and what comes of it.

    expected: the lines of each part, sorted; of files as they are.  key: what lines of a part are ordered by.
    shipped: files in the folder `shipped`.
    """

    arguments: tuple[str, ...]
    inputs: Files
    expected: Callable[[Files], list[Lines]]
    key: Key = first
    shipped: Files = field(default_factory=dict)


def settings(**given: object) -> tuple[str, ...]:
    """-D options; a setting's dots are written as two underscores."""
    return tuple(word for name, value in given.items() for word in ("-D", f"{name.replace('__', '.')}={value}"))


def mapped(change: Callable[[bytes], bytes] = with_tab) -> Callable[[Files], list[Lines]]:
    """The output of mappers alone: a part for each file, since all files here are small, the largest first."""
    return lambda files: [
        [change(line) for line in mapreduce.split(data)] for data in sorted(files.values(), key=len, reverse=True)
    ]


def words_of(files: Files) -> Lines:
    return [word + b"\t1" for line in lines(files) for word in line.split()]


def sums(parts: list[Lines]) -> list[Lines]:
    return reduced(parts, lambda key, values: [b"%b\t%d" % (key, sum(map(int, values)))])


def zipped(name: str, data: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, data)
    return packed.getvalue()


def tarred(name: str, data: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def numbered(count: int) -> Callable[[Files], list[Lines]]:
    """What mappers see of NLineInputFormat with `count` lines each: lines behind the byte where they start."""

    def expected(files: Files) -> list[Lines]:
        found = []
        for data in files.values():
            position, keyed = 0, []
            for line in data.splitlines(keepends=True):
                keyed.append(b"%d\t%b" % (position, line.rstrip(b"\r\n")))
                position += len(line)
            found += [keyed[start : start + count] for start in range(0, len(keyed), count)]
        return found

    return expected


def keyed_alone(line: bytes) -> bytes:
    return line


CAT = ("-mapper", "cat", "-reducer", "cat")
COUNT = ("-files", "shipped/sum.awk", "-mapper", """awk '{ for (i = 1; i <= NF; i++) print $i "\\t1" }'""")
SUMMED = ("-combiner", "awk -f sum.awk", "-reducer", "awk -f sum.awk")
NUMERIC = lambda line: -int(line.split(b"\t")[0])  # noqa: E731
PROGRAMS: dict[str, Program] = {
    "identity": Program((*CAT, "-numReduceTasks", "3"), WORDS, lambda files: shuffled(lines(files), 3)),
    "messy bytes": Program((*settings(mapreduce__job__reduces=4), *CAT), MESSY, lambda files: shuffled(lines(files), 4)),
    "messy bytes, mappers alone": Program(("-mapper", "cat", "-reducer", "NONE"), MESSY, mapped()),
    "awk": Program(
        ("-files", "shipped/sum.awk", "-mapper", """awk -F, '{ print $1 "\\t" $2 }'""", "-reducer", "awk -f sum.awk"),
        SALES,
        lambda files: sums(shuffled([line.replace(b",", b"\t") for line in lines(files)], 1)),
        shipped={"sum.awk": SUM},
    ),
    "word count with a combiner": Program(
        (*settings(mapreduce__job__reduces=3), *COUNT, *SUMMED),
        WORDS,
        lambda files: sums(shuffled(words_of(files), 3)),
        shipped={"sum.awk": SUM},
    ),
    "secondary sort": Program(
        (
            *settings(
                stream__num__map__output__key__fields=2,
                mapreduce__partition__keypartitioner__options="-k1,1",
                mapreduce__job__output__key__comparator__class=f"{LIB}.KeyFieldBasedComparator",
                mapreduce__partition__keycomparator__options="-k1,1 -k2,2nr",
                mapreduce__job__reduces=3,
            ),
            *CAT, "-partitioner", f"{LIB}.KeyFieldBasedPartitioner",
        ),
        EVENTS,
        lambda files: shuffled(
            lines(files), 3, mapreduce.field(2), lambda key: text_hash(key.split(b"\t")[0], 0),
            lambda key: (key.split(b"\t")[0], -int(key.split(b"\t")[1])),
        ),
        key=mapreduce.field(2),
    ),
    "numbers in reverse": Program(
        (
            *settings(
                mapreduce__job__output__key__comparator__class="org.apache.hadoop.mapreduce.lib.partition.KeyFieldBasedComparator",
                mapreduce__partition__keycomparator__options="-nr",
            ),
            *CAT,
        ),
        NUMBERS,
        lambda files: shuffled(lines(files), 1, order=NUMERIC),
    ),
    "mappers alone": Program(
        (*settings(mapreduce__job__reduces=0), "-mapper", "tr a-z A-Z"), WORDS, mapped(lambda line: with_tab(line).upper()
        if line.isascii() else with_tab(bytes(b - 32 if 97 <= b <= 122 else b for b in line)))
    ),
    "ends of lines that a mapper writes": Program(
        ("-mapper", r"""awk '{ printf "%s\ta\rlone\tb\r\nboth\tc\r\r\n\n", $1 }'""", "-reducer", "cat"),
        SALES,
        lambda files: shuffled(
            [one for line in lines(files) for one in (line + b"\ta", b"lone\tb", b"both\tc", b"", b"")], 1
        ),
    ),
    "ends of lines that a reducer writes": Program(
        ("-mapper", "cat", "-reducer", r"""awk '{ printf "%s\r%s\r\nend", $1, NR }'"""),
        {"one": b"x\ty\n"},
        lambda files: [[b"x\t", b"1\t", b"end\t"]],
    ),
    "key alone as text": Program(
        (*settings(stream__reduce__output="keyonlytext"), *CAT),
        WORDS,
        lambda files: [[line.removesuffix(b"\t") + b"\t" for line in part] for part in shuffled(lines(files), 1)],
    ),
    "a reducer's key alone": Program(
        (*settings(stream__reduce__output="keyonlytext"), "-mapper", "cat", "-reducer", "cut -f 1"),
        WORDS,
        lambda files: [[line.removesuffix(b"\t") for line in part] for part in shuffled(lines(files), 1)],
    ),
    "a mapper's key alone": Program(
        (*settings(stream__map__output="keyonlytext", mapreduce__job__reduces=0), "-mapper", "cat"),
        WORDS, mapped(keyed_alone)
    ),
    "no reducer": Program(("-mapper", "cat"), MESSY, lambda files: shuffled(lines(files), 1)),
    "the identity reducer": Program(
        ("-mapper", "cat", "-reducer", f"{LIB}.IdentityReducer", "-numReduceTasks", "2"),
        MESSY,
        lambda files: shuffled(lines(files), 2),
    ),
    "separators": Program(
        (
            *settings(
                stream__map__output__field__separator=".",
                stream__num__map__output__key__fields=2,
                stream__reduce__input__field__separator=":",
                stream__reduce__output__field__separator=",",
                stream__num__reduce__output__key__fields=2,
                mapreduce__output__textoutputformat__separator="|",
                mapreduce__job__reduces=2,
            ),
            "-mapper", "cat", "-reducer", "sed s/:/,/",
        ),
        {"dots": b"a.b.c.d\na.b\na\n\n.\n..x\nb.a.1,2,3\n"},
        lambda files: separated(files, 2),
        key=lambda line: b".".join(re.split(rb"[.,]", line)[:2]),
    ),
    "separators of an identity": Program(
        (*settings(stream__map__output__field__separator=",", mapreduce__output__textoutputformat__separator="|"), "-mapper", "cat"),
        {"commas": b"a,b,c\nb\n,\n\tx,y\n"},
        lambda files: [[b"|", b"\tx|y", b"a|b,c", b"b|"]],
        key=lambda line: line.partition(b"|")[0],
    ),
    "environment of commands": Program(
        ("-cmdenv", "WHO=you", "-cmdenv", "SIGN==", "-mapper", """bash -c 'while read line; do echo "$WHO$SIGN$line"; done'""", "-reducer", "NONE"),
        SALES, mapped(lambda line: b"you=" + line + b"\t")
    ),
    "environment with blanks": Program(
        ("-cmdenv", "A=hello big world", "-cmdenv", " B=x C=y=z ", "-cmdenv", "D=", "-mapper", """sh -c 'cat; echo "$A,$B,$C,$D,${big-unset}"'""", "-reducer", "NONE"),
        {"one": b"x\n"}, lambda files: [[b"x\t", b"hello,x,y=z,,unset\t"]],
    ),
    "keys and values": Program(
        ("-inputformat", "KeyValueTextInputFormat", "-mapper", "cat", "-reducer", "NONE"), MESSY, mapped(),
    ),
    "keys and values, otherwise separated": Program(
        (*settings(key__value__separator__in__input__line=",", stream__map__input__field__separator="::"),
         "-inputformat", "org.apache.hadoop.mapred.KeyValueTextInputFormat", "-mapper", "cat", "-reducer", "NONE"),
        SALES | {"odd": b",\n\na,b,c\nplain\n\tx\n"}, mapped(lambda line: with_tab(b"::".join(line.partition(b",")[::2]))),
    ),
    "values alone": Program(
        (*settings(stream__map__input__ignoreKey="true"), "-inputformat", "KeyValueTextInputFormat", "-mapper", "cat", "-reducer", "NONE"),
        MESSY, mapped(lambda line: with_tab(line.partition(b"\t")[2])),
    ),
    "files by other names": Program(
        ("-files", "shipped/extra.txt#names,shipped/map.sh", "-mapper", "bash map.sh", "-reducer", "NONE"),
        {"one": b"a\nb\n"},
        mapped(lambda line: line + b"\tfrom the file"),
        shipped={"extra.txt": b"from the file\n", "map.sh": b'while read line; do echo "$line\t$(cat names)"; done\n'}
    ),
    "archives": Program(
        ("-archives", "shipped/first.zip,shipped/second.tar.gz#other", "-mapper", """bash -c 'while read l; do echo "$(cat first.zip/a/x)$(cat other/y)"; done'""",
         "-reducer", "NONE"),
        {"one": b"a\n"},
        mapped(lambda line: b"zipped and tarred\t"),
        shipped={"first.zip": zipped("a/x", b"zipped"), "second.tar.gz": tarred("y", b" and tarred")}
    ),
    "some lines each": Program(
        (*settings(mapreduce__input__lineinputformat__linespermap=2), "-inputformat", f"{LIB}.NLineInputFormat", "-mapper", "cat", "-reducer", "NONE"),
        {"five": b"a\tb\nc\r\n\r\nd\re", "one": b"f\n"}, numbered(2)
    ),
    "some lines each, without their bytes": Program(
        (*settings(mapreduce__input__lineinputformat__linespermap=2, stream__map__input__ignoreKey="true"), "-inputformat", f"{LIB}.NLineInputFormat",
         "-mapper", "cat", "-reducer", "NONE"),
        {"three": b"a\nb\nc\n"}, lambda files: [[b"a\t", b"b\t"], [b"c\t"]]
    ),
    "lines behind their bytes": Program(
        (*settings(stream__map__input__ignoreKey="false", stream__map__input__field__separator=":"), "-mapper", "cat", "-reducer", "NONE"),
        {"ends": b"unix\ndos\r\nmac\r\nx\n"}, lambda files: [[b"0:unix\t", b"5:dos\t", b"10:mac\t", b"15:x\t"]]
    ),
}  # fmt: skip


def separated(files: Files, parts: int) -> list[Lines]:
    """What the program `separators` writes."""
    found: list[list[tuple[bytes, bytes]]] = [[] for _ in range(parts)]
    for line in lines(files):
        pieces = line.split(b".", 2)
        key, value = b".".join(pieces[:2]), b"".join(pieces[2:])
        read = (key + b":" + value).replace(b":", b",", 1).split(b",", 2)
        found[text_hash(key) % parts].append((key, b",".join(read[:2]) + b"|" + b"".join(read[2:])))
    return [[line for _, line in sorted(part)] for part in found]
