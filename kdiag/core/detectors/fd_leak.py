"""fd-leak: open descriptors grow without a pause.

The kind that grows, and the path or peer behind most of the new ones, are seen from outside; a probe sees the container
that keeps the files or sockets, and where somebody asks for it to be traced, the line that opens them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kdiag.core import creations
from kdiag.core.frames import Ownership, at
from kdiag.core.keepers import grown, keepers, of_descriptors, place, types
from kdiag.core.model import Evidence, Finding, Frame, NotEnoughEvidence, ProcessSample, Severity, Threshold, Window
from kdiag.core.processes import PROCESS_SOURCE, points
from kdiag.core.series import Trend, passes, score, trend

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping

VERDICT = "fd-leak"

_LEAST = 10.0

GROWTH = Threshold(
    "fd.growth",
    "descriptors",
    warning=_LEAST,
    critical=None,
    learnt_from="own preference, after Clinic Doctor's handles",
)
USED = Threshold(
    "fd.used_of_limit",
    "ratio",
    warning=None,
    critical=0.8,
    learnt_from="own preference: alerting rules for open files commonly stand at 80 to 90 %",
)
THRESHOLDS = (GROWTH, USED)

_SPAN_S = 8.0
_SAMPLES = 4  # a slope and its bounds take no fewer


#  open descriptors
#    healthy   ▃▅▃▆▃▅▃▄   connections come and go        ▁▆▆▆▆▆▆▆   a pool fills, then stays
#    sick      ▁▂▃▄▅▆▇█   every third of the window rises
def detect(window: Window) -> Finding | NotEnoughEvidence | None:
    """A rise of the number of descriptors whose lower bound passes the threshold, in every third of the window."""
    rise = trend(points(window, _count))
    if rise is None or rise.span_s < _SPAN_S or rise.samples < _SAMPLES:
        if rise and rise.flat(_LEAST):
            return None
        if window.process and all(sample.descriptors is None for sample in window.process):
            return NotEnoughEvidence(VERDICT, "descriptors could not be read", "run kdiag as the target's user or root")
        return NotEnoughEvidence(VERDICT, "descriptors were not seen long enough", f"observe for {_SPAN_S:g} s or more")
    if not (rise.sustained and passes(rise.growth_low, GROWTH)):
        return None
    return _finding(window, rise)


def _count(sample: ProcessSample) -> float | None:
    return None if sample.descriptors is None else float(sum(sample.descriptors.values()))


def _finding(window: Window, rise: Trend) -> Finding:
    seen = [sample for sample in window.process if sample.descriptors is not None]
    first, last = seen[0], seen[-1]
    kind, by_kind = _most_grown(first.descriptors or {}, last.descriptors or {})
    name, by_name = _most_grown(first.descriptor_names, last.descriptor_names)
    now = _count(last) or 0.0
    limit = last.descriptor_limit
    keeper = of_descriptors(keepers(window), rise.slope)
    kept_in = place(keeper, window.sources) if keeper else None
    ownership = Ownership.of(window)
    opened = creations.created(window, ownership, {"socket" if kind == "socket" else "file"})
    opener = opened.most_common(1)[0][0] if opened else None
    severity: Severity = "critical" if limit and passes(now / limit, USED) else "warning"
    per_minute = rise.slope * 60
    summary = f"Most of the new ones are of kind '{kind}' ({by_kind:+.0f})"
    summary += f"; {by_name:+.0f} lead to {name}." if name and by_name > 0 else "."
    if keeper:
        summary += f" As fast, {grown(keeper)}."
    summary += f" {_opened(window, opened)}"
    evidence = [
        Evidence(
            GROWTH.metric, rise.growth, GROWTH.unit, rise.samples, PROCESS_SOURCE,
            rise.growth_low, rise.growth_high, GROWTH.warning,
        ),
        Evidence("fd.per_minute", per_minute, "descriptors/min", rise.samples, PROCESS_SOURCE),
    ]  # fmt: skip
    if keeper:
        evidence.append(Evidence("keeper.per_minute", 60 * keeper.per_s, "elements/min", 2, "probe.keepers"))
    if opened:
        count = opened.most_common(1)[0][1]
        evidence.append(Evidence("fd.opened_at_line", count, "descriptors", opened.total(), creations.SOURCE))
    if limit:
        evidence.append(
            Evidence(USED.metric, now / limit, USED.unit, rise.samples, PROCESS_SOURCE, threshold=USED.critical)
        )
        left = (limit - now) / rise.slope / 60
        summary += f" At this pace the limit of {limit} is reached in {left:.0f} minutes."
    return Finding(
        VERDICT,
        severity,
        score(rise.growth_low, GROWTH),
        0.9,
        f"Open descriptors grew by {rise.growth:.0f} in {rise.span_s:.1f} s, most of them of kind '{kind}'"
        + (f", opened at {at(opener)}" if opener else "")
        + (f": {keeper.name} keeps ever more {types(keeper)}" if keeper else ""),
        summary,
        ownership.place(opener) if opener else kept_in,
        tuple(evidence),
        (replace(kept_in, role="keeps"),) if opener and kept_in else (),
        suspected=True,
    )


def _opened(window: Window, opened: Counter[Frame]) -> str:
    """Which line opens them, or why that is not known."""
    told = creations.traced(window)
    if told is None:
        return "Which line opens them is seen only where allocations are traced."
    if not opened:
        return f"No line was seen to open them in {told.seconds:.1f} s of tracing."
    frame, count = opened.most_common(1)[0]
    traced = f"{opened.total():,} that were opened in {told.seconds:.1f} s of tracing and stay"
    return f"Of {traced}, {count:,} were opened at {at(frame)}."


def _most_grown(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[str, int]:
    """The key whose count rose most, and by how much; ("", 0) without keys."""
    grown = {key: after.get(key, 0) - before.get(key, 0) for key in (*before, *after)}
    return max(grown.items(), key=lambda item: item[1], default=("", 0))
