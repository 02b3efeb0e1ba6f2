"""How it was looked at, for the views that tell it: the same labels and words as a report's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.core.report.layout import definitions
from kdiag.core.report.observed import observed
from kdiag.tui.present.text import heading, painted

if TYPE_CHECKING:
    from rich.text import Text

    from kdiag.core.model import Report


def looked_at(report: Report, width: int) -> list[Text]:
    """Time, access, samples, cost, and what was looked for."""
    return [
        heading("What was looked at"),
        *(painted((None, line)) for line in definitions(observed(report), width, "  ")),
    ]
