"""event-loop-blocked: one callback keeps an asyncio loop from turning.

A loop's thread waits nowhere but in its selector. Seen asleep, in a read or in a lock inside of a callback, it is
blocked, and an unchanged run count tells for how long at least. A callback that computes is harder to tell from many
short ones; there the number of times that the thread went to sleep bounds how long it was busy at a stretch.
Where a probe was inside, it has measured how long callbacks had to wait.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from kdiag.core.frames import Ownership, Tier, at
from kdiag.core.loop_delays import Blocking, Delays, measured, worst_blocking
from kdiag.core.loops import loop_state, loop_tracks
from kdiag.core.model import Evidence, Finding, Frame, NotEnoughEvidence, Severity, Threshold, Wait, Window
from kdiag.core.series import Share, clustered_share, clustering, passes, score, severity
from kdiag.core.threads import Look, Track, moved, stack_source, too_few_stacks, tracks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

VERDICT = "event-loop-blocked"

LONGEST = Threshold("loop.blocked_max", "s", warning=0.1, critical=1.0, learnt_from="Clinic Doctor: max delay")
TYPICAL = Threshold("loop.delay_mean", "s", warning=0.01, critical=None, learnt_from="Clinic Doctor: median delay")
THRESHOLDS = (LONGEST, TYPICAL)

_LOOKS = 8
_SPAN_S = 2.0
_SEEN = 3  # looks in one callback before anything is said about how long it takes on average
_CHAIN_S = 1.0
_GAP_S = 1.0
_CLUSTERED = -2.5  # z of the runs test: less than one chance in a hundred
_MOSTLY = 0.5

_BLOCKING = frozenset({Wait.SLEEP, Wait.IO, Wait.LOCK, Wait.POLL})


@dataclass(frozen=True, slots=True)
class _Turn:
    """One look at a loop's thread: the callback's frames (none while it turns), and what identifies the callback."""

    look: Look
    callback: tuple[Frame, ...]
    identity: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class _Blocked:
    """One callback of one loop, and how long it kept the loop from turning. All durations are lower bounds.

    Attributes:
        waited_s: the longest time in which the thread provably did not move inside of it.
        chain_s: the longest row of looks that found it, where such a row is no chance.
        stretch_s: how long the thread was busy in it between two sleeps, on average.
        always: every look found it: one endless callback, or short ones without a pause.
    """

    track: Track
    frames: tuple[Frame, ...]
    share: Share
    waited_s: float
    chain_s: float
    stretch_s: float
    always: bool

    @property
    def longest_s(self) -> float:
        """For how long the loop was kept from turning."""
        return max(self.waited_s, self.chain_s, self.stretch_s)

    @property
    def delay_s(self) -> float:
        """What an event that comes at any moment must wait on average."""
        return self.share.low * self.stretch_s / 2

    @property
    def sick(self) -> bool:
        """Whether a threshold is reached: one long callback, or most of the time in callbacks of a fair length."""
        return passes(self.longest_s, LONGEST) or (self.share.low >= _MOSTLY and passes(self.delay_s, TYPICAL))

    @property
    def proven(self) -> bool:
        """Whether one wait inside of the callback is long enough by itself."""
        return passes(self.waited_s, LONGEST)


#  what the loop's thread is in, over time
#    healthy  s c s s c s s s c s c s s s s s   the selector (s), and callbacks (c) now and then
#    blocked  s c c c c c c c c s s c c c c c   one callback over many looks in a row
def detect(window: Window) -> Finding | NotEnoughEvidence | None:
    """The callback that kept a loop from turning for longest."""
    ownership = Ownership.of(window)
    worst = worst_blocking(window, lambda callback: _identity(callback, ownership))
    if worst is not None and passes(worst.low_s, LONGEST):
        return _measured(ownership, worst)
    everybody = loop_tracks(tracks(window))
    if not everybody:
        return too_few_stacks(window, VERDICT, 1, 0.0)
    quick = {delays.ident for delays in measured(window) if delays.count >= _LOOKS and not _slow(delays)}
    found = [blocked for track in everybody for blocked in _callbacks(window, track, ownership) if blocked.sick]
    found = [blocked for blocked in found if blocked.proven or blocked.track.ident not in quick]
    if found:
        return _finding(window, ownership, max(found, key=lambda b: (b.longest_s, b.delay_s)))
    return too_few_stacks(window, VERDICT, _LOOKS, _SPAN_S)


def _slow(delays: Delays) -> bool:
    """Whether what was measured of a loop reaches a threshold."""
    return passes(delays.longest_s, LONGEST) or passes(delays.mean_s, TYPICAL)


def _measured(ownership: Ownership, worst: Blocking) -> Finding:
    """A finding by delays that were measured."""
    delays, source = worst.delays, "probe.loops"
    frame = ownership.culprit(worst.frames) or worst.frames[0]
    name = ownership.name(frame)
    call = ownership.call(frame)
    longest, low = round(worst.longest_s, 3), round(min(worst.low_s, worst.longest_s), 3)
    title = f"The event loop of '{delays.thread}' was blocked for {longest:.2g} s at a time by {name} at {at(frame)}"
    return Finding(
        VERDICT,
        severity(worst.low_s, LONGEST) or "warning",
        score(worst.low_s, LONGEST),
        0.97,
        title + (f" ({call})" if call else ""),
        f"{worst.times} of {delays.count} callbacks that were given to the loop had to wait while it was in {name}.",
        ownership.place(frame, delays.thread),
        (
            Evidence(LONGEST.metric, longest, LONGEST.unit, delays.count, source, low, longest, LONGEST.warning),
            Evidence(TYPICAL.metric, delays.mean_s, TYPICAL.unit, delays.count, source, threshold=TYPICAL.warning),
        ),
        ownership.innermost(worst.frames, delays.thread, "waits"),
        threads=(delays.ident,),
    )


def _callbacks(window: Window, track: Track, ownership: Ownership) -> Iterator[_Blocked]:
    """Every callback that the loop was found in."""
    turns = [
        _Turn(look, state.callback, _identity(state.callback, ownership))
        for look in track.looks
        if (state := loop_state(look.thread.frames))
    ]
    for identity in dict.fromkeys(turn.identity for turn in turns if turn.identity):
        if blocked := _measure(window, track, turns, identity):
            yield blocked


def _identity(callback: Sequence[Frame], ownership: Ownership) -> tuple[str, str] | None:
    """What makes two looks the same callback: its outermost function of the user's, else of anybody's."""
    outermost = [frame for frame in callback if ownership.tier(frame) is Tier.OWN][-1:] or list(callback[-1:])
    return (outermost[0].file, outermost[0].function) if outermost else None


def _measure(window: Window, track: Track, turns: Sequence[_Turn], identity: tuple[str, str]) -> _Blocked | None:
    inside = [turn.identity == identity for turn in turns]
    share = clustered_share((flag, 1) for flag in inside)
    if share is None:
        return None
    always = all(inside)
    rests = _rows(turns, lambda a, b: a.identity == b.identity == identity and _rests(a.look, b.look))
    rows = _rows(turns, lambda a, b: a.identity == b.identity == identity and b.look.at - a.look.at <= _GAP_S)
    waited, chain = max(rests, key=_span, default=[]), max(rows, key=_span, default=[])
    no_chance = _span(chain) >= _CHAIN_S and (always or clustering(inside) < _CLUSTERED)
    example = waited or chain or [turn for turn in turns if turn.identity == identity]
    return _Blocked(
        track,
        _typical_stack(example),
        share,
        _span(waited),
        _span(chain) if no_chance else 0.0,
        _stretch(window, track, share) if sum(inside) >= _SEEN else 0.0,
        always,
    )


def _rows(turns: Sequence[_Turn], joined: Callable[[_Turn, _Turn], bool]) -> list[list[_Turn]]:
    """The rows of two turns and more in which each is joined to the next."""
    rows: list[list[_Turn]] = []
    row = list(turns[:1])
    for before, turn in pairwise(turns):
        if not joined(before, turn):
            rows.append(row)
            row = []
        row.append(turn)
    return [row for row in [*rows, row] if len(row) > 1]


def _span(row: Sequence[_Turn]) -> float:
    return row[-1].look.at - row[0].look.at if row else 0.0


def _rests(before: Look, after: Look) -> bool:
    """Whether the thread slept from one look to the next, which in a callback a loop never does."""
    return (
        before.thread.wait in _BLOCKING
        and after.thread.wait in _BLOCKING
        and moved(before.thread, after.thread) is False
    )


def _typical_stack(turns: Sequence[_Turn]) -> tuple[Frame, ...]:
    """The callback's stack that was seen most often."""
    return Counter(turn.callback for turn in turns).most_common(1)[0][0]


def _stretch(window: Window, track: Track, share: Share) -> float:
    """How long the thread was in the callback between two sleeps on average, a lower bound; 0.0 when it is not known.

    It went to sleep at most as often as it was put on a CPU. For the main thread the kernel also counts voluntary
    switches, which leaves out the times that it was only displaced.
    """
    first, last = track.looks[0], track.looks[-1]
    if first.thread.runs is None or last.thread.runs is None:
        return 0.0
    span = last.at - first.at
    sleeps = float(last.thread.runs - first.thread.runs)
    process = [sample for sample in window.process if first.at <= sample.at <= last.at]
    if track.last.thread_id == window.target.pid and len(process) > 1:
        voluntary = process[-1].context_switches[0] - process[0].context_switches[0]
        counted = process[-1].at - process[0].at
        if counted > span / 2:
            sleeps = min(sleeps, voluntary * span / counted)
    return share.low * span / (max(0.0, sleeps) + 1)


def _finding(window: Window, ownership: Ownership, blocked: _Blocked) -> Finding:
    track, longest = blocked.track, blocked.longest_s
    frame = ownership.culprit(blocked.frames) or blocked.frames[0]
    proven = blocked.proven
    call = ownership.call(frame) if proven else ""
    points = max(score(longest, LONGEST), score(blocked.delay_s, TYPICAL) if blocked.share.low >= _MOSTLY else 0)
    how_often = f"{ownership.name(frame)} was on the loop in {blocked.share.value:.0%} of the looks."
    title = f"The event loop of '{track.name}' was blocked for at least {longest:.2g} s at a time by "
    if not passes(longest, LONGEST):
        title = f"Events of the loop of '{track.name}' wait at least {blocked.delay_s * 1000:.0f} ms on average for "
    return Finding(
        VERDICT,
        _severity(window, blocked),
        points,
        0.97 if proven else 0.75,
        f"{title}{ownership.name(frame)} at {at(frame)}" + (f" ({call})" if call else "") + _doubt(proven),
        f"{how_often} {_how_known(blocked)}",
        ownership.place(frame, track.name),
        _evidence(window, blocked),
        ownership.innermost(blocked.frames, track.name, "waits" if proven else "runs"),
        suspected=not proven,
        threads=(track.ident,),
    )


def _doubt(proven: bool) -> str:
    return "" if proven else ": suspected"


def _severity(window: Window, blocked: _Blocked) -> Severity:
    """Critical from one second on where the callback is known to be one.

    Every look in the same callback may also be a loop that is only saturated with short ones, unless connections wait
    unread all along: a loop that turns would read them.
    """
    if severity(blocked.waited_s, LONGEST) == "critical":
        return "critical"
    unread = bool(window.process) and min(sample.backlog for sample in window.process) > 0
    known = not blocked.always or unread
    return "critical" if known and severity(blocked.chain_s, LONGEST) == "critical" else "warning"


def _how_known(blocked: _Blocked) -> str:
    if blocked.proven:
        return "The thread slept inside of the callback; a loop sleeps nowhere but in its selector."
    if blocked.always:
        return "Every look found it there: one callback that does not end, or many short ones without a pause."
    if blocked.chain_s:
        return "It was found there over more looks in a row than chance would give."
    return "The thread went to sleep so seldom that it must have been busy for long at a stretch."


def _evidence(window: Window, blocked: _Blocked) -> tuple[Evidence, ...]:
    share, source = blocked.share, stack_source(window)
    looks = share.samples
    longest, delay = round(blocked.longest_s, 3), blocked.delay_s
    return (
        Evidence(LONGEST.metric, longest, LONGEST.unit, looks, source, low=longest, threshold=LONGEST.warning),
        Evidence(TYPICAL.metric, delay, TYPICAL.unit, looks, source, low=delay, threshold=TYPICAL.warning),
        Evidence("loop.blocked_share", share.value, "ratio", looks, source, share.low, share.high),
    )
