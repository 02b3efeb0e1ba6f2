"""What the probe told of containers that change while somebody uses them: who walks, who writes, and when.

Separate from the crashes: there the loop that was broken off is told of, here the one who broke it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kdiag.core.model.samples import Frame

ConflictKind = Literal["changed-while-iterated", "written-while-iterated", "unlocked-writes", "lost-update"]
Seeing = Literal["watcher", "code"]


@dataclass(frozen=True, slots=True)
class ConflictSide:
    """One thread's part in a conflict; frames are innermost first."""

    thread: str
    ident: int
    at: float
    frames: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class MapConflict:
    """Conflicts of one kind about one container.

    Attributes:
        container: its number, the same in all samples.
        count: since the sample before.
        iterates, writes, other: the sides of the last one, as far as they are known; `other` is a second writer.
        seen: the write itself was seen; else its code was found on a stack.
    """

    kind: ConflictKind
    container: int
    name: str
    type: str
    count: int
    first_at: float
    last_at: float
    iterates: ConflictSide | None
    writes: ConflictSide | None
    other: ConflictSide | None
    seen: bool

    @property
    def sides(self) -> tuple[ConflictSide, ...]:
        """Those that are known."""
        return tuple(side for side in (self.iterates, self.writes, self.other) if side is not None)


@dataclass(frozen=True, slots=True)
class WatchedMap:
    """A container that is looked at: how, since when, and which threads wrote to it so often."""

    number: int
    name: str
    type: str
    since: float
    writes: int
    how: Seeing
    threads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SuspectMap:
    """A container that several threads write to.

    Attributes:
        locked: never without a lock in common, as far as was seen.
        path: what to guard it by, "module:NAME".
    """

    name: str
    type: str
    writers: tuple[str, ...]
    writes: int
    locked: bool
    path: str


@dataclass(frozen=True, slots=True)
class MapAccount:
    """What was told since the sample before. `limits` are references of why writes are not seen themselves."""

    watched: tuple[WatchedMap, ...] = ()
    conflicts: tuple[MapConflict, ...] = ()
    suspects: tuple[SuspectMap, ...] = ()
    limits: tuple[str, ...] = ()
    dropped: int = 0
