"""The report for a ticket or a chat: GitHub's Markdown, with the stacks folded away at the end.

Names and titles come from the target, so each is either in a code span that fits it or has its marks escaped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kdiag.core.report import tree
from kdiag.core.report.layout import clean
from kdiag.core.report.observed import identity, observed
from kdiag.core.report.quantity import bounds, limit, quantity
from kdiag.core.report.stacks import Lines, group_lines, place, source
from kdiag.core.report.style import PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kdiag.core.model import Evidence, Finding, Place, Remedy, Report

_MARKS = re.compile(r"([\\`*_\[\]{}|~#])")
_TICKS = re.compile(r"`+")
_STACK_WIDTH = 120


def render(report: Report, lead: Iterable[str] = ()) -> Iterator[str]:
    """The report, and its children's, worst first; `lead` is Markdown that comes before them."""
    reports = tree.worst_first(report)
    level, sentence = tree.headline(reports[0])
    yield f"## {level}: {escape(sentence)}"
    yield ""
    if len(reports) > 1:
        rows = [(str(one.target.pid), code(one.verdict), one.severity or "") for one in reports]
        yield from table(("PID", "verdict", "severity"), rows)
    yield from lead
    for one in reports:
        if one is reports[0] or one.findings:
            yield from _process(one)


def _process(report: Report) -> Iterator[str]:
    yield f"**{escape(identity(report))}**"
    yield ""
    for finding in report.findings:
        yield from _finding(finding, report.lines)
    if report.undecided:
        yield from _heading("What could not be told")
        for outcome in report.undecided:
            yield f"- {code(outcome.verdict)}: {_with_hint(outcome.reason, outcome.hint)}"
        yield ""
    yield from _heading("What was looked at")
    yield from (f"- {label}: {escape(text)}" for label, text in observed(report) if text)
    yield ""
    if report.observation.limitations:
        yield from _heading("What could not be seen")
        for limitation in report.observation.limitations:
            yield f"- {_with_hint(limitation.message, limitation.hint)}"
        yield ""
    yield from _stacks(report)


def _with_hint(text: str, hint: str) -> str:
    return f"{escape(text.rstrip('.'))}; {escape(hint)}" if hint else escape(text)


def _finding(finding: Finding, lines: Lines) -> Iterator[str]:
    yield f"### {escape(f'{finding.id} {finding.title}'.strip())}"
    yield ""
    suspected = ", suspected" if finding.suspected else ""
    confidence = quantity(finding.confidence, "ratio")
    yield f"{code(finding.verdict)}, {finding.severity}{suspected}, confidence {confidence}."
    yield from filter(None, [escape(finding.summary)])
    yield ""
    if finding.culprit:
        yield f"**Where:** {_where(finding.culprit)}"
        yield ""
        yield from _source(finding.culprit, lines)
    if finding.evidence:
        yield from table(
            ("metric", "value", "threshold", "95 % between", "samples", "source"), map(_evidence, finding.evidence)
        )
    if finding.remedies:
        yield from _heading("What to do")
        for number, remedy in enumerate(finding.remedies, start=1):
            yield from _remedy(number, remedy)
    if finding.places:
        yield from _heading("Other places")
        for other in finding.places:
            text = source(lines, other)
            yield f"- {escape(other.role)}: {_where(other)}" + (f": {code(text)}" if text else "")
        yield ""
    if finding.explanation:
        yield f"**Why it hurts:** {escape(finding.explanation)}"
        yield ""
    if finding.related:
        yield from _heading("Symptoms that this explains")
        yield from (f"- {escape(symptom)}" for symptom in finding.related)
        yield ""


def _heading(text: str) -> Iterator[str]:
    yield f"**{text}**"
    yield ""


def _where(where: Place) -> str:
    thread = f", thread {code(where.thread)}" if where.thread else ""
    held = f", object {code(where.object)}" if where.object else ""
    return f"{code(place(where.file, where.line))} in {code(where.function)}{thread}{held}"


def _source(where: Place, lines: Lines) -> Iterator[str]:
    text = source(lines, where)
    if text:
        yield from fenced([clean(text)], "python")
        yield ""


def _evidence(evidence: Evidence) -> tuple[str, ...]:
    return (
        code(evidence.metric),
        escape(quantity(evidence.value, evidence.unit)),
        escape(limit(evidence.threshold, evidence.unit)),
        escape(bounds(evidence)),
        f"{evidence.samples:,}",
        code(evidence.source),
    )


def _remedy(number: int, remedy: Remedy) -> Iterator[str]:
    risk = "" if remedy.risk == "none" else f" Risk to the service: {remedy.risk}."
    yield f"{number}. **{escape(remedy.title)}**{risk} {escape(remedy.detail)}".rstrip()
    if remedy.command:
        yield ""
        yield from (f"   {line}" for line in fenced([clean(remedy.command)], "sh"))
    yield ""


def _stacks(report: Report) -> Iterator[str]:
    if not report.stacks:
        return
    threads = sum(len(group.threads) for group in report.stacks)
    yield f"<details><summary>Stacks of {threads} thread{'' if threads == 1 else 's'}</summary>"
    yield ""
    text: list[str] = []
    for group in report.stacks:
        text += [*group_lines(group, report.lines, PLAIN, _STACK_WIDTH), ""]
    yield from fenced(text[:-1], "")
    yield ""
    yield "</details>"
    yield ""


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Rows as a Markdown table; cells are Markdown already, only their bars are escaped here."""
    yield _row(heading)
    yield _row(["---"] * len(heading))
    for row in rows:
        yield _row([cell.replace("\\|", "|").replace("|", "\\|") for cell in row])
    yield ""


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def escape(text: str) -> str:
    """The text as Markdown that shows it as it is."""
    safe = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKS.sub(r"\\\1", safe)


def code(text: str) -> str:
    """The text as a code span, fenced by more backticks than it holds."""
    inner = clean(text).strip() or " "
    ticks = "`" * (1 + max((len(run) for run in _TICKS.findall(inner)), default=0))
    space = " " if len(ticks) > 1 else ""
    return f"{ticks}{space}{inner}{space}{ticks}"


def fenced(lines: Sequence[str], language: str) -> Iterator[str]:
    """The lines as a code block, fenced by more backticks than any of them holds."""
    longest = max((len(run) for line in lines for run in _TICKS.findall(line)), default=0)
    fence = "`" * max(3, longest + 1)
    yield fence + language
    yield from lines
    yield fence
