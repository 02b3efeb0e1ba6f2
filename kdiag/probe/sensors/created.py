"""Which lines open the files and sockets, and make the threads, that appear while allocations are traced and stay.

Threads are listed. Files and sockets are not, so they are looked for among the youngest objects again and again; whose
generation was left between two looks is missed. Of what is found the descriptor is noted and the line, no reference.
On Python 3.11 tracemalloc does not know where objects were allocated whose class gives them a dict: `ssl.SSLSocket` is
such a class, and missed there.

Separate from `allocations`, which traces, since this alone knows what an object stands for.
"""

from __future__ import annotations

import _tracemalloc
import gc
import os
import sys
import threading
from _io import FileIO
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from .places import instance_dict, own_idents

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_YOUNG = 12_000  # objects that the interpreter may list for us in one go
_MOST = 4096
_HAS_GIL = getattr(sys, "_is_gil_enabled", lambda: True)

# As tracemalloc gives them: file and line, innermost first.
Frames = tuple[tuple[str, int], ...]


class Created(NamedTuple):
    """How many of one kind ("file", "socket" or "thread") one place has created that are still there."""

    kind: str
    frames: Frames
    number: int


class _Opened(NamedTuple):
    kind: str
    frames: Frames
    target: str  # what the descriptor led to


class Creations:
    """What was seen in one tracing."""

    def __init__(self) -> None:
        self._opened: dict[int, _Opened] = {}  # by descriptor
        self._kinds: dict[int, tuple[type, str]] = {}  # by id of the type, which is held so that it stays the same
        self.dropped = 0

    def look(self) -> None:
        """Note the files and sockets among the youngest objects."""
        kinds = self._kinds
        for value in _young():
            known = kinds.get(id(type(value))) or self._kind(type(value))
            frames = _trace(value) if known[1] else ()
            number = _descriptor(known[1], value) if frames else -1
            if number >= 0 and (number in self._opened or len(self._opened) < _MOST):
                self._opened[number] = _Opened(known[1], frames, _target(number))
            elif number >= 0:
                self.dropped += 1

    def still_there(self) -> list[Created]:
        """What of it is still open, and the threads that are alive, most of one place first."""
        found: Counter[tuple[str, Frames]] = Counter()
        for number, each in self._opened.items():
            found[each.kind, each.frames] += _target(number) == each.target
        found.update(("thread", frames) for frames in _threads())
        return [Created(*key, count) for key, count in found.most_common() if count]

    def forget(self) -> None:
        """Let go of the types."""
        self._opened, self._kinds = {}, {}

    def _kind(self, kind: type) -> tuple[type, str]:
        socket: Any = getattr(sys.modules.get("_socket"), "socket", None)
        name = "file" if issubclass(kind, FileIO) else "socket" if socket and issubclass(kind, socket) else ""
        known = self._kinds[id(kind)] = (kind, name)
        return known


def _young() -> list[Any]:
    """The youngest objects that the collector watches; none where they are too many, or are not kept by age."""
    counts, thresholds = gc.get_count(), gc.get_threshold()
    if counts[0] > _MOST_YOUNG or not _HAS_GIL():
        return []
    found = gc.get_objects(generation=0)
    if sys.version_info < (3, 14) and thresholds[0] * max(counts[1], 1) <= _MOST_YOUNG:
        found += gc.get_objects(generation=1)
    return found


def _descriptor(kind: str, value: Any) -> int:
    """Its number; -1 where it is closed."""
    fileno: Any = FileIO.fileno if kind == "file" else sys.modules["_socket"].socket.fileno
    try:
        return int(fileno(value))
    except ValueError:
        return -1


def _target(descriptor: int) -> str:
    """What a descriptor leads to; "" for one that is closed. No disk is asked for it."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return ""


def _threads() -> Iterator[Frames]:
    """Where those were made that were made meanwhile.

    On 3.11 the function stands for its thread that is made with each, to tell of an exception in it.
    """
    ours = own_idents()
    for ident, thread in threading._active.copy().items():  # type: ignore[attr-defined]
        if ident not in ours:
            frames = _trace(thread) or _trace(instance_dict(thread).get("_invoke_excepthook"))
            if frames:
                yield frames


def _trace(value: object) -> Frames:
    return tuple(_tracemalloc._get_object_traceback(value) or ())
