"""The formats that a report can be had in, by name and by the ending of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.core.report import html, json_, junit, markdown, openmetrics, sarif, text
from kdiag.core.report.style import PLAIN, Style

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.core.model import Report

FORMATS = ("text", "json", "markdown", "html", "sarif", "junit", "openmetrics")
_ENDINGS = {
    ".json": "json", ".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html", ".sarif": "sarif",
    ".xml": "junit", ".prom": "openmetrics",
}  # fmt: skip


def render(report: Report, form: str, style: Style = PLAIN, width: int = 100) -> Iterator[str]:
    """The report's lines; only text is painted and wrapped."""
    match form:
        case "json":
            return json_.render(report)
        case "markdown":
            return markdown.render(report)
        case "html":
            return html.render(report)
        case "sarif":
            return sarif.render(report)
        case "junit":
            return junit.render(report)
        case "openmetrics":
            return openmetrics.render(report)
        case _:
            return text.render(report, style, width)


def form_of(suffix: str) -> str:
    """The format that a file with this ending (".json") is to have; text for any that is not known."""
    return _ENDINGS.get(suffix.lower(), "text")
