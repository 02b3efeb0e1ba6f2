"""Which containers become longer, and what they are called: `module.NAME`, an attribute, a closure, a local variable.

The usual way goes up from an object by `gc.get_referrers`, which walks over the whole heap in one go. This one goes
down from where names are, the service's own modules and local variables: in turns of some milliseconds, by no code of
the service's, and past most of what is in large containers. So it sees thousands of objects, not millions; what it sees
twice it compares.

Between two turns nothing is held: what is still to be looked at is known by its id and by the object that led to it,
and gone to again from the module on. So nothing of the service's lives longer for it, or ends in our thread, but what
it lets go of within the milliseconds of a turn. Local variables, which cannot be gone to again, are looked at in one.

Separate from `reach`, which knows what a step may touch, and from `roots`, where a walk begins.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from ..turns import Turns
from . import reach
from .calls import MISSING
from .roots import Root, at_modules, local_roots, module_roots

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SLICE_S = 0.003  # of processor time
_PERIOD_S = 0.6
_REST_S = 1.0  # between two walks
_STEPS = 16  # objects between two looks at the time
_MOST = 30_000  # objects in one walk
_WHOLE_ONE_IN = 3  # walks: the others stay in the service's own modules
_DEEPEST = 12
_LEAST = 24  # elements: shorter ones are not compared
_LEAST_GROWN, _LEAST_SHARE = 10, 0.01
_NEWEST = 8  # elements whose types are told
_TOLD = 20
_LOCALS_S = 0.012  # of processor time, for the local variables and what they lead to


class Nodes:
    """The objects of one walk by their numbers, in the order in which they are looked at, each after what led to it.

    Numbers alone: a tuple for each would be counted as what grows, and have the collector run in our thread.
    """

    def __init__(self) -> None:
        self.keys: list[int] = []  # the objects' ids
        self.hows = bytearray()
        self.parents: list[int] = []  # of a root itself
        self.depths = bytearray()
        self.roots: dict[int, Root] = {}
        self.seen: set[int] = set()  # their ids

    def add(self, key: int, how: int, parent: int | None) -> None:
        """Another object, known by its id; a root has no parent."""
        number = len(self.keys)
        self.seen.add(key)
        self.keys.append(key)
        self.hows.append(how)
        self.parents.append(number if parent is None else parent)
        self.depths.append(0 if parent is None else self.depths[parent] + 1)

    def way(self, number: int) -> list[int]:
        """The objects that led to one, the root first and it last."""
        found = [number]
        while found[-1] not in self.roots:
            found.append(self.parents[found[-1]])
        return found[::-1]


class Length(NamedTuple):
    """How long a container was when it was first seen, and the last time."""

    kind: int
    first: int
    first_at: float
    last: int
    last_at: float


class Growing(NamedTuple):
    """A container that has grown, by its name. `each` is about how many bytes an element takes."""

    root: Root
    path: str
    kind: str
    length: Length
    types: Counter[str]
    each: int


class KeepersSensor:
    """See the module."""

    name = "keepers"
    dropped = 0

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards all below; only threads of ours take it
        self._steps: Iterator[None] | None = None
        self._nodes = Nodes()
        self._at_hand: dict[int, Any] = {}  # by id, within a turn
        self._kinds: dict[int, tuple[int, type]] = {}  # how objects of a type are looked at, by its id, within a turn
        self._due_at = 0.0
        self._walks = 0
        self._visited = 0
        self._whole = False
        self._lengths: dict[int, Length] = {}
        self._growing: dict[int, Growing] = {}

    def start(self) -> None:
        """The first look begins the first walk."""

    def stop(self) -> None:
        """Let go of what is looked at."""
        self._steps = None
        self._let_go()
        self._lengths, self._growing = {}, {}

    @property
    def buffered(self) -> int:
        """Containers that are known."""
        return len(self._lengths)

    @property
    def period_s(self) -> float:
        """Seconds between two turns."""
        return _PERIOD_S

    def tick(self) -> None:
        """Go on with the walk for a turn."""
        with self._lock:
            self._tick()

    def data(self, since: int) -> dict[str, Any]:  # noqa: ARG002 - every answer is complete
        """The containers that have grown since they were looked at first, most bytes first; of like names the sum.

        `visited` is how many objects the longest walk looked at, `whole` whether one went through all modules.
        """
        with self._lock:
            return {
                "at": time.perf_counter(),
                "walks": self._walks,
                "visited": self._visited,
                "whole": self._whole,
                "growing": self._told(),
            }

    def _tick(self) -> None:
        if self._steps is None:
            if time.perf_counter() < self._due_at:
                return
            self._steps = self._walk()
        until = time.thread_time() + _SLICE_S
        try:
            while time.thread_time() < until:
                if len(list(islice(self._steps, _STEPS))) < _STEPS:
                    self._steps = None
                    self._due_at = time.perf_counter() + _REST_S
                    break
        finally:
            self._let_go()

    def _let_go(self) -> None:
        self._at_hand.clear()  # it may be in it: threads of ours are reached, too
        self._kinds.clear()

    def _walk(self) -> Iterator[None]:
        """One walk, mostly over the service's own part alone; yields after each object, where a turn may end."""
        whole = self._walks % _WHOLE_ONE_IN == _WHOLE_ONE_IN - 1
        earlier, self._lengths = self._lengths, {} if whole else dict(self._lengths)
        nodes = self._nodes = Nodes()
        own, *others = module_roots()
        at = visited = 0
        for group in (own, None, *(others if whole else ())):
            self._begin(local_roots() if group is None else at_modules(group))
            turns, until = Turns(), time.thread_time() + _LOCALS_S
            while at < len(nodes.keys) and visited < _MOST:
                self._look(at, earlier)
                at, visited = at + 1, visited + 1
                if group is not None:
                    yield
                elif time.thread_time() < until:
                    turns.next()
                else:
                    at = len(nodes.keys)  # the rest is not looked at
        self._nodes = Nodes()
        self._walks += 1
        self._visited = max(self._visited, visited)
        self._whole = self._whole or (whole and visited < _MOST)
        if whole:
            self._growing = {key: each for key, each in self._growing.items() if key in self._lengths}

    def _begin(self, roots: Iterable[tuple[Root, Any]]) -> None:
        for root, value in roots:
            if id(value) not in self._nodes.seen:
                self._at_hand[id(value)] = value
                self._nodes.roots[len(self._nodes.keys)] = root
                self._nodes.add(id(value), self._how(type(value)), None)

    def _look(self, number: int, earlier: dict[int, Length]) -> None:
        """Look at an object, and note what is to be looked at after it."""
        nodes, kinds, at_hand = self._nodes, self._kinds, self._at_hand
        value, of = self._value(number), nodes.hows[number]
        if value is MISSING:  # it is gone, or leads to other things by now
            return
        if of in reach.CONTAINERS:
            self._compare(number, value, earlier)
        for each in reach.reached(of, value) if nodes.depths[number] < _DEEPEST else ():
            key, kind = id(each), id(type(each))
            if key in nodes.seen:
                continue
            how = kinds[kind][0] if kind in kinds else self._how(type(each))
            if not how or how == reach.MODULE or (how == reach.CLASS and of not in (reach.MODULE, reach.CLASS)):
                continue
            at_hand[key] = each
            nodes.add(key, how, number)

    def _how(self, kind: type) -> int:
        known = self._kinds.get(id(kind))
        if known is None:
            known = self._kinds[id(kind)] = (reach.kind_of(kind), kind)
        return known[0]

    def _value(self, number: int) -> Any:
        """The object itself, gone to from its module where it is not at hand; `MISSING` where it is not there."""
        nodes, at_hand = self._nodes, self._at_hand
        key = nodes.keys[number]
        if key not in at_hand:
            parent = nodes.parents[number]
            if parent == number:
                found = [sys.modules.get(nodes.roots[number].module)]
            else:
                above = self._value(parent)
                found = [] if above is MISSING else list(reach.reached(nodes.hows[parent], above))
            at_hand.update(zip(map(id, found), found))
        value = at_hand.get(key, MISSING)
        return value if value is not MISSING and self._how(type(value)) == nodes.hows[number] else MISSING

    def _compare(self, number: int, value: Any, earlier: dict[int, Length]) -> None:
        count, key = reach.size(self._nodes.hows[number], value), self._nodes.keys[number]
        if count < _LEAST:
            self._growing.pop(key, None)
            return
        now, before = time.perf_counter(), earlier.get(key)
        if before is None or before.kind != id(type(value)) or count < before.last:
            before = Length(id(type(value)), count, now, count, now)
        length = self._lengths[key] = before._replace(last=count, last_at=now)
        rise = count - length.first
        if count > before.last and rise >= max(_LEAST_GROWN, _LEAST_SHARE * length.first):
            self._grown(number, value, length)
        else:
            self._growing.pop(key, None)

    def _grown(self, number: int, value: Any, length: Length) -> None:
        how = self._nodes.hows[number]
        newest = reach.elements(how, value, _NEWEST, 0)
        if newest and all(map(reach.is_weak, newest)):
            return
        types = Counter(reach.type_name(type(each)) for each in newest[-_NEWEST:])
        each = sum(map(reach.bytes_of, newest)) // len(newest) if newest else 0
        path = self._path(number)
        if path is not None:
            kind = "lru_cache" if how == reach.CACHE else reach.type_name(type(value))
            root = self._nodes.roots[self._nodes.way(number)[0]]
            self._growing[self._nodes.keys[number]] = Growing(root, path, kind, length, types, each)

    def _path(self, number: int) -> str | None:
        """The way from the root to an object; None where it does not lead there any more."""
        way = self._nodes.way(number)
        values = list(map(self._value, way))
        if any(each is MISSING for each in values):
            return None
        path, namespace = "", False
        for parent, value, child in zip(way, values, values[1:]):
            step, namespace = reach.step(self._nodes.hows[parent], value, child, is_namespace=namespace)
            path += step
        return path

    def _told(self) -> list[dict[str, Any]]:
        by_name: dict[tuple[Root, str], list[Growing]] = {}
        for each in self._growing.values():
            by_name.setdefault((each.root, each.path), []).append(each)
        told = [_sum(same) for same in by_name.values()]
        told.sort(key=lambda each: (each["after"] - each["before"]) * max(each["each"], 1), reverse=True)
        return told[:_TOLD]


def _sum(same: list[Growing]) -> dict[str, Any]:
    first = same[0]
    types: Counter[str] = Counter()
    for each in same:
        types.update(each.types)
    return {
        "root": first.root.name, "path": first.path, "file": first.root.file, "line": first.root.line,
        "kind": first.kind,
        "containers": len(same), "before": sum(each.length.first for each in same),
        "after": sum(each.length.last for each in same),
        "seconds": max(each.length.last_at - each.length.first_at for each in same),
        "types": [list(each) for each in types.most_common(4)],
        "each": sum(each.each for each in same) // len(same),
    }  # fmt: skip
