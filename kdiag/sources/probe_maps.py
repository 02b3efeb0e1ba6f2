"""What the probe tells of containers that change, as samples: checked here, and counted from this session's beginning.

It is separate from the other sensors because only what changed is told again, so what was told before must be kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import msgspec

from kdiag.core.model import (
    ConflictKind,
    ConflictSide,
    Frame,
    MapAccount,
    MapConflict,
    Seeing,
    SuspectMap,
    WatchedMap,
)
from kdiag.sources.told import decoded

if TYPE_CHECKING:
    from kdiag.attach.channel import Channel

_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e12)]
_Count = Annotated[int, msgspec.Meta(ge=0)]


class _Side(msgspec.Struct, frozen=True):
    thread: str
    ident: _Count
    at: _Seconds  # the target's perf_counter is our monotonic clock: the system's own
    frames: Annotated[tuple[tuple[str, _Count, str], ...], msgspec.Meta(max_length=64)]


class _Conflict(msgspec.Struct, frozen=True):
    number: _Count
    sequence: _Count
    kind: ConflictKind
    object: _Count
    name: str
    type: str
    count: _Count
    first_at: _Seconds
    last_at: _Seconds
    iterates: _Side | None
    writes: _Side | None
    other: _Side | None
    seen: bool


class Watched(msgspec.Struct, frozen=True):
    """A container that is looked at."""

    number: _Count
    name: str
    type: str
    since: _Seconds
    writes: _Count
    how: Seeing
    threads: tuple[str, ...]

    def sample(self) -> WatchedMap:
        """The same for detectors."""
        return WatchedMap(self.number, self.name, self.type, self.since, self.writes, self.how, self.threads)


class _Suspect(msgspec.Struct, frozen=True):
    name: str
    type: str
    writers: tuple[str, ...]
    writes: _Count
    locked: bool
    path: str


class Maps(msgspec.Struct, frozen=True):
    """The sensor's answer."""

    watched: tuple[Watched, ...]
    conflicts: tuple[_Conflict, ...]
    suspects: tuple[_Suspect, ...]
    limits: tuple[str, ...]
    sequence: _Count
    dropped: _Count


@dataclass
class MapCounts:
    """What is known of each conflict; one for each session, used by the one thread that asks the probe."""

    _known: dict[int, int] = field(default_factory=dict, init=False)
    _dropped: int = field(default=0, init=False)

    def account(self, told: Maps) -> MapAccount:
        """What happened since the answer before; the first one is the session's beginning."""
        conflicts = tuple(self._since(each) for each in told.conflicts)
        self._known.update((each.number, each.count) for each in told.conflicts)
        dropped, self._dropped = max(0, told.dropped - self._dropped), told.dropped
        return MapAccount(
            tuple(each.sample() for each in told.watched),
            conflicts,
            tuple(SuspectMap(s.name, s.type, s.writers, s.writes, s.locked, s.path) for s in told.suspects),
            told.limits,
            dropped,
        )

    def _since(self, told: _Conflict) -> MapConflict:
        """A count of none tells that only the sides are known better."""
        return MapConflict(
            told.kind, told.object, told.name, told.type, max(0, told.count - self._known.get(told.number, 0)),
            told.first_at, told.last_at, _side(told.iterates), _side(told.writes), _side(told.other), told.seen,
        )  # fmt: skip


def _side(told: _Side | None) -> ConflictSide | None:
    if told is None:
        return None
    return ConflictSide(told.thread, told.ident, told.at, tuple(Frame(*frame) for frame in told.frames))


def read_maps(channel: Channel, since: int) -> Maps:
    """What the sensor tells after a number, without a session.

    Raises:
        KdiagError: the probe is gone, does not answer, or answers what is nothing that we know.
    """
    result = channel.request("read", sensors={"maps": since})
    return decoded(result.get("maps"), Maps, "the probe told of its dicts")
