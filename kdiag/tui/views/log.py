"""What kdiag did to the target, what that costs, and what could not be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.core.report.layout import wrap
from kdiag.tui.present.observed import looked_at
from kdiag.tui.present.text import heading, painted
from kdiag.tui.views.view import TextView

if TYPE_CHECKING:
    from rich.text import Text

    from kdiag.engine.live import Picture


class LogView(TextView):
    """The account of the looking itself."""

    name_, key = "Log", "l"

    def prepare(self, picture: Picture, width: int) -> list[Text]:
        """Deeds, numbers, limits."""
        return log(picture, width)


def log(picture: Picture, width: int) -> list[Text]:
    """The lines of the view."""
    lines = [heading("What kdiag did to the process")]
    lines += [painted(("quiet", f"{deed.at:8.1f} s  "), (None, deed.text)) for deed in picture.deeds]
    lines += [painted(), *looked_at(picture.report, width)]
    if picture.report.observation.limitations:
        lines += [painted(), heading("What could not be seen")]
    for limit in picture.report.observation.limitations:
        lines += [painted((None, line)) for line in wrap(limit.message, width, "  - ", "    ")]
        lines += [painted(("command", line)) for line in wrap(limit.hint, width, "    ")]
    return lines
