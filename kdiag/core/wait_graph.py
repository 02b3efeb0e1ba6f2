"""Who waits for whom: the graph of threads and locks at a window's end, and the circles in it.

Separate from the detector so that the graph can be reasoned about without the words of a finding.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.core.locks import Hold, Lock, Want, held, wanted
from kdiag.core.threads import Stillness, Track, stillness, tracks

if TYPE_CHECKING:
    from kdiag.core.frames import Ownership
    from kdiag.core.model import Window

# Locks are held for milliseconds; a wait of seconds without a move is no contention.
STILL_S = 3.0
LOOKS = 8


@dataclass(frozen=True, slots=True)
class Member:
    """One thread of the process at the window's end: what it waits for and what it holds, as far as can be seen."""

    track: Track
    want: Want | None
    still: Stillness | None
    holds: tuple[Hold, ...]

    @property
    def stuck(self) -> bool:
        """Whether it has waited for a lock too long, without a move."""
        return bool(self.want and self.still and self.still.span_s >= STILL_S and self.still.looks >= LOOKS)

    def kept(self) -> set[Lock]:
        """The locks that it holds; of `with a, b:` on one line, whoever waits there for b holds a."""
        return {hold.lock for hold in self.holds} | set(self.want.locks[:-1] if self.want else ())


@dataclass(frozen=True, slots=True)
class WaitGraph:
    """All threads that are alive, and who holds each lock (as indexes into the members)."""

    members: tuple[Member, ...]
    holders: Mapping[Lock, tuple[int, ...]]

    @classmethod
    def of(cls, window: Window, ownership: Ownership) -> WaitGraph:
        """The graph at the window's end."""
        members = []
        for track in tracks(window):
            if track.alive:
                want = wanted(track.last, ownership)
                holds = tuple(held(track.last, ownership))
                members.append(Member(track, want, stillness(track) if want else None, holds))
        holders: dict[Lock, list[int]] = defaultdict(list)
        for index, member in enumerate(members):
            for lock in member.kept():
                holders[lock].append(index)
        return cls(tuple(members), {lock: tuple(indexes) for lock, indexes in holders.items()})

    def circle(self) -> list[Member]:
        """The first circle of stuck threads, in the order of its waits; empty when there is none."""
        edges = {index: self._waits_for(index) for index, member in enumerate(self.members) if member.stuck}
        done: set[int] = set()
        for start, targets in edges.items():
            path, pending = [start], [iter(targets)]
            while pending and start not in done:
                step = next(pending[-1], None)
                if step is None:
                    pending.pop()
                    done.add(path.pop())
                elif step in path:
                    return [self.members[index] for index in path[path.index(step) :]]
                elif step not in done:
                    path.append(step)
                    pending.append(iter(edges.get(step, ())))
        return []

    def _waits_for(self, index: int) -> list[int]:
        """The stuck threads that a thread waits for: those that alone hold its lock; two holders are two locks."""
        member = self.members[index]
        found = []
        for lock in member.want.locks if member.want else ():
            owners = self.holders.get(lock, ())
            if len(owners) == 1 and self.members[owners[0]].stuck:
                by_itself = owners[0] == index and all(hold.lock != lock for hold in member.holds)
                found += [] if by_itself else [owners[0]]
        return found

    def held_by_others(self, member: Member) -> bool:
        """Whether some other thread visibly and alone holds what this one waits for."""
        owners = [self.holders.get(lock, ()) for lock in (member.want.locks if member.want else ())]
        return any(len(indexes) == 1 and self.members[indexes[0]] is not member for indexes in owners)

    def without_live_holder(self) -> list[Member]:
        """The stuck threads that do not wait, directly or through others, for a thread that is alive."""
        free = {index for index, member in enumerate(self.members) if not member.stuck}
        grown = True
        while grown:
            grown = False
            for index, member in enumerate(self.members):
                locks = member.want.locks if member.want else ()
                if index not in free and any(free & set(self.holders.get(lock, ())) for lock in locks):
                    free.add(index)
                    grown = True
        return [member for index, member in enumerate(self.members) if index not in free]


def lock_between(member: Member, following: Member) -> Lock:
    """The lock that the one waits for and the other holds."""
    kept = following.kept()
    return next(lock for lock in (member.want.locks if member.want else ()) if lock in kept)
