"""Which thread of a process can be borrowed: told from `/proc/PID/task`, without touching any of them.

The choice is pure, reading is not; both are here because the one is made for the other. A thread that is parked in a
system call is outside of malloc and outside of the interpreter. Waiting for a lock is not as clear: the lock may be
malloc's own, so such a thread must have been there for a while.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.attach.machine import Call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kdiag.attach.machine import Machine

_MOST_THREADS = 250
STILL_S = 0.05  # for how long a thread must wait for a lock, not moving, before it counts as parked


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one thread stands at one moment.

    Attributes:
        state: the kernel's letter: R, S, D, …
        call: the system call in which it waits; None when it runs or that is not to be seen.
        runs: how often it was put on a CPU since its start; -1 when the kernel does not count.
    """

    tid: int
    state: str
    call: Call | None
    runs: int


def parked(standings: Sequence[Standing], machine: Machine) -> list[Standing]:
    """The threads that wait for something outside, the main thread first: these can be borrowed at once."""
    return [each for each in standings if each.state == "S" and each.call and each.call.number in machine.parking]


def waiting_for_locks(standings: Sequence[Standing], machine: Machine) -> list[Standing]:
    """The threads that wait for a lock, the main thread first: look again after STILL_S, and see `unmoved`."""
    return [each for each in standings if each.state == "S" and each.call and each.call.number in machine.futexes]


def unmoved(before: Sequence[Standing], after: Sequence[Standing]) -> list[Standing]:
    """Those that stand as they stood, and did not run in between."""
    now = {each.tid: each for each in after}
    return [each for each in before if now.get(each.tid) == each]


def waits_inside(standing: Standing, ranges: Sequence[tuple[int, int]]) -> bool:
    """Whether a thread's lock lies in one of some address ranges: in the interpreter's own data it is the GIL."""
    return standing.call is not None and any(low <= standing.call.arguments[0] < high for low, high in ranges)


def read_standings(pid: int) -> list[Standing]:
    """Where the threads of a process stand now, the main thread first; those that end meanwhile are left out.

    Of very many threads only the oldest are read, some 10 µs each.
    """
    try:
        tids = sorted(map(int, os.listdir(f"/proc/{pid}/task")), key=lambda tid: (tid != pid, tid))[:_MOST_THREADS]
    except OSError:
        return []
    return [standing for tid in tids if (standing := read_standing(pid, tid)) is not None]


def read_standing(pid: int, tid: int) -> Standing | None:
    """Where one thread stands; None when it has ended."""
    task = f"/proc/{pid}/task/{tid}"
    try:
        runs = _runs(_read(f"{task}/schedstat"))
        call = parse_call(_read(f"{task}/syscall"))
        state = _read(f"{task}/stat").rpartition(") ")[2][:1]
    except OSError:
        return None
    return Standing(tid, state, call, runs)


def parse_call(text: str) -> Call | None:
    """Parse a thread's `syscall` file: "running", "-1 SP PC", or "NUMBER ARG0 … ARG5 SP PC"."""
    words = text.split()
    if not words or words[0] in {"running", "-1"}:
        return None
    arguments, (stack, program) = words[1:7], words[7:9]
    return Call(int(words[0]), tuple(int(word, 16) for word in arguments), int(stack, 16), int(program, 16))


def _runs(schedstat: str) -> int:
    words = schedstat.split()
    return int(words[2]) if len(words) > 2 else -1


def _read(path: str) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 1024).decode("utf-8", "replace")
    finally:
        os.close(descriptor)
