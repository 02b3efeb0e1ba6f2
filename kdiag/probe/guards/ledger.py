"""Every conflict that the guards of this process have seen: bounded, and alike ones counted together.

- Nobody ever waits: an event is put on a queue, and whoever finds the ledger free enters what is queued. So it may be
  written to from signal handlers, finalizers and `__eq__` of keys, whatever locks their threads hold.
- Bounded: what finds no room is counted in `dropped`.
- Callbacks are called with each event, in the thread that saw it, when nothing of ours is held.

It is separate from the guards because they come and go, and because whoever reads it knows none of them.
"""

from __future__ import annotations

import os
from _thread import allocate_lock
from collections import deque
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .evidence import Side

MOST_GROUPS = 128
MOST_QUEUED = 1024

CHANGED = "changed-while-iterated"  # the next step of the iteration raises RuntimeError
WRITTEN = "written-while-iterated"  # the iteration goes on, over old values and new ones
UNLOCKED = "unlocked-writes"
LOST = "lost-update"


class Conflict(NamedTuple):
    """One event, or all that were alike: then the sides are those of the last one.

    Attributes:
        kind: one of `CHANGED`, `WRITTEN`, `UNLOCKED`, `LOST`.
        number, name, type: of the guarded object.
        key: of the write, as it may be told; "" where there is none.
        writes: the write that was seen last, which is the one that was checked.
        iterates: the thread that iterates meanwhile.
        other: the other write; of a lost update the one that is lost.
        reads: where the value was read that a lost update was made from.
    """

    kind: str
    number: int
    name: str
    type: str
    key: str
    writes: Side
    iterates: Side | None = None
    other: Side | None = None
    reads: Side | None = None

    @property
    def fingerprint(self) -> tuple[object, ...]:
        """What alike conflicts have in common: kind, object and innermost places."""
        sides = (self.writes, self.iterates, self.other)
        return (self.kind, self.number, *(side.frames[:1] if side else None for side in sides))

    def in_words(self) -> str:
        """One line for people."""
        opposite = self.iterates or self.other
        did = {LOST: "overwrote an update of", UNLOCKED: "wrote without a lock in common with"}
        of_whom = f" {_where(opposite)}" if opposite else ""
        key = f" key {self.key}" if self.key else ""
        what = did.get(self.kind, "wrote while it was iterated by")
        return f"{self.name} ({self.type}){key}: {_where(self.writes)} {what}{of_whom}"


class _Group(NamedTuple):
    """All conflicts that were alike."""

    number: int
    sequence: int
    times: int
    first_at: float
    last_at: float
    last: Conflict


class Ledger:
    """The conflicts of a process."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[Conflict], object]] = []
        self.dropped = 0
        self.failed_callbacks = 0
        self.failures = 0  # of our own: looks that were given up
        self._queue: deque[Conflict] = deque()
        self._numbers = count(1)
        self._sequence = 0  # of the last entry
        self._groups: dict[tuple[object, ...], _Group] = {}  # both written by who has _turn
        self._turn = allocate_lock()  # taken only where that needs no waiting
        self._pid = os.getpid()

    @property
    def sequence(self) -> int:
        """The number of the last change."""
        return self._sequence

    def note(self, conflict: Conflict) -> None:
        """Enter an event, now or as soon as the ledger is free, and tell who wants to know."""
        if len(self._queue) < MOST_QUEUED:
            self._queue.append(conflict)
        else:
            self.dropped += 1
        self._enter_queued()
        for callback in tuple(self.callbacks):
            try:
                callback(conflict)
            except Exception:  # the service's write must not fail for it
                self.failed_callbacks += 1

    def conflicts(self, since: int = 0) -> list[dict[str, Any]]:
        """The groups that have changed after that sequence number, fit for JSON; times are perf_counter seconds."""
        self._enter_queued()
        return [_in_json(group) for group in list(self._groups.values()) if group.sequence > since]

    def clear(self) -> None:
        """Forget all groups; numbers go on."""
        self._enter_queued()
        self._groups = {}

    def _enter_queued(self) -> None:
        if self._pid != os.getpid():  # whoever had the turn when the process was forked is not in the child
            self._turn, self._pid = allocate_lock(), os.getpid()
        while self._queue and self._turn.acquire(False):
            try:
                self._enter(self._queue.popleft())
            except IndexError:  # another thread was quicker
                pass
            finally:
                self._turn.release()

    def _enter(self, conflict: Conflict) -> None:
        known = self._groups.get(conflict.fingerprint)
        at = conflict.writes.at
        if known is None and len(self._groups) >= MOST_GROUPS:
            self.dropped += 1
            return
        self._sequence += 1
        self._groups[conflict.fingerprint] = (
            _Group(next(self._numbers), self._sequence, 1, at, at, conflict)
            if known is None
            else known._replace(sequence=self._sequence, times=known.times + 1, last_at=at, last=conflict)
        )


def _where(side: Side) -> str:
    if not side.frames:
        return f"thread {side.thread!r}"
    file, line, function = side.frames[0]
    return f"thread {side.thread!r} at {file}:{line} ({function})"


def _in_json(group: _Group) -> dict[str, Any]:
    last = group.last
    return {
        "number": group.number,
        "sequence": group.sequence,
        "kind": last.kind,
        "object": last.number,
        "name": last.name,
        "type": last.type,
        "key": last.key,
        "count": group.times,
        "first_at": group.first_at,
        "last_at": group.last_at,
        **{name: _side_in_json(getattr(last, name)) for name in ("iterates", "writes", "other", "reads")},
        "seen": True,
    }


def _side_in_json(side: Side | None) -> dict[str, Any] | None:
    if side is None:
        return None
    return {**side._asdict(), "frames": [list(each) for each in side.frames]}


LEDGER = Ledger()  # of this process
callbacks = LEDGER.callbacks
conflicts = LEDGER.conflicts
