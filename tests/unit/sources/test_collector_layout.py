"""Bytes of an interpreter into the state of its collector; what cannot be one is refused."""

from __future__ import annotations

import struct
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from kdiag.sources.collector_layout import (
    CollectorState,
    RuntimeLayout,
    UnknownLayoutError,
    alive,
    decode,
    decode_rings,
    find_collecting,
    runtime_layout,
    state_layout,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

ADDRESS = 0x7F0000001000
# Read from real interpreters: version, offsets of gc and of its `collecting`, and for 3.15 the size of the rings.
RECORDED = {
    (3, 13, 0): (7400, 200, 0),
    (3, 14, 8): (7408, 192, 0),
    (3, 15, 0): (7400, 112, 1112),
}
HEADS = {(3, 13, 0): 632, (3, 14, 8): 808, (3, 15, 0): 936}


def _debug_offsets(
    version: tuple[int, int, int], changes: Mapping[int, int] = MappingProxyType({}), cookie: bytes = b"xdebugpy"
) -> bytes:
    """The fields of `_Py_DebugOffsets` that are read, where that version has them."""
    major, minor, micro = version
    gc, collecting, rings = RECORDED[version]
    raw = bytearray(888)
    raw[:8] = cookie
    fields = {8: major << 24 | minor << 16 | micro << 8 | 0xF0, 40: HEADS[version], 64: 7264}
    fields |= {13: {80: gc, 576: collecting}, 14: {88: gc, 656: collecting}, 15: {88: gc, 760: collecting, 776: rings}}[
        minor
    ]
    for at, value in {**fields, **changes}.items():
        struct.pack_into("<Q", raw, at, value)
    return bytes(raw)


def _never() -> bytes:
    pytest.fail("there are no debug offsets before 3.13")


def _no_rings(_address: int, _size: int) -> bytes:
    pytest.fail("the statistics are plain")


def _old_state(version: tuple[int, ...] = (3, 11, 7), changes: Mapping[str, int] = MappingProxyType({})) -> bytes:
    """The block up to `collecting` of 3.9 to 3.14, as 3.11 lays it out, or 3.14 without the pointer in between."""
    values = {"enabled": 1, "collecting": 0, "threshold": 700, "collections": 41, **changes}
    lists = b"".join(struct.pack("<16xii", threshold, 3) for threshold in (values["threshold"], 10, 10))
    pointer = bytes(8) if version < (3, 14) else b""
    statistics = struct.pack("<9q", values["collections"], 9, 0, 3, 7, 0, 1, 5, 0)
    return (
        struct.pack("<iii", values["enabled"], 0, 0)
        + lists
        + pointer
        + bytes(24)
        + statistics
        + struct.pack("<i", values["collecting"])
    )


@pytest.mark.parametrize("version", [(3, 9, 18), (3, 10, 13), (3, 11, 7), (3, 12, 1)])
def test_up_to_312_only_the_heads_place_is_known(version: tuple[int, ...]) -> None:
    layout = runtime_layout(version, _never)
    assert layout == RuntimeLayout(head=32 if version < (3, 11) else 40, next=0, collecting=None)


@pytest.mark.parametrize(("version", "collecting"), [((3, 13, 0), 7600), ((3, 14, 8), 7600), ((3, 15, 0), 7512)])
def test_from_313_on_the_interpreter_tells_where_its_collector_is(
    version: tuple[int, int, int], collecting: int
) -> None:
    layout = runtime_layout(version, lambda: _debug_offsets(version))
    assert layout == RuntimeLayout(HEADS[version], 7264, collecting, RECORDED[version][2])


@pytest.mark.parametrize("version", [(3, 8, 18), (3, 16, 0), (2, 7), (3,), ()])
def test_other_versions_are_not_known(version: tuple[int, ...]) -> None:
    with pytest.raises(UnknownLayoutError):
        runtime_layout(version, _never)


@pytest.mark.parametrize(
    "raw",
    [
        _debug_offsets((3, 13, 0), cookie=b"notpytho"),
        _debug_offsets((3, 14, 8)),
        _debug_offsets((3, 13, 0), {40: 1 << 40}),
        _debug_offsets((3, 13, 0), {576: 1 << 21}),
    ],
    ids=["another cookie", "another version", "a wild head", "a wild flag"],
)
def test_debug_offsets_that_cannot_be_are_refused(raw: bytes) -> None:
    with pytest.raises(UnknownLayoutError) as error:
        runtime_layout((3, 13, 0), lambda: raw)
    assert error.value.cause


def test_the_state_is_found_by_the_pointer_to_its_youngest_generation() -> None:
    lists = 640  # where 3.9 has them
    state = bytearray(2048)
    struct.pack_into("<Q", state, lists, ADDRESS)  # another pointer into the state
    struct.pack_into("<Q", state, lists + 72, ADDRESS + lists)
    assert find_collecting(bytes(state), ADDRESS) == 816


def test_a_state_without_that_pointer_is_refused() -> None:
    with pytest.raises(UnknownLayoutError):
        find_collecting(bytes(2048), ADDRESS)


@pytest.mark.parametrize("version", [(3, 9, 18), (3, 13, 0), (3, 14, 0)])
def test_a_plain_state_is_decoded(version: tuple[int, ...]) -> None:
    state = decode(state_layout(version, 0), _old_state(version, {"collecting": 1}), _no_rings)
    assert state == CollectorState(True, (41, 3, 1), (9, 7, 5), (700, 10, 10), True)


@pytest.mark.parametrize(
    "changes",
    [
        {"collecting": 2},
        {"collecting": -1},
        {"enabled": 7},
        {"threshold": -1},
        {"collections": -1},
        {"collections": 1 << 50},
    ],
)
def test_a_state_that_cannot_be_is_refused(changes: dict[str, int]) -> None:
    with pytest.raises(UnknownLayoutError) as error:
        decode(state_layout((3, 11, 7), 0), _old_state(changes=changes), _no_rings)
    assert "=" in error.value.cause


def _item(collections: int, collected: int) -> bytes:
    return struct.pack("<qqqqqqdq", 1, 2, collections, collected, 0, 99, 0.5, 1000)


def test_the_newest_item_of_each_ring_counts() -> None:
    young = b"".join(_item(n, 2 * n) for n in (12, 13, 3, 4, 5, 6, 7, 8, 9, 10, 11))
    old = b"".join(_item(n, n) for n in (1, 2, 0))
    raw = young + bytes(8) + old + bytes(8) + _item(0, 0) * 3 + bytes(8)
    assert len(raw) == 1112
    assert decode_rings(raw) == ((13, 26), (2, 2), (0, 0))


def test_free_threaded_rings_hold_one_item_each() -> None:
    raw = b"".join(_item(n, n) + bytes(8) for n in (5, 4, 3))
    assert len(raw) == 216
    assert decode_rings(raw) == ((5, 5), (4, 4), (3, 3))


def test_rings_of_another_size_are_refused() -> None:
    with pytest.raises(UnknownLayoutError):
        decode_rings(bytes(640))


def test_a_state_with_rings_reads_them_where_it_points() -> None:
    layout = state_layout((3, 15, 0), 216)
    lists = b"".join(struct.pack("<16xii", threshold, 0) for threshold in (2000, 10, 10))
    block = struct.pack("<ii", 0, 0) + lists + bytes(24) + struct.pack("<Qi", ADDRESS, 1)
    asked = []

    def rings(address: int, size: int) -> bytes:
        asked.append((address, size))
        return b"".join(_item(n, n) + bytes(8) for n in (5, 4, 3))

    assert decode(layout, block, rings) == CollectorState(True, (5, 4, 3), (5, 4, 3), (2000, 10, 10), False)
    assert asked == [(ADDRESS, 216)]


def test_an_interpreter_that_has_no_rings_yet_has_collected_nothing() -> None:
    layout = state_layout((3, 15, 0), 1112)
    lists = b"".join(struct.pack("<16xii", 2000, 0) for _ in range(3))
    block = struct.pack("<ii", 1, 0) + lists + bytes(24) + struct.pack("<Qi", 0, 0)
    assert decode(layout, block, _no_rings).collections == (0, 0, 0)


def test_the_number_of_objects_is_counted_by_the_interpreter() -> None:
    after = struct.pack("<i4xQQqq", 0, 1, 2, 5_000, 600)
    assert alive(state_layout((3, 11, 7), 0), _old_state(), after) == 5_603
    assert alive(state_layout((3, 14, 0), 0), _old_state((3, 14)), after) == 5_000
    rings = struct.pack("<i4xQQQq", 0, 1, 2, 3, 7_000)
    assert alive(state_layout((3, 15, 0), 1112), bytes(112), rings) == 7_000
