"""The tasks of asyncio's loops, and the frames of the coroutines that each of them stands in.

No heap is searched: asyncio keeps registries of its tasks. A task is looked at by the interpreter's own descriptors;
its coroutines tell what each of them awaits, from the outermost inwards.

Separate from `tasks`, which says what a task waits for and who can end that.
"""

from __future__ import annotations

import contextlib
import gc
import sys
from operator import attrgetter
from types import AsyncGeneratorType, CoroutineType, GeneratorType, MethodDescriptorType
from typing import TYPE_CHECKING, Any, NamedTuple

from .frames import attributes_at_once
from .futures import attribute
from .places import instance_dict, namespaces, text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from types import FrameType

    from .frames import Stack

_DEEPEST = 64
_TRIALS = 3
_LINKS = {
    CoroutineType: attrgetter("cr_frame", "cr_await", "cr_running"),
    GeneratorType: attrgetter("gi_frame", "gi_yieldfrom", "gi_running"),
    AsyncGeneratorType: attrgetter("ag_frame", "ag_await", "ag_running"),
}
# What stands between two coroutines; it refers to the inner one.
_BETWEEN = frozenset({"coroutine_wrapper", "async_generator_asend", "async_generator_athrow", "anext_awaitable"})


class Coroutines(NamedTuple):
    """The frames of a task's coroutines, innermost first, and whether it runs now: then only the outermost is known."""

    frames: Stack
    running: bool


def registered(loops: Iterable[object], most: int) -> tuple[list[Any], int]:
    """Tasks of all loops, `most` of each registry's at most, and how many there are in all, ended ones among them.

    Since 3.14 a registry can only be asked for the tasks of a loop, and only for all of them.
    """
    module = sys.modules.get("asyncio.tasks")
    if module is None:
        return [], 0
    found: list[Any] = []
    count = 0
    if sys.version_info >= (3, 14):
        for loop in loops:
            tasks = module.all_tasks(loop)
            found += list(tasks)[:most]
            count += len(tasks)
        return found, count
    for name in ("_scheduled_tasks", "_all_tasks"):  # 3.12, before
        references = instance_dict(getattr(module, name, None)).get("data")
        if type(references) is set:
            found += [task for reference in items(references)[:most] if (task := reference()) is not None]
            count += len(references)
    eager = getattr(module, "_eager_tasks", None)
    if type(eager) is set:
        found += items(eager)[:most]
        count += len(eager)
    return found, count


def items(several: Collection[Any]) -> list[Any]:
    """What is in a list or a set at one moment: a collection in the midst of it may let other threads change it."""
    for _ in range(_TRIALS):
        with contextlib.suppress(RuntimeError):
            return list(several)  # one call into C
    return []


def name_of(task: object) -> str:
    """A task's name, if it is a text."""
    for names in namespaces(type(task)):
        method = names.get("get_name")
        if method is not None:
            named = method(task) if type(method) is MethodDescriptorType else instance_dict(task).get("_name")
            return text(named)
    return ""


def coroutines_of(task: object) -> Coroutines:
    """Where a task's coroutines stand."""
    frames: Stack = []
    awaits: object = attribute(task, "_coro")
    outermost_runs = False
    while len(frames) < _DEEPEST:
        link = _LINKS.get(type(awaits))
        if link is None:
            inner = _inside(awaits)
            if inner is None:
                break
            awaits = inner
            continue
        frame, inner, running = attributes_at_once(awaits, link)
        outermost_runs = outermost_runs or (running and not frames)
        if frame is None:
            break
        frames.append(frame)
        awaits = inner
    frames.reverse()
    return Coroutines(frames, outermost_runs)


def frame_of(coroutine: object) -> FrameType | None:
    """The frame of a coroutine or a generator that stands still; None for one that runs or has ended."""
    frame, _, running = attributes_at_once(coroutine, _LINKS[type(coroutine)])
    found: FrameType | None = frame if not running else None
    return found


def _inside(awaits: object) -> object | None:
    """The coroutine behind what is awaited; None where it is a future, or nothing that is known."""
    kind = type(awaits)
    if kind.__module__ != "builtins" or kind.__name__ not in _BETWEEN:
        return None
    return next(_coroutines_among(gc.get_referents(awaits)), None)


def _coroutines_among(values: list[Any]) -> Iterator[object]:
    for value in values:
        if type(value) in _LINKS or type(value).__name__ in _BETWEEN:
            yield value
