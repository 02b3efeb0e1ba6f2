"""The pools on the screen: the account of `kdiag pools` over the window, and how their queues went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.core.report.layout import clean
from kdiag.core.report.pools import render, watched
from kdiag.tui.present.signs import curve
from kdiag.tui.present.text import STYLE, Page, from_report, heading, needs_probe, painted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.text import Text

    from kdiag.core.model import ProbedPool, Window
    from kdiag.engine.live import Picture

_LABEL = 32  # columns
_SEEN = "Queues, connections and pools of processes are seen from inside only."


def pools_page(picture: Picture, width: int) -> Page:
    """All pools."""
    page, window = Page(), picture.window
    if picture.inside and not window.probe:
        page.add(needs_probe(picture, _SEEN, width))
        return page
    if not window.probe:
        page.add(needs_probe(picture, _SEEN, width))
    page.add(from_report(render(watched(window), STYLE, width)))
    page.add(_queues(window, width))
    return page


def _queues(window: Window, width: int) -> Iterator[Text]:
    """How each queue went in which something stood, over the window."""
    history: dict[tuple[str, int], list[int]] = {}
    latest: Mapping[tuple[str, int], ProbedPool] = {}
    for sample in window.probe:
        latest = {(pool.kind, pool.id): pool for pool in sample.pools if pool.queued is not None}
        for key, pool in latest.items():
            history.setdefault(key, []).append(pool.queued or 0)
    full = {key: values for key, values in history.items() if key in latest and any(values)}
    if full:
        yield painted()
        yield heading("Queues over the window")
    for key, values in full.items():
        name = clean(latest[key].name) or latest[key].kind
        label = f"  {name[: _LABEL - 14]:<{_LABEL - 14}} {values[0]:>5,} → {values[-1]:<5,} "
        room = max(1, width - len(label))
        yield painted((None, label), ("command", curve(values[-room:], room, 1.0)))
