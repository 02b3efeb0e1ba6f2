"""Memory on the screen: how much there is over time, which types and containers grow, and descriptors and threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.core.creations import traced
from kdiag.core.heap import churn, growth
from kdiag.core.keepers import keepers
from kdiag.core.report.counts import counts
from kdiag.core.report.layout import wrap
from kdiag.core.report.memory import render
from kdiag.core.report.quantity import quantity
from kdiag.tui.present.chart import chart
from kdiag.tui.present.text import STYLE, Page, from_report, heading, needs_probe, painted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.text import Text

    from kdiag.core.model import Window
    from kdiag.engine.live import Picture

_HEIGHT = 5  # lines of the curve
_MINUTE_S = 60.0
_SEEN = "Who keeps what grows, and how many blocks are allocated, is seen from inside only."
_LONGER = "Where memory grows slowly, look for longer: ] judges a longer time."


def memory_page(picture: Picture, width: int) -> Page:
    """All that is known."""
    page, window = Page(), picture.window
    page.add(_resident(picture, width))
    page.add([painted()])
    page.add(from_report(render(growth(window.heap), keepers(window), traced(window), STYLE, width, longer=_LONGER)))
    young = churn(window.heap)
    if young is not None:
        page.add([painted()])
        page.add(painted((None, line)) for line in wrap(young.words, width))
    page.add([painted(), heading("Descriptors and threads")])
    page.add(from_report(counts(window, width)))
    if not window.probe:
        page.add([painted()])
        page.add(needs_probe(picture, _SEEN, width))
    return page


def _resident(picture: Picture, width: int) -> Iterator[Text]:
    """How much there is, and how that went."""
    window = picture.window
    if not window.process:
        yield painted((None, "How much memory it has was not seen yet."))
        return
    parts = [f"Resident {_change([sample.rss for sample in window.process], 'bytes', window)}"]
    if window.probe:
        parts.append(f"blocks {_change([sample.blocks for sample in window.probe], 'count', window)}")
    known = [sample.count.known for sample in window.heap if sample.count and sample.count.known]
    if known:
        parts.append(f"objects that the collector watches {_change(known, 'count', window)}")
    yield from (painted(("strong", line)) for line in wrap("; ".join(parts), width))
    values = [each.values["rss_bytes"] for each in picture.signs if "rss_bytes" in each.values]
    yield from chart(values, "bytes", width, _HEIGHT, zero=False)


def _change(values: list[int], unit: str, window: Window) -> str:
    """The last number, and by how much it became more or less over the window."""
    now, more = values[-1], values[-1] - values[0]
    said = quantity(now, unit)
    if more and window.duration_s > 0:
        a_minute = quantity(abs(more) / window.duration_s * _MINUTE_S, f"{unit}/min")
        sign = "+" if more > 0 else "−"
        said += f" ({sign}{quantity(abs(more), unit)} in {window.duration_s:.0f} s, {sign}{a_minute})"
    return said
