"""Calls into C that do not return: the same line in every frame of a thread that computes all along.

Separate from its detector because it follows one thread look by look, which nothing else about hot loops does.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.core.busy import on_cpu
from kdiag.core.model import Frame, Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kdiag.core.frames import Ownership
    from kdiag.core.threads import Look, Track

_LOOKS = 4
_GAP_S = 1.5  # longer gaps between looks prove nothing about the time in between


@dataclass(frozen=True, slots=True)
class StuckCall:
    """One call into C that did not return.

    Attributes:
        name: the call as the source has it.
        native: the C function that a native look found innermost, None without such a look.
        span_s: for how long, a lower bound.
    """

    frame: Frame
    name: str
    native: Frame | None
    span_s: float
    looks: int
    kept_gil: bool


def stuck_call(window: Window, track: Track, ownership: Ownership) -> StuckCall | None:
    """The longest time over which the thread stood in one call into C and computed all along.

    Frames are the user's only; that the call does not return is concluded from the same line in all frames over two
    seconds. A native look that finds the interpreter's own loop innermost refutes it.
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
    native = _native(window, track, longest)
    if culprit is None or not ownership.call(frames[0]) or any(f.function.startswith("_PyEval") for f in native):
        return None
    kept = all(look.thread.holds_gil for look in longest)
    inside = Counter(native).most_common(1)[0][0] if native else None
    return StuckCall(culprit, name, inside, longest[-1].at - longest[0].at, len(longest), kept)


def _near(before: Look, after: Look) -> bool:
    return after.at - before.at <= _GAP_S


def _native(window: Window, track: Track, looks: Sequence[Look]) -> list[Frame]:
    """The innermost frames of the native looks at the thread in that time."""
    return [
        sample.frames[0]
        for sample in window.native
        if sample.thread_id == track.last.thread_id and sample.frames and looks[0].at <= sample.at <= looks[-1].at
    ]
