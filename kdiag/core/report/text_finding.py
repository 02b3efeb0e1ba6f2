"""One finding as text: where, how it is known, what to do, what else belongs to it, why it hurts.

It is separate from the report's text because this is the part that must read well; the frame around it is short.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.core.report.layout import cells, join_or_break, shell_lines, table, wrap
from kdiag.core.report.quantity import bounds, limit, quantity
from kdiag.core.report.stacks import Lines, place, source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.core.model import Evidence, Finding, Place, Remedy
    from kdiag.core.report.style import Style

_INDENT = "  "
_INNER = "    "


def finding_lines(finding: Finding, lines: Lines, style: Style, width: int) -> Iterator[str]:
    """The finding below its title, which is the caller's to show."""
    for line in wrap(grade(finding), width, _INDENT):
        yield style.paint("quiet", line)
    yield from wrap(finding.summary, width, _INDENT)
    if finding.culprit:
        yield from _section("Where", style)
        yield from place_lines(finding.culprit, lines, style, width)
    if finding.evidence:
        yield from _section("How it is known", style)
        yield from evidence_lines(finding.evidence, style, width)
    if finding.remedies:
        yield from _section("What to do", style)
        yield from _remedy_lines(finding.remedies, style, width)
    if finding.places:
        yield from _section("Other places", style)
        for other in finding.places:
            yield from place_lines(other, lines, style, width)
    if finding.explanation:
        yield from _section("Why it hurts", style)
        yield from wrap(finding.explanation, width, _INNER)
    if finding.related:
        yield from _section("Symptoms that this explains", style)
        for symptom in finding.related:
            yield from wrap(symptom, width, _INNER, _INNER + _INDENT)


def grade(finding: Finding) -> str:
    """The verdict, how grave it is, and how certain."""
    suspected = ", suspected" if finding.suspected else ""
    return f"{finding.verdict}, {finding.severity}{suspected}, confidence {quantity(finding.confidence, 'ratio')}"


def _section(name: str, style: Style) -> Iterator[str]:
    yield ""
    yield _INDENT + style.paint("heading", name)


def place_lines(where: Place, lines: Lines, style: Style, width: int) -> Iterator[str]:
    """Role, file and line, function, thread; below it the object and what the source says."""
    role = f"{where.role}:" if where.role else ""
    thread = f"[thread {where.thread}]" if where.thread else ""
    yield from join_or_break((role, place(where.file, where.line), where.function, thread), width, _INNER)
    if where.object:
        yield from wrap(f"object {where.object}", width, _INNER + _INDENT)
    for line in wrap(source(lines, where), width, _INNER * 2):
        yield style.paint("quiet", line)


def evidence_lines(evidence: tuple[Evidence, ...], style: Style, width: int) -> Iterator[str]:
    """One row for each number; where a row is too wide for the terminal, the number's origin goes below it."""
    heading = ("metric", "value", "threshold", "95 % between", "samples", "source")
    rows = [
        (e.metric, quantity(e.value, e.unit), limit(e.threshold, e.unit), bounds(e), f"{e.samples:,}", e.source)
        for e in evidence
    ]
    whole = table([heading, *rows], _INNER, numbers=frozenset({1, 4}))
    if all(cells(line) <= width for line in whole):
        yield style.paint("quiet", whole[0])
        yield from whole[1:]
        return
    short = table([heading[:3], *(row[:3] for row in rows)], _INNER, numbers=frozenset({1}))
    fits = all(cells(line) <= width for line in short)
    if fits:
        yield style.paint("quiet", short[0])
    for line, (metric, value, threshold, between, samples, tool) in zip(short[1:], rows, strict=True):
        told = f"{metric} {value}" + (f", threshold {threshold}" if threshold else "")
        yield from [line] if fits else wrap(told, width, _INNER, _INNER + _INDENT)
        origin = (between and f"{between} (95 %)", f"{samples} samples from {tool}")
        for more in wrap(", ".join(filter(None, origin)), width, _INNER + _INDENT):
            yield style.paint("quiet", more)


def _remedy_lines(remedies: tuple[Remedy, ...], style: Style, width: int) -> Iterator[str]:
    """The next step first and strongest, then the others."""
    text = _INNER + "   "
    for number, remedy in enumerate(remedies, start=1):
        if number > 1:
            yield ""
        risk = "" if remedy.risk == "none" else f" Risk to the service: {remedy.risk}."
        for line in wrap(f"{number}. {remedy.title}{risk}", width, _INNER, text):
            yield style.paint("strong", line) if number == 1 else line
        yield from wrap(remedy.detail, width, text)
        if remedy.command:
            for line in shell_lines(remedy.command, width, text + _INDENT):
                yield style.paint("command", line)
