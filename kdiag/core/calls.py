"""Calls into C that do not return: the same line in every frame of a thread that computes all along.

Separate from its detector because it follows one thread look by look, which nothing else about hot loops does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.core.busy import on_cpu
from kdiag.core.model import Frame

if TYPE_CHECKING:
    from kdiag.core.frames import Ownership
    from kdiag.core.threads import Look, Track

_LOOKS = 4
_GAP_S = 1.5  # longer gaps between looks prove nothing about the time in between


@dataclass(frozen=True, slots=True)
class StuckCall:
    """One call into C that did not return.

    Attributes:
        name: the call as the source has it.
        span_s: for how long, a lower bound.
    """

    frame: Frame
    name: str
    span_s: float
    looks: int
    kept_gil: bool


def stuck_call(track: Track, ownership: Ownership) -> StuckCall | None:
    """The longest time over which the thread stood in one call into C and computed all along.

    Frames are the user's only; that the call does not return is concluded from the same line in all frames over two
    seconds. A one-line loop over a C function looks the same, so the call is suspected, no more.
    """
    longest: list[Look] = []
    current: list[Look] = []
    for look in track.looks:
        thread = look.thread
        if not thread.frames and on_cpu(thread):
            continue  # it computes, and where was not looked at
        computes = bool(thread.frames) and on_cpu(thread)
        if computes and current and thread.frames == current[0].thread.frames and _near(current[-1], look):
            current.append(look)
        else:
            current = [look] if computes else []
        longest = max(longest, current, key=len)
    if len(longest) < _LOOKS:
        return None
    frames = longest[0].thread.frames
    culprit = ownership.culprit(frames)
    name = (ownership.call(culprit) if culprit else "") or ownership.call(frames[0])
    if culprit is None or not ownership.call(frames[0]):
        return None
    kept = all(look.thread.holds_gil for look in longest)
    return StuckCall(culprit, name, longest[-1].at - longest[0].at, len(longest), kept)


def _near(before: Look, after: Look) -> bool:
    return after.at - before.at <= _GAP_S
