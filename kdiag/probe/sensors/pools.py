"""Pools: how large, who works, idles, waits and holds in them, how much is queued, and who waits for himself.

What belongs to one library is in its adapter (`probe.pools`); here their words are put together, checked and bounded.

Separate from `threads`, whose look at all stacks it shares.
"""

from __future__ import annotations

import weakref
from collections import Counter
from typing import TYPE_CHECKING, Any

from ..pools import looking
from ..pools.adapters import ROLES, Adapters
from ..pools.contributed import CONTRIBUTED
from ..pools.leaks import Leaks
from ..pools.lent import classes, holders, is_any
from ..pools.numbers import Numbers
from ..turns import Turns
from .places import places_once, text

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping
    from types import FrameType
    from typing import TypeVar

    from .frames import Stack
    from .places import Place
    from .tasks import TaskKey
    from .waits import Wait

    _Key = TypeVar("_Key")

_POOLS = 64
_OUT = 256
_FUNCTIONS = 8
_FRAMES = 24
_OF_TASKS = frozenset({"waits", "holds"})


class _Seen:
    """A pool in one look; nothing of it stays behind.

    Attributes:
        frame: one of its threads', a managing one's where there is any.
        threads: by what they do: idents, and the frame that shows it.
        awaits: of asyncio's tasks that wait for what it lends, or have it: by task and what it does, their frames.
        tasks: by ident of a worker the id of its task's outermost frame; another id is another task, not vice versa.
        state: what its adapter knows of it.
    """

    def __init__(self, adapter: str, pool: Any) -> None:
        self.adapter = adapter
        self.pool = pool
        self.frame: FrameType | None = None
        self.threads: dict[str, dict[int, FrameType | None]] = {role: {} for role in ROLES}
        self.tasks: dict[int, int] = {}
        self.awaits: dict[tuple[TaskKey, str], Stack] = {}
        self.waited_s: float | None = None
        self.state: dict[str, Any] = {}

    def note(self, role: str, ident: int, frame: FrameType, inner: Stack) -> None:
        self.threads[role][ident] = frame
        if self.frame is None or role == "manages":
            self.frame = frame
        if role == "busy" and inner:
            self.tasks[ident] = id(inner[-1])
        waited = looking.waited_s(inner) if role == "waits" else None
        if waited is not None:
            self.waited_s = max(waited, self.waited_s or 0.0)

    @property
    def workers(self) -> list[int]:
        return [*self.threads["busy"], *self.threads["idle"]]


class PoolsNow:
    """The pools in one look at all threads."""

    def __init__(self, adapters: Adapters, stacks: dict[int, Stack], of_tasks: dict[int, tuple[str, Any]]) -> None:
        self._adapters = adapters
        self.found = {id(pool): _Seen(adapter, pool) for adapter, pool in of_tasks.values()}
        self._find(stacks)
        self._find_holders(stacks)
        for seen in self.found.values():
            self._describe(seen)

    def workers_for(self, futures: set[int]) -> tuple[dict[int, int], dict[int, list[int]]]:
        """By id of each of these futures, the worker that brings its result; of those in a queue, all of their pool.

        A pool that can still start another worker is left out.
        """
        running: dict[int, int] = {}
        queued: dict[int, list[int]] = {}
        for seen in self.found.values() if futures else ():
            for ident, frame in seen.threads["busy"].items():
                running[id(self._adapters.ask(seen.adapter, "result_of", frame))] = ident
            if len(seen.workers) >= (looking.number(seen.state.get("size")) or 1 << 30):
                items = _listed(seen.state.get("items"))
                queued.update((id(future), seen.workers) for future in items if id(future) in futures)
        return {future: ident for future, ident in running.items() if future in futures}, queued

    def _find(self, stacks: dict[int, Stack]) -> None:
        turns, functions = Turns(), self._adapters.functions
        for ident, stack in stacks.items():
            turns.next()
            for depth, frame in enumerate(stack):
                if frame.f_code.co_name not in functions:
                    continue
                for adapter, role, pool in self._adapters.found(stack, depth):
                    seen = self._seen(adapter, pool)
                    if seen is not None:
                        seen.note(role, ident, frame, stack[:depth])
        for adapter in self._adapters.names:
            for pool in self._adapters.ask(adapter, "known") or ():
                self._seen(adapter, pool)

    def note_tasks(self, tasks: Mapping[TaskKey, Stack]) -> Iterator[tuple[str, Any]]:
        """Take in tasks of asyncio's that wait; yields the adapters and the pools that are new."""
        turns = Turns()
        for task, frames in tasks.items():
            turns.next()
            for depth in range(len(frames)):
                for adapter, role, pool in self._adapters.found(frames, depth):
                    new, seen = id(pool) not in self.found, self._seen(adapter, pool)
                    if seen is not None and role in _OF_TASKS:
                        seen.awaits[task, role] = frames
                    if seen is not None and new:
                        self._describe(seen)
                        yield adapter, pool
        asked = {seen.adapter for seen in self.found.values() if seen.state.get("queued")}
        for task, seen in self._with_variables(tasks, asked):
            seen.awaits.setdefault((task, "holds"), tasks[task])

    def _describe(self, seen: _Seen) -> None:
        state = self._adapters.ask(seen.adapter, "state_of", seen.pool, seen.frame)
        seen.state = state if isinstance(state, dict) else {}

    def _seen(self, adapter: str, pool: Any) -> _Seen | None:
        if len(self.found) < _POOLS or id(pool) in self.found:
            return self.found.setdefault(id(pool), _Seen(adapter, pool))
        return None

    def _find_holders(self, stacks: dict[int, Stack]) -> None:
        """Of pools that somebody waits for: who has something of them in a variable."""
        asked = {seen.adapter for seen in self.found.values() if seen.threads["waits"]}
        for ident, seen in self._with_variables(stacks, asked):
            seen.threads["holds"].setdefault(ident, None)

    def _with_variables(self, stacks: Mapping[_Key, Stack], asked: Iterable[str]) -> Iterator[tuple[_Key, _Seen]]:
        """In whose variables something is of which pool, of those that these adapters know."""
        kinds = {adapter: classes(self._adapters.constant(adapter, "LENT") or ()) for adapter in asked}
        for key, value in holders(stacks, frozenset().union(*kinds.values())):
            for adapter in (name for name, known in kinds.items() if is_any(value, known)):
                pool = self._adapters.ask(adapter, "pool_of_lent", value)
                if id(pool) in self.found:
                    yield key, self.found[id(pool)]


class Pools:
    """What `threads` asks at each look. Between two looks it keeps numbers and places only."""

    def __init__(self) -> None:
        self._adapters = Adapters()
        self._leaks = Leaks(self._adapters)
        self._tasks: dict[int, dict[int, int]] = {}
        self._finished: dict[int, int] = {}
        self._of_tasks: dict[int, tuple[str, weakref.ref[Any]]] = {}
        self._numbers = Numbers()
        self._awaits: dict[int, dict[tuple[TaskKey, str], tuple[Place, ...]]] = {}

    def now(self, stacks: dict[int, Stack]) -> PoolsNow:
        """The pools that these threads show, and those that tasks have shown before."""
        self._adapters.load()
        known = {key: (adapter, pool()) for key, (adapter, pool) in self._of_tasks.items()}
        return PoolsNow(self._adapters, stacks, {key: each for key, each in known.items() if each[1] is not None})

    def note_tasks(self, now: PoolsNow, tasks: Mapping[TaskKey, Stack], skipped: Container[TaskKey]) -> None:
        """Take in the tasks that wait.

        Of those that idle and were not looked at it is remembered what they do, and their pools are.
        """
        for adapter, pool in now.note_tasks(tasks):
            if type(pool).__weakrefoffset__:
                self._of_tasks[id(pool)] = adapter, weakref.ref(pool)
        self._of_tasks = {key: each for key, each in self._of_tasks.items() if key in now.found}
        alike: dict[tuple[int, ...], tuple[Place, ...]] = {}
        self._awaits = {
            key: {
                **{each: places for each, places in self._awaits.get(key, {}).items() if each[0] in skipped},
                **{each: places_once(frames[:_FRAMES], alike) for each, frames in seen.awaits.items()},
            }
            for key, seen in now.found.items()
        }

    def told(self, now: PoolsNow, waits: dict[int, Wait]) -> dict[str, Any]:
        """They, the adapters of others that were brought along, and how those failed that did; fit for JSON."""
        found = now.found
        self._finished = {key: self._finished.get(key, 0) + self._changed(key, seen) for key, seen in found.items()}
        self._tasks = {key: seen.tasks for key, seen in found.items()}
        self._leaks.forget(set(found))
        pools = [self._told(key, seen, waits) for key, seen in found.items()]
        self._numbers.next_look()
        return {
            "pools": pools,
            "adapters": sorted(CONTRIBUTED),
            "failed": sorted(self._adapters.failed.items()),
        }

    def _changed(self, key: int, seen: _Seen) -> int:
        """How many of its workers have another task than at the look before, or none: so many are done at least."""
        return sum(seen.tasks.get(ident) != task for ident, task in self._tasks.get(key, {}).items())

    def _told(self, key: int, seen: _Seen, waits: dict[int, Wait]) -> dict[str, Any]:
        state, threads, number = seen.state, seen.threads, looking.number
        lends = text(self._adapters.constant(seen.adapter, "LENDS"))
        done, queued, first = number(state.get("done")), number(state.get("queued")), state.get("first")
        if lends and queued is None:
            queued, first = len(threads["waits"]), next(iter(threads["waits"]), None)
        first = self._numbers.of(first)
        loans = _listed(state.get("out"))[:_OUT]
        out = [self._numbers.of(each) for each in loans] if all(each is not None for each in loans) else []
        awaits = self._awaits.get(key, {})
        return {
            "id": key,
            "kind": text(self._adapters.constant(seen.adapter, "KIND")),
            "lends": lends,
            "name": text(state.get("name")),
            "size": number(state.get("size")) or None,
            "taken": number(state.get("taken")),
            "queued": queued,
            "first": first,
            "waited_s": seen.waited_s,
            "done": self._finished[key] if done is None else done,
            "counted": done is not None,
            "workers": seen.workers,
            "idle": list(threads["idle"]),
            "nested": _greedy(seen) if lends else _nested(seen, waits),
            "waiting": list(threads["waits"]),
            "holding": list(threads["holds"]),
            "out": out,
            "kept": self._kept(seen, queued, first, out, _holding(awaits)),
            "tasks": _told_tasks(awaits) if queued or _is_full(state) else [],
            "runs": [place for place in map(looking.place_of, _listed(state.get("runs"))[:_FUNCTIONS]) if place],
        }

    def _kept(self, seen: _Seen, queued: int | None, first: int, out: list[int], holding: int) -> Any:
        """What keeps what was lent, where no thread or task does that was seen; None where all is in use."""
        taken = looking.number(seen.state.get("taken"))
        lends = queued and self._adapters.constant(seen.adapter, "LENT")
        missing = bool(lends) and (taken or len(out)) > len(seen.threads["holds"]) + holding
        return self._leaks.of(seen.adapter, seen.pool, missing, (first, taken, out))


def _nested(seen: _Seen, waits: dict[int, Wait]) -> list[int]:
    """The workers that wait for the result of a task that stands in their own pool's queue."""
    workers = (ident for ident in seen.workers if ident in waits and waits[ident].kind == "future")
    awaited = {ident: waits[ident].value for ident in workers}
    queued = set(map(id, _listed(seen.state.get("items")))) if awaited else set()
    return [ident for ident, future in awaited.items() if id(future) in queued]


def _is_full(state: dict[str, Any]) -> bool:
    size, taken = (looking.number(state.get(name)) for name in ("size", "taken"))
    return bool(size) and (taken or 0) >= (size or 0)


def _holding(awaits: Iterable[tuple[TaskKey, str]]) -> int:
    return sum(role == "holds" for _, role in awaits)


def _told_tasks(awaits: Mapping[tuple[TaskKey, str], tuple[Place, ...]]) -> list[Any]:
    """What tasks do with a pool, how many, and their frames; fit for JSON."""
    alike = Counter((role, places) for (_, role), places in awaits.items())
    return [[role, count, list(places)] for (role, places), count in alike.most_common(_FUNCTIONS)]


def _greedy(seen: _Seen) -> list[int]:
    """The threads that have something of a pool and wait for more of it."""
    return [ident for ident in seen.threads["waits"] if ident in seen.threads["holds"]]


def _listed(value: object) -> list[Any]:
    return value if type(value) is list else []
