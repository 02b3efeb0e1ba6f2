"""Watches the memory of a process: how much there is, which types and containers grow, and who allocates what stays.

It is separate from a session because nothing is diagnosed: somebody looks on.
"""

from __future__ import annotations

import contextlib
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.attach.attachment import Way, attach
from kdiag.attach.preflight import preflight
from kdiag.attach.process import ProcessFacts
from kdiag.core.heap import HeapGrowth, growth
from kdiag.core.model import Allocations, HeapSample, Keepers
from kdiag.errors import USAGE, KdiagError
from kdiag.machinery.clock import REAL
from kdiag.machinery.context import background, from_signal
from kdiag.sources.heap import open_heap
from kdiag.sources.probe import START_WITHIN_S
from kdiag.sources.probe_memory import ALLOCATIONS, KEEPERS, MEMORY, read_allocations, read_memory
from kdiag.sources.tools import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.attach.channel import Channel
    from kdiag.engine.inside import WayIn
    from kdiag.machinery.context import Context

_EVERY_S = 1.0  # a line
_TRACED_WITHIN_S = 2.0  # after its time the tracing has ended


@dataclass(frozen=True, slots=True)
class Moment:
    """How much memory there is: resident bytes, allocated blocks, objects that the collector watches (if known)."""

    elapsed_s: float
    rss: int
    blocks: int
    objects: int | None


@dataclass(frozen=True, slots=True)
class MemoryTotal:
    """All of it.

    Attributes:
        growth: the types that grew; None where the objects could not be counted often enough.
        allocations: None where nobody asked for them.
        lost: why nothing more could be seen before the time was over; "" where it could.
    """

    facts: ProcessFacts
    first: Moment
    last: Moment
    growth: HeapGrowth | None
    keepers: Keepers
    allocations: Allocations | None
    interrupted: bool
    lost: str = ""


Event = Moment | MemoryTotal


@dataclass(frozen=True)
class Growing:
    """A watch that is ready to begin. `trace_s`: for how long allocations are traced at most; 0 for not at all."""

    facts: ProcessFacts
    window_s: float
    way: Way
    trace_s: float

    def run(self) -> Iterator[Event]:
        """Watch until the time is over or somebody interrupts; the last that comes is the total.

        Raises:
            KdiagError: the process cannot be entered, or ended meanwhile.
        """
        context, restore = from_signal(signal.SIGINT, signal.SIGTERM, parent=background())
        try:
            attachment = attach(self.facts, self.way)
            try:
                yield from self._watch(attachment.channel, context)
            finally:
                attachment.close()  # and what it traces ends with the probe
        finally:
            restore()

    def _watch(self, channel: Channel, context: Context) -> Iterator[Event]:
        sensors = [MEMORY, KEEPERS, *([ALLOCATIONS] if self.trace_s else [])]
        channel.request("start", START_WITHIN_S, sensors=sensors)
        if self.trace_s:
            channel.request("trace", seconds=self.trace_s)
        heap = open_heap(self.facts.pid, self.window_s, REAL)
        samples: list[HeapSample] = []
        moments: list[Moment] = []
        traced, lost = None, ""
        with contextlib.closing(heap) if heap else contextlib.nullcontext():
            began = REAL.now()
            memory, keepers = read_memory(channel)
            try:
                while True:
                    with contextlib.suppress(SourceError):  # it is told that it could not be counted
                        samples += [heap.sample(context)] if heap else []
                    moments.append(Moment(REAL.now() - began, memory.rss, memory.blocks, _known(samples)))
                    yield moments[-1]
                    left = self.window_s - moments[-1].elapsed_s
                    if left <= 0 or context.done.is_set():
                        break
                    REAL.wait(context.done, min(_EVERY_S, max(left, 0.01)))
                    memory, keepers = read_memory(channel)
                traced = self._traced(channel, context) if self.trace_s else None
            except KdiagError as error:
                if not channel.lost:
                    raise
                lost = error.message
        interrupted = context.done.is_set()
        yield MemoryTotal(self.facts, moments[0], moments[-1], growth(samples), keepers, traced, interrupted, lost)

    def _traced(self, channel: Channel, context: Context) -> Allocations:
        until = REAL.now() + self.trace_s + _TRACED_WITHIN_S
        while (allocations := read_allocations(channel)).state == "tracing":
            if context.done.is_set() or REAL.now() > until:
                break
            REAL.wait(context.done, 0.1)
        return allocations


def _known(samples: list[HeapSample]) -> int | None:
    """How many objects there were at the last count; None before the first."""
    return next((each.count.known for each in reversed(samples) if each.count and each.count.known), None)


def growing(pid: int, *, window_s: float, way: WayIn, trace_s: float = 0.0) -> Growing:
    """Open a process to watch its memory.

    Raises:
        KdiagError: it cannot be looked at; the error says why and what to do.
    """
    if way == "none":
        raise KdiagError(
            "usage", "Who keeps what grows is seen from inside only, so --attach none cannot be.",
            hint=f"kdiag diagnose --attach none {pid}  names the types that grow from outside", exit_code=USAGE,
        )  # fmt: skip
    return Growing(preflight(pid, "process"), window_s, way, trace_s)
