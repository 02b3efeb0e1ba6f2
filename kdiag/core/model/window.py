"""Everything that was seen of one process in one observation: what detectors read.

Separate from the samples because it holds those from inside of the target and those from outside alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from kdiag.core.model.heap import HeapSample
from kdiag.core.model.probed import ProbeSample
from kdiag.core.model.samples import (
    CollectorSample,
    Limitation,
    LineFacts,
    ProcessSample,
    ProfileSample,
    StackSample,
    Target,
)


@dataclass(frozen=True, slots=True)
class Window:
    """Everything that was seen of one process between two moments; what detectors read.

    Attributes:
        probe: what the sensors inside the target saw; empty where no probe was there.
        lines: what the source says about (file, line) of the frames that matter; missing where it was not readable.
        sources: text of the files that crashes went through or that name growing containers, as far as readable.
        heap: its objects by type, counted from outside; empty where they could not be followed.
        ended: the target ended while it was observed.
    """

    target: Target
    started_at: float
    ended_at: float
    stacks: tuple[StackSample, ...] = ()
    process: tuple[ProcessSample, ...] = ()
    collector: tuple[CollectorSample, ...] = ()
    profile: tuple[ProfileSample, ...] = ()
    probe: tuple[ProbeSample, ...] = ()
    lines: Mapping[tuple[str, int], LineFacts] = field(default_factory=lambda: MappingProxyType({}))
    limitations: tuple[Limitation, ...] = ()
    ended: bool = False
    sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    heap: tuple[HeapSample, ...] = ()

    @property
    def duration_s(self) -> float:
        """Seconds from the window's start to its end."""
        return self.ended_at - self.started_at
