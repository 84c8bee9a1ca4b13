"""DuckDB as fanin opens it: bounded memory, no surprises from the session, views over the blocks."""

import contextlib
import os
import re
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from jobs import stages
from jobs.errors import DeclarationError, FaninError, UsageError, without_class
from jobs.plan import Plan
from jobs.rowwise import check
from jobs.text.arrow import BlockStream, StreamFailed
from jobs.text.formats import MISFIT, Format, Parquet
from jobs.text.sources import Reading

UNITS = {"": 1, "B": 1} | {
    name + end: base**power
    for power, name in enumerate("KMGT", 1)
    for end, base in (("", 1024), ("B", 1000), ("IB", 1024))
}


def parse_size(text: str) -> int:
    """Bytes from a size such as 256MB (10^6), 256MiB or 256M (2^20).

    >>> parse_size("1.5KB")
    1500
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)", text.strip())
    if not match or match[2].upper() not in UNITS:
        raise UsageError(f"{text!r} is not a size; write one such as 256MB, 512MiB or 4GB")
    return int(float(match[1]) * UNITS[match[2].upper()])


def default_memory() -> int:
    """A quarter of the memory this process may use, in bytes."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return total // 4


@dataclass(frozen=True)
class Limits:
    """What DuckDB may use.  memory: bytes.  threads: workers.  spill: folder for what does not fit in memory."""

    memory: int
    threads: int
    spill: Path | None = None


@contextlib.contextmanager
def database(limits: Limits) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB in memory, closed at the end; its results do not depend on this machine's settings."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{limits.memory}B",
        "threads": limits.threads,
        "temp_directory": str(limits.spill or ""),
        "preserve_insertion_order": False,
        "python_enable_replacements": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    connection = duckdb.connect(":memory:", config=settings)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")  # it goes to standard output, among a task's records
        with interrupted(connection):
            yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def interrupted(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Has a signal interrupt the connection's query at once: Python hears of it only when the main thread is out of DuckDB."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard, wakes = os.pipe()
    os.set_blocking(wakes, False)

    def wait() -> None:
        while os.read(heard, 1):
            connection.interrupt()

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    before = signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(wakes)
        waiting.join()
        os.close(heard)


def open_lines(connection: duckdb.DuckDBPyConnection, texts: Callable[[], Iterable[str]]) -> None:
    """Makes the view `lines` of the blocks that `texts` gives anew each time the view is read."""
    connection.register("blocks", BlockStream(texts))
    connection.execute(f"CREATE VIEW lines AS {stages.lines()}")


def open_rows(
    connection: duckdb.DuckDBPyConnection, plan: Plan, texts: Callable[[], Iterable[str]]
) -> dict[str, str]:
    """Makes the views `lines` and `rows` of a Plan over `texts`; gives rows' columns and their types.

    Raises DeclarationError, before any text is read, where the declaration is wrong or not row-wise.
    """
    if not (isinstance(plan.input, Parquet) and plan.input.files):
        open_lines(connection, texts)
    if plan.input:
        connection.execute(f"CREATE VIEW input AS {plan.input.view(plan.on_error)}")
    rows = plan.rows.rstrip().removesuffix(";")
    try:
        check(connection, rows)
        connection.execute(f"CREATE VIEW rows AS {rows}")
    except (UsageError, duckdb.Error) as error:
        raise DeclarationError("rows", *_place(str(error))) from error
    types = {name: type for name, type, *_ in connection.execute("DESCRIBE rows").fetchall()}
    stages.check(plan, types)
    return types


def make_partials(connection: duckdb.DuckDBPyConnection, plan: Plan, types: dict[str, str]) -> int:
    """Makes the view `partial` over `rows`; a table, where it is used more than once. How many bad rows there are."""
    kind = "TEMP TABLE" if plan.bad or plan.keep_partials else "VIEW"
    name = "partial" if not plan.bad else '"partial with bad rows"'
    connection.execute(f"CREATE {kind} {name} AS {stages.partial(plan, types)}")
    if not plan.bad:
        return 0
    connection.execute(f"CREATE VIEW partial AS SELECT * FROM {stages.good(plan, name)}")
    return int(connection.execute(stages.bad_rows(plan, name)).fetchall()[0][0])


def state_types(connection: duckdb.DuckDBPyConnection, source: str = "partial") -> dict[str, str]:
    """The state columns of the partials that `source` holds, and their types."""
    described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    return {name: type for name, type, *_ in described if name != "key"}


def output_columns(
    connection: duckdb.DuckDBPyConnection, plan: Plan, types: dict[str, str]
) -> list[Mapping[str, str]]:
    """Name and type of the columns of a Plan's output.  types: of its rows, as open_rows gives them."""
    final = stages.final(plan, types, stages.good(plan, f"({stages.partial(plan, types)})"))
    values = {name: type for name, type, *_ in connection.execute(f"DESCRIBE {final}").fetchall()}
    keys = [{"name": name, "type": types[name]} for name in plan.group_by]
    return [*keys, *({"name": name, "type": values[f"{name} value"]} for name in plan.columns[len(keys) :])]


def explain_failure(error: duckdb.Error | StreamFailed, *readings: Reading) -> BaseException:
    """A failure inside DuckDB in the job's terms; a misfit's with its file and line, if what was read of it is still there."""
    for reading in readings:
        if reading.error:
            return reading.error
    text = without_class(str(error))
    if isinstance(error, duckdb.OutOfMemoryException):
        return FaninError(f"not enough memory; raise --memory. DuckDB says: {text}")
    if "No space left on device" in text:
        return FaninError(f"disk full while spilling beside the output; free room there. DuckDB says: {text}")
    places = (_place_of(text, reading) for reading in readings)
    return FaninError(next(filter(None, places), "") + text)


def _place_of(misfit: str, reading: Reading) -> str:
    """`file:line: ` of the line that is told as `misfit`, or ''."""
    format = reading.shape
    misfit += " "  # which DuckDB leaves out behind an empty line
    if not isinstance(format, Format) or "in the line " not in misfit:
        return ""
    for name, piece in list(reading.recent):
        with database(Limits(256_000_000, 1)) as connection:
            open_lines(connection, lambda: [piece.text])  # noqa: B023  (read before the next)
            told = connection.execute(f"SELECT {MISFIT} FROM ({format.view('tell')})").fetchall()
        for number, (found,) in enumerate(told):
            if any(why in misfit for why in found.split("\n") if why):
                before = piece.text.split("\n", number)[:number]
                return f"{name}:{piece.line + number + sum(line.count(chr(13)) for line in before)}: "
    return ""


def _place(message: str) -> tuple[str, int | None]:
    """DuckDB's message without its class and its excerpt, and the line of the SQL it points at."""
    match = re.search(r"^LINE (\d+):", message, re.MULTILINE)
    text = without_class(message.split("\nLINE ")[0])
    return text, int(match[1]) if match else None
