"""One finding on the page: where, how it is known, what to do, why it hurts."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

from kdiag.core.redact_files import redact_file
from kdiag.core.report.html.charts import bar
from kdiag.core.report.html.markup import code, element, listed, text, where
from kdiag.core.report.layout import clean
from kdiag.core.report.quantity import bounds, limit, quantity
from kdiag.core.report.stacks import source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.core.model import Evidence, Finding, Place, Remedy, Report

_AROUND = 3  # lines of source before and after
_COLUMNS = ("metric", "value", "", "threshold", "95 % between", "samples", "source")


def finding_section(finding: Finding, report: Report, anchor: str) -> Iterator[str]:
    """The section of one finding; `anchor` is its id on the page."""
    yield f'<section class="finding {finding.severity}" id="{anchor}">'
    yield element("h3", f"{finding.id} {finding.title}".strip())
    suspected = ", suspected" if finding.suspected else ""
    yield (
        f'<p class="quiet"><span class="badge {finding.severity}">{finding.severity}</span> {code(finding.verdict)}'
        f"{suspected}, confidence {text(quantity(finding.confidence, 'ratio'))}</p>"
    )
    if finding.summary:
        yield element("p", finding.summary)
    if finding.culprit:
        yield f"<h4>Where</h4><p>{_named(finding.culprit)}</p>"
        yield from _snippet(finding.culprit, report)
    if finding.evidence:
        yield from _evidence_table(finding)
    if finding.remedies:
        yield "<h4>What to do</h4>"
        yield from listed(map(_remedy, finding.remedies), "ol")
    if finding.places:
        yield "<h4>Other places</h4>"
        yield from listed(_other(place, report) for place in finding.places)
    if finding.explanation:
        yield f"<h4>Why it hurts</h4>{element('p', finding.explanation)}"
    if finding.related:
        yield "<h4>Symptoms that this explains</h4>"
        yield from listed(map(text, finding.related))
    yield "</section>"


def _named(at: Place) -> str:
    thread = f", thread {code(at.thread)}" if at.thread else ""
    return where(at) + thread + (f", object {code(at.object)}" if at.object else "")


def _other(at: Place, report: Report) -> str:
    line = source(report.lines, at)
    return f"{text(at.role)}: {_named(at)}" + (f'<pre class="source">{text(line)}</pre>' if line else "")


def _snippet(at: Place, report: Report) -> Iterator[str]:
    """The lines around a place where the file is known, else the line alone."""
    whole = redact_file(report.window.sources.get(at.file, "")).split("\n") if report.window else []
    first = max(1, at.line - _AROUND)
    lines = whole[first - 1 : at.line + _AROUND] if 0 < at.line <= len(whole) else []
    if not lines:
        first, line = at.line, source(report.lines, at)
        lines = [line] if line else []
    if not lines:
        return
    rows = []
    for number, line in enumerate(dedent("\n".join(map(clean, lines))).split("\n"), start=first):
        mark = ' class="here"' if number == at.line else ""
        rows.append(f"<span{mark}><i>{number}</i> {text(line)}</span>")
    yield f'<pre class="source" tabindex="0">{"".join(rows)}</pre>'


def _evidence_table(finding: Finding) -> Iterator[str]:
    yield "<h4>How it is known</h4><table><thead><tr>"
    yield "".join(element("th", column) for column in _COLUMNS)
    yield "</tr></thead><tbody>"
    yield from map(_evidence, finding.evidence)
    yield "</tbody></table>"


def _evidence(evidence: Evidence) -> str:
    cells = (
        code(evidence.metric),
        text(quantity(evidence.value, evidence.unit)),
        bar(evidence),
        text(limit(evidence.threshold, evidence.unit)),
        text(bounds(evidence)),
        f"{evidence.samples:,}",
        text(evidence.source),
    )
    named = zip(_COLUMNS, cells, strict=True)
    return "<tr>" + "".join(f'<td data-label="{name}">{cell}</td>' for name, cell in named) + "</tr>"


def _remedy(remedy: Remedy) -> str:
    risk = "" if remedy.risk == "none" else f' <span class="risk">Risk to the service: {text(remedy.risk)}.</span>'
    command = f'<pre class="command" tabindex="0">{text(remedy.command)}</pre>' if remedy.command else ""
    return f"{element('strong', remedy.title)}{risk} {text(remedy.detail)}{command}"
