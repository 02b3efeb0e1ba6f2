"""Randomness in durations, so that what runs periodically does not fall in step with others, nor with itself."""

from __future__ import annotations

import math
import os
from typing import Protocol


class Rng(Protocol):
    """A source of randomness; `random.Random` fits."""

    def random(self) -> float:
        """Return a number in [0, 1)."""


class _SystemRng:
    """The system's randomness: it leaves the service's own generators alone, and forked workers do not share it."""

    def random(self) -> float:
        return (int.from_bytes(os.urandom(7), "little") >> 3) / (1 << 53)


SYSTEM_RNG = _SystemRng()


def jitter(duration: float, factor: float = 1.0, rng: Rng | None = None) -> float:
    """Return a random duration in [duration, duration · (1 + factor)); a factor of zero or less means 1."""
    longest = duration * (1.0 + (factor if factor > 0 else 1.0))
    chosen = duration + (longest - duration) * (rng or SYSTEM_RNG).random()
    # Rounding may reach the end of the interval, which does not belong to it.
    return chosen if chosen < longest else max(duration, math.nextafter(longest, duration))
