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
    rows = [_threshold(threshold) for threshold in thresholds]
    if not any(threshold.info for threshold in thresholds):
        rows = [(metric, "", *rest) for metric, _, *rest in rows]
    heading = ("metric", "info" if rows[0][1] else "", "warning", "critical")
    origins = [threshold.learnt_from for threshold in thresholds]
    with_origin = [(*row, origin) for row, origin in zip([heading, *rows], ["learnt from", *origins], strict=True)]
    whole = table(with_origin, _INDENT)
    if all(cells(line) <= width for line in whole):
        yield style.paint("quiet", whole[0])
        yield from whole[1:]
        return
    short = table([heading, *rows], _INDENT)
    yield style.paint("quiet", short[0])
    for line, origin in zip(short[1:], origins, strict=True):
        yield line
        for more in wrap(origin, width, _INDENT * 2):
            yield style.paint("quiet", more)


def _threshold(threshold: Threshold) -> tuple[str, ...]:
    limits = (threshold.info, threshold.warning, threshold.critical)
    return (threshold.metric, *(limit(value, threshold.unit) or "-" for value in limits))


def _remedies(entry: Entry, style: Style, width: int) -> Iterator[str]:
    text = _INDENT + "   "
    for number, remedy in enumerate(entry.remedies, start=1):
        risk = "" if remedy.risk == "none" else f" Risk to the service: {remedy.risk}."
        yield from wrap(f"{number}. {remedy.title}{risk}", width, _INDENT, text)
        yield from wrap(fill(remedy.detail, {}), width, text)
        if remedy.command:
            for line in shell_lines(fill_command(remedy.command, {}), width, text + _INDENT):
                yield style.paint("command", line)
