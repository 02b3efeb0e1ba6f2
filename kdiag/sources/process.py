"""The process as the operating system accounts for it: CPU, memory, descriptors, children, connections (psutil).

It needs the least permission of all sources, and so is what remains when nothing else may look.
"""

from __future__ import annotations

import os
import re
import resource
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

from kdiag.core.model import Child, ProcessSample
from kdiag.machinery.clock import Clock
from kdiag.sources.pace import Pace
from kdiag.sources.sockets import Sockets, read_sockets
from kdiag.sources.tools import SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kdiag.machinery.context import Context

_USS_COST_S = 0.02  # reading USS walks the page tables: leave it out where one read takes longer than this
_DISTINCT_NAMES = 5000  # descriptor names kept per sample
_SOCKET = re.compile(r"^socket:\[(\d+)\]$")


@dataclass
class ProcessSource:
    """Samples the accounts of one process."""

    pid: int
    pace: Pace
    clock: Clock
    _process: psutil.Process = field(init=False)
    _uss_affordable: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        """Bind to the process of now: psutil keeps its start time, so a reused PID is noticed."""
        try:
            self._process = psutil.Process(self.pid)
        except psutil.NoSuchProcess as error:
            raise _gone(self.pid) from error

    def period_s(self) -> float:
        """Seconds to the next sample."""
        return self.pace.period_s()

    def sample(self, ctx: Context) -> ProcessSample:  # noqa: ARG002 - one look is short: nothing to interrupt
        """One look at all accounts; what may not be read is left None or empty.

        Raises:
            SourceError: `target-ended`.
        """
        started = self.clock.now()
        try:
            taken = self._look()
        except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError) as error:
            raise _gone(self.pid) from error
        self.pace.spent(self.clock.now() - started)
        return taken

    def _look(self) -> ProcessSample:
        process = self._process
        with process.oneshot():
            cpu, switches = process.cpu_times(), process.num_ctx_switches()
            rss, threads = process.memory_info().rss, process.num_threads()
        descriptors, names, sockets = self._descriptors()
        return ProcessSample(
            at=self.clock.now(),
            cpu_s=cpu.user + cpu.system,
            rss=rss,
            threads=threads,
            thread_cpu_s={t.id: t.user_time + t.system_time for t in process.threads()},
            uss=self._uss(),
            descriptors=descriptors,
            descriptor_names=names,
            descriptor_limit=self._descriptor_limit(),
            context_switches=(switches.voluntary, switches.involuntary),
            children=tuple(_child(child) for child in process.children()),
            connections=sockets.by_state,
            listening=bool(sockets.listening_ports),
            backlog=sockets.backlog,
        )

    def _uss(self) -> int | None:
        if not self._uss_affordable:
            return None
        started = self.clock.now()
        try:
            uss = int(self._process.memory_full_info().uss)
        except psutil.AccessDenied:
            self._uss_affordable = False
            return None
        self._uss_affordable = self.clock.now() - started < _USS_COST_S
        return uss

    def _descriptor_limit(self) -> int | None:
        try:
            return int(self._process.rlimit(resource.RLIMIT_NOFILE)[0])
        except psutil.AccessDenied:
            return None

    def _descriptors(self) -> tuple[Mapping[str, int] | None, Mapping[str, int], Sockets]:
        try:
            targets = list(_descriptor_targets(self.pid))
        except PermissionError:
            return None, {}, read_sockets(self.pid, ())
        kinds: Counter[str] = Counter(map(descriptor_kind, targets))
        sockets = read_sockets(self.pid, {int(m[1]) for m in map(_SOCKET.match, targets) if m})
        names: Counter[str] = Counter(t for t in targets if descriptor_kind(t) not in {"socket", "pipe"})
        names.update(sockets.peers)
        return dict(kinds), dict(names.most_common(_DISTINCT_NAMES)), sockets


def descriptor_kind(target: str) -> str:
    """Kind of a descriptor by its link's target: "file", "socket", "pipe" or "anon" (epoll, eventfd, …)."""
    if target.startswith("/"):
        return "file"
    return {"socket": "socket", "pipe": "pipe"}.get(target.partition(":")[0], "anon")


def _descriptor_targets(pid: int) -> list[str]:
    targets = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            targets.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        except FileNotFoundError:  # closed meanwhile
            continue
    return targets


def _child(child: psutil.Process) -> Child:
    try:
        with child.oneshot():
            zombie = child.status() == psutil.STATUS_ZOMBIE
            return Child(child.pid, child.name(), time.time() - child.create_time(), zombie)
    except psutil.NoSuchProcess:
        return Child(child.pid, "", 0.0, zombie=False)


def _gone(pid: int) -> SourceError:
    return SourceError("target-ended", f"Process {pid} ended.")
