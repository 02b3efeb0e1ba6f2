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
    from kdiag.tui.frames import Tally


class LogView(TextView):
    """The account of the looking itself."""

    name_, key = "Log", "l"

    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self._tally = tally

    def prepare(self, picture: Picture, width: int) -> list[Text]:
        """Deeds, numbers, limits, and what the screen itself takes."""
        return [*log(picture, width), painted(), *drawing(self._tally, width)]


def drawing(tally: Tally, width: int) -> list[Text]:
    """What became of the pictures."""
    words = (
        f"{tally.offered:,} pictures came, {tally.dropped:,} were overtaken by a newer one. To make what is shown took "
        f"{tally.longest_s * 1000:.0f} ms at most, to put it up {tally.longest_draw_s * 1000:.0f} ms."
    )
    return [heading("What the screen took"), *(painted((None, line)) for line in wrap(words, width, "  "))]


def log(picture: Picture, width: int) -> list[Text]:
    """The lines of the view about the process."""
    lines = [heading("What kdiag did to the process")]
    for deed in picture.deeds:
        at = f"{deed.at:8.1f} s  "
        first, *rest = wrap(deed.text, width - len(at))
        lines += [painted(("quiet", at), (None, first)), *(painted((None, " " * len(at) + line)) for line in rest)]
    lines += [painted(), *looked_at(picture.report, width)]
    if picture.report.observation.limitations:
        lines += [painted(), heading("What could not be seen")]
    for limit in picture.report.observation.limitations:
        lines += [painted((None, line)) for line in wrap(limit.message, width, "  - ", "    ")]
        lines += [painted(("command", line)) for line in wrap(limit.hint, width, "    ")]
    return lines
