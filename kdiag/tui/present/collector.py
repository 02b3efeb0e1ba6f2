"""The garbage collector on the screen: its share of the time with the threshold, what it does, and who makes it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kdiag.core.collector import Estimate, estimate, whole_account
from kdiag.core.detectors.gc_pressure import SHARE, VERDICT
from kdiag.core.frames import at
from kdiag.core.heap import churn, growth
from kdiag.core.report.collector import generations, render, share, traced
from kdiag.core.report.layout import wrap
from kdiag.core.report.quantity import quantity
from kdiag.core.survivors import survivors
from kdiag.tui.present.chart import chart, gauge
from kdiag.tui.present.text import STYLE, Page, from_report, heading, needs_probe, painted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.text import Text

    from kdiag.engine.live import Picture

_HEIGHT = 4  # lines of the curve
_SEEN = "Each collection, its time and who starts it are seen from inside only."
_MARKS = tuple(mark for mark in (SHARE.warning, SHARE.critical) if mark is not None)


def collector_page(picture: Picture, width: int, *, trace_only: bool) -> Page:
    """All that is known; or the collections one by one, the newest first."""
    page = Page()
    if not trace_only:
        page.add(_share(picture, width))
        page.add([painted()])
        page.add(_known(picture, width))
        page.add([painted()])
    _trace(picture, page, width)
    return page


def _share(picture: Picture, width: int) -> Iterator[Text]:
    """How much of the time it takes, now and up to now."""
    account, guess = whole_account(picture.window), estimate(picture.window)
    known = share(account) if account else guess.share.value if guess else None
    if known is None:
        yield painted((None, "The collector's state could not be read from outside."))
        return
    bounds = f" ({guess.share.low:.0%} to {guess.share.high:.0%})" if guess and not account else ""
    said = f" {known:.0%}{bounds} of the time; ┃ {', '.join(f'{mark:.0%}' for mark in _MARKS)}"
    bar = gauge(known, _MARKS, 1.0, max(10, width - len(said)))
    yield bar.append_text(painted(("strong", said)))
    values = [each.values["gc_share"] for each in picture.signs if "gc_share" in each.values]
    yield from chart(values, "ratio", width, _HEIGHT, zero=True, full=SHARE.warning or 0.0)


def _known(picture: Picture, width: int) -> Iterator[Text]:
    account, guess = whole_account(picture.window), estimate(picture.window)
    if account is not None:
        yield from from_report(render(account, STYLE, width))
    elif guess is not None:
        yield from _from_outside(guess, width)
    left = survivors(picture.window)
    if account is not None:
        left = replace(left, young=0)  # of these the account has told
    types = [
        seen for seen in (churn(picture.window.heap), growth(picture.window.heap)) if seen is not None and seen.types
    ]
    for words in (*left.words(), *(seen.words for seen in types)):
        yield from (painted((None, line)) for line in wrap(words, width))
    finding = next((each for each in picture.report.findings if each.verdict == VERDICT), None)
    if account is None and finding is not None and finding.culprit is not None:
        where = f"{at(finding.culprit)} {finding.culprit.function}"
        yield from (painted((None, line)) for line in wrap(f"Most likely started at {where}.", width))


def _from_outside(guess: Estimate, width: int) -> Iterator[Text]:
    account = guess.account
    said = f"{sum(account.collections):,} collections in {account.span_s:.1f} s" if account.collections else "Estimated"
    if account.longest_s:
        said += f", the longest at least {quantity(account.longest_s, 's')}"
    said += f", by {guess.share.samples:,} reads of its flag."
    if not account.enabled:
        said += " It is switched off (gc.disable): it runs only where somebody asks for it."
    if guess.survivors:  # none, that is: none has run yet
        said += f" The last full collection left {guess.survivors:,} objects alive."
    yield from (painted((None, line)) for line in wrap(said, width))
    if account.collections:
        yield painted()
        yield from from_report(generations(account))


def _trace(picture: Picture, page: Page, width: int) -> None:
    if not picture.inside:
        page.add(needs_probe(picture, _SEEN, width))
        return
    page.add([heading("Collections, the newest first")])
    for each in reversed(picture.trace):
        page.add(from_report([traced(each)]), (each.at, each.generation))
    if not picture.trace:
        none = "None since this view was opened." if picture.span_s is None else "A recording does not keep them."
        page.add([painted(("quiet", none))])
