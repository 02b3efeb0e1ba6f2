"""Keeps what the sources saw, and gives it as one frozen window at any moment.

It is separate because it is the only state that the sources' threads share.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kdiag.core.model import (
    CollectorSample,
    HeapSample,
    Limitation,
    LineFacts,
    ProbeSample,
    ProcessSample,
    ProfileSample,
    StackSample,
    Target,
    Window,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

Sample = StackSample | ProcessSample | CollectorSample | ProfileSample | ProbeSample | HeapSample


@dataclass
class Recorder:
    """Samples of one target since `started_at` (session clock, seconds).

    Bounded by the sources' rates and the session's length: at most some hundred samples a minute.
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

    def window(
        self,
        ended_at: float,
        lines: Mapping[tuple[str, int], LineFacts],
        limitations: tuple[Limitation, ...],
        *,
        ended: bool,
        sources: Mapping[str, str],
    ) -> Window:
        """All samples up to now; `ended` says that the target ended."""
        with self._lock:
            return Window(
                self.target, self.started_at, ended_at, tuple(self._stacks), tuple(self._process),
                tuple(self._collector), tuple(self._profile), tuple(self._probe), lines, limitations, ended,
                sources, tuple(self._heap),
            )  # fmt: skip

    def counts(self) -> tuple[int, int, int]:
        """Stack, process and probe samples so far."""
        with self._lock:
            return len(self._stacks), len(self._process), len(self._probe)

    def source_files(self) -> list[str]:
        """The files whose whole text matters: of containers that grow, and of crashes.

        Of these their frames', and those of the classes of what was None; None's come first.
        """
        with self._lock:
            groups = [group for sample in self._probe for group in sample.crashes.groups]
            keepers = self._probe[-1].keepers if self._probe else None
        groups.sort(key=lambda group: group.kind != "nil")
        found: dict[str, None] = dict.fromkeys(each.file for each in keepers.growing) if keepers else {}
        for group in groups:
            found.update((frame.file, None) for frame in group.frames)
            if group.used and group.used.owner:
                found[group.used.owner.file] = None
        return list(found)

    def places(self) -> list[tuple[str, int]]:
        """(file, line) of all frames seen, most often seen first."""
        counted: dict[tuple[str, int], int] = {}
        with self._lock:
            stacks, profiles, probe = list(self._stacks), list(self._profile), list(self._probe)
        for sample in stacks:
            for thread in sample.threads:
                for frame in thread.frames:
                    counted[frame.file, frame.line] = counted.get((frame.file, frame.line), 0) + 1
        for profile in profiles:
            for stack in profile.stacks:
                for frame in stack.frames:
                    key = frame.file, frame.line
                    counted[key] = counted.get(key, 0) + stack.count
        for frame in (frame for inside in probe for frame in inside.frames()):
            counted[frame.file, frame.line] = counted.get((frame.file, frame.line), 0) + 1
        return sorted(counted, key=counted.__getitem__, reverse=True)
