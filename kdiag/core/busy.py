"""Who was on the CPU: the stacks that ran, from looks at all threads or from the profile of the GIL's holder.

With few threads the looks at all stacks are many and also show code that runs without the GIL; with very many threads
they are rare, and the profile knows more. Separate so that the detectors need not care which it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.core.model import Frame, StackSample, ThreadSample, Wait, Window
from kdiag.core.series import Share, clustered_share, wilson
from kdiag.core.threads import stack_source, tracks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Looks that follow each other faster than the stack samples do see the same moment again.
_INDEPENDENT_HZ = 5.0


@dataclass(frozen=True, slots=True)
class BusyStack:
    """A stack that was on the CPU, and how often it was seen."""

    ident: int
    thread: str
    frames: tuple[Frame, ...]
    count: int = 1


@dataclass(frozen=True, slots=True)
class Busy:
    """The busy stacks of a window in batches of looks that lie together. `source` is named in evidence."""

    batches: tuple[tuple[BusyStack, ...], ...]
    source: str
    effective: float | None = None

    def stacks(self) -> Iterator[BusyStack]:
        """All of them, in order of time."""
        for batch in self.batches:
            yield from batch

    def total(self) -> int:
        """How many busy stacks were seen."""
        return sum(stack.count for stack in self.stacks())

    def share(self, belongs: Callable[[BusyStack], bool]) -> Share | None:
        """The share of busy stacks for which `belongs` holds; None without any."""
        counts = [(sum(s.count for s in b if belongs(s)), sum(s.count for s in b)) for b in self.batches]
        if self.effective is None:
            return clustered_share(counts)
        total = sum(count for _, count in counts)
        value = sum(hits for hits, _ in counts) / total
        low, high = wilson(value, self.effective)
        return Share(value, low, high, total, self.effective)


def busy(window: Window, *, holders_only: bool = False) -> Busy | None:
    """The busy stacks, from whichever source saw more of them; None when neither saw any.

    With `holders_only`, of the looks that found a holder of the GIL only that one counts.
    """
    looked = tuple(batch for sample in window.stacks if (batch := _looked(sample, holders_only)))
    profiled = _profiled(window)
    if profiled and (profiled.effective or 0) > len(looked):
        return profiled
    return Busy(looked, stack_source(window)) if looked else profiled


def on_cpu(thread: ThreadSample) -> bool:
    """Whether the thread was on a CPU or ready for one; holding the GIL it is so, whatever the kernel said later."""
    return thread.holds_gil or thread.wait is Wait.RUNNING


def demand_s(thread: ThreadSample) -> float:
    """Seconds that the thread ran, or would have run had there been a free CPU."""
    return (thread.cpu_s or 0.0) + (thread.queued_s or 0.0)


def cpu_got(window: Window) -> float:
    """Which part of the CPU time that its threads wanted the process got, 0 to 1; 1 where the kernel does not tell."""
    ran = wanted = 0.0
    for track in tracks(window):
        first, last = track.looks[0].thread, track.looks[-1].thread
        ran += (last.cpu_s or 0.0) - (first.cpu_s or 0.0)
        wanted += demand_s(last) - demand_s(first)
    return min(1.0, max(0.0, ran / wanted)) if wanted > 0 else 1.0


def _looked(sample: StackSample, holders_only: bool) -> tuple[BusyStack, ...]:
    known = [thread for thread in sample.threads if thread.frames]
    holders = [thread for thread in known if thread.holds_gil]
    running = [thread for thread in known if on_cpu(thread)]
    chosen = holders if holders and holders_only else running
    return tuple(BusyStack(thread.ident, thread.name, thread.frames) for thread in chosen)


def _profiled(window: Window) -> Busy | None:
    idents = {thread.thread_id: thread.ident for sample in window.stacks for thread in sample.threads}
    batches = tuple(
        tuple(BusyStack(idents.get(s.thread_id, s.thread_id), s.thread, s.frames, s.count) for s in stacks)
        for sample in window.profile
        if (stacks := [stack for stack in sample.stacks if stack.frames and stack.count > 0])
    )
    if not batches:
        return None
    total = sum(stack.count for batch in batches for stack in batch)
    span = sum(sample.span_s for sample in window.profile)
    return Busy(batches, "profile.py-spy", min(float(total), max(1.0, span * _INDEPENDENT_HZ)))
