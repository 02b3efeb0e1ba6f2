"""Everything that was seen of one process in one observation: what detectors read.

Separate from the samples because it holds those from inside of the target and those from outside alike.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Protocol, TypeVar

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

Sample = StackSample | ProcessSample | CollectorSample | ProfileSample | ProbeSample | HeapSample


class _Timed(Protocol):
    @property
    def at(self) -> float: ...


_Sample = TypeVar("_Sample", bound=_Timed)


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

    def between(self, start: float, end: float) -> Window:
        """The part of it from `start` to `end` (session clock, seconds): a later moment's past, or the last minute."""
        return replace(
            self, started_at=max(self.started_at, start), ended_at=min(self.ended_at, end),
            stacks=_between(self.stacks, start, end), process=_between(self.process, start, end),
            collector=_between(self.collector, start, end), profile=_between(self.profile, start, end),
            probe=_between(self.probe, start, end), heap=_between(self.heap, start, end),
            ended=self.ended and end >= self.ended_at,
        )  # fmt: skip


def _between(samples: Sequence[_Sample], start: float, end: float) -> tuple[_Sample, ...]:
    """Those of samples in order of time."""
    first, last = bisect_left(samples, start, key=_at), bisect_right(samples, end, key=_at)
    return tuple(samples[first:last])


def _at(sample: _Timed) -> float:
    return sample.at
