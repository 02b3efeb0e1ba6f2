"""Feeds for screens under test: pictures of synthetic windows, put up one by one.

Separate from real targets: a screen's test must know to the letter what it is shown. What the pictures say is judged
and reported by the real detectors and formatters.
"""

from __future__ import annotations

import queue
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from kdiag.core.detectors import detect_all
from kdiag.core.model import Cost, Window
from kdiag.core.vitals import vitals
from kdiag.engine.live import Deed, Picture, Signs, State
from kdiag.engine.replay import replay
from kdiag.engine.reporting import make_report, observed, wall_time
from kdiag.errors import KdiagError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RECORDINGS = Path(__file__).parents[1] / "recordings"
WATCHED = "looks from outside: reads its memory without stopping it, and what the kernel tells"
STARTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def picture(window: Window, *, state: State = "watching", inside: bool = False, history: int = 12) -> Picture:
    """What a feed would show of a window: judged, with its vital signs in `history` equal steps."""
    observation = observed(
        window,
        (),
        Cost(0.0, 0.0, 3.0),
        wall_time(STARTED),
        readable=bool(window.stacks),
        method="ptrace" if inside else "none",
    )
    report = make_report(window, detect_all(window), observation)
    step = window.duration_s / history
    starts = [window.started_at + number * step for number in range(history)]
    signs = [Signs(start + step - window.started_at, vitals(window.between(start, start + step))) for start in starts]
    deeds = (Deed(0.1, WATCHED), *((Deed(1.5, "a probe got in by ptrace in 0.4 s"),) if inside else ()))
    return Picture(
        at=window.duration_s, state=state, window=window, report=report, age_s=0.0, signs=tuple(signs), deeds=deeds,
        window_s=30.0, rate=1.0, inside=inside,
    )  # fmt: skip


def recorded(name: str) -> Picture:
    """The last picture of a recording of the tests', as if the target were alive."""
    feed = replay(RECORDINGS / f"{name}.kdiag", window_s=30.0)
    feed.seek(feed.recording.duration_s)
    return replace(feed.picture(), state="watching", span_s=None)


@dataclass
class ShownFeed:
    """A feed that shows what the test offers, and remembers what the screen wished.

    Attributes:
        files: source text by file name.
        refusal: what `enter` and `guard` answer; None: they do it.
        wishes: what was asked of it, in order.
    """

    title: str = "process 4711 (Python 3.11.7)"
    files: dict[str, str] = field(default_factory=dict)
    refusal: KdiagError | None = None
    wishes: list[tuple[str, object]] = field(default_factory=list)
    _pictures: queue.Queue[Picture | KdiagError | None] = field(default_factory=queue.Queue)
    _last: Picture | None = None

    def offer(self, *pictures: Picture | KdiagError) -> ShownFeed:
        """Show these, one after the other."""
        for each in pictures:
            self._pictures.put(each)
        return self

    def source(self, file: str) -> str:
        return self.files.get(file, "")

    def run(self, show: Callable[[Picture], None]) -> None:
        while (each := self._pictures.get()) is not None:
            if isinstance(each, KdiagError):
                raise each
            self._last = each
            show(each)

    def stop(self) -> None:
        self._pictures.put(None)

    def pause(self, *, on: bool) -> None:
        self._wish("pause", on, state="paused" if on else "watching")

    def seek(self, at: float) -> None:
        self._wish("seek", at, at=at)

    def look_back(self, window_s: float) -> None:
        self._wish("look_back", window_s, window_s=window_s)

    def set_rate(self, rate: float) -> None:
        self._wish("set_rate", rate, rate=rate)

    def want(self, extras: frozenset[str]) -> None:
        if extras:
            self.wishes.append(("want", extras))

    def enter(self) -> None:
        if self.refusal is not None:
            raise self.refusal
        self._wish("enter", None, inside=True)

    def guard(self, name: str) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.wishes.append(("guard", name))

    def scan(self, *, on: bool) -> None:
        if self.refusal is not None:
            raise self.refusal
        self._wish("scan", on, scanned=212 if on else 0)

    def _wish(self, what: str, value: object, **changes: object) -> None:
        self.wishes.append((what, value))
        if self._last is not None:
            self.offer(replace(self._last, **changes))  # type: ignore[arg-type]


def wished(feed: ShownFeed, what: str) -> Sequence[object]:
    """The values of all wishes of one kind."""
    return [value for name, value in feed.wishes if name == what]
