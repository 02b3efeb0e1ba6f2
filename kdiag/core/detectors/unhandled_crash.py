"""unhandled-crash: other exceptions that end threads, tasks or requests, since no code of the service's catches them.

What the service catches and logs itself is known to it: said at info when it comes again and again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.core.crashes import (
    ENDED,
    LOGGED,
    RATE,
    REPEATED,
    SILENT,
    THRESHOLDS,
    Crash,
    consequence,
    crashes,
    frames_of,
    how_told,
    times,
)
from kdiag.core.frames import Ownership, Tier, at
from kdiag.core.model import Finding, Severity, Window
from kdiag.core.series import passes, score, severity

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["THRESHOLDS", "VERDICT", "detect"]

VERDICT = "unhandled-crash"

# How programs end, and how loops do: nobody is meant to catch these.
_CONTROL = frozenset(
    {"SystemExit", "KeyboardInterrupt", "GeneratorExit", "StopIteration", "StopAsyncIteration", "CancelledError"}
)
_MOST_OTHERS = 3


#  exceptions of one fingerprint over the window
#    healthy  . h . h . . h . . h . h . .   handled (h) by the code that they are raised in
#    sick     . . e . . e . . e . . e . e   nobody catches them: requests, tasks or jobs end (e)
#    fatal    . . . . . X                    one that ended a thread
def detect(window: Window) -> Finding | None:
    """The exception that ended most; the others are named beside it."""
    if not window.probe:
        return None
    ownership = Ownership.of(window)
    ranks = {"info": 0, "warning": 1, "critical": 2}
    found = [
        (crash, grave)
        for crash in crashes(window, ownership, {"other", "mutation"})
        if crash.group.type.rpartition(".")[2] not in _CONTROL and (grave := _severity(crash, ownership))
    ]
    if not found:
        return None
    found.sort(key=lambda each: (ranks[each[1]], bool(each[0].group.ended), each[0].count), reverse=True)
    crash, grave = found[0]
    return _finding(ownership, crash, grave, [other for other, _ in found[1:]])


def _severity(crash: Crash, ownership: Ownership) -> Severity | None:
    """What a fingerprint is worth: nothing where it is swallowed, little where the service logs it itself."""
    repeated = passes(crash.count - crash.swallowed, REPEATED)
    if _is_handled(crash, ownership):
        return "info" if repeated else None
    if not repeated and not passes(crash.group.ended, ENDED):
        return None
    return severity(crash.rate_low, RATE) or "warning"


def _is_handled(crash: Crash, ownership: Ownership) -> bool:
    """Whether code of the service's own catches it, or nothing but a log tells of it and who caught it is unknown."""
    if crash.group.ended or any(count > 0 for hook, count in crash.group.by.items() if hook not in {LOGGED, SILENT}):
        return False
    return crash.caught is None or ownership.tier(crash.caught.place) is Tier.OWN


def _finding(ownership: Ownership, crash: Crash, grave: Severity, others: Sequence[Crash]) -> Finding:
    group, frames = crash.group, frames_of(crash.group)
    culprit = ownership.culprit(frames)
    thread = group.threads[0] if group.threads else None
    where = f" at {at(culprit)} in {ownership.name(culprit)}" if culprit else ""
    ended = consequence(group)
    caught = " and is only logged" if grave == "info" else ""
    points = max(score(crash.count, REPEATED), score(group.ended, ENDED), 75)
    places = [ownership.culprit(frames_of(each.group)) for each in others[:_MOST_OTHERS]]
    also = [f"{each.group.type} at {at(place)}" for each, place in zip(others, places, strict=False) if place]
    return Finding(
        VERDICT,
        grave,
        60 if grave == "info" else points,
        0.99,
        f"{group.type} was raised {times(crash.count)}{where}{f' {ended}' if ended else caught}",
        " ".join(filter(None, [how_told(crash), f"Others: {', '.join(also)}." if also else ""])),
        ownership.place(culprit, thread) if culprit else None,
        crash.evidence(),
        (
            *ownership.innermost(frames, thread, "raises"),
            *(ownership.place(place, role="raises") for place in places if place),
        ),
    )
