"""How long callbacks had to wait in an asyncio loop, as the probe measured it, and which callback they waited for.

Separate from the detector, which must do without a probe, too.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.core.loops import LoopState, loop_state
from kdiag.core.model import Frame
from kdiag.core.threads import tracks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kdiag.core.model import LoopDelay, Window
    from kdiag.core.threads import Track


@dataclass(frozen=True, slots=True)
class Delays:
    """What was measured of one loop.

    Attributes:
        mean_s: what an event that comes at any moment must wait on average.
        longest_s: the longest delay, whatever was its cause.
    """

    ident: int
    thread: str
    count: int
    mean_s: float
    longest_s: float


@dataclass(frozen=True, slots=True)
class Blocking:
    """One callback and the delays during which the loop's thread was in it.

    Attributes:
        frames: of the callback during the longest delay, innermost first.
        longest_s, low_s: the longest delay; and without the time that the thread only waited for a CPU.
        times: how many delays.
    """

    delays: Delays
    frames: tuple[Frame, ...]
    longest_s: float
    low_s: float
    times: int


def measured(window: Window) -> tuple[Delays, ...]:
    """What was measured of each loop that was there at the end."""
    if not window.probe:
        return ()
    span_s = max(window.probe[-1].at - window.started_at, 1e-6)
    found = []
    for loop in window.probe[-1].loops:
        seconds = [delay.seconds for delay in _delays(window, loop.loop)] + [loop.waiting_s]
        mean_s = sum(each * each / 2 for each in seconds) / span_s
        found.append(Delays(loop.ident, loop.thread, len(seconds), mean_s, max(seconds)))
    return tuple(found)


def worst_blocking(window: Window, identity: Callable[[Sequence[Frame]], tuple[str, str] | None]) -> Blocking | None:
    """The callback that delayed others for longest; `identity` tells what makes two stacks the same callback."""
    known = {track.ident: track for track in tracks(window)}
    found = []
    for delays, loop in zip(measured(window), window.probe[-1].loops if window.probe else (), strict=True):
        waits = [(delay.at, delay.seconds, delay.frames) for delay in _delays(window, loop.loop)]
        waits.append((window.probe[-1].at, loop.waiting_s, loop.frames))
        by_callback = defaultdict(list)
        for at, seconds, frames in waits:
            state = loop_state(frames) or LoopState(frames)  # of a loop written in C the callback alone was told
            name = identity(state.callback) if state.callback else None
            if name:
                low_s = seconds - _queued(known.get(loop.ident), at - seconds, at)
                by_callback[name].append((low_s, seconds, state.callback))
        for rows in by_callback.values():
            low_s, seconds, callback = max(rows, key=lambda row: row[0])
            found.append(Blocking(delays, callback, seconds, max(0.0, low_s), len(rows)))
    return max(found, key=lambda blocking: blocking.low_s, default=None)


def _delays(window: Window, loop: int) -> Iterable[LoopDelay]:
    return (delay for sample in window.probe for delay in sample.delays if delay.loop == loop)


def _queued(track: Track | None, start: float, end: float) -> float:
    """Seconds in which a thread was ready and had no CPU, at most, between two moments."""
    looks = [look for look in track.looks if look.thread.queued_s is not None] if track else []
    if not looks:
        return 0.0
    before = next((look for look in reversed(looks) if look.at <= start), looks[0])
    after = next((look for look in looks if look.at >= end), looks[-1])
    return max(0.0, (after.thread.queued_s or 0.0) - (before.thread.queued_s or 0.0))
