"""Watches the collector of a process from inside: what each second brought, each collection, and all of it at the end.

It is separate from a session because nothing is diagnosed: somebody looks on.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kdiag.attach.attachment import Way, attach
from kdiag.attach.preflight import preflight
from kdiag.attach.process import ProcessFacts
from kdiag.core.model import Collection, CollectorAccount
from kdiag.errors import USAGE, KdiagError
from kdiag.machinery.clock import REAL
from kdiag.machinery.context import background, from_signal
from kdiag.sources.probe import START_WITHIN_S
from kdiag.sources.probe_collector import Collector, account, read_collector, read_trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.attach.channel import Channel
    from kdiag.engine.inside import WayIn
    from kdiag.machinery.context import Context

_EVERY_S = 1.0  # a line
_TRACE_EVERY_S = 0.25  # the probe keeps a thousand collections


@dataclass(frozen=True, slots=True)
class Stretch:
    """A second or so.

    Attributes:
        elapsed_s: from the beginning of the watch to its end.
    """

    elapsed_s: float
    account: CollectorAccount


@dataclass(frozen=True, slots=True)
class Trace:
    """The collections since the last time, `at` in seconds from the beginning; `missed` more came than can be kept."""

    collections: tuple[Collection, ...]
    missed: int


@dataclass(frozen=True, slots=True)
class CollectorTotal:
    """All of it. `pauses` has (n, how many collections took 2^(n-1) to 2^n nanoseconds)."""

    facts: ProcessFacts
    account: CollectorAccount
    pauses: tuple[tuple[int, int], ...]
    interrupted: bool


@dataclass(frozen=True)
class Collecting:
    """A watch that is ready to begin."""

    facts: ProcessFacts
    window_s: float
    way: Way
    trace: bool

    def run(self) -> Iterator[Stretch | Trace | CollectorTotal]:
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
                attachment.close()
        finally:
            restore()

    def _watch(self, channel: Channel, context: Context) -> Iterator[Stretch | Trace | CollectorTotal]:
        channel.request("start", START_WITHIN_S, sensors=["gc"])
        first = last = read_collector(channel, 0)
        number = read_trace(channel, 0)[0] if self.trace else 0
        longest_s = 0.0
        while (elapsed := last.at - first.at) < self.window_s and not context.done.is_set():
            until = last.at + min(_EVERY_S, max(self.window_s - elapsed, 0.01))
            while self.trace and not context.done.is_set() and REAL.now() < until:
                REAL.wait(context.done, min(_TRACE_EVERY_S, until - REAL.now()))
                number, trace = _traced(channel, number, first.at)
                yield trace
            REAL.wait(context.done, max(0.0, until - REAL.now()))
            before, last = last, read_collector(channel, last.sequence)
            stretch = Stretch(last.at - first.at, account(before, last))
            longest_s = max(longest_s, stretch.account.longest_s)
            yield stretch
        yield CollectorTotal(self.facts, account(first, last, longest_s), _pauses(first, last), context.done.is_set())


def _traced(channel: Channel, since: int, began: float) -> tuple[int, Trace]:
    number, collections = read_trace(channel, since)
    shown = tuple(replace(each, at=each.at - began) for each in collections)
    return number, Trace(shown, max(0, number - since - len(shown)))


def _pauses(first: Collector, last: Collector) -> tuple[tuple[int, int], ...]:
    before = dict(first.histogram)
    return tuple((n, count - before.get(n, 0)) for n, count in last.histogram if count > before.get(n, 0))


def collecting(pid: int, *, window_s: float, way: WayIn, trace: bool) -> Collecting:
    """Open a process to watch its collector.

    Raises:
        KdiagError: it cannot be looked at; the error says why and what to do.
    """
    if way == "none":
        raise KdiagError(
            "usage", "Each collection is seen from inside only, so --attach none cannot be.",
            hint=f"kdiag diagnose --attach none {pid}  estimates the collector's share from outside", exit_code=USAGE,
        )  # fmt: skip
    return Collecting(preflight(pid, "process"), window_s, way, trace)
