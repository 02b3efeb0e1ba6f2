"""Which threads of a process are running, told from outside by two looks at `/proc/PID/task`.

Separate from `parking`, which looks for the opposite. The choice is pure.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kdiag.machinery.clock import Clock

_APART_S = 0.01
_LEAST_SHARE = 0.2  # of the time between the looks on a CPU
_MOST_THREADS = 250


@dataclass(frozen=True, slots=True)
class Look:
    """One thread at one moment; `on_cpu_s` since its start, 0 where the kernel does not count it."""

    tid: int
    state: str
    on_cpu_s: float


def running(pid: int, clock: Clock) -> list[int]:
    """The threads that run now, the best to ask first; empty also when the process has ended. Takes 10 ms."""
    before, started = _look(pid), clock.now()
    clock.sleep(_APART_S)
    return choose(pid, before, _look(pid), clock.now() - started)


def choose(pid: int, before: Sequence[Look], after: Sequence[Look], apart_s: float) -> list[int]:
    """Of two looks at a process, the threads that were running; the busiest first, but the main thread last.

    A signal's handler runs in the main thread, and what it raises while a script of ours starts there would be lost.
    """
    earlier = {each.tid: each for each in before}
    shares: dict[int, float] = {}
    for each in after:
        seen = earlier.get(each.tid)
        if seen is None:
            continue
        share = (each.on_cpu_s - seen.on_cpu_s) / apart_s if apart_s > 0 else 0.0
        if share >= _LEAST_SHARE or seen.state == each.state == "R":
            shares[each.tid] = share
    return sorted(shares, key=lambda tid: (tid == pid, -shares[tid]))


def _look(pid: int) -> list[Look]:
    try:
        tids = sorted(map(int, os.listdir(f"/proc/{pid}/task")))[:_MOST_THREADS]
    except OSError:
        return []
    return [look for tid in tids if (look := _look_at(f"/proc/{pid}/task/{tid}", tid)) is not None]


def _look_at(task: str, tid: int) -> Look | None:
    try:
        on_cpu = _read(f"{task}/schedstat").split()
        state = _read(f"{task}/stat").rpartition(") ")[2][:1]
    except OSError:
        return None
    return Look(tid, state, int(on_cpu[0]) / 1e9 if on_cpu else 0.0)


def _read(path: str) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 1024).decode("utf-8", "replace")
    finally:
        os.close(descriptor)
