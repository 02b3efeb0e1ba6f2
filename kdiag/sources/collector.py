"""How much of its time the interpreter spends collecting cyclic garbage: bursts of reads made into samples.

Separate from `collector_reader`, which knows how to read: here is decided when, so that the share is unbiased.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from kdiag.core.model import CollectorSample, Limitation
from kdiag.errors import KdiagError
from kdiag.sources.collector_layout import UnknownLayoutError
from kdiag.sources.collector_reader import CollectorReader, FlagReader, Reader
from kdiag.sources.promptness import run_promptly
from kdiag.sources.tools import SourceError

if TYPE_CHECKING:
    from kdiag.machinery.clock import Clock
    from kdiag.machinery.context import Context

BURST_S = 0.25


class CollectorSource:
    """Takes samples of a process's collector, each a burst of reads.

    The reads are due at random intervals (half to one and a half times the spacing), so that they do not fall in step
    with the target. Each counts once. A read that comes late makes its state no rarer than another: the next one is
    due as if it had been in time. But reads that were missed altogether are not made up for, since several reads at
    one moment would count that moment's state several times. So the share of reads that find a collection is the
    collector's share of time, on busy machines too, where we are late more often while the target works; the tests
    hold it against the target's own account.

    Attributes:
        limitation: what is not seen because our own reader does not know the interpreter; None when it does.

    Raises:
        KdiagError: on construction: neither our reader nor pystack can read it.
    """

    def __init__(
        self, pid: int, clock: Clock, *, rng: random.Random | None = None, reader: Reader | None = None
    ) -> None:
        self._clock = clock
        self._rng = rng or random.Random()  # noqa: S311 - jitter
        self.limitation: Limitation | None = None
        self._reader = reader or self._open(pid)
        self._run = _Run()
        self._ended_at = clock.now()

    def sample(self, ctx: Context) -> CollectorSample:
        """Read the collector's state for BURST_S, or until the context is done.

        Raises:
            SourceError: the state could not be read; `target-ended` among the references.
        """
        try:
            return self._burst(ctx)
        except SourceError:
            raise
        except KdiagError as error:
            raise SourceError(error.reference, error.message, cause=error.cause, hint=error.hint) from error

    def _burst(self, ctx: Context) -> CollectorSample:
        clock, reader = self._clock, self._reader
        run_promptly()
        due = clock.now()
        until = due + BURST_S
        reads = collecting = 0
        longest_s = 0.0
        while True:
            mark = reader.under_way()
            at = clock.now()
            reads += 1
            collecting += mark is not None
            longest_s = max(longest_s, self._run.see(at, mark))
            pause_s = reader.spacing_s * self._rng.uniform(0.5, 1.5)
            due = due + pause_s if due + pause_s > at else at + pause_s
            if ctx.done.is_set() or due >= until:
                break
            clock.sleep(due - at)
        state = reader.read()
        span_s, self._ended_at = at - self._ended_at, at
        return CollectorSample(
            at=at,
            span_s=span_s,
            reads=reads,
            collecting=collecting,
            collections=state.collections,
            collected=state.collected,
            longest_s=longest_s,
            thresholds=state.thresholds,
            enabled=state.enabled,
            tool=reader.tool,
            survivors=reader.survivors(),
        )

    def under_way(self) -> int | None:
        """The number of the collection that is under way now, some microseconds; None when there is none.

        Two calls that give the same number found the same collection. Where only pystack can read the collector there
        is never one: its looks take too long to be paired with anything. Safe from any thread.

        Raises:
            KdiagError: it cannot be read (now).
        """
        if not isinstance(self._reader, CollectorReader):
            return None
        state = self._reader.read()
        return sum(state.collections) if state.collecting else None

    def close(self) -> None:
        """Let go of the target."""
        self._reader.close()

    def _open(self, pid: int) -> Reader:
        try:
            return CollectorReader(pid)
        except UnknownLayoutError as error:
            self.limitation = Limitation(error.reference, f"{error.message}: {error.cause}", error.hint)
            return FlagReader(pid)


class _Run:
    """Follows one collection over consecutive reads, from burst to burst: a lower bound of how long it takes."""

    def __init__(self) -> None:
        self._began_at = 0.0
        self._mark: bytes | None = None

    def see(self, at: float, mark: bytes | None) -> float:
        """Take note of a read; return for how long the collection that it found is known to run, seconds."""
        if not mark or mark != self._mark:
            self._began_at, self._mark = at, mark
        return at - self._began_at
