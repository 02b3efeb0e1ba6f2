"""How often a source may look: as often as asked, as seldom as its cost demands.

A look costs us CPU and, because it reads the target's memory, the target a little too. The pace stretches the period
so that both stay inside their budgets; the report then says the effective rate.
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
        duty: share of wall time that looks may take (the target pays while we read its memory).
        cpu: share of one core that looks may take of us.
    """

    base_s: float
    longest_s: float
    duty: float
    cpu: float
    _took_s: float = 0.0
    _cpu_s: float = 0.0

    def spent(self, took_s: float, cpu_s: float) -> None:
        """Account one look: its wall time and our CPU time (children included), seconds."""
        first = self._took_s == 0.0
        weight = 1.0 if first else _SMOOTHING
        self._took_s += weight * (took_s - self._took_s)
        self._cpu_s += weight * (cpu_s - self._cpu_s)

    def period_s(self) -> float:
        """Seconds to the next look, before jitter."""
        wanted = max(self.base_s, self._took_s / self.duty, self._cpu_s / self.cpu)
        return min(wanted, self.longest_s)
