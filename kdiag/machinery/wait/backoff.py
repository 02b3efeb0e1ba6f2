"""Growing delays, and retries that are spaced by them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..clock import REAL, Clock
from ..context import Context, background
from .errors import WaitTimeout
from .jitter import Rng, jitter

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Backoff:
    """A sequence of delays: each `factor` times the one before it, while there are steps left.

    Attributes:
        duration_s: the next delay, before jitter.
        factor: what it grows by from delay to delay.
        jitter: how much of itself each delay may be longer, at random; it does not add up.
        steps: how many delays are left in which it may grow; retries make as many calls.
        cap_s: the longest delay before jitter, None for none. Reaching it ends the growth: `steps` becomes 0.
    """

    duration_s: float
    factor: float = 1.0
    jitter: float = 0.0
    steps: int = 0
    cap_s: float | None = None

    def step(self, rng: Rng | None = None) -> float:
        """Return the next delay in seconds, and advance."""
        delay_s = self.duration_s
        self.steps = max(self.steps - 1, 0)
        if self.steps > 0:
            self.duration_s *= self.factor
            if self.cap_s is not None and self.duration_s >= self.cap_s:
                self.duration_s, self.steps = self.cap_s, 0
        return jitter(delay_s, self.jitter, rng) if self.jitter > 0 else delay_s


class BackoffManager:
    """Delays for a loop that goes on forever: they grow up to a limit, and start afresh after a quiet time.

    `delay_s` serves as the period of a loop: `jitter_until(f, manager.delay_s, stop=…)`.
    """

    def __init__(
        self,
        initial_s: float,
        max_s: float,
        reset_s: float,
        factor: float = 2.0,
        jitter: float = 0.0,
        *,
        clock: Clock = REAL,
        rng: Rng | None = None,
    ) -> None:
        self._initial_s = initial_s
        self._max_s = max_s
        self._reset_s = reset_s
        self._factor = factor
        self._jitter = jitter
        self._clock = clock
        self._rng = rng
        self._lock = threading.Lock()
        # All below is guarded by _lock.
        self._next_s = initial_s
        self._asked_at = clock.now()

    def delay_s(self) -> float:
        """Return the next delay; the first one again when it was not asked for longer than the reset time."""
        with self._lock:
            now = self._clock.now()
            if now - self._asked_at > self._reset_s:
                self._next_s = self._initial_s
            self._asked_at = now
            delay_s = self._next_s
            self._next_s = min(delay_s * self._factor, self._max_s)
        return jitter(delay_s, self._jitter, self._rng) if self._jitter > 0 else delay_s


def exponential_backoff(
    backoff: Backoff, condition: Callable[[], object], *, clock: Clock = REAL, rng: Rng | None = None
) -> None:
    """Call `condition` up to `backoff.steps` times, spaced by its delays, until it returns true.

    What it raises comes out as it is; WaitTimeout when it was never true. Reaching the cap ends the growth of the
    delays, not the calls. `backoff` itself is left as it is.
    """
    exponential_backoff_with_context(background(), backoff, lambda _: condition(), clock=clock, rng=rng)


def exponential_backoff_with_context(
    ctx: Context,
    backoff: Backoff,
    condition: Callable[[Context], object],
    *,
    clock: Clock = REAL,
    rng: Rng | None = None,
) -> None:
    """Do as `exponential_backoff`, ending with the error of `ctx` once it is done; `condition` is given `ctx`."""
    delays = replace(backoff)
    for calls_left in range(backoff.steps - 1, -1, -1):
        ctx.raise_if_done()
        if condition(ctx):
            return
        if calls_left > 0:
            clock.wait(ctx.done, delays.step(rng))
    raise WaitTimeout
