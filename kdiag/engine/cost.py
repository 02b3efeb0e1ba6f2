"""What the observation costs us: CPU of kdiag and of the tools that it ran."""

from __future__ import annotations

import resource
from dataclasses import dataclass, field

from kdiag.core.model import Cost
from kdiag.machinery.clock import Clock


@dataclass
class CostMeter:
    """Counts from its construction. Tools that still run are not counted yet."""

    clock: Clock
    _started_at: float = field(init=False)
    _cpu_s: float = field(init=False)

    def __post_init__(self) -> None:
        """Remember where the counting starts."""
        self._started_at = self.clock.now()
        self._cpu_s = _cpu_s()

    def cost(self) -> Cost:
        """Cost so far."""
        elapsed = max(self.clock.now() - self._started_at, 1e-6)
        return Cost(own_cpu_percent=round(100.0 * (_cpu_s() - self._cpu_s) / elapsed, 1))


def _cpu_s() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
