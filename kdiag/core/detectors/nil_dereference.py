"""nil-dereference: an operation on None raises AttributeError or TypeError, again and again or fatally.

Also where the exception is swallowed. The probe's hooks tell of the exceptions; the sources tell which expression was
None, and where that came from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.core.crashes import (
    ENDED,
    RATE,
    REPEATED,
    Crash,
    consequence,
    crashes,
    frames_of,
    how_told,
    times,
)
from kdiag.core.crashes import (
    THRESHOLDS as OF_CRASHES,
)
from kdiag.core.frames import Ownership, at
from kdiag.core.model import Finding, Place, Severity, Threshold, Window
from kdiag.core.nil import Nil, explain
from kdiag.core.series import passes, score, severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kdiag.core.nil_origin import Origin

VERDICT = "nil-dereference"

EXPECTED = Threshold("crash.expected_rate", "exceptions/s", warning=1.0, critical=None, learnt_from="own targets")
LIBRARY = Threshold(
    "crash.library_rate", "exceptions/s", warning=None, critical=None, info=10.0, learnt_from="own targets"
)
THRESHOLDS = (*OF_CRASHES, EXPECTED, LIBRARY)

_MOST_OTHERS = 3
_MOST_ORIGINS = 3
_SUREST = {"certain": "It is certain that", "likely": "It is likely that", "open": "One of them was None:"}


#  exceptions of one fingerprint over the window
#    healthy  . . . . . n . . . . . . . .   once, or expected by name, or a library's own affair
#    sick     . n n . n n n . n n . n n n   again and again, at the same expression
#    fatal    . . . . . . . X                one that ended a thread
def detect(window: Window) -> Finding | None:
    """The place where None was used most gravely; the others are named beside it."""
    if not window.probe:
        return None
    ownership = Ownership.of(window)
    found = [(crash, grave) for crash in crashes(window, ownership, {"nil"}) if (grave := _severity(crash))]
    if not found:
        return None
    ranks = {"info": 0, "warning": 1, "critical": 2}
    found.sort(key=lambda each: (ranks[each[1]], bool(each[0].group.ended), each[0].count), reverse=True)
    crash, grave = found[0]
    nil = explain(crash.group, window.sources)
    return _finding(ownership, crash, nil, grave, [other for other, _ in found[1:]]) if nil else None


def _severity(crash: Crash) -> Severity | None:
    """What a fingerprint is worth.

    What a library swallows is its own affair, however it does it; what own code catches by its very name was expected.
    """
    if crash.swallowed == crash.count and not crash.own:
        return severity(crash.rate_low, LIBRARY)
    if crash.swallowed == crash.count and crash.caught is not None and crash.caught.by_name:
        return severity(crash.rate_low, EXPECTED)
    repeated = passes(crash.count, REPEATED) or passes(crash.group.ended, ENDED)
    return (severity(crash.rate_low, RATE) or "warning") if repeated else None


def _finding(ownership: Ownership, crash: Crash, nil: Nil, grave: Severity, others: Sequence[Crash]) -> Finding:
    group, frames = crash.group, frames_of(crash.group)
    thread = group.threads[0] if group.threads else None
    culprit = ownership.own(frames) or nil.frame
    points = max(score(crash.count, REPEATED), score(group.ended, ENDED), 75)
    what = f"{nil.access or nil.name or 'an operation on None'} raised {group.type} {times(crash.count)} at "
    ended = consequence(group)
    title = f"{what}{at(nil.frame)}{f' {ended}' if ended else ''}: {_told_origin(nil)}"
    return Finding(
        VERDICT,
        grave,
        60 if grave == "info" else points,
        0.99,
        title,
        " ".join([*_sentences(nil), how_told(crash), *_also(ownership, others)]).strip(),
        ownership.place(culprit, thread, what=nil.name or None),
        crash.evidence(),
        tuple(_places(ownership, crash, nil, culprit, thread, others)),
    )


def _told_origin(nil: Nil) -> str:
    """What was None, and from where, for the title."""
    name = nil.name or "something"
    if len(nil.origins) == 1 and nil.origins[0].text == nil.name:
        return f"{name} was None; it {nil.origins[0].phrase} at {at(nil.origins[0].place)}"
    origins = [_short(origin) for origin in nil.origins[:_MOST_ORIGINS]]
    more = " or others" if len(nil.origins) > _MOST_ORIGINS else ""
    return f"{name} was None, from {' or '.join(origins)}{more}" if origins else f"{name} was None"


def _short(origin: Origin) -> str:
    return f"`{origin.text}` at {at(origin.place)}"


def _sentences(nil: Nil) -> Iterator[str]:
    """How sure it is, and each origin with what is known of it."""
    if nil.expressions:
        yield f"{_SUREST[nil.sure]} {nil.name}{' was None' if nil.sure != 'open' else ''}."
    if len(nil.origins) > 1:
        yield "It may have come from any of these:"
    for origin in nil.origins:
        sentence = f"{_short(origin)} {origin.phrase}"
        if origin.text == nil.name:
            sentence = f"`{origin.text}` {origin.phrase} at {at(origin.place)}"
        if origin.through:
            sentence += f", and it went on as an argument at {' and '.join(map(at, origin.through))}"
        back = [f"{_short(each)} {each.phrase}" for each in origin.function_returns]
        yield f"{sentence}{'; ' if back else ''}{', and '.join(back)}."
    if not nil.origins:
        yield "Where it came from is not to be seen in the sources that could be read."


def _also(ownership: Ownership, others: Sequence[Crash]) -> Iterator[str]:
    if others:
        places = [ownership.culprit(frames_of(each.group)) for each in others[:_MOST_OTHERS]]
        yield f"None was also used at {', '.join(at(place) for place in places if place)}."


def _places(
    ownership: Ownership, crash: Crash, nil: Nil, culprit: object, thread: str | None, others: Sequence[Crash]
) -> Iterator[Place]:
    """The places that the story needs: where the None came from first."""
    for origin in nil.origins:
        yield ownership.place(origin.place, role="origin", what=origin.text)
        for back in origin.function_returns:
            yield ownership.place(back.place, role="returns", what=back.text)
        for through in origin.through:
            yield ownership.place(through, role="passes")
    if nil.frame != culprit:
        yield ownership.place(nil.frame, thread, "raises", nil.name or None)
    if crash.caught is not None and crash.swallowed:
        yield ownership.place(crash.caught.place, role="swallows")
    for other in others[:_MOST_OTHERS]:
        frame = ownership.culprit(frames_of(other.group))
        if frame is not None:
            yield ownership.place(frame, other.group.threads[0] if other.group.threads else None, "raises")
