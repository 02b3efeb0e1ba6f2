"""The page: its head with the policy that holds it, the verdict, and a part for each process."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from kdiag import __version__
from kdiag.core.report import tree
from kdiag.core.report.flamegraph import resource
from kdiag.core.report.html.appendix import appendix
from kdiag.core.report.html.finding import finding_section
from kdiag.core.report.html.markup import element, text
from kdiag.core.report.observed import identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kdiag.core.model import Report


def render(report: Report, lead: Iterable[str] = ()) -> Iterator[str]:
    """The page, line by line: the report, and its children's, worst first; `lead` is markup that comes before them."""
    reports = tree.worst_first(report)
    level, sentence = tree.headline(reports[0])
    yield from _head(f"{level}: {sentence}")
    yield f'<header class="{text(level)}"><p class="badge {text(level)}">{text(level)}</p>{element("h1", sentence)}'
    yield element("p", identity(reports[0]), "quiet")
    yield "</header>"
    if len(reports) > 1:
        yield from _processes(reports)
    yield "<main>"
    yield from lead
    for number, one in enumerate(reports):
        yield from _process(one, number, alone=len(reports) == 1)
    yield "</main>"
    yield f"<footer>kdiag {text(__version__)}, {text(report.observation.started_at)}</footer>"
    yield f"<script>{_script()}</script>"
    yield "</body></html>"


def _head(title: str) -> Iterator[str]:
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_policy()}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">'
    yield '<link rel="icon" href="data:,">'
    yield f"{element('title', title)}<style>{_style()}</style></head><body>"


def _policy() -> str:
    """Nothing may be loaded from anywhere, and of scripts and styles only ours run, known by their digests."""
    return (
        f"default-src 'none'; script-src '{_digest(_script())}'; style-src '{_digest(_style())}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(content: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode('utf-8')).digest()).decode('ascii')}"


def _style() -> str:
    return f"{resource('html/page.css')}\n{resource('flamegraph.css')}"


def _script() -> str:
    return f"{resource('flamegraph.js')}\n{resource('html/page.js')}"


def _processes(reports: Sequence[Report]) -> Iterator[str]:
    yield '<nav aria-label="Processes"><ul>'
    for number, one in enumerate(reports):
        severity = f", {one.severity}" if one.severity else ""
        yield f'<li><a href="#p{number}">{text(tree.name(one))}</a>: {text(one.verdict + severity)}</li>'
    yield "</ul></nav>"


def _process(report: Report, number: int, *, alone: bool) -> Iterator[str]:
    yield f'<article id="p{number}">'
    if not alone:
        yield element("h2", identity(report))
    for count, finding in enumerate(report.findings):
        yield from finding_section(finding, report, f"p{number}-{count}")
    yield from appendix(report)
    yield "</article>"
