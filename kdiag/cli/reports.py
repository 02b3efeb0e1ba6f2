"""A report in each of the formats that it can be asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.cli import output
from kdiag.core.report import formats

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kdiag.core.model import Report

FORMATS = formats.FORMATS


def render(report: Report, form: str, file: Path | None) -> Iterator[str]:
    """The report's lines; text is painted and wrapped for where it goes."""
    return formats.render(report, form, output.style(file), output.width())
