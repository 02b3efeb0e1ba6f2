"""One file per disease; each is a pure function of what was seen: `Window → Finding | NotEnoughEvidence | None`.

- `None` means: looked, and it is not so. `NotEnoughEvidence` means: could not tell, with the reason and what helps.
- Every number that a finding rests on is in its evidence, with its source and how many looks are behind it.
- Thresholds are documented preferences beside the detector, and in docs/detectors/.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from kdiag.core.detectors import (
    cpu_hot_loop,
    deadlock,
    dict_mutation,
    event_loop_blocked,
    fd_leak,
    gc_pressure,
    gil_contention,
    lock_contention,
    memory_leak,
    nil_dereference,
    pool_exhaustion,
    thread_leak,
    unhandled_crash,
    zombie_children,
)
from kdiag.core.model import NotEnoughEvidence, Outcome, Threshold, Window

if TYPE_CHECKING:
    from collections.abc import Mapping


class Detector(Protocol):
    """What each module in here offers."""

    @property
    def VERDICT(self) -> str:  # noqa: N802 - a module's constant
        """The verdict that it can give."""

    @property
    def THRESHOLDS(self) -> tuple[Threshold, ...]:  # noqa: N802 - a module's constant
        """What its numbers are held against."""

    def detect(self, window: Window, /) -> Outcome:
        """Its word on a window."""


DETECTORS: tuple[Detector, ...] = (
    nil_dereference,
    dict_mutation,
    unhandled_crash,
    deadlock,
    pool_exhaustion,
    gc_pressure,
    event_loop_blocked,
    cpu_hot_loop,
    gil_contention,
    lock_contention,
    memory_leak,
    fd_leak,
    thread_leak,
    zombie_children,
)

THRESHOLDS: Mapping[str, tuple[Threshold, ...]] = MappingProxyType({d.VERDICT: d.THRESHOLDS for d in DETECTORS})

CRASHED = "detector-crashed"


def detect_all(window: Window) -> tuple[Outcome, ...]:
    """Every detector's word on the window, in the order of `DETECTORS`.

    A crash in one detector does not lose the others: it is that detector's NotEnoughEvidence, whose reason begins
    with the reference `detector-crashed`; the engine logs it.
    """
    outcomes: list[Outcome] = []
    for detector in DETECTORS:
        try:
            outcomes.append(detector.detect(window))
        except Exception as error:  # any fault of one detector, whatever it is
            reason = f"{CRASHED}: {type(error).__name__}: {error}"
            outcomes.append(NotEnoughEvidence(detector.VERDICT, reason, "this is a fault of kdiag's: please report it"))
    return tuple(outcomes)
