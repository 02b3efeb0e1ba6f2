"""What the operating system's account of the process says over a window: the CPU that it used, and who used it.

Separate because the share of CPU is asked by detectors of the collector, of hot loops and of the GIL alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from kdiag.core.model import ProcessSample, Window

PROCESS_SOURCE = "process.psutil"

_SPAN_S = 0.1  # the kernel's ticks of 10 ms are too coarse for less


@dataclass(frozen=True, slots=True)
class CpuShare:
    """CPU seconds per second of the whole process (1.0 is one core), over `span_s`."""

    share: float
    span_s: float
    samples: int


def cpu_share(window: Window) -> CpuShare | None:
    """The process's CPU use between its first and its last sample; None when they are too close together."""
    if len(window.process) < 2:
        return None
    first, last = window.process[0], window.process[-1]
    span = last.at - first.at
    return CpuShare(max(0.0, last.cpu_s - first.cpu_s) / span, span, len(window.process)) if span >= _SPAN_S else None


def points(window: Window, value: Callable[[ProcessSample], float | None]) -> list[tuple[float, float]]:
    """(seconds, value) of the samples that have the value."""
    return [(sample.at, number) for sample in window.process if (number := value(sample)) is not None]
