"""A step of MapReduce as Hadoop Streaming takes it: commands, and settings, of which those that change bytes are understood or refused."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from jobs.engines.rows import key_fields
from jobs.engines.rows.shuffle import Keys
from jobs.errors import UsageError
from jobs.plain_mrjob import translate_jobconf

LIB = r"org\.apache\.hadoop\.(mapred|mapreduce)\.lib\.(\w+\.)*"
TEXT_INPUT = "org.apache.hadoop.mapred.TextInputFormat"
PAIRS_INPUT = "org.apache.hadoop.mapred.KeyValueTextInputFormat"
LINES_INPUT = "org.apache.hadoop.mapred.lib.NLineInputFormat"
INPUTS = {"": TEXT_INPUT} | {
    name: full for full in (TEXT_INPUT, PAIRS_INPUT) for name in (full, full.rpartition(".")[2])
} | {LINES_INPUT: LINES_INPUT}  # fmt: skip
"""The names that Streaming knows them by."""
PAIRED = "mapreduce.input.keyvaluelinerecordreader.key.value.separator"
OUTPUT = "org.apache.hadoop.mapred.TextOutputFormat"
KEY_ONLY = "keyonlytext"
DEFAULTS = {
    "mapreduce.job.reduces": "1",
    "mapreduce.job.maps": "2",
    "mapreduce.input.fileinputformat.split.minsize": "1",
    "mapreduce.input.lineinputformat.linespermap": "1",
    PAIRED: "\t",
    "dfs.blocksize": "128m",
    "mapreduce.map.maxattempts": "4",
    "mapreduce.reduce.maxattempts": "4",
    "mapreduce.task.timeout": "600000",
    "stream.non.zero.exit.is.failure": "true",
    "stream.num.map.output.key.fields": "1",
    "stream.num.reduce.output.key.fields": "1",
    "stream.map.input.field.separator": "\t",
    "stream.map.output.field.separator": "\t",
    "stream.reduce.input.field.separator": "\t",
    "stream.reduce.output.field.separator": "\t",
    "mapreduce.map.output.key.field.separator": "\t",
    "mapreduce.output.textoutputformat.separator": "\t",
    "mapreduce.output.fileoutputformat.compress": "false",
}
"""What a setting is that nobody has set."""
UNDERSTOOD = {
    *DEFAULTS, "stream.map.output", "stream.reduce.output", "stream.jobconf.truncate.limit",
    "stream.map.input.ignoreKey", "stream.numinputspecs", "mapreduce.partition.keypartitioner.options",
    "mapreduce.partition.keycomparator.options", "mapreduce.job.output.key.comparator.class", "num.key.fields.for.partition",
}  # fmt: skip
CHANGING = re.compile(
    r"stream\.|mapreduce\.(output\.(?!.*\.(workoutputpath|outputdir))|partition\.|job\.output\.|map\.output\.(key|value)\.class"
    r"|job\.(partitioner|inputformat|outputformat|combine|map|reduce)\.class|input\.lineinputformat|input\.keyvaluelinerecordreader|input\.linerecordreader|input\.pathFilter"
    r"|(map|reduce)\.(failures|skip)\.)|textinputformat\.record\.delimiter|mapred\.(mapper|reducer)\.new-api"
)
"""Settings that change what is written, or what of a failure is passed over."""


@dataclass(frozen=True)
class Command:
    """A program and its arguments.  preloaded: a task of an mrjob class, that may be forked from a process that has imported it."""

    arguments: tuple[str, ...]
    preloaded: bool = False

    def __str__(self) -> str:
        return " ".join(self.arguments)


@dataclass(frozen=True)
class Step:
    """What maps, combines and reduces, and how.  Without a reducer lines are written as they are sorted."""

    mapper: Command
    combiner: Command | None = None
    reducer: Command | None = None
    partitioner: str = ""
    input_format: str = ""
    output_format: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        both = {name: value for old, value in self.settings.items() for name in (old, _current(old))}
        object.__setattr__(self, "settings", both)
        if self.input_format not in INPUTS:
            known = f"{TEXT_INPUT}, {PAIRS_INPUT} and {LINES_INPUT}"
            raise UsageError(f"-inputformat {self.input_format}: is Java's; here there are {known}")
        object.__setattr__(self, "input_format", INPUTS[self.input_format])
        if not re.fullmatch(r"[\x01-\x7f]", self.said(PAIRED)):
            raise UsageError(f"-D {PAIRED}={self.said(PAIRED)}: must be one ASCII character; Hadoop takes one byte")
        if self.output_format not in ("", OUTPUT):
            raise UsageError(f"-outputformat {self.output_format}: is Java's; here there is {OUTPUT}")
        for name, value in self.settings.items():
            harmless = value in ("", "0") or value.lower() == "false"
            if CHANGING.match(name) and name not in UNDERSTOOD and not harmless:
                raise UsageError(
                    f"-D {name}={value}: changes what is written, and is not understood here; leave it out"
                )
        if self.said("mapreduce.output.fileoutputformat.compress") == "true":
            raise UsageError(
                "-D mapreduce.output.fileoutputformat.compress=true: parts are not compressed here; leave it out"
            )
        for name in ("stream.map.output", "stream.reduce.output"):
            if self.settings.get(name, KEY_ONLY) not in (KEY_ONLY, "text"):
                raise UsageError(f"-D {name}={self.settings[name]}: here there are text and {KEY_ONLY}")
        if self.parts and self.settings.get("stream.map.output") == KEY_ONLY:
            raise UsageError(
                f"-D stream.map.output={KEY_ONLY}: Hadoop's reducers would read (null) behind each line; it is for mappers alone"
            )
        self.keys  # noqa: B018  # what is wrong with it is said before anything runs
        self.block_size  # noqa: B018
        for name, value in DEFAULTS.items():
            if value.isdecimal():
                self.number(name)

    def said(self, name: str) -> str:
        """What a setting says, or its default."""
        return self.settings.get(name, DEFAULTS[name])

    def number(self, name: str) -> int:
        """The number that a setting says, 0 or more."""
        text = self.said(name)
        if not re.fullmatch(r"\d{1,18}", text):
            raise UsageError(f"-D {name}={text}: not a number")
        return int(text)

    @property
    def block_size(self) -> int:
        """Bytes of a block of HDFS: a split is no larger."""
        match = re.fullmatch(r"(\d{1,12})([kmg]?)", self.said("dfs.blocksize").lower())
        if not match:
            raise UsageError(f"-D dfs.blocksize={self.said('dfs.blocksize')}: not a size; write one such as 64m")
        return int(match[1]) << {"": 0, "k": 10, "m": 20, "g": 30}[match[2]]

    @property
    def parts(self) -> int:
        """The reducers; 0 where mappers write the output."""
        return self.number("mapreduce.job.reduces")

    @property
    def by_line(self) -> bool:
        """Whether each line, or some of them, is a split."""
        return self.input_format == LINES_INPUT

    @property
    def paired(self) -> bytes:
        """What ends the key in a line of input; empty where the byte at which a line starts is its key."""
        return self.said(PAIRED).encode() if self.input_format == PAIRS_INPUT else b""

    @property
    def keyed(self) -> bytes:
        """What stands between a key and a value of the input, as mappers read them; empty where they read values alone."""
        alone = (
            self.settings.get("stream.map.input.ignoreKey", str(self.input_format == TEXT_INPUT).lower()) == "true"
        )
        return b"" if alone else self.said("stream.map.input.field.separator").encode()

    @property
    def keys(self) -> Keys:
        """How the lines between mappers and reducers are keyed, divided and sorted."""
        options = self.settings.get("mapreduce.partition.keypartitioner.options", "")
        fields = self.settings.get("num.key.fields.for.partition", "")
        partitioner, comparator = self.partitioner, self.settings.get("mapreduce.job.output.key.comparator.class", "")
        if not re.fullmatch(rf"({LIB})?(HashPartitioner|KeyFieldBasedPartitioner)?", partitioner):
            raise UsageError(
                f"-partitioner {partitioner}: is Java's; here there are HashPartitioner and KeyFieldBasedPartitioner"
            )
        if not re.fullmatch(rf"({LIB})?(KeyFieldBasedComparator)?", comparator):
            raise UsageError(f"the comparator {comparator}: is Java's; here there is KeyFieldBasedComparator")
        return Keys(
            fields=self.number("stream.num.map.output.key.fields"),
            separator=self.said("stream.map.output.field.separator"),
            reducer_separator=self.said("stream.reduce.input.field.separator"),
            key_separator=self.said("mapreduce.map.output.key.field.separator"),
            partition=key_fields.partition(options, fields) if partitioner.endswith("KeyFieldBasedPartitioner") else None,
            order=key_fields.parse(self.settings.get("mapreduce.partition.keycomparator.options", "")) if comparator else None,
        )  # fmt: skip


def _current(name: str) -> str:
    """A setting's name of today: `mapred.reduce.tasks` is mapreduce.job.reduces."""
    return str(translate_jobconf(name, "3.0.0"))
