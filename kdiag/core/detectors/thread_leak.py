"""thread-leak: threads are started faster than they end.

Workers of a pool count once per pool: a pool that fills up to its size is no leak, a new pool for each request is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from kdiag.core import creations
from kdiag.core.frames import Ownership, at
from kdiag.core.model import Evidence, Finding, Frame, NotEnoughEvidence, Place, Threshold, Window
from kdiag.core.pools import worker_prefix
from kdiag.core.processes import PROCESS_SOURCE, points
from kdiag.core.series import Trend, passes, score, trend
from kdiag.core.threads import Track, stack_source, tracks

if TYPE_CHECKING:
    from collections.abc import Sequence

VERDICT = "thread-leak"

_LEAST = 5.0

GROWTH = Threshold(
    "threads.growth",
    "threads",
    warning=_LEAST,
    critical=None,
    learnt_from="own preference: more than a server starts in ten seconds when its pools are not counted",
)
THRESHOLDS = (GROWTH,)

_START = frozenset({"Thread.start", "start"})  # the bare name before 3.11
_SPAN_S = 8.0
_SAMPLES = 4  # a slope and its bounds take no fewer


#  threads, each pool counted as one
#    healthy   ▃▄▃▅▃▄▃▄   threads per request come and go    ▁▄▇▇▇▇▇▇   started once
#    sick      ▁▂▃▄▅▆▇█   every third of the window rises
def detect(window: Window) -> Finding | NotEnoughEvidence | None:
    """A rise of the number of threads whose lower bound passes the threshold, in every third of the window."""
    series, source = _units(window), stack_source(window)
    if len(series) < _SAMPLES:
        series, source = points(window, lambda sample: float(sample.threads)), PROCESS_SOURCE
    rise = trend(series)
    if rise is None or rise.span_s < _SPAN_S or rise.samples < _SAMPLES:
        if rise and rise.flat(_LEAST):
            return None
        return NotEnoughEvidence(VERDICT, "threads were not seen long enough", f"observe for {_SPAN_S:g} s or more")
    if not (rise.sustained and passes(rise.growth_low, GROWTH)):
        return None
    return _finding(window, rise, source)


def _units(window: Window) -> list[tuple[float, float]]:
    """(seconds, threads) of each stack sample, with all workers of one pool counted as one."""
    singles: Counter[float] = Counter()
    pools: dict[float, set[str]] = defaultdict(set)
    for track in tracks(window):
        prefix = worker_prefix(track.frames, track.name)
        for look in track.looks:
            if prefix is None:
                singles[look.at] += 1
            else:
                pools[look.at].add(prefix)
    return [(sample.at, float(singles[sample.at] + len(pools[sample.at]))) for sample in window.stacks]


def _finding(window: Window, rise: Trend, source: str) -> Finding:
    ownership = Ownership.of(window)
    new = _newcomers(window)
    places = Counter(frame for track in new if (frame := ownership.culprit(track.frames)))
    culprit = places.most_common(1)[0] if places else None
    starts = _starts(window, ownership)
    names = Counter(track.name.rstrip("0123456789").rstrip("-_ ") or track.name for track in new)
    title = f"Threads grew by {rise.growth:.0f} in {rise.span_s:.1f} s ({rise.slope * 60:.0f} a minute)"
    if starts:
        title += f"; most are started at {at(starts.most_common(1)[0][0])}"
    elif culprit:
        title += f"; most new ones are at {at(culprit[0])}"
    summary = f"{len(new)} threads that were not there at first are alive at the end."
    if names:
        summary += f" Most are named like '{names.most_common(1)[0][0]}'."
    summary += _started(starts)
    where = _place(ownership, new, culprit[0]) if culprit else None
    blamed = ownership.place(starts.most_common(1)[0][0], None) if starts else where
    return Finding(
        VERDICT,
        "warning",
        score(rise.growth_low, GROWTH),
        0.9,
        title,
        summary,
        blamed,
        (
            Evidence(
                GROWTH.metric, rise.growth, GROWTH.unit, rise.samples, source,
                rise.growth_low, rise.growth_high, GROWTH.warning,
            ),
            Evidence("threads.per_minute", rise.slope * 60, "threads/min", rise.samples, source),
        ),
        (replace(where, role="stays"),) if starts and where else (),
        suspected=True,
        threads=tuple(track.ident for track in new),
    )  # fmt: skip


def _starts(window: Window, ownership: Ownership) -> Counter[Frame]:
    """How many threads each line of the service's own started, as the probe saw or traced it, or stacks caught it."""
    started: Counter[Frame] = Counter()
    told = next((sample.starts for sample in reversed(window.probe) if sample.starts), ())
    for start in told:
        if frame := ownership.culprit(start.frames):
            started[frame] += start.count
    started = started or creations.created(window, ownership, {"thread"})
    if started:
        return started
    stacks = [thread.frames for sample in window.stacks for thread in sample.threads]
    stacks += [thread.frames for inside in window.probe for thread in inside.threads]
    for frames in stacks:
        inner = next((n for n, each in enumerate(frames) if each.function in _START and _is_threading(each)), None)
        if inner is not None and (frame := ownership.culprit(frames[inner + 1 :])):
            started[frame] += 1
    return started


def _is_threading(frame: Frame) -> bool:
    return frame.file.rpartition("/")[2] == "threading.py"


def _started(starts: Counter[Frame]) -> str:
    if not starts:
        seen = "a probe sees it on Python 3.12 and later, or where allocations are traced"
        return f" Which line starts them was not seen ({seen})."
    (frame, count), total = starts.most_common(1)[0], starts.total()
    return f" Of {total:,} starts that were seen, {count:,} were at {at(frame)}."


def _newcomers(window: Window) -> Sequence[Track]:
    """Threads that came after the first third of the window and stayed."""
    if not window.stacks:
        return []
    start, end = window.stacks[0].at, window.stacks[-1].at
    return [track for track in tracks(window) if track.alive and track.looks[0].at > start + (end - start) / 3]


def _place(ownership: Ownership, new: Sequence[Track], frame: Frame) -> Place:
    track = next(track for track in new if ownership.culprit(track.frames) == frame)
    return ownership.place(frame, track.name)
