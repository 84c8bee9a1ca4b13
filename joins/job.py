"""JoinJob: an mrjob job class that joins two inputs, declared as attributes or by options."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from jobs.database import parse_size
from jobs.engines.runner import LocalRunner
from jobs.errors import UsageError
from jobs.measures import Measure
from jobs.plan import Plan
from jobs.planned import PlannedJob, at_least
from jobs.storage.inputs import Inputs, resolve
from jobs.text.sources import Reading
from jobs.top import TopK
from joins.bucketed import in_buckets
from joins.inputs import refuse_parquet, side_of
from joins.plan import HOWS, NAMES, JoinPlan, Name
from joins.sides import Layout, add_options, keys_of, told

if TYPE_CHECKING:
    from joins.hadoop import JoinRunner
    from joins.planner import Choice


STRATEGIES = ("auto", "sort_merge", "broadcast", "partitioned", "salted")


class JoinJob(PlannedJob):
    """Joins two inputs, and may aggregate what it has joined.

    on: the columns to join on, as `user_id` or `user_id=id,region`.  how: inner, left, right, full, semi or anti.
    select: SQL over `l` and `r`, as "l.url, r.birth_date"; all columns if it is empty, the keys first.
    where, left_where, right_where: conditions behind and in front of the join.
    left, right: how the sides are read, as Layout("csv", header=True).
    group_by, measures, then: what is made of the joined rows, as in an AggregateJob.

        class ViewerAges(JoinJob):
            on, how, select = "user_id=id", "inner", "l.url, r.age"
            group_by, measures = ["url", "age"], {"views": Count()}
    """

    on: str = ""
    how: str = "inner"
    select: str = ""
    where: str = ""
    left: Layout = Layout()
    right: Layout = Layout()
    rows: str = "SELECT * FROM joined"
    group_by: Sequence[str] = ()
    measures: Mapping[str, Measure] = {}
    then: TopK | None = None
    strategy: str = "auto"

    def _usage(self) -> str:
        return "%(prog)s [options] LEFT RIGHT"

    def configure_args(self) -> None:
        super().configure_args()
        add = self.add_passthru_arg
        add("--left", action="append", metavar="PATH", help="the left side's files; or the first of two arguments")
        add("--right", action="append", metavar="PATH", help="the right side's files; or the second argument")
        add("--on", default=self.on, metavar="KEYS", help="columns, by comma, as user_id=id,region")
        add("--how", default=self.how, choices=HOWS, help=f"(default {self.how})")
        add("--select", default=self.select, metavar="SQL", help="columns, as 'l.url, r.birth_date' (default all)")
        add("--where", default=self.where, metavar="SQL", help="of joined rows, as 'l.at >= r.since'")
        add("--suffix", default="_right", help="of the right side's columns whose name is taken (default _right)")
        add("--order", action="store_true", help="records of one key in the order of their bytes, on every engine")
        add(
            "--strategy",
            default=self.strategy,
            choices=STRATEGIES,
            help=f"of -r hadoop and emr (default {self.strategy})",
        )
        add(
            "--max-broadcast",
            default="64MiB",
            metavar="SIZE",
            help="of the side that broadcast may ship to each node (default 64MiB)",
        )
        add("--explain", action="store_true", help="say which strategy would be taken, and why, and join nothing")
        add("--json", action="store_true", help="--explain to a program")
        add(
            "--presorted",
            action="store_true",
            help="both sides are in order of their keys: merge them, in constant memory",
        )
        add("--max-rows", type=int, metavar="N", help="refuse to join if more rows would match")
        add_options(add)
        for name in NAMES:
            add(f"--{name}-format", metavar="F", help=f"of the {name} side, if not both's")
            add(f"--{name}-columns", metavar="C", help=f"the {name} side's columns, as 'id, at:time'; without a"
                " header all of them, in order")  # fmt: skip
            add(f"--{name}-where", metavar="SQL", help=f'rows of the {name} side that are joined, as "status = 200"')

    def layout(self, name: Name) -> Layout:
        """How a side is read: as declared, but for what options say."""
        return told(self.options, {"left": self.left, "right": self.right}[name], name)

    def sources(self) -> dict[Name, Inputs]:
        """The files of each side."""
        o = self.options
        left, right, others = o.left or [], o.right or [], list(o.args)
        if not left and others:
            left = [others.pop(0)]
        if not right and others:
            right = [others.pop(0)]
        if not left or not right or others:
            raise UsageError("join: give two inputs, LEFT RIGHT; several files of a side as --left A --left B")
        return {"left": resolve(left), "right": resolve(right)}

    def plan(self, sources: Mapping[Name, Inputs]) -> JoinPlan:
        """What this job declares, with its options applied and the sides' columns known."""
        kind, o = type(self), self.options
        if not o.on:
            raise UsageError("join: give --on, the columns to join on, as user_id or user_id=id,region")
        reading = Reading(self._max_line(), o.strict)
        sides = {
            name: side_of(self.layout(name), keys, sources[name], reading, name)
            for name, keys in zip(NAMES, keys_of(o.on), strict=True)
        }
        name = f"{kind.__module__}:{kind.__qualname__}"
        aggregate = None
        if self.group_by or self.measures:
            aggregate = Plan(name, self.rows, tuple(self.group_by), self.measures, then=self.then)
        return JoinPlan(
            job=name,
            left=sides["left"],
            right=sides["right"],
            how=o.how,
            select=o.select,
            where=o.where,
            suffix=o.suffix,
            in_order=o.order,
            aggregate=aggregate,
            max_line=self._max_line(),
            strict=o.strict,
        )

    def run_job(self) -> None:
        """Joins; or, with --explain, says how it would."""
        if not self.options.explain:
            super().run_job()
            return
        self._refuse_combinations()
        sources = self.sources()
        choice = self._choice(self.plan(sources), sources)
        told = choice.to_json() if self.options.json else str(choice)
        self.stdout.write(f"{told}\n".encode())
        self.stdout.flush()

    def _choice(self, plan: JoinPlan, sources: Mapping[Name, Inputs]) -> "Choice":
        """How the engine that `-r` names joins."""
        from joins.planner import Choice, choose, here  # it knows all strategies, which stand on this module

        o = self.options
        if o.presorted or self._engine() != "local":
            refuse_parquet("--presorted" if o.presorted else f"-r {self._engine()}", plan.sides.values())
        if o.presorted:
            return Choice(
                "presorted", "both sides are in order of their keys: they are merged, and nothing is sorted", [], []
            )
        if self._engine() == "local":
            return here(plan, sources, o.strategy, self._parts())
        return choose(plan, sources, o.strategy, self._parts(), parse_size(o.max_broadcast), self._max_rows())

    def _max_rows(self) -> int | None:
        most = self.options.max_rows
        return most if most is None else at_least("--max-rows", most, 0)

    def _refuse_combinations(self) -> None:
        """UsageError for options that do not go together."""
        o = self.options
        if o.order and o.strategy == "salted":
            raise UsageError(
                "--order: salted spreads the records of a key over several parts; use --strategy sort_merge"
            )
        if o.presorted and (o.max_rows is not None or self._engine() != "local"):
            raise UsageError(f"--presorted: merges as it reads, here; it goes without --max-rows and -r {o.runner}")

    def _inputs(self) -> list[str]:
        o = self.options
        return [*(o.left or []), *(o.right or []), *o.args]

    def _runner(self, engine: str) -> Any:
        o = self.options
        self._refuse_combinations()
        most, sources = self._max_rows(), self.sources()
        plan, settings = self.plan(sources), self._settings()
        choice = self._choice(plan, sources)
        if o.presorted:
            from joins import presorted

            return LocalRunner(lambda path: presorted.run(plan, sources, path, settings), o.output_dir)
        if engine == "local":
            from joins import local

            if o.strategy == "partitioned":
                settings = in_buckets(plan, sources, settings)
            return LocalRunner(lambda path: local.run(plan, sources, path, settings, most), o.output_dir)
        return runner_of(choice.strategy)(plan, sources, settings, choice.hot, **self._hadoop_options())


def runner_of(strategy: str) -> "type[JoinRunner]":
    """The runner in the strategy's own module, which brings what no other engine needs."""
    name = "".join(word.capitalize() for word in strategy.split("_"))
    return getattr(import_module(f"joins.{strategy}"), f"{name}Runner")  # type: ignore[no-any-return]
