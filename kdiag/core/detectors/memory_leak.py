"""memory-leak: the process's memory grows without a pause.

A cache that fills, or a batch that collects its result, grows as well: so it is a suspicion at most. The objects that
the collector watches are counted by type meanwhile, which names the type that grows.
"""

from __future__ import annotations

from kdiag.core.heap import HeapGrowth, growth
from kdiag.core.model import Evidence, Finding, NotEnoughEvidence, Threshold, Window
from kdiag.core.processes import PROCESS_SOURCE, points
from kdiag.core.series import Trend, passes, score, trend

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

_SPAN_S = 8.0
_SAMPLES = 4  # a slope and its bounds take no fewer


#  resident memory
#    healthy   ▂▄▂▄▂▄▂▄   garbage comes and goes         ▂▅▇▇▇▇▇▇   a cache fills, then stays
#    sick      ▁▂▃▄▅▆▇█   every third of the window rises
def detect(window: Window) -> Finding | NotEnoughEvidence | None:
    """A rise of memory whose lower bound passes the threshold, in every third of the window."""
    series, source = points(window, lambda sample: sample.uss), "uss"
    if len(series) < _SAMPLES:
        series, source = points(window, lambda sample: sample.rss), "rss"
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
    return _finding(rise, start, source, growth(window))


def _finding(rise: Trend, start: float, source: str, heap: HeapGrowth | None) -> Finding:
    grown, per_minute = rise.growth / _MIB, rise.slope * 60 / _MIB
    measured = f"{PROCESS_SOURCE}.{source}"
    return Finding(
        VERDICT,
        "warning",
        score(rise.growth_low / _MIB, GROWTH),
        0.7,
        f"Memory grew by {grown:.0f} MiB in {rise.span_s:.1f} s ({per_minute:.0f} MiB a minute): a leak is suspected",
        f"It started at {start / _MIB:.0f} MiB and rose in every part of the window. {_what_grows(heap)}",
        None,
        (
            Evidence(
                GROWTH.metric, grown, GROWTH.unit, rise.samples, measured,
                rise.growth_low / _MIB, rise.growth_high / _MIB, GROWTH.warning,
            ),
            Evidence(
                RELATIVE.metric, rise.growth / start, RELATIVE.unit, rise.samples, measured,
                rise.growth_low / start, rise.growth_high / start, RELATIVE.warning,
            ),
            Evidence("memory.per_minute", per_minute, "MiB/min", rise.samples, measured),
            *(heap.evidence() if heap else ()),
        ),
        suspected=True,
    )  # fmt: skip


def _what_grows(heap: HeapGrowth | None) -> str:
    if heap is None:
        return "What grows could not be counted."
    if heap.types:
        return heap.words
    return f"It is nothing that the collector watches ({heap.seen}): bytes, texts, numbers, or memory of a C library."
