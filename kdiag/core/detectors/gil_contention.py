"""gil-contention: several threads compute in Python and wait for each other's turn at the GIL.

The kernel tells a wait for the GIL from other waits by the futex word, which lies in the interpreter's own data.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.core.busy import busy, demand_s, on_cpu
from kdiag.core.frames import Ownership, at
from kdiag.core.model import Evidence, Finding, Frame, NotEnoughEvidence, Place, ThreadSample, Threshold, Wait, Window
from kdiag.core.series import Share, clustered_share, score, severity
from kdiag.core.threads import Track, stack_source, too_few_stacks, tracks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VERDICT = "gil-contention"

WAITING = Threshold(
    "gil.waiting_share",
    "ratio",
    warning=0.3,
    critical=0.6,
    learnt_from="own preference: two threads that compute all the time wait half of it, three wait two thirds",
)
THRESHOLDS = (WAITING,)

_LOOKS = 8
_SPAN_S = 3.0
_BUSY_LOOKS = 0.4  # of a thread's looks, running or begging, for it to count as one that computes
_PLACES = 4
_USUAL_INTERVAL_S = 0.005


@dataclass(frozen=True, slots=True)
class _Holder:
    """A function that was seen with the GIL, in one thread."""

    frame: Frame
    thread: str
    seen: int


#  threads that want to run, at one look
#    healthy  R . . .      one runs, the others wait for something of their own
#    sick     R G G G      one runs, the others wait for the GIL (G) although they have work
def detect(window: Window) -> Finding | NotEnoughEvidence | None:
    """The share of thread time spent waiting for the GIL, where at least two threads compute."""
    missing = too_few_stacks(window, VERDICT, _LOOKS, _SPAN_S)
    if window.target.build == "free-threaded":
        return None
    if missing:
        return missing
    everybody = tracks(window)
    if all(look.thread.wait is Wait.UNKNOWN for track in everybody for look in track.looks):
        return NotEnoughEvidence(VERDICT, "what threads wait for could not be read", "allow reading /proc/PID/task")
    computing = [track for track in everybody if _computes(track)]
    if len(computing) > 1 and any(look.thread.cpu_s is None for track in computing for look in track.looks):
        return NotEnoughEvidence(VERDICT, "the threads' CPU time could not be read", "allow reading /proc/PID/task")
    share = _waiting_share(computing) if len(computing) > 1 else None
    if share is None:
        return None
    worst = severity(share.low, WAITING)
    if worst is None:
        return None
    ownership = Ownership.of(window)
    holders = _holders(window, ownership, computing)
    if not holders:
        return None
    names = list(dict.fromkeys(f"{ownership.name(h.frame)} ({at(h.frame)})" for h in holders))
    evidence = (
        Evidence(
            WAITING.metric, share.value, WAITING.unit, share.samples, stack_source(window),
            share.low, share.high, WAITING.warning,
        ),
        Evidence("gil.computing_threads", len(computing), "threads", len(window.stacks), stack_source(window)),
        *_interval(window),
    )  # fmt: skip
    return Finding(
        VERDICT,
        worst,
        score(share.low, WAITING),
        0.97 if share.low >= 0.4 else 0.9,
        f"{len(computing)} threads compute and spend {share.value:.0%} of their time waiting for the GIL",
        f"Seen with the GIL: {', '.join(names[:_PLACES])}.{_if_unusual(window)}",
        ownership.place(holders[0].frame, holders[0].thread),
        evidence,
        _places(ownership, holders),
        threads=tuple(track.ident for track in computing),
    )


def _interval(window: Window) -> Iterator[Evidence]:
    """How long a thread may keep the GIL that others want, where a probe asked."""
    if window.probe:
        interval_s = window.probe[-1].switch_interval_s
        yield Evidence("gil.switch_interval", interval_s, "s", len(window.probe), "probe.threads")


def _if_unusual(window: Window) -> str:
    interval_s = window.probe[-1].switch_interval_s if window.probe else _USUAL_INTERVAL_S
    if interval_s <= _USUAL_INTERVAL_S:
        return ""
    return (
        f" The switch interval was set to {interval_s:g} s (sys.setswitchinterval; 5 ms is usual): "
        "a thread that wants the GIL waits so long for each other one that computes."
    )


def _waiting_share(computing: Sequence[Track]) -> Share | None:
    """The part of the time that the threads wanted to run and did not, because another one had the GIL.

    A waiter looks after every switch interval whether it is its turn, so a look often finds it running although it
    gets nothing done. What it really ran, and how long it queued for a CPU, the kernel counts exactly; the rest of
    the time that it wanted to run it waited for the GIL.
    """
    if not any(look.thread.wait is Wait.GIL for track in computing for look in track.looks):
        return None
    wanted, looks, ran = 0.0, 0, 0.0
    low = high = 0.0
    for track in computing:
        share = clustered_share((_wants(look.thread), 1) for look in track.looks)
        first, last = track.looks[0], track.looks[-1]
        span = last.at - first.at
        if share:
            wanted, low, high = wanted + share.value * span, low + share.low * span, high + share.high * span
        ran += demand_s(last.thread) - demand_s(first.thread)
        looks += len(track.looks)
    if low <= 0:
        return None
    value, at_least, at_most = (min(1.0, max(0.0, 1 - ran / time)) for time in (wanted, low, high))
    return Share(value, at_least, at_most, looks, float(looks))


def _wants(thread: ThreadSample) -> bool:
    """Whether the thread wants to run Python code, and does or waits for its turn."""
    return thread.wait is Wait.GIL or on_cpu(thread)


def _computes(track: Track) -> bool:
    return sum(_wants(look.thread) for look in track.looks) >= _BUSY_LOOKS * len(track.looks)


def _holders(window: Window, ownership: Ownership, computing: Sequence[Track]) -> list[_Holder]:
    """The functions seen with the GIL, most often first; where none was seen with it, those that want it."""
    idents = {track.ident for track in computing}
    seen: Counter[tuple[Frame, str]] = Counter()
    stacks = busy(window, holders_only=True)
    for stack in stacks.stacks() if stacks else ():
        frame = ownership.culprit(stack.frames)
        if frame and stack.ident in idents:
            seen[frame, stack.thread] += stack.count
    if not seen:
        for track in computing:
            frame = ownership.culprit(track.frames)
            if frame:
                seen[frame, track.name] += 1
    return [_Holder(frame, thread, count) for (frame, thread), count in seen.most_common()]


def _places(ownership: Ownership, holders: Sequence[_Holder]) -> tuple[Place, ...]:
    """The other threads and functions that hold it, one place for each."""
    places: dict[tuple[str, str, str], Place] = {}
    for holder in holders:
        key = holder.frame.file, holder.frame.function, holder.thread
        places.setdefault(key, ownership.place(holder.frame, holder.thread, "runs"))
    return tuple(places.values())[1 : 1 + _PLACES]
