"""Which lines allocate what stays, by `tracemalloc`, for a short while and only where somebody asked for it.

Tracing makes each allocation of the service ten to twenty times as dear. So it ends by itself: when the time is over,
and when there is as much to tell as can be told in one go, since to ask for the traces keeps the interpreter for as
long as there are many.
Where the service traces itself, nothing is switched on or off; its traces are read if they are few.

Only the C part is used: `tracemalloc` itself would import pickle into the service. Separate from `keepers`, which costs
the service nothing.
"""

from __future__ import annotations

import _tracemalloc
import threading
import time
from collections import Counter
from typing import Any

from ..turns import Turns
from .created import Created, Creations

FRAMES = 3  # of each allocation
LONGEST_S = 60.0
_PERIOD_S = 0.02
_LOOK_S = 0.4  # what is opened is looked for seldomer: that takes long, and would stretch all sensors' pauses
_ENOUGH = 2 << 20  # bytes that the traces take: 33,000 of them, which are told in 10 ms
_TOO_MUCH = 3 << 20
_PLACES = 24
_OURS = Turns.next.__code__.co_filename.rpartition("/")[0] + "/"


class AllocationsSensor:
    """See the module. It traces once, from `trace` on."""

    name = "allocations"

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards all below; only threads of ours take it
        self._ours = False
        self._state = "idle"  # then "tracing", and "done" or the reason why there is nothing to tell
        self._started = self._until = 0.0
        self._traced_s = 0.0
        self._places: list[tuple[tuple[tuple[str, int], ...], int, int]] = []
        self._creations = Creations()
        self._look_at = 0.0
        self._created: list[Created] = []

    def start(self) -> None:
        """Nothing is traced before somebody asks for it."""

    def stop(self) -> None:
        """Switch off what was switched on here."""
        if self._ours:
            self._ours = False
            _tracemalloc.stop()
        self._creations.forget()

    @property
    def buffered(self) -> int:
        """Places to tell of."""
        return len(self._places) + len(self._created)

    @property
    def dropped(self) -> int:
        """Files and sockets that were too many to note."""
        return self._creations.dropped

    @property
    def period_s(self) -> float:
        """Short while it traces, for there must not be too much to tell."""
        return _PERIOD_S if self._state == "tracing" else 1.0

    def trace(self, seconds: float) -> None:
        """Trace for so long at most."""
        with self._lock:
            if self._state == "tracing":
                return
            self._started = time.perf_counter()
            self._until = self._started + min(seconds, LONGEST_S)
            self._state = "tracing"
            if not _tracemalloc.is_tracing():
                _tracemalloc.start(FRAMES)
                self._ours = True

    def tick(self) -> None:
        """Note what is opened, and end the tracing when it is time."""
        with self._lock:
            if self._state != "tracing":
                return
            if not _tracemalloc.is_tracing():
                self._ours, self._state = False, "switched-off"  # by the service
            elif time.perf_counter() >= self._until or _tracemalloc.get_tracemalloc_memory() >= _ENOUGH:
                self._finish()
            elif time.perf_counter() >= self._look_at:
                self._creations.look()
                self._look_at = time.perf_counter() + _LOOK_S

    def data(self, since: int) -> dict[str, Any]:  # noqa: ARG002 - every answer is complete
        """How far it is, and at last the places whose allocations are still alive, most bytes first.

        `created` are the files, sockets and threads that came meanwhile and are still there, by place.
        """
        with self._lock:
            return {
                "at": time.perf_counter(),
                "state": self._state,
                "seconds": self._traced_s,
                "foreign": self._state != "idle" and not self._ours and _tracemalloc.is_tracing(),
                "places": [
                    {"frames": [list(each) for each in frames], "blocks": blocks, "bytes": size}
                    for frames, blocks, size in self._places
                ],
                "created": [
                    {"kind": kind, "frames": [list(each) for each in frames], "count": count}
                    for kind, frames, count in self._created
                ],
            }

    def _finish(self) -> None:
        self._traced_s = time.perf_counter() - self._started
        self._creations.look()
        self._created = self._creations.still_there()[:_PLACES]
        self._creations.forget()
        traces = _tracemalloc._get_traces() if _tracemalloc.get_tracemalloc_memory() < _TOO_MUCH else None
        if self._ours:
            self._ours = False
            _tracemalloc.stop()
        if traces is None:
            self._state = "too-many"
            return
        blocks: Counter[Any] = Counter()
        sizes: Counter[Any] = Counter()
        turns = Turns()
        for _, size, frames, *_ in traces:
            turns.next()
            if not any(file.startswith(_OURS) for file, _ in frames):
                blocks[frames] += 1
                sizes[frames] += size
        self._places = [(frames, blocks[frames], size) for frames, size in sizes.most_common(_PLACES)]
        self._state = "done"
