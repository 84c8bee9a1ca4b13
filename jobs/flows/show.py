"""A flow as a picture: its nodes in columns, each behind those that it needs; as text, and as SVG."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from jobs.flows.graph import Graph, Node
from jobs.flows.state import State

COLORS = {
    "done": "#d9f2d9",
    "cleaned": "#eeeeee",
    "running": "#fff2b3",
    "failed": "#f8c9c9",
    "damaged": "#f8c9c9",
    "foreign": "#f8c9c9",
}
TO_DO = "#ffffff"
WIDTH, HEIGHT, GAP, ACROSS = 190, 46, 22, 70  # of boxes, and between them


def standing(
    states: Mapping[str, State], last: Mapping[str, Mapping[str, Any]], running: bool
) -> dict[str, tuple[str, str]]:
    """State, and why, of each node.  last: its last event.  running: whether a run is under way."""
    found = {}
    for name, state in states.items():
        event = last.get(name, {}).get("event")
        if running and event in ("started", "folding", "folded"):
            found[name] = ("running", "")
        elif event == "failed" and not state.good:
            found[name] = ("failed", last[name]["error"].splitlines()[0])
        else:
            found[name] = (state.state, "; ".join(state.why))
    return found


def text(graph: Graph, found: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    """A line for each node: its name, state, output, and what it needs."""
    values = "  ".join(f"{name}={value}" for name, value in graph.values.items())
    yield f"{graph.name}  {values}".rstrip()
    wide = max(len(name) for name in graph.nodes)
    for name, node in graph.nodes.items():
        state, why = found[name]
        needs = ", ".join(dict.fromkeys(need.name for need in node.needs))
        line = f"  {name:{wide}}  {state:7}  {node.output}"
        yield (
            line
            + (f"  <- {needs}" if needs else "")
            + (f"\n  {'':{wide}}           {why}" if why and state != "to do" else "")
        )


def svg(graph: Graph, found: Mapping[str, tuple[str, str]]) -> str:
    """The graph as a picture."""
    places = _places(graph)
    width = max(x for x, _ in places.values()) + WIDTH + GAP
    height = max(y for _, y in places.values()) + HEIGHT + GAP
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for node in graph.nodes.values():
        x, y = places[node.name]
        for need in {need.name for need in node.needs}:
            left, top = places[need]
            start, end = (left + WIDTH, top + HEIGHT // 2), (x, y + HEIGHT // 2)
            bend = (start[0] + end[0]) // 2
            curve = f"M{start[0]} {start[1]} C{bend} {start[1]} {bend} {end[1]} {end[0]} {end[1]}"
            lines.append(f'<path d="{curve}" fill="none" stroke="#888"/>')
    for node in graph.nodes.values():
        x, y = places[node.name]
        state, why = found[node.name]
        lines += [
            f"<g><title>{escape(f'{node.output} {why}'.strip())}</title>",
            f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="{COLORS.get(state, TO_DO)}" stroke="#444"/>',
            f'<text x="{x + 10}" y="{y + 19}">{escape(_short(node.name))}</text>',
            f'<text x="{x + 10}" y="{y + 36}" fill="#555" font-size="11">{escape(f"{node.step.key} · {state}")}</text></g>',
        ]
    return "\n".join([*lines, "</svg>", ""])


def _places(graph: Graph) -> dict[str, tuple[int, int]]:
    column: dict[str, int] = {}
    filled: dict[int, int] = {}
    places = {}
    for name, node in graph.nodes.items():
        column[name] = 1 + max((column[need.name] for need in _within(node, column)), default=-1)
        row = filled.get(column[name], 0)
        filled[column[name]] = row + 1
        places[name] = (GAP + column[name] * (WIDTH + ACROSS), GAP + row * (HEIGHT + GAP))
    return places


def _within(node: Node, known: Mapping[str, int]) -> list[Node]:
    return [need for need in node.needs if need.name in known]


def _short(name: str) -> str:
    return name if len(name) <= 24 else f"{name[:11]}…{name[-12:]}"
