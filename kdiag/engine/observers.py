"""Decides which sources look at a target, how often, and at what budget.

It is separate from the session so that the budgets stand in one place.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kdiag.attach.interpreter import interpreter_ranges
from kdiag.attach.memory import TargetMemory
from kdiag.core.model import Limitation, ProbeSample, Sample
from kdiag.errors import KdiagError
from kdiag.sources.collector import CollectorSource
from kdiag.sources.heap import open_heap
from kdiag.sources.kernel_ids import KernelIds
from kdiag.sources.loop import SourceLoop
from kdiag.sources.own_threads import OwnThreads
from kdiag.sources.pace import Pace
from kdiag.sources.probe_stacks import stack_sample
from kdiag.sources.process import ProcessSource
from kdiag.sources.profile import ProfileSource
from kdiag.sources.stacks import StackSource
from kdiag.sources.thread_states import count_threads, read_states

if TYPE_CHECKING:
    from kdiag.attach.process import ProcessFacts
    from kdiag.engine.inside import Inside
    from kdiag.machinery.clock import Clock
    from kdiag.sources.pace import Tempo

# Budgets of one target's sources: the share of the time that their looks may take.
_STACKS_BASE_S, _STACKS_DUTY = 0.2, 0.10
_PROCESS_BASE_S, _PROCESS_DUTY = 0.5, 0.03
_COLLECTOR_EVERY_S = 0.3
_PROFILE_CHUNK_S = 2.0  # with many threads two chunks a window, since starting py-spy is dear then
_PROFILE_REST_S = 0.6  # of the window is left for py-spy's start and end
_MANY_THREADS = 300  # from here on a look is dear for the target, not only slow on a busy machine
_FEWEST_LOOKS = 12  # a window has as many, enough for every detector,
_FEWEST_DEAR_LOOKS = 2  # or with many threads so many; the kernel's view fills the time in between


@dataclass(frozen=True)
class Observers:
    """The loops of one session, and what they cannot look at from the start."""

    loops: tuple[SourceLoop[Any], ...]
    limitations: tuple[Limitation, ...]
    closers: tuple[Callable[[], None], ...] = ()

    def close(self) -> None:
        """Let go of the target."""
        for close in self.closers:
            close()


def observers(facts: ProcessFacts, *, readable: bool, window_s: float, emit: Callable[[Sample], None],
              clock: Clock, rng: random.Random, tempo: Tempo) -> Observers:  # fmt: skip
    """The sources that look at one target from outside.

    Args:
        facts: what preflight found.
        readable: whether the target's memory and stacks may be read.
        window_s: the longest observation, seconds.
        emit: where samples go.
        clock: of the session.
        rng: jitters the periods.
        tempo: what the person wishes.
    """
    threads = count_threads(facts.pid)
    fewest = _FEWEST_LOOKS if threads <= _MANY_THREADS else _FEWEST_DEAR_LOOKS
    longest_s = max(window_s / fewest, _STACKS_BASE_S)

    def loop(
        name: str, look: Callable[..., Sample], period_s: Callable[[], float], *, at_end: bool = False
    ) -> SourceLoop[Sample]:
        jitter = random.Random(rng.random())  # noqa: S311
        return SourceLoop(name, look, period_s, emit, clock, jitter, tempo, at_end)

    own_threads = OwnThreads(facts.pid)
    process = ProcessSource(facts.pid, Pace(_PROCESS_BASE_S, longest_s, _PROCESS_DUTY), clock, own_threads)
    loops: list[SourceLoop[Any]] = [loop("process", process.sample, process.period_s, at_end=True)]
    if not readable:
        return Observers(tuple(loops), ())

    memory = TargetMemory(facts.pid)
    ids = KernelIds(facts.pid, memory, other_namespace=not facts.same_pid_namespace)
    collector, limitations = _collector(facts.pid, clock)
    if collector is not None:
        loops.append(loop("collector", collector.sample, lambda: _COLLECTOR_EVERY_S))
    heap = open_heap(facts.pid, window_s, clock)  # what hinders it, the collector's source tells, too
    if heap is not None:
        loops.append(loop("heap", heap.sample, heap.period_s))
    pace = Pace(_STACKS_BASE_S, longest_s, _STACKS_DUTY)
    stacks = StackSource(
        facts.pid, interpreter_ranges(facts.pid), ids.of_ident, ids.of_host, pace, clock, own_threads,
        collector.under_way if collector else None,
    )  # fmt: skip
    loops.append(loop("stacks", stacks.sample, stacks.period_s))
    chunk_s = _PROFILE_CHUNK_S if threads <= _MANY_THREADS else max(_PROFILE_CHUNK_S, window_s / 2 - _PROFILE_REST_S)
    profile = ProfileSource(facts.pid, threads, ids.of_ident, ids.of_host, chunk_s, clock, tempo)
    loops.append(loop("profile", profile.sample, lambda: 0.0))
    closers = [memory.close, *(each.close for each in (collector, heap) if each is not None)]
    return Observers(tuple(loops), limitations, tuple(closers))


def probe_loop(
    inside: Inside, pid: int, *, readable: bool, emit: Callable[[Sample], None], clock: Clock, rng: random.Random,
    tempo: Tempo,
) -> SourceLoop[Any]:  # fmt: skip
    """The source that asks the probe, once one got in."""
    out = emit if readable else _with_stacks(pid, emit)
    jitter = random.Random(rng.random())  # noqa: S311
    return SourceLoop("probe", inside.source.sample, inside.source.period_s, out, clock, jitter, tempo)


def _with_stacks(pid: int, emit: Callable[[Sample], None]) -> Callable[[ProbeSample], None]:
    """Let each sample of the probe's stand for a look at all stacks, too, where those may not be read from outside."""

    def both(sample: ProbeSample) -> None:
        emit(sample)
        emit(stack_sample(sample, read_states(pid, ())))

    return both


def _collector(pid: int, clock: Clock) -> tuple[CollectorSource | None, tuple[Limitation, ...]]:
    """The collector's source, or why there is none."""
    try:
        source = CollectorSource(pid, clock)
    except KdiagError as error:
        return None, (Limitation(error.reference, error.message, error.hint),)
    return source, (source.limitation,) if source.limitation else ()
