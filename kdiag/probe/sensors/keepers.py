"""Which containers become longer, and what they are called: `module.NAME`, an attribute, a closure, a local variable.

The usual way goes up from an object by `gc.get_referrers`, which walks over the whole heap in one go. This one goes
down from where names are, the service's own modules and local variables: in turns of some milliseconds, by no code of
the service's, and past most of what is in large containers. So it sees thousands of objects, not millions; what it sees
twice it compares.

While a walk is under way it holds on to the objects that it still has to look at; none is kept from walk to walk.
Separate from `reach`, which knows what a step may touch.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from ..hooks.facts import is_library
from . import own, reach
from .calls import MISSING, read_locals
from .frames import stacks
from .places import own_idents

if TYPE_CHECKING:
    from collections.abc import Iterator

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
_FRAMES, _LOCALS = 40, 60


class Root(NamedTuple):
    """Where a walk begins: a module, or a local variable of a function that runs."""

    name: str
    file: str
    line: int


class Node(NamedTuple):
    """An object, how it is looked at, and from where it was reached."""

    value: Any
    how: int
    parent: Any  # Node or Root
    depth: int


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
        while time.thread_time() < until:
            if len(list(islice(self._steps, _STEPS))) < _STEPS:
                self._steps = None
                self._due_at = time.perf_counter() + _REST_S
                break

    def _walk(self) -> Iterator[None]:
        """One walk, mostly over the service's own part alone; yields after each object."""
        whole = self._walks % _WHOLE_ONE_IN == _WHOLE_ONE_IN - 1
        earlier, self._lengths = self._lengths, {} if whole else dict(self._lengths)
        known: dict[int, tuple[int, type]] = {}
        seen: set[int] = set()
        visited = 0
        first, *others = _module_roots()
        for group in (first, _local_roots(), *(others if whole else ())):
            queue = deque(node for node in group if id(node.value) not in seen)
            seen.update(id(node.value) for node in group)
            while queue and visited < _MOST:
                node = queue.popleft()
                visited += 1
                if node.how in reach.CONTAINERS:
                    self._compare(node, earlier)
                if node.depth < _DEEPEST:
                    queue.extend(_next(node, seen, known))
                yield
        self._walks += 1
        self._visited = max(self._visited, visited)
        self._whole = self._whole or (whole and visited < _MOST)
        if whole:
            self._growing = {key: each for key, each in self._growing.items() if key in self._lengths}

    def _compare(self, node: Node, earlier: dict[int, Length]) -> None:
        count, key = reach.size(node.how, node.value), id(node.value)
        if count < _LEAST:
            self._growing.pop(key, None)
            return
        now, before = time.perf_counter(), earlier.get(key)
        if before is None or before.kind != id(type(node.value)) or count < before.last:
            before = Length(id(type(node.value)), count, now, count, now)
        length = self._lengths[key] = before._replace(last=count, last_at=now)
        rise = count - length.first
        if count > before.last and rise >= max(_LEAST_GROWN, _LEAST_SHARE * length.first):
            self._grown(key, node, length)
        else:
            self._growing.pop(key, None)

    def _grown(self, key: int, node: Node, length: Length) -> None:
        newest = reach.elements(node.how, node.value, _NEWEST, 0)
        if newest and all(map(reach.is_weak, newest)):
            return
        types = Counter(reach.type_name(type(each)) for each in newest[-_NEWEST:])
        each = sum(map(reach.bytes_of, newest)) // len(newest) if newest else 0
        root, path = named(node)
        kind = "lru_cache" if node.how == reach.CACHE else reach.type_name(type(node.value))
        self._growing[key] = Growing(root, path, kind, length, types, each)

    def _told(self) -> list[dict[str, Any]]:
        by_name: dict[tuple[Root, str], list[Growing]] = {}
        for each in self._growing.values():
            by_name.setdefault((each.root, each.path), []).append(each)
        told = [_sum(same) for same in by_name.values()]
        told.sort(key=lambda each: (each["after"] - each["before"]) * max(each["each"], 1), reverse=True)
        return told[:_TOLD]


def named(node: Node) -> tuple[Root, str]:
    """Where an object was reached from, and the way from there."""
    steps: list[Node] = []
    at: Any = node
    while type(at) is Node:
        steps.append(at)
        at = at.parent
    steps.reverse()
    path, namespace = "", False
    for parent, child in zip(steps, steps[1:]):
        step, namespace = reach.step(parent.how, parent.value, child.value, is_namespace=namespace)
        path += step
    return at, path


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


def _next(node: Node, seen: set[int], known: dict[int, tuple[int, type]]) -> Iterator[Node]:
    """What is to be looked at after an object; each only once."""
    for value in reach.reached(node.how, node.value):
        kind = type(value)
        if id(kind) not in known:
            known[id(kind)] = (reach.kind_of(kind), kind)
        how = known[id(kind)][0]
        if not how or how == reach.MODULE or id(value) in seen:
            continue
        if how == reach.CLASS and node.how not in (reach.MODULE, reach.CLASS):
            continue
        seen.add(id(value))
        yield Node(value, how, node, node.depth + 1)


def _module_roots() -> Iterator[list[Node]]:
    """The service's own modules, then installed ones, then the interpreter's."""
    groups: tuple[list[Node], list[Node], list[Node]] = [], [], []
    for module, names, file in own.modules():
        rank = 2 if not file or is_library(file) else 1 - own.is_own(file)
        groups[rank].append(Node(module, reach.MODULE, Root(own.name_of(names), file, 0), 0))
    return iter(groups)


def _local_roots() -> list[Node]:
    """The local variables of functions of the service's own that run."""
    found: list[Node] = []
    ours = own_idents()
    for ident, stack in stacks(_FRAMES).items():
        for frame in stack if ident not in ours else ():
            code, module = frame.f_code, own.name_of(frame.f_globals)
            is_ours = own.is_our_module(frame.f_globals)
            if len(found) >= _LOCALS * _FRAMES or is_ours or not own.is_own(code.co_filename):
                continue
            names = (code.co_varnames + code.co_cellvars)[:_LOCALS]
            for name, value in zip(names, read_locals(frame, names)):
                how = reach.kind_of(type(value)) if value is not MISSING else reach.NOTHING
                if how in reach.CONTAINERS or how == reach.INSTANCE:
                    where = f"{module}.{getattr(code, 'co_qualname', code.co_name)}"
                    root = Root(f"{where} (local {name})", code.co_filename, code.co_firstlineno)
                    found.append(Node(value, how, root, 0))
    return found
