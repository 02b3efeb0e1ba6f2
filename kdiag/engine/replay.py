"""A recording played again as pictures: at any speed, from any moment, judged as if it were seen now.

It is separate from `live` because nothing is looked at: what a moment shows is computed from the samples alone.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kdiag.core.model import Report
from kdiag.core.vitals import vitals
from kdiag.engine.live import TICK_S, Deed, Picture, Signs, State
from kdiag.engine.recording import Recording, read_recording
from kdiag.errors import USAGE, KdiagError
from kdiag.machinery.clock import REAL, Clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kdiag.core.model import Window


@dataclass
class Replay:
    """The feed of a recording; see `engine.live.Feed`."""

    recording: Recording
    title: str
    window_s: float = 30.0
    clock: Clock = REAL
    _at: float = field(default=0.0, init=False)  # seconds from the recording's start
    _playing: bool = field(default=True, init=False)
    _rate: float = field(default=1.0, init=False)
    _poke: threading.Event = field(default_factory=threading.Event, init=False)
    _stopped: bool = field(default=False, init=False)
    _signs: list[Signs] = field(default_factory=list, init=False)  # of each tick from the start, as far as it was seen
    _judged: tuple[float, float, Report] | None = field(default=None, init=False)  # the last moment, its window, report

    def source(self, file: str) -> str:
        """See `Feed`; only the files that a diagnosis reads are in a recording."""
        return self.recording.whole.sources.get(file, "")

    def run(self, show: Callable[[Picture], None]) -> None:
        """See `Feed`."""
        last = self.clock.now()
        while not self._stopped:
            self._poke.clear()
            now = self.clock.now()
            if self._playing:
                self._go(self._at + (now - last) * self._rate)
            last = now
            show(self.picture())
            self.clock.wait(self._poke, TICK_S)

    def stop(self) -> None:
        """See `Feed`."""
        self._stopped = True
        self._poke.set()

    def pause(self, *, on: bool) -> None:
        """See `Feed`; what has come to its end begins again."""
        if not on and self._at >= self.recording.duration_s:
            self._at = 0.0
        self._playing = not on
        self._poke.set()

    def seek(self, at: float) -> None:
        """See `Feed`."""
        self._go(at)
        self._poke.set()

    def _go(self, at: float) -> None:
        self._at = min(max(0.0, at), self.recording.duration_s)
        if self._at >= self.recording.duration_s:
            self._playing = False

    def look_back(self, window_s: float) -> None:
        """See `Feed`."""
        self.window_s = window_s
        self._poke.set()

    def set_rate(self, rate: float) -> None:
        """See `Feed`: how fast it plays."""
        self._rate = rate
        self._poke.set()

    def want(self, extras: frozenset[str]) -> None:
        """See `Feed`: what was not looked at then cannot be seen now."""

    def enter(self) -> None:
        """See `Feed`.

        Raises:
            KdiagError: `recording`.
        """
        raise _only_a_recording("nothing can be brought into it")

    def guard(self, name: str) -> None:
        """See `Feed`.

        Raises:
            KdiagError: `recording`.
        """
        raise _only_a_recording(f"{name} cannot be watched in it")

    def scan(self, *, on: bool) -> None:  # noqa: ARG002 - neither can be
        """See `Feed`.

        Raises:
            KdiagError: `recording`.
        """
        raise _only_a_recording("nothing can be looked for in it")

    def picture(self) -> Picture:
        """What there is to show at the moment that it has come to."""
        at = self._at
        window = self.recording.window(self.recording.whole.started_at + at, self.window_s)
        ended = at >= self.recording.duration_s and self.recording.whole.ended
        state: State = "ended" if ended else "watching" if self._playing else "paused"
        began = f"recorded by kdiag {self.recording.header.kdiag_version} on {self.recording.header.started_at}"
        return Picture(
            at=at, state=state, window=window, report=self._report(at, window), age_s=0.0, signs=self._signs_until(at),
            deeds=(Deed(0.0, began),), window_s=self.window_s, rate=self._rate, inside=bool(window.probe),
            span_s=self.recording.duration_s,
        )  # fmt: skip

    def _report(self, at: float, window: Window) -> Report:
        if self._judged is None or self._judged[:2] != (at, self.window_s):
            self._judged = at, self.window_s, self.recording.report(window)
        return self._judged[2]

    def _signs_until(self, at: float) -> tuple[Signs, ...]:
        """The vital signs of each tick; those that were not asked for before are computed now."""
        whole, ticks = self.recording.whole, int(at / TICK_S)
        while len(self._signs) < ticks:
            end = whole.started_at + (len(self._signs) + 1) * TICK_S
            before = self._signs[-1].values if self._signs else {}
            values = vitals(whole.between(end - 2 * TICK_S, end))
            self._signs.append(Signs(end - whole.started_at, {**before, **values}))
        return tuple(self._signs[:ticks])


def replay(file: Path, *, window_s: float) -> Replay:
    """Open a recording to be played again.

    Raises:
        KdiagError: it cannot be read, or is none.
    """
    recording = read_recording(file)
    target = recording.header.target
    return Replay(recording, f"{file.name}: process {target.pid}", window_s)


def _only_a_recording(what: str) -> KdiagError:
    return KdiagError(
        "recording", f"This is a recording: {what}.", hint="kdiag PID  watches a process", exit_code=USAGE
    )
