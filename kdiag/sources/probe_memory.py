"""What the probe tells of what grows: memory and the containers that become longer, threads and who starts them.

Separate from the probe's other sensors because these are asked only while something grows, or by `kdiag memory`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from kdiag.core.model import AllocationLine, Allocations, Creation, Frame, Keeper, Keepers, ThreadStart
from kdiag.sources.told import decoded

if TYPE_CHECKING:
    from kdiag.attach.channel import Channel

MEMORY = "memory"  # the sensors' names
ALLOCATIONS = "allocations"
KEEPERS = "keepers"
STARTS = "starts"
GROWN_THREADS = 3  # from here on those who start them are looked for
GROWN_DESCRIPTORS = 8
GROWN_BYTES, GROWN_BLOCKS, GROWN_SHARE = 1 << 20, 2_000, 0.02  # from here on keepers are looked for

_TOLD = "the probe told of memory"
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e12)]
_Count = Annotated[int, msgspec.Meta(ge=0)]


class MemoryTold(msgspec.Struct, frozen=True):
    """The memory sensor's answer: allocated blocks, resident bytes, and threads."""

    blocks: _Count
    rss: _Count
    threads: _Count


class _Growing(msgspec.Struct, frozen=True):
    root: str
    path: str
    file: str
    line: _Count
    kind: str
    containers: _Count
    before: _Count
    after: _Count
    seconds: _Seconds
    types: tuple[tuple[str, _Count], ...]
    each: _Count


class KeepersTold(msgspec.Struct, frozen=True):
    """The keepers sensor's answer."""

    walks: _Count
    visited: _Count
    whole: bool
    growing: tuple[_Growing, ...]


class _Place(msgspec.Struct, frozen=True):
    frames: tuple[tuple[str, _Count], ...]
    blocks: _Count
    bytes: _Count


class _Created(msgspec.Struct, frozen=True):
    kind: Literal["file", "socket", "thread"]
    frames: tuple[tuple[str, _Count], ...]
    count: _Count


class AllocationsTold(msgspec.Struct, frozen=True):
    """The allocations sensor's answer."""

    state: str
    seconds: _Seconds
    foreign: bool
    places: tuple[_Place, ...]
    created: tuple[_Created, ...]


class _Start(msgspec.Struct, frozen=True):
    frames: tuple[tuple[str, _Count, str], ...]
    count: _Count


class StartsTold(msgspec.Struct, frozen=True):
    """The starts sensor's answer."""

    places: tuple[_Start, ...]


def wanted(first: MemoryTold | None, now: MemoryTold, descriptors: int = 0) -> frozenset[str]:
    """The sensors that there is reason to start: there is so much more than at first of what they look for.

    Args:
        first, now: what was told.
        descriptors: how many more are open than at first.
    """
    if first is None:
        return frozenset()
    more = now.blocks - first.blocks
    memory = now.rss - first.rss >= GROWN_BYTES or more >= max(GROWN_BLOCKS, GROWN_SHARE * first.blocks)
    threads = now.threads - first.threads >= GROWN_THREADS
    return frozenset([KEEPERS] * (memory or descriptors >= GROWN_DESCRIPTORS) + [STARTS] * threads)


def starts_of(told: StartsTold) -> tuple[ThreadStart, ...]:
    """The answer as a sample's part."""
    return tuple(ThreadStart(tuple(Frame(*place) for place in each.frames), each.count) for each in told.places)


def keepers_of(told: KeepersTold) -> Keepers:
    """The answer as a sample's part."""
    return Keepers(
        told.walks,
        told.visited,
        told.whole,
        tuple(
            Keeper(
                each.root, each.path, each.file, each.line, each.kind, each.containers, each.before, each.after,
                each.seconds, each.types, each.each,
            )
            for each in told.growing
        ),
    )  # fmt: skip


def read_memory(channel: Channel) -> tuple[MemoryTold, Keepers]:
    """How much memory there is, and the containers that grow, without a session.

    Raises:
        KdiagError: the probe is gone, does not answer, or answers what is nothing that we know.
    """
    answer = channel.request("read", sensors={MEMORY: 0, KEEPERS: 0})
    return decoded(answer.get(MEMORY), MemoryTold, _TOLD), keepers_of(decoded(answer.get(KEEPERS), KeepersTold, _TOLD))


def read_allocations(channel: Channel) -> Allocations:
    """What was allocated while it was traced, and is still alive.

    Raises:
        KdiagError: as `read_memory`.
    """
    told = channel.request("read", sensors={ALLOCATIONS: 0}).get(ALLOCATIONS)
    return allocations_of(decoded(told, AllocationsTold, _TOLD))


def allocations_of(told: AllocationsTold) -> Allocations:
    """The answer as a sample's part."""
    lines = (AllocationLine(_frames(each.frames), each.blocks, each.bytes) for each in told.places)
    created = (Creation(each.kind, _frames(each.frames), each.count) for each in told.created)
    return Allocations(told.state, told.seconds, told.foreign, tuple(lines), tuple(created))


def _frames(places: tuple[tuple[str, int], ...]) -> tuple[Frame, ...]:
    return tuple(Frame(file, line, "") for file, line in places)
