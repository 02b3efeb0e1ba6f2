"""Whoever holds the GIL, sampled by one py-spy that stays: what burns the CPU, at a tenth of the cost of all stacks.

py-spy counts while it runs and writes when it ends, so a window is built of chunks of a few seconds each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from kdiag.core.model import ProfileSample
from kdiag.machinery.clock import Clock
from kdiag.sources.own_threads import PREFIX
from kdiag.sources.pace import Tempo
from kdiag.sources.pyspy import parse_profile
from kdiag.sources.tools import run_py_spy

if TYPE_CHECKING:
    from kdiag.machinery.context import Context

_FASTEST_HZ = 20
_SLOWEST_HZ = 2
_READS_PER_S = 2000  # threads × Hz that keep py-spy under a tenth of a core; measured in benchmarks/


@dataclass(frozen=True)
class ProfileSource:
    """Profiles the GIL's holder in chunks. `threads` is how many threads the target has at the start."""

    pid: int
    threads: int
    kernel_id: Callable[[int], int]
    host_id: Callable[[int], int]
    chunk_s: float
    clock: Clock
    tempo: Tempo = field(default_factory=Tempo)

    @property
    def rate_hz(self) -> int:
        """Looks a second: fewer with many threads, since py-spy walks their list to find the holder."""
        wished = _FASTEST_HZ if self.tempo.profile_hz is None else round(self.tempo.profile_hz)
        return max(_SLOWEST_HZ, min(wished, _READS_PER_S // max(self.threads, 1)))

    def sample(self, ctx: Context) -> ProfileSample:
        """One chunk; shorter when the session ends meanwhile.

        Raises:
            SourceError: py-spy could not profile the target.
        """
        started, rate_hz = self.clock.now(), self.rate_hz
        output = run_py_spy(
            ["record", "--nonblocking", "--gil", "--threads", "--full-filenames", "--format", "raw",
             "--rate", str(rate_hz), "--duration", str(max(1, round(self.chunk_s))),
             "--output", "{output}", "--pid", str(self.pid)],
            ctx, timeout_s=self.chunk_s + 20.0, finish_on_stop=True,
        )  # fmt: skip
        now = self.clock.now()
        stacks = tuple(
            replace(stack, thread_id=self.host_id(stack.thread_id))
            for stack in parse_profile(output.decode(errors="replace"), self.kernel_id)
            if not stack.thread.startswith(PREFIX)
        )
        counted = sum(stack.count for stack in stacks)
        return ProfileSample(now, now - started, max(counted, round(rate_hz * (now - started))), stacks)
