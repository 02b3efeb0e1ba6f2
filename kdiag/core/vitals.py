"""The vital signs of a window: the few numbers that are looked at first, whatever the disease may be.

Separate from the detectors: nothing is judged here. A report carries them, and screens draw them over time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.core.collector import exact_share
from kdiag.core.model import Wait

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kdiag.core.model import Window

SEEN_INSIDE = frozenset({"loop_delay_s", "exceptions_per_s"})  # by a probe only

_STEP_S = 0.5  # the process is looked at so often


def vitals(window: Window) -> Mapping[str, float]:
    """Those that were seen, by name.

    "cpu_percent" of one core; "rss_bytes"; "threads", "descriptors" and "children" in number; "gc_share" of the time
    (0 to 1); "gil_waiting", threads that wait for the GIL at a look; "loop_delay_s", the longest; "exceptions_per_s".
    """
    return dict(_process(window)) | dict(_collector(window)) | dict(_stacks(window)) | dict(_inside(window))


def over_time(window: Window, points: int = 60) -> Mapping[str, list[tuple[float, float]]]:
    """The same as series of (seconds from the start, value): each value is that of two steps up to then."""
    step = max(_STEP_S, window.duration_s / points)
    series: dict[str, list[tuple[float, float]]] = {}
    for number in range(1, int(window.duration_s / step + 0.5) + 1):
        end = window.started_at + number * step
        for name, value in vitals(window.between(end - 2 * step, end)).items():
            series.setdefault(name, []).append((number * step, value))
    return series


def _process(window: Window) -> Iterator[tuple[str, float]]:
    if not window.process:
        return
    first, last = window.process[0], window.process[-1]
    if last.at > first.at:
        yield "cpu_percent", round(100 * (last.cpu_s - first.cpu_s) / (last.at - first.at), 1)
    yield "rss_bytes", last.rss
    yield "threads", last.threads
    if last.descriptors is not None:
        yield "descriptors", sum(last.descriptors.values())
    yield "children", len(last.children)


def _collector(window: Window) -> Iterator[tuple[str, float]]:
    account, reads = exact_share(window), sum(sample.reads for sample in window.collector)
    if account is not None:
        yield "gc_share", round(account.share, 4)
    elif reads:
        yield "gc_share", round(sum(sample.collecting for sample in window.collector) / reads, 4)


def _stacks(window: Window) -> Iterator[tuple[str, float]]:
    states = [thread.wait for sample in window.stacks for thread in sample.threads]
    if any(state is not Wait.UNKNOWN for state in states):
        yield "gil_waiting", round(states.count(Wait.GIL) / len(window.stacks), 2)


def _inside(window: Window) -> Iterator[tuple[str, float]]:
    """What only a probe sees. A callback that is outstanding still delays its loop already."""
    if not window.probe:
        return
    delays = [delay.seconds for sample in window.probe for delay in sample.delays]
    delays += [loop.waiting_s for sample in window.probe for loop in sample.loops]
    if delays:
        yield "loop_delay_s", round(max(delays), 4)
    seen = sum(group.count for sample in window.probe for group in sample.crashes.groups)
    span_s = max(window.ended_at - window.started_at, 1e-6)
    yield "exceptions_per_s", round(max(0, seen) / span_s, 2)
