"""fanin flow run, show and clean."""

import argparse
import shlex
import sys
from collections.abc import Iterator, Sequence, Set
from contextlib import closing, contextmanager
from pathlib import Path

from jobs.errors import UsageError
from jobs.flows import show
from jobs.flows.file import load
from jobs.flows.graph import Graph
from jobs.flows.journal import Journal, is_running, last, locked
from jobs.flows.run import Run, command, plan
from jobs.flows.state import States
from jobs.planned import at_least
from jobs.secrets import concealed
from jobs.storage.places import storage_of

ENGINES = ["local", "hadoop", "emr"]


def main(arguments: Sequence[str]) -> None:
    """The command line `fanin flow ...`."""
    options = _parser().parse_args(arguments)
    said = dict(_pair(text) for text in options.set)
    graph = load(options.flow).graph(said)
    options.command(options, graph.until(options.until) if getattr(options, "until", None) else graph)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fanin flow", description="Steps chained through output directories.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run what is not done")
    run.add_argument("-r", "--runner", default="", choices=ENGINES, help="engine of its jobs, joins and buckets")
    run.add_argument(
        "-c",
        "--conf-path",
        dest="conf_paths",
        action="append",
        default=[],
        metavar="FILE",
        help="mrjob.conf, of -r emr",
    )
    run.add_argument(
        "--cluster", metavar="J-ID", help="of -r emr (default: one that is started, and ends with the run)"
    )
    run.add_argument("--jobs", type=int, default=2, metavar="N", help="steps at a time (default 2)")
    run.add_argument("--until", metavar="STEP", help="this step, and what it needs")
    run.add_argument(
        "--force", action="append", default=[], metavar="STEP", help="run it though it is done; damaged, too"
    )
    run.add_argument("--dry-run", action="store_true", help="say what would run, and why")
    run.add_argument("--events", metavar="FILE|-", help="append what happens, as JSON lines")
    run.add_argument("-q", "--quiet", action="store_true", help="say nothing on the way")
    run.set_defaults(command=_run)

    shown = commands.add_parser("show", help="the graph, and how each step stands")
    shown.add_argument("-r", "--runner", default="", choices=ENGINES)
    shown.add_argument("--svg", metavar="FILE", help="as a picture")
    shown.set_defaults(command=_show)

    clean = commands.add_parser(
        "clean", help="remove the outputs of steps with keep = false, once all that reads them is done"
    )
    clean.add_argument("-r", "--runner", default="", choices=ENGINES)
    clean.add_argument("--dry-run", action="store_true", help="say what would be removed")
    clean.set_defaults(command=_clean)

    for one in (run, shown, clean):
        one.add_argument("flow", metavar="FLOW", help="a flow's file, such as conf/flows/viewer_ages.toml")
        one.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter")
        one.add_argument("-v", "--verbose", action="store_true", help="tell tracebacks, too")
    return parser


def _run(options: argparse.Namespace, graph: Graph) -> None:
    forced = frozenset(options.force)
    for name in forced:
        graph.until(name)  # which says so if there is none
    jobs = at_least("--jobs", options.jobs, 1)
    if options.dry_run:
        planned = plan(States(graph, options.runner, forced).all(), options.runner)
        for state in planned:
            words = concealed(command(state.node, options.runner))
            print(f"{state.node.name}: {'; '.join(state.why)}\n  fanin {shlex.join(words)}")
        if not planned:
            print(f"fanin: {graph.name}: nothing is to be run", file=sys.stderr)
        return
    with locked(graph), closing(Journal(graph, options.events)) as journal, _cluster(options, graph, forced):
        count = Run(graph, options.runner, jobs, journal, forced, options.quiet).run()
        if not options.quiet:
            journal.say(f"{graph.name}: done; {count} of {len(graph.nodes)} steps were run")


@contextmanager
def _cluster(options: argparse.Namespace, graph: Graph, forced: Set[str]) -> Iterator[None]:
    """The cluster of all steps with -r emr, if there are any to run."""
    todo = []
    if options.runner == "emr":
        todo = [state.node for state in plan(States(graph, "emr", forced).all(), "emr") if state.node.step.engines]
    if not todo:
        yield
        return
    from jobs.engines.emr.held import held  # no other engine needs what it loads

    with held(graph.name, options.conf_paths, options.cluster, options.jobs, todo[-1].output):
        yield


def _show(options: argparse.Namespace, graph: Graph) -> None:
    found = show.standing(States(graph, options.runner).all(), last(graph), is_running(graph))
    if options.svg:
        Path(options.svg).write_text(show.svg(graph, found))
        return
    for line in show.text(graph, found):
        print(line)


def _clean(options: argparse.Namespace, graph: Graph) -> None:
    with locked(graph):
        states = States(graph, options.runner).all()
        for state in states.values():
            readers = [states[one.name] for one in graph.readers[state.node.name]]
            if state.state != "done" or state.node.step.keep or not readers or not all(one.good for one in readers):
                continue
            print(f"{'would remove' if options.dry_run else 'removed'} {state.node.output}")
            if not options.dry_run:
                storage_of(state.node.output).erase(state.node.output)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set {text}: write --set NAME=VALUE")
    return name, value
