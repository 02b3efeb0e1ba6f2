"""Tasks that nobody holds, and waits that nothing can end: proven by counting references, as the collector does.

What a task's coroutines and the future that it waits for lead to is looked at, some dozen objects. Whatever has more
references than lead to it from there, or a weak one, is held by somebody else, and so is what that leads to. What is
left out of the look only makes things seem held. So it is never said of a task that somebody could wake; it may stay
unsaid of one that nobody can.

- *unheld*: nobody awaits the task and nobody has a reference to it; what it waits for is all that keeps it alive.
- *endless*: nobody else has the future that it waits for, nor what could resolve it: only a cancellation ends the wait.
  It is not said where a time limit of the loop's will cancel the task.
- *orphan*: both. The collector will destroy it, with its work undone.

Separate from `tasks`, which says what a task waits for: here nothing is asked but who refers to whom. No code of the
target's runs; while a task is looked at nothing of ours may refer to what it leads to but the look itself.
"""

from __future__ import annotations

import gc
import sys
from collections import deque
from time import thread_time
from types import (
    AsyncGeneratorType,
    BuiltinMethodType,
    CellType,
    CoroutineType,
    FrameType,
    GeneratorType,
    MethodType,
)
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import getweakrefcount

from ..turns import Turns
from . import reach
from .calls import attribute_of
from .coroutines import items, registered
from .futures import attribute
from .places import instance_dict
from .tasks import is_pending, is_task

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .tasks import Loops

_LONGEST_S = 0.5  # of processor time, for all tasks
_HANDLES = 2000
_MOST = 64  # objects that are looked at for one task
_WIDEST = 64  # elements: longer containers are not looked into
_BUILT_IN = frozenset({
    AsyncGeneratorType, BuiltinMethodType, CellType, CoroutineType, FrameType, GeneratorType, MethodType,
})  # fmt: skip
_WEAKLY_KNOWN = (CoroutineType, GeneratorType, AsyncGeneratorType)
# What stands between two coroutines, or between a coroutine and a future, is of types that have no name of their own.
_NAMED = frozenset({
    ("builtins", "coroutine_wrapper"), ("builtins", "async_generator_asend"), ("builtins", "async_generator_athrow"),
    ("builtins", "anext_awaitable"), ("_asyncio", "FutureIter"), ("_asyncio", "Future"), ("_asyncio", "Task"),
    ("builtins", "TaskStepMethWrapper"), ("builtins", "TaskWakeupMethWrapper"),
})  # fmt: skip

_CONTAINERS = reach.CONTAINERS - {reach.CACHE}

# By id of a type: the type, held so that its id stays its own, whether its objects are looked at, and how.
Kinds = dict[int, tuple[type, bool, int]]

_module_of = type.__dict__["__module__"].__get__
_name_of = type.__dict__["__name__"].__get__


class _Graph(NamedTuple):
    """What was looked at, by id; how many references each has from elsewhere; and what each leads to."""

    nodes: dict[int, Any]
    foreign: dict[int, int]
    edges: dict[int, list[int]]

    def held(self, wanted: int, besides: Iterable[int]) -> bool:
        """Whether what is wanted can be reached from elsewhere, by a way that leads through none of `besides`."""
        seen = set(besides) - {wanted}
        found = [key for key, count in self.foreign.items() if count > 0 and key not in seen]
        while found:
            key = found.pop()
            if key == wanted:
                return True
            if key not in seen:
                seen.add(key)
                found += self.edges[key]
        return False


def orphans(loops: Loops, most: int) -> dict[int, str]:
    """What is proven of the tasks, by their ids: "unheld", "endless" or "orphan"; the others are not in it."""
    tasks, _ = registered((loop for loop, _ in loops.values()), most)
    limited = {each for loop, _ in loops.values() for each in _to_be_cancelled(loop)}
    expanded: Kinds = {}
    turns, found, until = Turns(), {}, thread_time() + _LONGEST_S
    while tasks and thread_time() < until:
        known = _look(tasks, expanded, turns)  # the last of them
        if known and not (known != "unheld" and id(tasks[-1]) in limited):
            found[id(tasks[-1])] = known
        tasks.pop()
    return found


def _to_be_cancelled(loop: object) -> Iterator[int]:
    """The ids of the tasks that a timer of the loop's leads to: `asyncio.timeout` and others' cancel them."""
    scheduled = instance_dict(loop).get("_scheduled")
    for handle in scheduled[:_HANDLES] if type(scheduled) is list else ():
        callback, arguments = attribute_of(handle, "_callback"), attribute_of(handle, "_args")
        several = list(arguments) if type(arguments) is tuple else []
        if type(callback) is MethodType:
            several += instance_dict(callback.__self__).values()
        for each in several:
            yield from map(id, items(each)[:_WIDEST] if type(each) is set else (each,))


def _look(tasks: list[Any], expanded: Kinds, turns: Turns) -> str:
    """What is proven of the last of some tasks."""
    if not is_pending(tasks[-1]):
        return ""
    waits_for = id(attribute(tasks[-1], "_fut_waiter"))
    if waits_for == id(None) or not is_pending(attribute(tasks[-1], "_fut_waiter")):
        return ""
    graph = _graph(tasks, expanded, turns)
    unheld = not graph.held(id(tasks[-1]), [waits_for])
    endless = not is_task(graph.nodes[waits_for]) and not graph.held(waits_for, [id(tasks[-1])])
    still = id(attribute(tasks[-1], "_fut_waiter")) == waits_for and is_pending(graph.nodes[waits_for])
    return ("orphan" if unheld and endless else "unheld" if unheld else "endless" if endless else "") if still else ""


def _graph(tasks: list[Any], expanded: Kinds, turns: Turns) -> _Graph:
    nodes, edges = _walked(tasks, expanded, turns)
    ours = object()
    nodes[id(ours)] = ours
    key = id(ours)
    del ours  # nobody has it but the dict, as the others
    counts = {each: sys.getrefcount(value) for each, value in nodes.items()}
    foreign = {each: count - counts[key] + _weak(nodes[each]) for each, count in counts.items()}
    foreign[id(tasks[-1])] -= 1  # the list that it was given in
    del nodes[key], foreign[key]
    for targets in edges.values():
        for each in targets:
            foreign[each] -= 1
    return _Graph(nodes, foreign, edges)


def _weak(value: Any) -> int:
    """How many weak references there are by which it could be got at; asyncio has one to every task, and generator."""
    return 0 if any(type(value) is each for each in _WEAKLY_KNOWN) or is_task(value) else getweakrefcount(value)


def _walked(tasks: list[Any], expanded: Kinds, turns: Turns) -> tuple[dict[int, Any], dict[int, list[int]]]:
    """What a task and its future lead to, and the links between these; its loop is left out."""
    nodes = {id(each): each for each in (tasks[-1], attribute(tasks[-1], "_fut_waiter"))}
    edges: dict[int, list[int]] = {}
    loop = id(attribute(tasks[-1], "_loop"))
    queue = deque(nodes)
    while queue:
        turns.next()
        key = queue.popleft()
        leads_to = _referents(nodes[key])
        for each in leads_to:
            if id(each) not in nodes and len(nodes) < _MOST and id(each) != loop and _is_looked_at(each, expanded):
                nodes[id(each)] = each
                queue.append(id(each))
        edges[key] = list(map(id, leads_to))
    return nodes, {key: [each for each in targets if each in nodes] for key, targets in edges.items()}


def _referents(value: Any) -> list[Any]:
    """What an object leads to; of a frame, which a coroutine has up to 3.10, without its module's names."""
    found = gc.get_referents(value)
    if type(value) is not FrameType:
        return found
    return [each for each in found if each is not value.f_globals and each is not value.f_builtins]


def _is_looked_at(value: Any, expanded: Kinds) -> bool:
    """Whether it may lead to a future, by not too many references."""
    kind = type(value)
    known = expanded.get(id(kind))
    if known is None:
        how = reach.kind_of(kind)
        named = type(kind) is type and (_module_of(kind), _name_of(kind)) in _NAMED
        looked_at = how in _CONTAINERS or how == reach.INSTANCE or named or any(kind is each for each in _BUILT_IN)
        known = expanded[id(kind)] = (kind, looked_at, how)
    return known[1] and (known[2] not in _CONTAINERS or reach.size(known[2], value) <= _WIDEST)
