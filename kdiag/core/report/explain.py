"""What `kdiag explain VERDICT` says: the catalogue's entry with the thresholds of its detector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.core.catalog import Entry, fill, fill_command
from kdiag.core.report.layout import cells, definitions, shell_lines, table, wrap
from kdiag.core.report.quantity import limit
from kdiag.core.report.style import PLAIN, Style

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kdiag.core.model import Threshold

_INDENT = "  "
_ACCESS = {
    "process": "any: what the operating system tells is enough",
    "stacks": "stacks (ptrace permission, nothing is put into the process)",
    "probe": "probe (code inside the process)",
}


def render(entry: Entry, thresholds: Sequence[Threshold], style: Style = PLAIN, width: int = 80) -> Iterator[str]:
    """The entry as text; `thresholds` are its detector's, none where it has no numbers."""
    yield style.paint("strong", entry.verdict)
    yield from wrap(f"{entry.title}.", width, _INDENT)
    yield from wrap(entry.meaning, width, _INDENT)
    yield from _section("Why it hurts", style)
    yield from wrap(fill(entry.explanation, {}), width, _INDENT)
    yield from _section("How it is detected", style)
    detection = (
        ("access", _ACCESS[entry.access]),
        ("outside", entry.outside or "It cannot be told from outside."),
        ("probe", entry.probe or "Nothing more is needed from inside."),
    )
    yield from definitions(detection, width, _INDENT)
    if thresholds:
        yield from _section("Thresholds", style)
        yield from _thresholds(thresholds, style, width)
    yield from _section("What to do", style)
    yield from _remedies(entry, style, width)
    yield from _section("Healthy programs that look like it", style)
    for text in entry.look_alikes:
        yield from wrap(text, width, _INDENT + "- ", _INDENT * 2)
    yield ""
    yield from wrap(f"See also: {', '.join(entry.see_also)}", width)


def _section(name: str, style: Style) -> Iterator[str]:
    yield ""
    yield style.paint("heading", name)


def _thresholds(thresholds: Sequence[Threshold], style: Style, width: int) -> Iterator[str]:
    """A row for each preference; where it was learnt goes below the row when the terminal is too narrow for it."""
    heading = ("metric", "warning", "critical", "learnt from")
    rows = [
        (t.metric, limit(t.warning, t.unit) or "-", limit(t.critical, t.unit) or "-", t.learnt_from) for t in thresholds
    ]
    whole = table([heading, *rows], _INDENT)
    if all(cells(line) <= width for line in whole):
        yield style.paint("quiet", whole[0])
        yield from whole[1:]
        return
    short = table([heading[:3], *(row[:3] for row in rows)], _INDENT)
    yield style.paint("quiet", short[0])
    for line, row in zip(short[1:], rows, strict=True):
        yield line
        for more in wrap(row[3] and f"learnt from {row[3]}", width, _INDENT * 2):
            yield style.paint("quiet", more)


def _remedies(entry: Entry, style: Style, width: int) -> Iterator[str]:
    text = _INDENT + "   "
    for number, remedy in enumerate(entry.remedies, start=1):
        risk = "" if remedy.risk == "none" else f" Risk to the service: {remedy.risk}."
        yield from wrap(f"{number}. {remedy.title}{risk}", width, _INDENT, text)
        yield from wrap(fill(remedy.detail, {}), width, text)
        if remedy.command:
            for line in shell_lines(fill_command(remedy.command, {}), width, text + _INDENT):
                yield style.paint("command", line)
