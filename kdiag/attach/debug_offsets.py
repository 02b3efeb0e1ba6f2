"""Where CPython keeps what we follow in it, as it says itself at the start of `_PyRuntime`, from 3.13 on.

It is separate because it is pure, and because reading the collector and running a script (PEP 768) both start here.
The struct is `_Py_DebugOffsets` of `pycore_debug_offsets.h`: stable within a minor version, different between two, so
that a version that is not known here is refused.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

DEBUG_OFFSETS_SIZE = 888  # bytes of them, in the version that has most

_COOKIE = b"xdebugpy"
_VERSION_AT, _FREE_THREADED_AT = 8, 16
_FINAL = 0xF0  # of the release level in PY_VERSION_HEX
_FIELD = struct.Struct("<Q")
_PLAUSIBLE = 1 << 20

# Where each offset stands in the struct; what a version does not have is left out.
_COMMON = {"interpreters_head": 40, "interpreter_id": 56, "interpreter_next": 64, "threads_head": 72}
_PLACES = {
    (3, 13): {**_COMMON, "gc": 80, "gc_collecting": 576, "thread_next": 168, "native_thread_id": 200},
    (3, 14): {
        **_COMMON,
        "gc": 88,
        "gc_collecting": 656,
        "thread_next": 192,
        "native_thread_id": 224,
        "eval_breaker": 712,
        "support": 720,
        "enabled": 728,
        "pending_call": 736,
        "script_path": 744,
        "script_path_size": 752,
    },
    (3, 15): {
        **_COMMON,
        "gc": 88,
        "gc_collecting": 760,
        "gc_statistics_size": 776,
        "thread_next": 192,
        "native_thread_id": 248,
        "eval_breaker": 840,
        "support": 848,
        "enabled": 856,
        "pending_call": 864,
        "script_path": 872,
        "script_path_size": 880,
    },
}


class UnknownOffsetsError(Exception):
    """These are not the debug offsets of a version that we know; the message says why."""


@dataclass(frozen=True, slots=True)
class RemoteDebugging:
    """Where a request to run a script is written (PEP 768).

    Attributes:
        enabled: within an interpreter's state, of the int that is 1 when the service allows it.
        eval_breaker: within a thread's state, of the word that makes the thread look for requests.
        support: within a thread's state, of the request; the other two are within the request.
        pending_call: of the int that is 1 when there is one.
        script_path: of the path, which ends with a zero byte.
        script_path_size: bytes that there are for the path and that zero.
    """

    enabled: int
    eval_breaker: int
    support: int
    pending_call: int
    script_path: int
    script_path_size: int


@dataclass(frozen=True, slots=True)
class DebugOffsets:
    """Offsets within `_PyRuntime`, an interpreter's state, its collector's, and a thread's state.

    Attributes:
        free_threaded: whether the build has no GIL.
        final: whether it is no pre-release: these may lay anything out in another way.
        interpreters_head: within `_PyRuntime`, of the newest interpreter.
        gc_statistics_size: bytes of the collector's statistics where they lie elsewhere (since 3.15), else 0.
        remote_debugging: None before 3.14.
    """

    free_threaded: bool
    final: bool
    interpreters_head: int
    interpreter_id: int
    interpreter_next: int
    threads_head: int
    gc: int
    gc_collecting: int
    gc_statistics_size: int
    thread_next: int
    native_thread_id: int
    remote_debugging: RemoteDebugging | None


def parse_debug_offsets(version: tuple[int, ...], read: Callable[[], bytes]) -> DebugOffsets:
    """Decode and check the first DEBUG_OFFSETS_SIZE bytes of `_PyRuntime`, read only for a version that we know.

    Raises:
        UnknownOffsetsError: the version is not known, or what was read is of another version or implausible.
    """
    minor = (version[0], version[1]) if len(version) > 1 else (0, 0)
    places = _PLACES.get(minor)
    if places is None:
        raise UnknownOffsetsError(f"Python {'.'.join(map(str, version)) or 'of an unknown version'}")

    raw = read()

    def field(at: int) -> int:
        return int(_FIELD.unpack_from(raw, at)[0])

    hexadecimal = field(_VERSION_AT)
    if not raw.startswith(_COOKIE) or hexadecimal >> 16 != minor[0] << 8 | minor[1]:
        raise UnknownOffsetsError("its debug offsets have another mark or version")
    values = {name: field(at) for name, at in places.items()}
    if max(values.values()) > _PLAUSIBLE:
        raise UnknownOffsetsError("its debug offsets are implausibly large")
    remote = {name: values.pop(name) for name in RemoteDebugging.__slots__ if name in values}
    return DebugOffsets(
        free_threaded=field(_FREE_THREADED_AT) == 1,
        final=hexadecimal & _FINAL == _FINAL,
        remote_debugging=RemoteDebugging(**remote) if remote else None,
        **{"gc_statistics_size": 0, **values},
    )
