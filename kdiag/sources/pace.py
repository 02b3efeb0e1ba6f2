"""How often a source may look: as often as asked, as seldom as its cost demands.

A look costs us CPU all the while that it takes and, because it reads the target's memory, the target a little too.
The pace stretches the period so that looking stays within its share of the time; the report says the effective rate.
"""

from __future__ import annotations

from dataclasses import dataclass

_SMOOTHING = 0.5  # weight of the newest look's cost


@dataclass
class Pace:
    """The period of one source, adapted to what its looks cost.

    Attributes:
        base_s: period without any cost, seconds.
        longest_s: the period is never stretched beyond this, so that a window has samples at all.
        duty: share of wall time that looks may take; at most so much of one core is spent on them.
    """

    base_s: float
    longest_s: float
    duty: float
    _took_s: float | None = None

    def spent(self, took_s: float) -> None:
        """Account one look's wall time, seconds."""
        if self._took_s is None:
            self._took_s = took_s
        self._took_s += _SMOOTHING * (took_s - self._took_s)

    def period_s(self) -> float:
        """Seconds to the next look, before jitter."""
        wanted = max(self.base_s, (self._took_s or 0.0) / self.duty)
        return min(wanted, self.longest_s)


@dataclass
class Tempo:
    """What a person wishes of all sources of one observation, while it goes on; any thread may change it.

    Attributes:
        rate: how often to look, relative to what the sources would do by themselves; budgets stay above it.
        paused: not to look at all.
        profile_hz: looks a second at the GIL's holder, as far as their budget allows; None: as the source would.
    """

    rate: float = 1.0
    paused: bool = False
    profile_hz: float | None = None
