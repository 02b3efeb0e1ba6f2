"""The formats that a report can be had in, by name and by the ending of a file."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from kdiag.core.report import text
from kdiag.core.report.style import PLAIN, Style

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.core.model import Report

FORMATS = ("text", "json", "markdown", "html", "sarif", "junit", "openmetrics")
_MODULES = {"json": "json_"}  # where it is not the format's name
_ENDINGS = {
    ".json": "json", ".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html", ".sarif": "sarif",
    ".xml": "junit", ".prom": "openmetrics",
}  # fmt: skip


def render(report: Report, form: str, style: Style = PLAIN, width: int = 100) -> Iterator[str]:
    """The report's lines; only text is painted and wrapped."""
    if form == "text":
        return text.render(report, style, width)
    # Read when it is asked for: who waits for a diagnosis in text need not wait for what makes pages.
    renderer = import_module(f"kdiag.core.report.{_MODULES.get(form, form)}")
    lines: Iterator[str] = renderer.render(report)
    return lines


def form_of(suffix: str) -> str:
    """The format that a file with this ending (".json") is to have; text for any that is not known."""
    return _ENDINGS.get(suffix.lower(), "text")
