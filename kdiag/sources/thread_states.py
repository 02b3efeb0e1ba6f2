"""What each thread is doing for the kernel: its wait, its CPU time, how often it ran. No stop, no attach.

Read from `/proc/PID/task/TID/syscall` and `schedstat`. It is separate from the stacks because it is cheap enough to
be read often, on any number of threads, and because it proves what stacks can only suggest: a thread whose run count
stands still did not move at all.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from kdiag.core.model import Wait

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SLEEPS = {"x86_64": {35, 230}, "aarch64": {101, 115}}  # nanosleep, clock_nanosleep
_EPOLLS = {"x86_64": {232, 281, 441}, "aarch64": {22, 441}}  # epoll_wait, epoll_pwait, epoll_pwait2
_SELECTS = {"x86_64": {23, 270}, "aarch64": {72}}  # select, pselect6: number of descriptors comes first
_POLLS = {"x86_64": {7, 271}, "aarch64": {73}}  # poll, ppoll: number of descriptors comes second
_FUTEXES = {"x86_64": {202, 449}, "aarch64": {98, 449}}  # futex, futex_waitv

_PASSING = frozenset({Wait.RUNNING, Wait.UNKNOWN})  # these may change without a new run


@dataclass(frozen=True, slots=True)
class ThreadState:
    """One thread as the kernel sees it. Fields as in `ThreadSample`."""

    wait: Wait = Wait.UNKNOWN
    wait_address: int = 0
    cpu_s: float | None = None
    queued_s: float | None = None
    runs: int | None = None


def classify(syscall: str, interpreter: Sequence[tuple[int, int]], machine: str = platform.machine()) -> ThreadState:
    """Tell a thread's wait from the text of its `syscall` file.

    Args:
        syscall: "running", "-1 SP PC", or "NUMBER ARG0 … ARG5 SP PC" with hexadecimal arguments.
        interpreter: address ranges [low, high) of the interpreter's own data; a futex in there is the GIL's.
    """
    words = syscall.split()
    if not words or words[0] in {"running", "-1"}:
        return ThreadState(Wait.RUNNING)
    number, arguments = int(words[0]), [int(word, 16) for word in words[1:7]]
    if number in _FUTEXES.get(machine, ()):
        address = arguments[0]
        inside = any(low <= address < high for low, high in interpreter)
        return ThreadState(Wait.GIL if inside else Wait.LOCK, address)
    if number in _SLEEPS.get(machine, ()):
        return ThreadState(Wait.SLEEP)
    if number in _EPOLLS.get(machine, ()):
        return ThreadState(Wait.POLL)
    if number in _SELECTS.get(machine, ()):  # time.sleep up to 3.10 is a select on nothing
        return ThreadState(Wait.POLL if arguments[0] else Wait.SLEEP)
    if number in _POLLS.get(machine, ()):  # a socket with a timeout polls its one descriptor
        return ThreadState(Wait.POLL if arguments[1] > 1 else Wait.IO)
    return ThreadState(Wait.IO)


def count_threads(pid: int) -> int:
    """How many threads a process has; 1 when it is gone, which its sources will say."""
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return 1


def read_states(
    pid: int, interpreter: Sequence[tuple[int, int]], before: Mapping[int, ThreadState] = MappingProxyType({})
) -> dict[int, ThreadState]:
    """The state of every thread of a process, by kernel thread id; empty when the process is gone.

    About 20 µs a thread, and half of that for one that did not run since `before`, an earlier result: it still waits
    for the same. A thread that ends meanwhile is left out; what may not be read is UNKNOWN or None.
    """
    try:
        names = os.listdir(f"/proc/{pid}/task")
    except (FileNotFoundError, ProcessLookupError):
        return {}
    states = {}
    for name in names:
        thread_id = int(name)
        state = _read_state(f"/proc/{pid}/task/{name}", interpreter, before.get(thread_id))
        if state is not None:
            states[thread_id] = state
    return states


def _read_state(task: str, interpreter: Sequence[tuple[int, int]], before: ThreadState | None) -> ThreadState | None:
    try:
        on_cpu_ns, queued_ns, runs = map(int, _read(f"{task}/schedstat").split())
    except (FileNotFoundError, ProcessLookupError, ValueError):  # it ended, or the kernel keeps no such statistics
        on_cpu_ns = queued_ns = runs = -1
    if before is not None and before.runs == runs and before.wait not in _PASSING:
        return before
    try:
        seen = classify(_read(f"{task}/syscall"), interpreter)
    except PermissionError:
        seen = ThreadState()
    except (FileNotFoundError, ProcessLookupError):
        return None
    if runs < 0:
        return seen
    return ThreadState(seen.wait, seen.wait_address, on_cpu_ns / 1e9, queued_ns / 1e9, runs)


def _read(path: str) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 256).decode("ascii")
    finally:
        os.close(descriptor)
