"""Keeps what the sources saw, and gives it as one frozen window at any moment.

It is separate because it is the only state that the sources' threads share.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from dataclasses import dataclass, field

from kdiag.core.model import (
    CollectorSample,
    HeapSample,
    ProbeSample,
    ProcessSample,
    ProfileSample,
    Sample,
    StackSample,
    Target,
    Window,
)


@dataclass
class Recorder:
    """Samples of one target since `started_at` (session clock, seconds).

    Bounded by the sources' rates and the session's length (at most some hundred samples a minute), or by `forget`.
    """

    target: Target
    started_at: float
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _stacks: list[StackSample] = field(default_factory=list, init=False)  # guarded by _lock, as all lists below
    _process: list[ProcessSample] = field(default_factory=list, init=False)
    _collector: list[CollectorSample] = field(default_factory=list, init=False)
    _profile: list[ProfileSample] = field(default_factory=list, init=False)
    _probe: list[ProbeSample] = field(default_factory=list, init=False)
    _heap: list[HeapSample] = field(default_factory=list, init=False)

    def add(self, sample: Sample) -> None:
        """Keep one sample; called by the sources' threads."""
        with self._lock:
            match sample:
                case StackSample():
                    self._stacks.append(sample)
                case ProcessSample():
                    self._process.append(sample)
                case CollectorSample():
                    self._collector.append(sample)
                case ProfileSample():
                    self._profile.append(sample)
                case ProbeSample():
                    self._probe.append(sample)
                case HeapSample():
                    self._heap.append(sample)

    def window(self, ended_at: float) -> Window:
        """All samples that are kept, as they came; what the source says of them is the session's to add."""
        with self._lock:
            return Window(
                self.target, self.started_at, ended_at, tuple(self._stacks), tuple(self._process),
                tuple(self._collector), tuple(self._profile), tuple(self._probe), heap=tuple(self._heap),
            )  # fmt: skip

    def forget(self, before: float) -> None:
        """Drop what is older: an observation without an end keeps only its last minutes."""
        with self._lock:
            for samples in (self._stacks, self._process, self._collector, self._profile, self._probe, self._heap):
                del samples[: bisect_left(samples, before, key=lambda sample: sample.at)]

    def counts(self) -> tuple[int, int, int]:
        """Stack, process and probe samples so far."""
        with self._lock:
            return len(self._stacks), len(self._process), len(self._probe)
