"""What the probe's sensors tell, as samples: everything that comes from inside the target is checked here.

It is separate from the channel, which carries answers without knowing what is in them. The sensors count from their
start, and several hosts may share them: what happened in this session is the difference between two answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from kdiag.attach.channel import Channel, Cost
from kdiag.core.model import (
    Frame,
    Limitation,
    LoopDelay,
    Orphan,
    ProbedLoop,
    ProbedPool,
    ProbedTask,
    ProbedThread,
    ProbedWait,
    ProbeSample,
    TaskState,
    WaitKind,
)
from kdiag.errors import KdiagError
from kdiag.machinery.clock import Clock
from kdiag.sources import probe_memory
from kdiag.sources.probe_collector import Collector, account
from kdiag.sources.probe_crashes import CrashCounts, Crashes
from kdiag.sources.probe_maps import MapCounts, Maps
from kdiag.sources.probe_memory import AllocationsTold, KeepersTold, MemoryTold, StartsTold, wanted
from kdiag.sources.probe_pools import Pool, probed_pools, problems
from kdiag.sources.told import Kind, decoded
from kdiag.sources.tools import SourceError

if TYPE_CHECKING:
    from kdiag.machinery.context import Context

SENSORS = ("gc", "threads", "loops", "memory", "crashes", "maps")
PERIOD_S = 0.5
LONGER_PERIOD_S = 1.0  # detectors want eight samples in a window,
LONGEST_PERIOD_S = 2.5  # but not at any price
BUDGET = 0.007  # of one processor, for answers; promised is 0.01 in all,
MOST = 0.02  # with very many threads this
START_WITHIN_S = 60.0  # their code is made in a thread that waits for the GIL again and again, up to a hundred times

_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e12)]
_Count = Annotated[int, msgspec.Meta(ge=0)]
_Place = tuple[str, _Count, str]


class _Wait(msgspec.Struct, frozen=True):
    kind: WaitKind
    id: _Count
    name: str
    owner: _Count
    held_at: _Place | None
    depth: _Count
    sure: bool = True
    limited: bool = False
    tasks: tuple[_Count, ...] = ()
    workers: tuple[_Count, ...] = ()
    holders: tuple[_Count, ...] = ()


class _Thread(msgspec.Struct, frozen=True):
    ident: _Count
    native: _Count
    name: str
    daemon: bool
    frames: tuple[_Place, ...]
    wait: _Wait | None = None


class Task(msgspec.Struct, frozen=True):
    """One task, as it is told."""

    id: _Count
    name: str
    thread: _Count
    state: TaskState
    frames: tuple[_Place, ...]
    wait: _Wait | None = None
    orphan: Orphan | Literal[""] = ""


class Threads(msgspec.Struct, frozen=True):
    """What the sensor of threads tells."""

    threads: tuple[_Thread, ...]
    pools: tuple[Pool, ...]
    tasks: tuple[Task, ...]
    switch_interval: _Seconds
    adapters: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]


class _Loop(msgspec.Struct, frozen=True):
    loop: _Count
    ident: _Count
    thread: str
    ready: _Count
    scheduled: _Count
    outstanding: _Seconds
    frames: tuple[_Place, ...]


class _Delay(msgspec.Struct, frozen=True):
    loop: _Count
    at: _Seconds  # the target's perf_counter is our monotonic clock: the system's own
    seconds: _Seconds
    frames: tuple[_Place, ...]


class _Loops(msgspec.Struct, frozen=True):
    loops: tuple[_Loop, ...]
    delays: tuple[_Delay, ...]
    sequence: _Count
    tasks: _Count | None


class _Answer(msgspec.Struct, frozen=True):
    gc: Collector
    threads: Threads
    loops: _Loops
    memory: MemoryTold
    crashes: Crashes
    maps: Maps
    keepers: KeepersTold | None = None
    starts: StartsTold | None = None
    allocations: AllocationsTold | None = None


@dataclass
class ProbeSource:
    """Asks the probe at the other end of a channel.

    Attributes:
        host_id: kernel thread id in our PID namespace of one that the target's namespace knows.
        descriptors: how many the target has open; 0 where that is not known.
        trace_s: for so long allocations are traced, from the beginning; 0 for not at all.
    """

    channel: Channel
    host_id: Callable[[int], int]
    clock: Clock
    descriptors: Callable[[], int] = lambda: 0
    trace_s: float = 0.0
    _before: _Answer | None = field(default=None, init=False)
    _crashes: CrashCounts = field(default_factory=CrashCounts, init=False)
    _maps: MapCounts = field(default_factory=MapCounts, init=False)
    _first_memory: MemoryTold | None = field(default=None, init=False)
    _first_descriptors: int = field(default=0, init=False)
    _sought: frozenset[str] = field(default=frozenset(), init=False)  # sensors that were started since the beginning
    _first_cost: Cost | None = field(default=None, init=False)
    _last_cost: Cost | None = field(default=None, init=False)
    _spent_s: float = field(default=0.0, init=False)  # by the probe on the last answer

    def begin(self) -> None:
        """Start the sensors; what they saw before this belongs to other sessions.

        Raises:
            SourceError: as `sample`.
        """
        try:
            started = self.channel.request("start", START_WITHIN_S, sensors=list(SENSORS)).get("sensors")
            if not isinstance(started, list) or not set(SENSORS) <= set(started):
                raise SourceError("sensor-failed", f"The probe started only these sensors: {started}.")
            self._before = self._read()
            self._first_memory, self._first_descriptors = self._before.memory, self.descriptors()
            self._crashes.account(self._before.crashes)
            self._maps.account(self._before.maps)
            self._first_cost = self._last_cost = self.channel.cost()
            if self.trace_s:
                self._seek(frozenset({probe_memory.ALLOCATIONS}))
                self.channel.request("trace", seconds=self.trace_s)
        except KdiagError as error:
            raise source_error(error) from error

    def sample(self, _ctx: Context) -> ProbeSample:
        """What the sensors saw since the last time.

        Raises:
            SourceError: the probe is gone, does not answer, or answers what is no sample.
        """
        before = self._before
        if before is None:
            raise SourceError("sensor-failed", "The probe's sensors were never started.")
        try:
            before_s = self.channel.cost().cpu_s
            answer = self._read()
            self._seek(wanted(self._first_memory, answer.memory, self.descriptors() - self._first_descriptors))
            self._last_cost = self.channel.cost()
            self._spent_s = self._last_cost.cpu_s - before_s
        except KdiagError as error:
            raise source_error(error) from error
        self._before = answer
        return ProbeSample(
            at=self.clock.now(),
            collector=account(before.gc, answer.gc),
            threads=threads_of(answer.threads, self.host_id),
            loops=tuple(
                ProbedLoop(
                    each.loop, each.ident, each.thread, each.ready, each.scheduled, each.outstanding,
                    _frames(each.frames),
                )
                for each in answer.loops.loops
            ),
            delays=tuple(
                LoopDelay(each.loop, each.at, each.seconds, _frames(each.frames)) for each in answer.loops.delays
            ),
            blocks=answer.memory.blocks,
            tasks=answer.loops.tasks,
            crashes=self._crashes.account(answer.crashes),
            maps=self._maps.account(answer.maps),
            pools=probed_pools(answer.threads.pools),
            tasks_seen=tasks_of(answer.threads.tasks),
            keepers=probe_memory.keepers_of(answer.keepers) if answer.keepers else None,
            starts=probe_memory.starts_of(answer.starts) if answer.starts else (),
            allocations=probe_memory.allocations_of(answer.allocations) if answer.allocations else None,
            switch_interval_s=answer.threads.switch_interval,
        )  # fmt: skip

    @property
    def sees_swallowed(self) -> bool:
        """Whether exceptions that the target swallows are seen."""
        return self._before is None or self._before.crashes.raises

    @property
    def limitations(self) -> tuple[Limitation, ...]:
        """What is not seen of pools for want of an adapter."""
        told = self._before
        return problems(told.threads.adapters, told.threads.failed) if told is not None else ()

    def period_s(self) -> float:
        """Seconds to the next sample: longer where the probe's work for one would come to more than its budget."""
        longest_s = min(max(LONGER_PERIOD_S, self._spent_s / MOST), LONGEST_PERIOD_S)
        return min(max(PERIOD_S, self._spent_s / BUDGET), longest_s)

    def cost(self) -> tuple[float, float]:
        """The probe's share of one processor since `begin`, and its longest pause (seconds), as far as it told."""
        first, last = self._first_cost, self._last_cost
        if first is None or last is None:
            return 0.0, 0.0
        elapsed = last.elapsed_s - first.elapsed_s
        return max(0.0, last.cpu_s - first.cpu_s) / elapsed if elapsed > 0 else 0.0, last.longest_pause_s

    def _seek(self, sensors: frozenset[str]) -> None:
        """Have looked for what there is reason to look for."""
        if new := sensors - self._sought:
            started = self.channel.request("start", START_WITHIN_S, sensors=sorted(new)).get("sensors")
            self._sought |= new & frozenset(started if isinstance(started, list) else ())

    def _read(self) -> _Answer:
        before = self._before
        since = {}
        if before is not None:
            since = {
                "gc": before.gc.sequence, "loops": before.loops.sequence, "crashes": before.crashes.sequence,
                "maps": before.maps.sequence,
            }  # fmt: skip
        names = (*SENSORS, *sorted(self._sought))
        result = self.channel.request("read", sensors={name: since.get(name, 0) for name in names})
        return decode(result)


def threads_now(
    channel: Channel, host_id: Callable[[int], int]
) -> tuple[tuple[ProbedThread, ...], tuple[ProbedPool, ...], tuple[Limitation, ...]]:
    """All threads and pools of the target at this moment, for one look without a session: no other sensor is started.

    With what is not seen of pools for want of an adapter.

    Raises:
        SourceError: as `ProbeSource.sample`.
    """
    told = read_threads(channel)
    return threads_of(told, host_id), probed_pools(told.pools), problems(told.adapters, told.failed)


def read_threads(channel: Channel) -> Threads:
    """What the sensor of threads tells now; it is started if need be.

    Raises:
        SourceError: as `ProbeSource.sample`.
    """
    try:
        channel.request("start", START_WITHIN_S, sensors=["threads"])
        result = channel.request("read", sensors={"threads": 0})
    except KdiagError as error:
        raise source_error(error) from error
    return _decoded(result.get("threads"), Threads)


def decode(result: dict[str, Any]) -> _Answer:
    """An answer by type.

    Raises:
        SourceError: `probe-protocol`.
    """
    return _decoded(result, _Answer)


def _decoded(result: object, kind: type[Kind]) -> Kind:
    return decoded(result, kind, "the probe's sensors told", "detach, so that a probe of this version can come")


def threads_of(told: Threads, host_id: Callable[[int], int]) -> tuple[ProbedThread, ...]:
    """The threads of an answer."""
    return tuple(
        ProbedThread(
            thread.ident, host_id(thread.native), thread.name, thread.daemon, _frames(thread.frames),
            _wait(thread.wait) if thread.wait and thread.wait.depth < len(thread.frames) else None,
        )
        for thread in told.threads
    )  # fmt: skip


def tasks_of(told: tuple[Task, ...]) -> tuple[ProbedTask, ...]:
    """The tasks of an answer."""
    return tuple(
        ProbedTask(
            task.id, task.name, task.thread, _frames(task.frames),
            _wait(task.wait) if task.wait and task.wait.depth < len(task.frames) else None, task.state,
            task.orphan or None,
        )
        for task in told
    )  # fmt: skip


def _wait(wait: _Wait) -> ProbedWait:
    held_at = Frame(*wait.held_at) if wait.held_at else None
    return ProbedWait(
        wait.kind, wait.id, wait.name, wait.owner, held_at, wait.depth, wait.sure, wait.tasks, wait.workers,
        wait.holders, wait.limited,
    )  # fmt: skip


def _frames(places: tuple[_Place, ...]) -> tuple[Frame, ...]:
    return tuple(Frame(*place) for place in places)


def source_error(error: KdiagError) -> SourceError:
    """What hindered the conversation, as a failure of the source."""
    return error if isinstance(error, SourceError) else SourceError(error.reference, error.message, hint=error.hint)
