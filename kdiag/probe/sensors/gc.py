"""What the cyclic garbage collector does: how long, how often, for how much, and whose allocations start it.

It makes sense of what the callbacks note (see `gc_hooks`), in a thread of the probe's.
"""

from __future__ import annotations

import gc
import threading
import time
from collections import deque
from typing import Any

from .gc_hooks import Hooks, call_s
from .gc_trial import Trial
from .places import Place, place, thread_names

_EVENTS = 16384  # about four thousand collections between two ticks
_MANY_PER_S = 500.0  # from here on only some collections are noted with their places
_LOOK_EVERY_S = 0.4
_DRAIN_EVERY_S = 0.1
_PLACES = 64
_PAUSES = 128
_TRACED = 1024
_SELDOMER = 2_000  # times what it took
_FREED = 8  # the youngest may have lost some objects since, which the callbacks before ours have freed
_LONG_NS = 10_000_000
_TOGETHER_NS = 1_000_000
_TRIES = 5
_BUCKETS = 64  # a pause of n ns counts in bucket n.bit_length()


class CollectorSensor:
    """See the module. Numbers are exact since `start`, unless `dropped` says that some collections were missed."""

    name = "gc"

    def __init__(self) -> None:
        self._events: deque[Any] = deque(maxlen=_EVENTS)  # filled by the callbacks
        self._hooks = Hooks(self._events)
        self.trial = Trial()
        self._frozen, self._frozen_until_ns, self._frozen_after = 0, 0, 0
        self._call_s = 0.0
        self._lock = threading.Lock()  # guards all below; only threads of ours take it, never a callback
        self._since_ns = 0
        self._before: list[dict[str, int]] = []
        self._spent_ns = [0, 0, 0]
        self._longest_ns = [0, 0, 0]
        self._seen = [0, 0, 0]
        self._asked = 0
        self._young = [0, 0]
        self._histogram = [0] * (_BUCKETS + 1)
        self._places: dict[tuple[int, tuple[Place, ...]], list[int]] = {}
        self._unplaced = 0
        self._pauses: deque[dict[str, Any]] = deque(maxlen=_PAUSES)
        self._sequence = 0
        self._traced: deque[dict[str, Any]] | None = None  # each collection, once somebody has asked for them
        self._current: _Collection | None = None
        self._rarely = False
        self._drained_at = 0.0

    def start(self) -> None:
        """Hook in, behind all others."""
        self._call_s = call_s()
        self._before = gc.get_stats()
        self._since_ns = time.perf_counter_ns()
        self._drained_at = time.perf_counter()
        self._hooks.insert()

    def stop(self) -> None:
        """Unhook. The collector walks its list by index: not while a collection is under way, as far as we know."""
        for _ in range(50):
            if not self._under_way():
                break
            time.sleep(0.001)
        self._hooks.remove()
        self._events.clear()
        self.trial.undo()

    def tick(self) -> None:
        """Account for the collections since the last time; with many of them, look at the places of some only."""
        with self._lock:
            before, since = sum(self._seen), self._drained_at
            self._drain(len(self._events))
            self._drained_at = time.perf_counter()
            rarely = sum(self._seen) - before > _MANY_PER_S * (self._drained_at - since)
        if rarely is not self._rarely:
            self._rarely = rarely
            self._hooks.detail(rarely=rarely)

    @property
    def period_s(self) -> float:
        """Short while there are many collections, for the buffer must not run over."""
        return _DRAIN_EVERY_S if self._rarely else _LOOK_EVERY_S

    @property
    def hook_s(self) -> float:
        """Seconds that the callbacks have used up in the threads that collected, by what a call took at the start."""
        return sum(self._seen) * self._call_s

    @property
    def dropped(self) -> int:
        """Collections that were missed because too many came between two ticks, and places beyond the limit."""
        total: int = sum(each["collections"] for each in gc.get_stats())
        before = sum(each["collections"] for each in self._before)
        pending = sum(1 for event in list(self._events) if type(event) is dict) + (self._current is not None)
        return max(0, total - before - sum(self._seen) - pending) + self._unplaced

    @property
    def buffered(self) -> int:
        """Moments not yet accounted for, places and long pauses."""
        return len(self._events) + len(self._places) + len(self._pauses)

    def data(self, since: int) -> dict[str, Any]:
        """Totals since the start, and the long pauses after number `since`; times in seconds of perf_counter.

        `histogram` has [n, count] of the collections of 2^(n-1) to 2^n ns. `asked` counts the collections that
        somebody asked for by hand, a lower bound: no generation was full when they started. With many collections
        the `places` are those of some, taken evenly, and so is `young`: of collections of the youngest generation,
        about how many objects they looked at, and how many of these they freed; the others survived.
        """
        with self._lock:
            at, count = self._moment()
            self._drain(count)
            spent = self._spent_until(at)
            names = thread_names()
            now = gc.get_stats()
            return {
                "at": at / 1e9,
                "since": self._since_ns / 1e9,
                "seconds": [ns / 1e9 for ns in spent],
                "longest": [ns / 1e9 for ns in self._longest_ns],
                "seen": list(self._seen),
                "collections": _deltas(self._before, now, "collections"),
                "collected": _deltas(self._before, now, "collected"),
                "uncollectable": _deltas(self._before, now, "uncollectable"),
                "asked": self._asked,
                "young": list(self._young),
                "histogram": [[n, count] for n, count in enumerate(self._histogram) if count],
                "thresholds": list(gc.get_threshold()),
                "enabled": gc.isenabled(),
                "frozen": self._count_frozen(at),
                "places": [
                    {"thread": names.get(ident, ""), "ident": ident, "frames": [list(each) for each in frames],
                     "collections": count, "seconds": ns / 1e9, "asked": asked}
                    for (ident, frames), (count, ns, asked) in self._places.items()
                ],
                "pauses": [pause for pause in self._pauses if pause["sequence"] > since],
                "sequence": self._sequence,
                "dropped": self.dropped,
            }  # fmt: skip

    def trace(self, since: int) -> dict[str, Any]:
        """Each collection after number `since`, from the first time on that somebody asks; `number` is the last one's.

        Those that came when too many came at once are left out, and those without details have no thread and frames.
        """
        with self._lock:
            self._traced = deque(maxlen=_TRACED) if self._traced is None else self._traced
            self._drain(len(self._events))
            names = thread_names()
            return {
                "number": sum(self._seen),
                "collections": [
                    {**each, "thread": names.get(each["ident"], "")} for each in self._traced if each["number"] > since
                ],
            }

    def _count_frozen(self, now_ns: int) -> int:
        """How many objects are frozen; the interpreter walks over all of them to tell, so it is seldom asked."""
        changes = self.trial.changes
        if now_ns >= self._frozen_until_ns or changes != self._frozen_after:
            started = time.perf_counter_ns()
            self._frozen_after = changes
            self._frozen = gc.get_freeze_count()
            self._frozen_until_ns = now_ns + _SELDOMER * (time.perf_counter_ns() - started)
        return self._frozen

    def _spent_until(self, at: int) -> list[int]:
        """What was spent, up to a moment, also in the collection that is under way.

        Other callbacks run before ours, and when one of them is in Python, whoever waited for the interpreter all
        through the collection gets it there: we do, and a long collection would be counted in the wrong stretch. Long
        ones are the oldest generation's; which it is, is known at the end.
        """
        spent, current = list(self._spent_ns), self._current
        if current is not None:
            spent[-1] += max(0, (current.ended_ns or at) - current.started_ns)
        return spent

    def _under_way(self) -> bool:
        """Whether the last that was noted is no end of a collection."""
        try:
            return type(self._events[-1]) is not dict
        except IndexError:
            return False

    def _moment(self) -> tuple[int, int]:
        """A time, and how much was noted until then: looked at together, so without the interpreter lost in between."""
        for _ in range(_TRIES):
            before, count, after = time.perf_counter_ns(), len(self._events), time.perf_counter_ns()
            if after - before < _TOGETHER_NS:
                break
        return after, count

    def _drain(self, count: int) -> None:
        """Account for what was noted first; what comes meanwhile is for the next time."""
        events = self._events
        for _ in range(count):
            event = events.popleft()
            kind, current = type(event), self._current
            if kind is dict:
                if current is not None and current.ended_ns:
                    self._account(current, event)
                self._current = None
            elif kind is int and current is not None:
                current.ended_ns = event
            elif kind is int:
                self._current = _Collection(event)
            elif len(event) == 3:
                self._current = _Collection(*event)
            elif current is not None:
                current.frames += event

    def _account(self, collection: _Collection, info: dict[str, int]) -> None:
        spent = collection.ended_ns - collection.started_ns
        generation = min(info.get("generation", 0), 2)
        self._seen[generation] += 1
        self._spent_ns[generation] += spent
        self._histogram[min(spent.bit_length(), _BUCKETS)] += 1
        self._longest_ns[generation] = max(self._longest_ns[generation], spent)
        frames, asked = collection.places(), bool(collection.ident) and collection.asked()
        if collection.ident:
            self._asked += asked
            if generation == 0:
                self._young[0] += max(collection.count[0], info.get("collected", 0))
                self._young[1] += info.get("collected", 0)
            if frames:
                self._count_place((collection.ident, frames), spent, asked)
            else:
                self._hooks.without_frames(collection.started_ns)
        if spent >= _LONG_NS or self._traced is not None:
            self._tell(collection, info, spent, asked)

    def _tell(self, collection: _Collection, info: dict[str, int], spent: int, asked: bool) -> None:
        """Keep what there is to tell of one collection: a long one, or any where somebody asks for each."""
        told = {
            "at": collection.ended_ns / 1e9, "seconds": spent / 1e9, "generation": min(info.get("generation", 0), 2),
            "collected": info.get("collected", 0), "ident": collection.ident,
            "frames": [list(each) for each in collection.places()],
        }  # fmt: skip
        if spent >= _LONG_NS:
            self._sequence += 1
            self._pauses.append({"sequence": self._sequence, **told})
        if self._traced is not None:
            left = info.get("uncollectable", 0)
            self._traced.append({"number": sum(self._seen), "uncollectable": left, "asked": asked, **told})

    def _count_place(self, key: tuple[int, tuple[Place, ...]], spent: int, asked: bool) -> None:
        known = self._places.get(key)
        if known is None:
            if len(self._places) >= _PLACES:
                self._unplaced += 1
                return
            known = self._places[key] = [0, 0, 0]
        known[0] += 1
        known[1] += spent
        known[2] += asked


class _Collection:
    """One collection: when it started, and with details: in which thread, how full the generations were, the stack."""

    __slots__ = ("count", "ended_ns", "frames", "ident", "started_ns")

    def __init__(self, started_ns: int, count: tuple[int, ...] = (), ident: int = 0) -> None:
        self.started_ns = started_ns
        self.ended_ns = 0
        self.count = count
        self.ident = ident
        self.frames: tuple[Any, ...] = ()  # code, line, code, line, …

    def asked(self) -> bool:
        """Whether it was asked for by hand, for certain: otherwise a generation is full when a collection starts."""
        counts = (self.count[0] + _FREED, *self.count[1:])
        full = any(0 < limit < count for count, limit in zip(counts, gc.get_threshold()))
        return not full or not gc.isenabled()

    def places(self) -> tuple[Place, ...]:
        """The innermost frames."""
        frames = self.frames
        return tuple(place(frames[n], frames[n + 1] or 0) for n in range(0, len(frames), 2))


def _deltas(before: list[dict[str, int]], now: list[dict[str, int]], key: str) -> list[int]:
    return [after[key] - first[key] for first, after in zip(before, now)]
