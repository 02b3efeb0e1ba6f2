"""Where CPython keeps the state of its cyclic collector, from 3.9 to 3.15: found, then checked before it is trusted.

It is separate from the reader because it is pure, and the one place to change for a new version of CPython. Nothing
here is an offset that a patch release or a build option may shift:

- From 3.13 on the interpreter itself says where the collector's state is (`_Py_DebugOffsets`, at the start of
  `_PyRuntime`); where that says so differs by minor version, by which it is promised to be stable.
- Up to 3.12 the state is found by its own mark: `generation0` points at the list that begins 72 bytes before it.

The rest has a fixed distance from the flag `collecting`, since the struct around it changed in whole minor versions
only. All sizes are those of 64-bit builds.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.attach.debug_offsets import UnknownOffsetsError, parse_debug_offsets
from kdiag.errors import KdiagError

if TYPE_CHECKING:
    from collections.abc import Callable

GENERATIONS = 3
COLLECTING_SIZE = 4  # a C int
_GENERATION = struct.Struct("<16xii")  # list head, threshold, count
GENERATION_SIZE = _GENERATION.size
AFTER_COLLECTING = 40  # bytes behind the flag in which the numbers of objects are
_STATISTICS = struct.Struct("<qqq")  # collections, collected, uncollectable
_RING_ITEM = struct.Struct("<16xqq32x")  # since 3.15: between times, candidates, duration and heap size
_RING_INDEX_SIZE = 8
_POINTER = struct.Struct("<Q")

_HEAD_OF_RUNTIME = {(3, 9): 32, (3, 10): 32, (3, 11): 40, (3, 12): 40}  # _PyRuntime.interpreters.head
SEARCHED = 2048  # bytes of the interpreter's state in which the collector's is looked for, up to 3.12
_GENERATION0_AFTER_LISTS = GENERATIONS * _GENERATION.size
_COLLECTING_AFTER_LISTS = 176

_PLAUSIBLE_COUNT = 1 << 48


class UnknownLayoutError(KdiagError):
    """What was read cannot be the state of a collector: an interpreter that we do not know."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            "collector-layout-unknown",
            "the collector's state in this interpreter could not be found",
            cause=reason,
            hint="report the output of: python -VV",
        )


@dataclass(frozen=True, slots=True)
class CollectorState:
    """The collector of one interpreter at one moment; tuples are by generation, youngest first.

    Attributes:
        collecting: whether a collection is under way.
        collections: collections completed since the interpreter started.
        collected: objects freed since then.
        thresholds: as `gc.get_threshold()` gives them.
        enabled: as `gc.isenabled()` gives it.
    """

    collecting: bool
    collections: tuple[int, ...] = ()
    collected: tuple[int, ...] = ()
    thresholds: tuple[int, ...] = ()
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class RuntimeLayout:
    """Offsets from `_PyRuntime`, and within an interpreter's state.

    Attributes:
        head: of the pointer to the newest interpreter; the pointer to the main one follows it.
        next: within an interpreter, of the pointer to the next older one.
        collecting: within an interpreter, of the flag; None when it must be searched for.
        ring_size: bytes of the rings that hold the statistics; 0 where these are plain.
    """

    head: int
    next: int
    collecting: int | None
    ring_size: int = 0


def runtime_layout(version: tuple[int, ...], debug_offsets: Callable[[], bytes]) -> RuntimeLayout:
    """Where interpreters and their collectors are, for one version.

    Args:
        version: (major, minor, …).
        debug_offsets: reads the first DEBUG_OFFSETS_SIZE bytes of `_PyRuntime`; called only where they exist.

    Raises:
        UnknownLayoutError: the version is not known, or its debug offsets are not what they should be.
    """
    minor = (version[0], version[1]) if len(version) > 1 else (0, 0)
    if minor in _HEAD_OF_RUNTIME:
        return RuntimeLayout(head=_HEAD_OF_RUNTIME[minor], next=0, collecting=None)
    try:
        offsets = parse_debug_offsets(version, debug_offsets)
    except UnknownOffsetsError as error:
        raise UnknownLayoutError(str(error)) from error
    return RuntimeLayout(
        head=offsets.interpreters_head,
        next=offsets.interpreter_next,
        collecting=offsets.gc + offsets.gc_collecting,
        ring_size=offsets.gc_statistics_size,
    )


def survivors(layout: StateLayout, after: bytes) -> int:
    """How many objects the last full collection left; since 3.14 how many there are."""
    at = layout.objects[0]
    return max(0, int.from_bytes(after[at : at + 8], "little", signed=True))


def find_collecting(state: bytes, address: int) -> int:
    """The offset of `collecting` in an interpreter's state up to 3.12, found by the pointer `generation0`.

    Args:
        state: the beginning of the interpreter's state.
        address: where that lies.

    Raises:
        UnknownLayoutError: there is no such pointer.
    """
    for at, (pointer,) in zip(range(0, len(state), _POINTER.size), _POINTER.iter_unpack(state), strict=True):
        if pointer == address + at - _GENERATION0_AFTER_LISTS:
            return at - _GENERATION0_AFTER_LISTS + _COLLECTING_AFTER_LISTS
    reason = "there is no pointer to the youngest generation"
    raise UnknownLayoutError(reason)


@dataclass(frozen=True, slots=True)
class StateLayout:
    """The collector's state as one block of memory around `collecting`; offsets within that block.

    Attributes:
        before: bytes of the block before `collecting`, which ends it.
        statistics: of the three statistics; with rings, of the pointer to them.
        objects: from `collecting` on, of the numbers of objects: those that are alive, or (up to 3.13) those that
            survived the last full collection and those that have joined them since.
        lists: whether the objects of a generation hang in a list.
        rearranges: the youngest generation whose collections leave the old objects in another order.
    """

    before: int
    enabled: int
    generations: int
    statistics: int
    objects: tuple[int, ...]
    ring_size: int = 0
    lists: bool = True
    rearranges: int = GENERATIONS - 1

    @property
    def size(self) -> int:
        """Bytes of the whole block."""
        return self.before + COLLECTING_SIZE


def state_layout(version: tuple[int, ...], ring_size: int, *, lists: bool = True) -> StateLayout:
    """How the collector's state is laid out in one version."""
    if version >= (3, 15):
        return StateLayout(112, 0, generations=8, statistics=104, objects=(32,), ring_size=ring_size, lists=lists)
    if version >= (3, 14):
        return StateLayout(180, 0, generations=12, statistics=108, objects=(24,), lists=lists, rearranges=1)
    return StateLayout(188, 0, generations=12, statistics=116, objects=(24, 32), lists=lists)


def alive(layout: StateLayout, block: bytes, after: bytes) -> int:
    """About how many objects the collector watches: the youngest are counted as what was created less what was freed.

    Args:
        layout: of the block.
        block: the memory before `collecting`.
        after: the memory from `collecting` on, AFTER_COLLECTING bytes.
    """
    total = sum(int.from_bytes(after[at : at + 8], "little", signed=True) for at in layout.objects)
    if len(layout.objects) > 1:
        total += int(_GENERATION.unpack_from(block, layout.generations)[1])
    return max(0, total)


def decode(layout: StateLayout, block: bytes, rings: Callable[[int, int], bytes]) -> CollectorState:
    """Decode and check the block of memory that ends with `collecting`.

    Args:
        layout: of the block.
        block: its `layout.size` bytes.
        rings: reads (address, size) of the statistics where they lie elsewhere.

    Raises:
        UnknownLayoutError: some value cannot be what it should be.
    """
    collecting = int.from_bytes(block[layout.before :], "little")
    enabled = int.from_bytes(block[layout.enabled : layout.enabled + 4], "little")
    thresholds = tuple(
        _GENERATION.unpack_from(block, layout.generations + index * _GENERATION.size)[0] for index in range(GENERATIONS)
    )
    if layout.ring_size:
        address = ring_address(block[layout.statistics :])
        # An interpreter that is starting or ending has no rings.
        statistics = decode_rings(rings(address, layout.ring_size) if address else bytes(layout.ring_size))
    else:
        statistics = tuple(
            _STATISTICS.unpack_from(block, layout.statistics + index * _STATISTICS.size)[:2]
            for index in range(GENERATIONS)
        )
    collections, collected = (tuple(column) for column in zip(*statistics, strict=True))
    if collecting not in (0, 1) or enabled not in (0, 1) or min(thresholds) < 0:
        reason = f"collecting={collecting}, enabled={enabled}, thresholds={thresholds}"
        raise UnknownLayoutError(reason)
    if not all(0 <= count < _PLAUSIBLE_COUNT for count in (*collections, *collected)):
        reason = f"collections={collections}, collected={collected}"
        raise UnknownLayoutError(reason)
    return CollectorState(bool(collecting), collections, collected, thresholds, bool(enabled))


def ring_address(tail: bytes) -> int:
    """Where the rings lie, from the part of the block that begins with the statistics; 0 when there are none."""
    return int(_POINTER.unpack_from(tail)[0])


def decode_rings(raw: bytes) -> tuple[tuple[int, int], ...]:
    """(collections, collected) of each generation from the rings of 3.15: cumulative, so the largest is the newest.

    The youngest generation's ring has 11 items and the others' 3 (1 each in free-threaded builds); an index ends each.
    """
    items = (len(raw) - GENERATIONS * _RING_INDEX_SIZE) // _RING_ITEM.size
    sizes = {17: (11, 3, 3), 3: (1, 1, 1)}.get(items)
    if sizes is None:
        reason = f"rings of {len(raw)} bytes"
        raise UnknownLayoutError(reason)
    newest, at = [], 0
    for size in sizes:
        end = at + size * _RING_ITEM.size
        newest.append(max(_RING_ITEM.iter_unpack(raw[at:end])))
        at = end + _RING_INDEX_SIZE
    return tuple(newest)
