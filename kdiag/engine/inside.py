"""The probe's part in a session: it gets in before the observation, and says goodbye at its end, whatever happens.

It is separate from the session because an observation goes on without it: what hinders it is a limitation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from kdiag.attach.attachment import Attachment, Method, Way, attach
from kdiag.core.model import Collection, Cost, WaitsSample
from kdiag.errors import KdiagError
from kdiag.sources.kernel_ids import KernelIds
from kdiag.sources.probe import ProbeSource
from kdiag.sources.probe_collector import read_trace
from kdiag.sources.probe_waits import waits_now
from kdiag.sources.process import count_descriptors

if TYPE_CHECKING:
    from kdiag.attach.process import ProcessFacts
    from kdiag.machinery.clock import Clock

WayIn = Way | Literal["none"]


@dataclass(frozen=True)
class Inside:
    """A probe that is there for this session, and what it tells."""

    attachment: Attachment
    source: ProbeSource

    @property
    def method(self) -> Method:
        """How the probe came to be there."""
        return self.attachment.method

    def with_cost(self, cost: Cost) -> Cost:
        """The cost of the observation with what the probe costs the target."""
        share, longest_s = self.source.cost()
        pause_ms = 1000.0 * max(self.attachment.pause_s, longest_s)
        return Cost(max(cost.target_pause_ms_max, round(pause_ms, 3)), round(100.0 * share, 2), cost.own_cpu_percent)

    def tasks(self, at: float) -> WaitsSample:
        """All threads and tasks, and who waits for whom.

        Raises:
            SourceError: the probe is gone, or does not answer.
        """
        return waits_now(self.attachment.channel, self.source.host_id, at, all_tasks=True)

    def collections(self, since: int) -> tuple[int, tuple[Collection, ...]]:
        """The number of the latest collection, and those after the one numbered `since` as far as they are kept.

        Raises:
            SourceError: as `tasks`.
        """
        return read_trace(self.attachment.channel, since)

    def close(self) -> None:
        """Say goodbye; more than once does no harm."""
        self.attachment.close()


def go_in(facts: ProcessFacts, way: Way, clock: Clock, trace_s: float = 0.0) -> Inside:
    """Get a probe into the target, or find the one that is there, and start its sensors.

    Args:
        facts: what preflight found.
        way: how to get in.
        clock: of the session.
        trace_s: for how long allocations are traced; 0 for not at all.

    Raises:
        KdiagError: it cannot be done; the target is as it was.
    """
    attachment = attach(facts, way, clock=clock)
    ids = KernelIds(facts.pid, None, other_namespace=not facts.same_pid_namespace)
    source = ProbeSource(attachment.channel, ids.of_host, clock, partial(count_descriptors, facts.pid), trace_s)
    try:
        source.begin()
    except KdiagError:
        attachment.close()
        raise
    return Inside(attachment, source)
