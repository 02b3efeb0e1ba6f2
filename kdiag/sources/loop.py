"""Runs one source in its own jittered loop: samples go out, failures are counted and retried with backoff.

It is the one place where a source's errors end: none of them takes the session down.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from kdiag.machinery.clock import Clock
from kdiag.machinery.context import Context
from kdiag.machinery.wait import Backoff, jitter_until_with_context
from kdiag.sources.pace import Tempo
from kdiag.sources.tools import SourceError

Sample = TypeVar("Sample")

_JITTER = 0.2  # of the period: enough not to fall in step with the service's own timers
_FIRST_RETRY_S = 0.2
_LONGEST_RETRY_S = 3.0


def _retries() -> Backoff:
    return Backoff(duration_s=_FIRST_RETRY_S, factor=2.0, jitter=0.1, steps=20, cap_s=_LONGEST_RETRY_S)


@dataclass
class SourceLoop(Generic[Sample]):
    """One source in its loop.

    Attributes:
        name: the source's name in limitations and rates.
        look: takes one sample; raises SourceError when it cannot.
        period_s: seconds to the next look when all is well.
        emit: where samples go; called in the loop's thread.
        tempo: shared by all loops of an observation.
        at_end: look once more when the context is done; on a busy machine the last look lies far back.
        taken, missed: looks that gave a sample, and those that did not. Written by the loop's thread only.
        error: the last failure since the last sample; None when all is well.
    """

    name: str
    look: Callable[[Context], Sample]
    period_s: Callable[[], float]
    emit: Callable[[Sample], None]
    clock: Clock
    rng: random.Random
    tempo: Tempo = field(default_factory=Tempo)
    at_end: bool = False
    taken: int = 0
    missed: int = 0
    error: SourceError | None = None
    _backoff: Backoff = field(default_factory=_retries)

    def run(self, ctx: Context) -> None:
        """Look again and again until the context is done."""
        jitter_until_with_context(
            ctx, self._tick, self._next_s, jitter_factor=_JITTER, sliding=False, clock=self.clock, rng=self.rng,
            really_crash=False,
        )  # fmt: skip
        if self.at_end:
            with contextlib.suppress(Exception):  # it is noted
                self._tick(ctx)

    def _tick(self, ctx: Context) -> None:
        if self.tempo.paused:
            return
        try:
            sample = self.look(ctx)
        except SourceError as error:
            if error.reference != "stopped":
                self.missed += 1
                self.error = error
            return
        except Exception as error:
            self.missed += 1
            self.error = SourceError("source-crashed", f"The {self.name} source crashed: {error!r}")
            raise
        self.taken += 1
        self.error, self._backoff = None, _retries()
        self.emit(sample)

    def _next_s(self) -> float:
        return self.period_s() / self.tempo.rate if self.error is None else self._backoff.step()
