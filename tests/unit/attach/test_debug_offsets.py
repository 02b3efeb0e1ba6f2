"""What interpreters say of themselves at the start of `_PyRuntime`: recorded bytes, decoded."""

from __future__ import annotations

import struct

import pytest

from kdiag.attach.debug_offsets import DebugOffsets, RemoteDebugging, UnknownOffsetsError, parse_debug_offsets

# The first 888 bytes of `_PyRuntime`, as 64-bit words, read from real x86-64 builds.
RECORDED = {
    (3, 13, 0): (
        0x7970677562656478, 0x30d00f0, 0, 283320, 608, 632, 194968, 7272, 7264, 7344, 7400, 7656, 7640, 7648, 16,
        7752, 0, 7768, 7760, 304, 0, 8, 16, 72, 152, 160, 232, 32, 80, 8, 0, 56, 72, 70, 208, 112, 120, 128, 136, 68,
        52, 96, 104, 200, 16, 8, 416, 24, 88, 168, 32, 24, 16, 40, 24, 16, 48, 32, 40, 24, 16, 32, 16, 24, 40, 16,
        32, 64, 32, 16, 40, 240, 200,
    ),
    (3, 14, 8): (
        0x7970677562656478, 0x30e08f0, 0, 316616, 784, 808, 225864, 7280, 7272, 7344, 7360, 7408, 7688, 7672, 7680,
        16, 7784, 0, 7800, 7792, 7992, 0, 832, 0, 8, 16, 72, 152, 160, 232, 32, 88, 8, 0, 56, 80, 74, 64, 0, 216,
        112, 120, 128, 136, 68, 52, 96, 104, 208, 0, 16, 8, 416, 24, 88, 168, 40, 32, 16, 40, 24, 16, 200, 24, 40,
        32, 48, 32, 40, 24, 16, 32, 16, 24, 40, 16, 32, 64, 32, 16, 40, 264, 192, 160, 24, 72, 67, 0, 8, 24, 304,
        8076, 0, 4, 512,
    ),
    (3, 15, 0): (
        0x7970677562656478, 0x30f00f0, 0, 346568, 912, 936, 226240, 7272, 7264, 7336, 7352, 7400, 7592, 7576, 7584,
        16, 7736, 0, 7752, 7744, 7944, 0, 888, 0, 8, 16, 72, 80, 88, 96, 176, 184, 256, 32, 36, 40, 136, 288, 0, 88,
        8, 0, 56, 80, 74, 64, 0, 216, 112, 120, 128, 136, 68, 52, 96, 104, 208, 0, 16, 8, 424, 24, 88, 168, 32, 288,
        944, 888, 40, 32, 16, 40, 24, 16, 200, 24, 40, 32, 48, 32, 40, 24, 16, 32, 16, 24, 40, 16, 32, 64, 32, 16,
        40, 56, 176, 112, 120, 1112, 104, 160, 24, 72, 67, 0, 8, 24, 344, 8028, 0, 4, 512,
    ),
}  # fmt: skip
VERSION_AT, HEAD_AT, FREE_THREADED_AT = 8, 40, 16


def recorded(version: tuple[int, int, int], changes: dict[int, int] | None = None) -> bytes:
    words = RECORDED[version]
    raw = bytearray(struct.pack(f"<{len(words)}Q", *words).ljust(888, b"\0"))
    for at, value in (changes or {}).items():
        struct.pack_into("<Q", raw, at, value)
    return bytes(raw)


def parse(version: tuple[int, int, int], changes: dict[int, int] | None = None) -> DebugOffsets:
    return parse_debug_offsets(version, lambda: recorded(version, changes))


def test_313_has_no_remote_debugging() -> None:
    assert parse((3, 13, 0)) == DebugOffsets(
        free_threaded=False,
        final=True,
        interpreters_head=632,
        interpreter_id=7272,
        interpreter_next=7264,
        threads_head=7344,
        gc=7400,
        gc_collecting=200,
        gc_statistics_size=0,
        thread_next=8,
        native_thread_id=160,
        remote_debugging=None,
    )


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (
            (3, 14, 8),
            DebugOffsets(
                free_threaded=False,
                final=True,
                interpreters_head=808,
                interpreter_id=7280,
                interpreter_next=7272,
                threads_head=7344,
                gc=7408,
                gc_collecting=192,
                gc_statistics_size=0,
                thread_next=8,
                native_thread_id=160,
                remote_debugging=RemoteDebugging(8076, 24, 304, 0, 4, 512),
            ),
        ),
        (
            (3, 15, 0),
            DebugOffsets(
                free_threaded=False,
                final=True,
                interpreters_head=936,
                interpreter_id=7272,
                interpreter_next=7264,
                threads_head=7336,
                gc=7400,
                gc_collecting=112,
                gc_statistics_size=1112,
                thread_next=8,
                native_thread_id=184,
                remote_debugging=RemoteDebugging(8028, 24, 344, 0, 4, 512),
            ),
        ),
    ],
)
def test_where_a_request_to_run_a_script_is_written(version: tuple[int, int, int], expected: DebugOffsets) -> None:
    assert parse(version) == expected


def test_builds_without_a_gil_and_pre_releases_are_told() -> None:
    assert parse((3, 14, 8), {FREE_THREADED_AT: 1}).free_threaded
    assert not parse((3, 15, 0), {VERSION_AT: 0x030F00C2}).final


@pytest.mark.parametrize("version", [(3, 12, 1), (3, 16, 0), (3,), ()])
def test_a_version_that_is_not_known_is_not_even_read(version: tuple[int, ...]) -> None:
    with pytest.raises(UnknownOffsetsError, match="Python"):
        parse_debug_offsets(version, lambda: pytest.fail("read"))


@pytest.mark.parametrize(
    "changes", [{0: 0}, {VERSION_AT: 0x030F00F0}, {HEAD_AT: 1 << 40}], ids=["mark", "version", "wild offset"]
)
def test_what_cannot_be_debug_offsets_is_refused(changes: dict[int, int]) -> None:
    with pytest.raises(UnknownOffsetsError):
        parse((3, 14, 8), changes)
