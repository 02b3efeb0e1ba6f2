"""memory-leak: the process's memory grows without a pause.

A cache that fills, or a batch that collects its result, grows as well: so it is a suspicion at most. The objects that
the collector watches are counted by type meanwhile, which names the type that grows; a probe names the container.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from kdiag.core.creations import traced
from kdiag.core.frames import Ownership, at
from kdiag.core.heap import HeapGrowth, growth
from kdiag.core.keepers import grown, keepers, leading, place, types
from kdiag.core.model import Evidence, Finding, Frame, NotEnoughEvidence, Threshold, Window
from kdiag.core.processes import PROCESS_SOURCE, points
from kdiag.core.series import Trend, passes, score, trend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kdiag.core.model import Keeper, Keepers

VERDICT = "memory-leak"

_MIB = 1024 * 1024
_LEAST = 10.0

GROWTH = Threshold(
    "memory.growth",
    "MiB",
    warning=_LEAST,
    critical=None,
    learnt_from="own preference: above what allocators and start-up do in ten seconds",
)
RELATIVE = Threshold(
    "memory.growth_share",
    "ratio",
    warning=0.05,
    critical=None,
    learnt_from="own preference: a large heap's breathing stays below",
)
THRESHOLDS = (GROWTH, RELATIVE)

_LEAST_EXPLAINED = 0.2  # of the growth, for a container to be named
_SPAN_S = 8.0
_SAMPLES = 4  # a slope and its bounds take no fewer


#  resident memory
#    healthy   ▂▄▂▄▂▄▂▄   garbage comes and goes         ▂▅▇▇▇▇▇▇   a cache fills, then stays
#    sick      ▁▂▃▄▅▆▇█   every third of the window rises
def detect(window: Window) -> Finding | NotEnoughEvidence | None:
    """A rise of memory whose lower bound passes the threshold, in every third of the window."""
    series, source = _series(window)
    rise = trend(series)
    if rise is None or rise.span_s < _SPAN_S or rise.samples < _SAMPLES:
        if rise and rise.flat(_LEAST * _MIB):
            return None
        return NotEnoughEvidence(VERDICT, "memory was not seen for long enough", f"observe for {_SPAN_S:g} s or more")
    start = max(1.0, series[0][1])
    low = rise.growth_low / _MIB
    share = rise.growth_low / start
    if not (rise.sustained and passes(low, GROWTH) and passes(share, RELATIVE)):
        return None
    return _finding(window, rise, start, source)


def _series(window: Window) -> tuple[list[tuple[float, float]], str]:
    """The memory that is the process's alone, and its name; all that is resident where that was seen for too short.

    The former is dear to read, and so read rarely: on a busy machine not over the whole of a window.
    """
    unique, resident = points(window, lambda sample: sample.uss), points(window, lambda sample: sample.rss)
    if len(unique) < _SAMPLES or _span(unique) < _SPAN_S <= _span(resident):
        return resident, "rss"
    return unique, "uss"


def _span(series: Sequence[tuple[float, float]]) -> float:
    return series[-1][0] - series[0][0] if series else 0.0


def _finding(window: Window, rise: Trend, start: float, source: str) -> Finding:
    by_mib, per_minute = rise.growth / _MIB, rise.slope * 60 / _MIB
    measured = f"{PROCESS_SOURCE}.{source}"
    heap, seen = growth(window.heap), keepers(window)
    keeper = leading(seen)
    if keeper and keeper.bytes_per_s < _LEAST_EXPLAINED * rise.slope:
        keeper = None  # it grows, but this is not why
    title = f"Memory grew by {by_mib:.0f} MiB in {rise.span_s:.1f} s ({per_minute:.0f} MiB a minute)"
    title += f": {keeper.name} keeps ever more {types(keeper)}" if keeper else ": a leak is suspected"
    return Finding(
        VERDICT,
        "warning",
        score(rise.growth_low / _MIB, GROWTH),
        0.85 if keeper else 0.7,
        title,
        f"It started at {start / _MIB:.0f} MiB and rose in every part of the window. "
        f"{_what_grows(heap, seen, keeper)}{_allocated(window)}",
        place(keeper, window.sources) if keeper else None,
        (
            Evidence(
                GROWTH.metric, by_mib, GROWTH.unit, rise.samples, measured,
                rise.growth_low / _MIB, rise.growth_high / _MIB, GROWTH.warning,
            ),
            Evidence(
                RELATIVE.metric, rise.growth / start, RELATIVE.unit, rise.samples, measured,
                rise.growth_low / start, rise.growth_high / start, RELATIVE.warning,
            ),
            Evidence("memory.per_minute", per_minute, "MiB/min", rise.samples, measured),
            *(_of_keeper(keeper) if keeper else ()),
            *(heap.evidence() if heap else ()),
        ),
        suspected=True,
    )  # fmt: skip


def _of_keeper(keeper: Keeper) -> tuple[Evidence, ...]:
    source, looks = "probe.keepers", 2
    return (
        Evidence("keeper.per_minute", 60 * keeper.per_s, "elements/min", looks, source),
        Evidence("keeper.bytes_per_minute", 60 * keeper.bytes_per_s / _MIB, "MiB/min", looks, source),
    )


def _allocated(window: Window) -> str:
    """The line that allocated most of what stayed, where that was traced."""
    told, ownership = traced(window), Ownership.of(window)
    sizes: Counter[Frame] = Counter()
    for line in told.lines if told else ():
        if frame := ownership.culprit(line.frames):
            sizes[frame] += line.bytes
    if told is None or not sizes:
        return ""
    frame, most = sizes.most_common(1)[0]
    return (
        f" Of {sizes.total() / _MIB:,.1f} MiB that were allocated in {told.seconds:.1f} s of tracing and stayed, "
        f"{most / _MIB:,.1f} MiB were at {at(frame)}."
    )


def _what_grows(heap: HeapGrowth | None, seen: Keepers | None, keeper: Keeper | None) -> str:
    told = []
    if keeper:
        told.append(f"{grown(keeper)}, about {60 * keeper.bytes_per_s / _MIB:,.0f} MiB a minute of the growth.")
    elif seen and seen.walks > 1:
        told.append(f"No container that would explain it was found among {seen.visited:,} objects.")
    if heap is None:
        told.append("What grows could not be counted by type.")
    elif heap.types:
        told.append(heap.words)
    else:
        what = "bytes, texts, numbers, or memory of a C library"
        told.append(f"It is nothing that the collector watches ({heap.seen}): {what}.")
    return " ".join(told)
