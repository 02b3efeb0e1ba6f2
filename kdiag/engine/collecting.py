"""Watches the collector of a process from inside: what each second brought, each collection, and all of it at the end.

It is separate from a session because nothing is diagnosed: somebody looks on.
"""

from __future__ import annotations

import contextlib
import random
import signal
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kdiag.attach.attachment import Way, attach
from kdiag.attach.preflight import preflight
from kdiag.attach.process import ProcessFacts
from kdiag.core.heap import Churn, HeapGrowth, churn, growth
from kdiag.core.model import Collection, CollectorAccount, HeapSample
from kdiag.core.model.native import NativeProfile
from kdiag.errors import USAGE, KdiagError
from kdiag.machinery.clock import REAL
from kdiag.machinery.context import background, from_signal, with_cancel
from kdiag.sources.heap import HeapSource, open_heap
from kdiag.sources.loop import SourceLoop
from kdiag.sources.native_symbols import profile_of
from kdiag.sources.perf_events import PerfEvents
from kdiag.sources.probe import START_WITHIN_S
from kdiag.sources.probe_collector import account, read_collector, read_trace

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from kdiag.attach.channel import Channel
    from kdiag.engine.inside import WayIn
    from kdiag.machinery.context import Context
    from kdiag.sources.probe_collector import Collector

_EVERY_S = 1.0  # a line
_HINTS = {
    "already-frozen": "It has done already what was to be tried; try other thresholds: --try gc.threshold=50000",
    "trial-under-way": "Take that back first: kdiag gc PID --undo",
}
_END_GRACE_S = 1.0  # for a look at the objects that is under way
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
    """All of it; `native` if it was wanted.

    Attributes:
        lost: why nothing more could be seen before the time was over; "" where it could.
        churn: the types of what is created all the time; None where too little was seen.
        growth: the types that grew; None where the objects could not be counted often enough.
    """

    facts: ProcessFacts
    account: CollectorAccount
    interrupted: bool
    churn: Churn | None = None
    growth: HeapGrowth | None = None
    native: NativeProfile | None = None
    lost: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be tried: `gc.freeze` where `thresholds` is empty, else these thresholds. `keep` leaves it so."""

    thresholds: tuple[int, ...] = ()
    keep: bool = False

    @property
    def words(self) -> str:
        """How Python writes it."""
        return f"gc.set_threshold({', '.join(map(str, self.thresholds))})" if self.thresholds else "gc.freeze()"


@dataclass(frozen=True, slots=True)
class Settings:
    """How the collector is set."""

    thresholds: tuple[int, ...]
    enabled: bool
    frozen: int

    @classmethod
    def of(cls, account: CollectorAccount | Collector) -> Settings:
        """As it was when this was told."""
        return cls(account.thresholds, account.enabled, account.frozen)

    @property
    def words(self) -> str:
        """For people."""
        switched = "" if self.enabled else ", switched off"
        return f"thresholds {', '.join(map(str, self.thresholds))}, {self.frozen:,} objects frozen{switched}"


@dataclass(frozen=True, slots=True)
class Tried:
    """A change and what it did: the time before, and as much after it.

    Attributes:
        undone: it has been taken back again.
        left: how the collector was set when that was done; None where it can no longer be asked.
    """

    change: Change
    before: CollectorTotal
    after: CollectorTotal
    undone: bool
    left: Settings | None


Event = Stretch | Trace | CollectorTotal | Tried


@dataclass(frozen=True)
class Collecting:
    """A watch that is ready to begin. With a `change`, it is made after a whole window, and another one follows.

    With `native`, the native code that the process computes in is sampled in the first window.
    """

    facts: ProcessFacts
    window_s: float
    way: Way
    trace: bool
    change: Change | None = None
    native: bool = False

    def run(self) -> Iterator[Event]:
        """Watch until the time is over or somebody interrupts; the last that comes is the total, or what was tried.

        Raises:
            KdiagError: the process cannot be entered, ended meanwhile, or the change cannot be tried.
        """
        context, restore = from_signal(signal.SIGINT, signal.SIGTERM, parent=background())
        try:
            attachment = attach(self.facts, self.way)
            try:
                attachment.channel.request("start", START_WITHIN_S, sensors=["gc"])
                yield from self._watch(attachment.channel, context)
            finally:
                attachment.close()
        finally:
            restore()

    def _watch(self, channel: Channel, context: Context) -> Iterator[Event]:
        if self.change is not None:
            _try(channel, self.change, check=True)  # rather than after a whole window
        with PerfEvents(self.facts.pid) if self.native else contextlib.nullcontext() as events:
            with _counted(self.facts.pid, self.window_s, context) as objects:
                before = yield from self._window(channel, context, events)
            before = replace(before, churn=churn(objects), growth=growth(objects))
            if events is not None:
                before = replace(before, native=profile_of(self.facts.pid, events))
        yield before
        if self.change is None or before.interrupted or before.lost:
            return
        _try(channel, self.change)
        kept = undone = False
        try:
            after = yield from self._window(channel, context)
            kept = self.change.keep and not after.interrupted and not after.lost
            if kept:
                channel.request("keep")
        finally:  # the probe does so by itself when it leaves, but another host may keep it there
            undone = not kept and _undone(channel)
        yield Tried(self.change, before, after, undone, _settings(channel))

    def _window(
        self, channel: Channel, context: Context, events: PerfEvents | None = None
    ) -> Generator[Stretch | Trace, None, CollectorTotal]:
        first = last = read_collector(channel, 0)
        number = read_trace(channel, 0)[0] if self.trace else 0
        longest_s, lost = 0.0, ""
        try:
            while (elapsed := last.at - first.at) < self.window_s and not context.done.is_set():
                until = last.at + min(_EVERY_S, max(self.window_s - elapsed, 0.01))
                while self.trace and not context.done.is_set() and REAL.now() < until:
                    REAL.wait(context.done, min(_TRACE_EVERY_S, until - REAL.now()))
                    number, trace = _traced(channel, number, first.at)
                    yield trace
                REAL.wait(context.done, max(0.0, until - REAL.now()))
                if events is not None:
                    events.drain()
                before, last = last, read_collector(channel, last.sequence)
                stretch = Stretch(last.at - first.at, account(before, last))
                longest_s = max(longest_s, stretch.account.longest_s)
                yield stretch
        except KdiagError as error:
            if not channel.lost or last is first:
                raise
            lost = error.message
        return CollectorTotal(self.facts, account(first, last, longest_s), context.done.is_set(), lost=lost)


@contextlib.contextmanager
def _counted(pid: int, window_s: float, context: Context) -> Iterator[list[HeapSample]]:
    """Looks at the objects by type meanwhile, in a thread: one takes long while the collector moves them about."""
    samples: list[HeapSample] = []
    heap = open_heap(pid, window_s, REAL)
    meanwhile, cancel = with_cancel(context)
    looking = threading.Thread(target=_count, args=(heap, meanwhile, samples), daemon=True, name="kdiag-heap")
    looking.start()
    try:
        yield samples
    finally:
        cancel()
        looking.join(_END_GRACE_S)


def _count(heap: HeapSource | None, context: Context, samples: list[HeapSample]) -> None:
    if heap is not None:
        with contextlib.closing(heap):
            SourceLoop("heap", heap.sample, heap.period_s, samples.append, REAL, random.Random()).run(context)  # noqa: S311 - jitter


def undo(pid: int, way: WayIn) -> bool:
    """Take back what was tried and kept in a process; False where there is nothing to take back.

    Raises:
        KdiagError: the process cannot be entered.
    """
    attachment = attach(preflight(pid, "process"), _way_in(pid, way))
    try:
        attachment.channel.request("start", START_WITHIN_S, sensors=["gc"])
        return _undone(attachment.channel)
    finally:
        attachment.close()


def _try(channel: Channel, change: Change, *, check: bool = False) -> None:
    """Have the probe change the process, or only `check` whether that can be."""
    action = "thresholds" if change.thresholds else "freeze"
    try:
        channel.request("try", action=action, thresholds=list(change.thresholds), check=check)
    except KdiagError as error:
        if error.reference in _HINTS:
            raise KdiagError(error.reference, error.message, hint=_HINTS[error.reference], exit_code=USAGE) from error
        raise


def _undone(channel: Channel) -> bool:
    try:
        return bool(channel.request("undo").get("undone"))
    except KdiagError:  # it ended, and all with it
        return False


def _settings(channel: Channel) -> Settings | None:
    try:
        return Settings.of(read_collector(channel, 0))
    except KdiagError:  # it ended
        return None


def _traced(channel: Channel, since: int, began: float) -> tuple[int, Trace]:
    number, collections = read_trace(channel, since)
    shown = tuple(replace(each, at=each.at - began) for each in collections)
    return number, Trace(shown, max(0, number - since - len(shown)))


def collecting(
    pid: int, *, window_s: float, way: WayIn, trace: bool, change: Change | None = None, native: bool = False
) -> Collecting:
    """Open a process to watch its collector, and to try a change of it.

    Raises:
        KdiagError: it cannot be looked at; the error says why and what to do.
    """
    way_in = _way_in(pid, way)
    return Collecting(preflight(pid, "process"), window_s, way_in, trace, change, native)


def _way_in(pid: int, way: WayIn) -> Way:
    if way == "none":
        raise KdiagError(
            "usage", "Each collection is seen from inside only, so --attach none cannot be.",
            hint=f"kdiag diagnose --attach none {pid}  estimates the collector's share from outside", exit_code=USAGE,
        )  # fmt: skip
    return way
