"""What a future stands for that belongs to another world: the coroutine of a thread's future, the work of a loop's.

`asyncio` chains the two by a callback on the one that is waited for, whose closure holds the other.

Separate from `waits` and `tasks`, which both end at futures.
"""

from __future__ import annotations

import sys
from collections import deque
from types import CellType, FunctionType, GetSetDescriptorType, MethodType
from typing import TYPE_CHECKING, Any

from .calls import attribute_of
from .places import instance_dict, namespaces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CALLBACKS = 64
_HANDLES = 2000
_KNOWN = 64

# By id of a class and an attribute's name; the class is held so that its id is not given away again.
_getters: dict[tuple[int, str], tuple[type, Callable[[Any], Any]]] = {}


def source_of(future: object) -> object | None:
    """The future whose result this one gets: a task, a thread's future, or a loop's; None where it is no such one."""
    callbacks = instance_dict(future).get("_done_callbacks")  # of concurrent.futures
    if type(callbacks) is not list:
        callbacks = attribute(future, "_callbacks")  # asyncio's: pairs with a context
        callbacks = [each[0] for each in callbacks[:_CALLBACKS]] if type(callbacks) is list else []
    for callback in callbacks[:_CALLBACKS]:
        found = _in_closure(callback, "asyncio.futures", "_call_check_cancel", "source")
        if found is not None:
            return found
    return None


def inner_of(future: object) -> object | None:
    """The future that `shield` keeps from being cancelled with this one; None where it is no such one."""
    callbacks = attribute(future, "_callbacks")
    for callback in callbacks[:_CALLBACKS] if type(callbacks) is list else ():
        found = _in_closure(callback[0], "asyncio.tasks", "_outer_done_callback", "inner")
        if found is not None:
            return found
    return None


def attribute(future: object, name: str) -> Any:
    """An attribute of a future or a task of asyncio's, written in C or in Python, by no code of the target's."""
    kind = type(future)
    known = _getters.get((id(kind), name))
    if known is None:
        if len(_getters) >= _KNOWN:
            forget()
        known = _getters[id(kind), name] = (kind, _getter(kind, name))
    return known[1](future)


def _getter(kind: type, name: str) -> Callable[[Any], Any]:
    for names in namespaces(kind):
        found = names.get(name)
        if type(found) is GetSetDescriptorType:
            return found.__get__
        if found is not None:
            return lambda future: instance_dict(future).get(name, found)
    return lambda future: instance_dict(future).get(name)


def forget() -> None:
    """Let go of the classes that were looked at."""
    _getters.clear()


def time_limited(loop: object) -> Iterator[object]:
    """The tasks that an `asyncio.timeout` of this loop's will cancel."""
    scheduled = instance_dict(loop).get("_scheduled")
    limit = getattr(sys.modules.get("asyncio.timeouts"), "Timeout", None)
    for handle in scheduled[:_HANDLES] if type(scheduled) is list and limit is not None else ():
        callback = attribute_of(handle, "_callback")
        if type(callback) is MethodType and type(callback.__self__) is limit:
            yield instance_dict(callback.__self__).get("_task")


def unstarted(loop: object) -> Iterator[int]:
    """The ids of the futures whose coroutines a loop was given by other threads, and has not even started."""
    ready = instance_dict(loop).get("_ready")
    for handle in list(ready)[:_HANDLES] if type(ready) is deque else ():
        future = _in_closure(attribute_of(handle, "_callback"), "asyncio.tasks", "callback", "future")
        if future is not None:
            yield id(future)


def _in_closure(function: object, module: str, name: str, variable: str) -> object | None:
    """What a variable holds that a function of a module's has from around it."""
    if type(function) is not FunctionType or function.__code__.co_name != name:
        return None
    names = function.__code__.co_freevars
    if variable not in names or function.__globals__ is not vars(sys.modules.get(module, sys)):
        return None
    cell = (function.__closure__ or ())[names.index(variable)]
    try:
        found: object = cell.cell_contents if type(cell) is CellType else None
    except ValueError:  # empty
        return None
    return found
