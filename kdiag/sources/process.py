"""The process as the operating system accounts for it: CPU, memory, descriptors, children, connections (psutil).

It needs the least permission of all sources, and so is what remains when nothing else may look.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

import psutil

from kdiag.core.model import Child, ProcessSample
from kdiag.machinery.clock import Clock
from kdiag.sources.own_descriptors import door_sockets, without_own
from kdiag.sources.own_threads import OwnThreads
from kdiag.sources.pace import Pace
from kdiag.sources.sockets import NO_SOCKETS, Sockets, read_sockets
from kdiag.sources.tools import SourceError

if TYPE_CHECKING:
    from kdiag.machinery.context import Context

_RARELY_S = 1.5  # what is dear to read is read so seldom,
_RARELY_DUTY = 0.02  # or more seldom still, so that it takes at most this share of the time
_DISTINCT_NAMES = 5000  # descriptor names kept per sample
T = TypeVar("T")
_SOCKET = re.compile(r"^socket:\[(\d+)\]$")


@dataclass
class _Rarely(Generic[T]):
    """A reading that is too dear for every look: walking page tables, the kernel's socket table, all processes."""

    read: Callable[[], T]
    clock: Clock
    _value: T | None = field(default=None, init=False)
    _next_at: float = field(default=float("-inf"), init=False)

    def fresh(self) -> T | None:
        """A new reading when its time has come, else None."""
        started = self.clock.now()
        if started < self._next_at:
            return None
        self._value = self.read()
        now = self.clock.now()
        self._next_at = now + max(_RARELY_S, (now - started) / _RARELY_DUTY)
        return self._value

    def latest(self) -> T:
        """A new reading when its time has come, else the one before."""
        fresh = self.fresh()
        value = self._value if fresh is None else fresh
        assert value is not None  # noqa: S101 - the first call always reads
        return value


@dataclass(frozen=True, slots=True)
class _Dear:
    """What is read rarely: the latest of what stands, and the fresh readings of what is measured over time."""

    sockets: Sockets
    doors: frozenset[str]
    children: tuple[Child, ...]
    thread_cpu_s: dict[int, float]
    uss: int | None


@dataclass
class ProcessSource:
    """Samples the accounts of one process."""

    pid: int
    pace: Pace
    clock: Clock
    own_threads: OwnThreads  # they are not the target's
    _process: psutil.Process = field(init=False)
    _sockets: _Rarely[Sockets] = field(init=False)
    _doors: _Rarely[frozenset[str]] = field(init=False)
    _children: _Rarely[tuple[Child, ...]] = field(init=False)
    _threads: _Rarely[dict[int, float]] = field(init=False)
    _uss: _Rarely[int | None] = field(init=False)

    def __post_init__(self) -> None:
        """Bind to the process of now: psutil keeps its start time, so a reused PID is noticed."""
        try:
            self._process = psutil.Process(self.pid)
        except psutil.NoSuchProcess as error:
            raise _gone(self.pid) from error
        self._sockets = _Rarely(lambda: _read_sockets(self.pid), self.clock)
        self._doors = _Rarely(lambda: door_sockets(self.pid), self.clock)
        self._children = _Rarely(lambda: tuple(map(_child, self._process.children())), self.clock)
        self._threads = _Rarely(self._read_threads, self.clock)
        self._uss = _Rarely(self._read_uss, self.clock)

    def period_s(self) -> float:
        """Seconds to the next sample."""
        return self.pace.period_s()

    def sample(self, ctx: Context) -> ProcessSample:  # noqa: ARG002 - one look is short: nothing to interrupt
        """One look at all accounts; what may not be read is left None or empty.

        Raises:
            SourceError: `target-ended`.
        """
        try:
            dear = self._read_dear()
            started = self.clock.now()  # what is dear has a budget of its own
            taken = self._look(dear)
        except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError) as error:
            raise _gone(self.pid) from error
        self.pace.spent(self.clock.now() - started)
        return taken

    def _read_dear(self) -> _Dear:
        return _Dear(
            self._sockets.latest(), self._doors.latest(), self._children.latest(), self._threads.fresh() or {},
            self._uss.fresh(),
        )  # fmt: skip

    def _look(self, dear: _Dear) -> ProcessSample:
        process, sockets = self._process, dear.sockets
        targets = _descriptor_targets(self.pid)
        targets = None if targets is None else without_own(targets, dear.doors)
        with process.oneshot():
            cpu, switches = process.cpu_times(), process.num_ctx_switches()
            rss, threads = process.memory_info().rss, process.num_threads()
        if not rss:  # it ends: its memory goes first, and what else is read from now on says nothing of its life
            raise _gone(self.pid)
        own_threads = len(self.own_threads.ids())
        return ProcessSample(
            at=self.clock.now(),
            cpu_s=cpu.user + cpu.system,
            rss=rss,
            threads=threads - own_threads,
            thread_cpu_s=dear.thread_cpu_s,
            uss=dear.uss,
            descriptors=None if targets is None else dict(Counter(map(descriptor_kind, targets))),
            descriptor_names=_names(targets or (), sockets),
            descriptor_limit=self._descriptor_limit(),
            context_switches=(switches.voluntary, switches.involuntary),
            children=dear.children,
            connections=sockets.by_state,
            listening=bool(sockets.listening_ports),
            backlog=sockets.backlog,
        )

    def _read_threads(self) -> dict[int, float]:
        own = self.own_threads.ids()
        threads = self._process.threads()
        return {thread.id: thread.user_time + thread.system_time for thread in threads if thread.id not in own}

    def _read_uss(self) -> int | None:
        try:
            return int(self._process.memory_full_info().uss)
        except psutil.AccessDenied:
            return None

    def _descriptor_limit(self) -> int | None:
        try:
            return int(self._process.rlimit(resource.RLIMIT_NOFILE)[0])
        except psutil.AccessDenied:
            return None


def count_descriptors(pid: int) -> int:
    """How many descriptors a process has open; 0 where that may not be seen."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def _read_sockets(pid: int) -> Sockets:
    inodes = {int(match[1]) for match in map(_SOCKET.match, _descriptor_targets(pid) or ()) if match}
    return read_sockets(pid, inodes) if inodes else NO_SOCKETS


def _names(targets: Iterable[str], sockets: Sockets) -> dict[str, int]:
    """How many descriptors go where: paths as they are, sockets by state and peer."""
    names = Counter(target for target in targets if descriptor_kind(target) not in {"socket", "pipe"})
    names.update(sockets.peers)
    return dict(names.most_common(_DISTINCT_NAMES))


def descriptor_kind(target: str) -> str:
    """Kind of a descriptor by its link's target: "file", "socket", "pipe" or "anon" (epoll, eventfd, …)."""
    if target.startswith("/"):
        return "file"
    return {"socket": "socket", "pipe": "pipe"}.get(target.partition(":")[0], "anon")


def _descriptor_targets(pid: int) -> list[str] | None:
    """Where the descriptors lead; None without permission."""
    targets = []
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                targets.append(os.readlink(f"/proc/{pid}/fd/{name}"))
    except PermissionError:
        return None
    return targets


def _child(child: psutil.Process) -> Child:
    try:
        with child.oneshot():
            zombie = child.status() == psutil.STATUS_ZOMBIE
            used = child.cpu_times()
            return Child(child.pid, child.name(), time.time() - child.create_time(), zombie, used.user + used.system)
    except psutil.NoSuchProcess:
        return Child(child.pid, "", 0.0, zombie=False)


def _gone(pid: int) -> SourceError:
    return SourceError("target-ended", f"Process {pid} ended.")
