"""What an adapter may look with: no function in here runs code of the service's, takes a lock or keeps anything.

Separate from the adapters because this module is what each of them is handed as `look`, those of others among them.
"""

from __future__ import annotations

import gc
import sys
import time
from collections import deque
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from ..sensors.calls import MISSING, attribute_of
from ..sensors.calls import local as _local
from ..sensors.places import instance_dict, is_class, mro, place

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from ..sensors.places import Place

MOST_ITEMS = 20_000  # of a container that is looked through
_CLOCKS = (("queue", time.monotonic), ("sqlalchemy.util.queue", time.time))
_SIZED: tuple[type, ...] = (dict, list, set, deque, tuple)


def local(frame: FrameType, name: str) -> Any:
    """A local variable of a function's frame; None where there is none that can be read without harm."""
    value = _local(frame, name)
    return None if value is MISSING else value


def attribute(value: object, *names: str) -> Any:
    """An attribute of an object, an attribute of that, and so on, by no property; None where there is none."""
    for name in names:
        value = attribute_of(value, name)
        if value is MISSING:
            return None
    return value


def own(value: object) -> dict[str, Any]:
    """The attributes that an object has itself, not its class; empty without any."""
    return instance_dict(value)


def module(name: str) -> dict[str, Any]:
    """What a module holds that the service has imported; empty where it has not."""
    found = sys.modules.get(name)
    return vars(found) if type(found) is type(sys) else {}


def is_in(frame: FrameType, name: str) -> bool:
    """Whether a frame runs a function of a module."""
    return frame.f_globals is module(name)


def runs(inner: Sequence[FrameType], name: str, *functions: str) -> bool:
    """Whether one of the frames runs a function of a module; any function where none is named."""
    return any((not functions or frame.f_code.co_name in functions) and is_in(frame, name) for frame in inner)


def is_a(value: object, name: str, kind: str) -> bool:
    """Whether an object is of a class of a module, or of one that derives from it."""
    wanted = module(name).get(kind)
    return is_class(wanted) and wanted in mro(type(value))


def waited_s(inner: Sequence[FrameType]) -> float | None:
    """For how long a thread has waited in `get` of a queue with a time limit; None where that cannot be told."""
    for frame in inner:
        clock = next((clock for name, clock in _CLOCKS if frame.f_code.co_name == "get" and is_in(frame, name)), None)
        until: Any
        limit: Any
        until, limit = (local(frame, name) for name in ("endtime", "timeout")) if clock is not None else (None, None)
        if clock is not None and type(until) is float and type(limit) in {int, float}:
            return float(max(0.0, clock() - (until - limit)))
    return None


def number(value: object) -> int | None:
    """A number that is no less than nothing; None for anything else."""
    return value if type(value) is int and value >= 0 else None


def size(value: object) -> int | None:
    """How many items there are in a container of the interpreter's, in a `queue.Queue` or a `SimpleQueue`."""
    if is_a(value, "queue", "Queue"):
        value = own(value).get("queue")
    if is_simple_queue(value):
        return value.qsize()  # type: ignore[attr-defined, no-any-return]
    kind: Any = next((kind for kind in _SIZED if issubclass(type(value), kind)), None)
    return kind.__len__(value) if kind is not None else None


def items(value: object) -> list[Any]:
    """What stands in such a container, at most `MOST_ITEMS` of it."""
    if is_a(value, "queue", "Queue"):
        value = own(value).get("queue")
    if is_simple_queue(value):
        found = gc.get_referents(value)
        if sys.version_info < (3, 13):  # it refers to one list, whose first places may be free already
            found = next((each for each in found if type(each) is list), [])
        return [item for item in found[:MOST_ITEMS] if item is not None]
    kind: Any = next((kind for kind in _SIZED if issubclass(type(value), kind)), None)
    if kind is None or kind.__len__(value) > MOST_ITEMS:
        return []
    try:
        return list(dict.values(value) if kind is dict else kind.__iter__(value))  # type: ignore[arg-type]
    except RuntimeError:  # it changed meanwhile
        return []


def is_simple_queue(value: object) -> bool:
    """Whether it is one that is written in C."""
    return type(value) is module("_queue").get("SimpleQueue")


def keys(value: Any) -> list[Any]:
    """The keys of a mapping of the interpreter's."""
    return [key for key, _ in pairs(value)]


def pairs(value: Any) -> list[tuple[Any, Any]]:
    """The keys and values of a mapping of the interpreter's."""
    if not issubclass(type(value), dict) or dict.__len__(value) > MOST_ITEMS:
        return []
    try:
        return list(dict.items(value))
    except RuntimeError:  # it changed meanwhile
        return []


def referents(value: object) -> list[Any]:
    """What the collector knows that an object refers to."""
    return gc.get_referents(value)


def wrapped(function: object) -> list[Any]:
    """What a `functools.partial` gives its function before all else; empty for anything else."""
    return list(function.args) if type(function) is module("functools").get("partial") else []  # type: ignore[attr-defined]


def place_of(function: object) -> Place | None:
    """Where a function is defined; None for what is none."""
    if type(function) is MethodType:
        function = function.__func__
    if type(function) is module("functools").get("partial"):
        return place_of(function.func)  # type: ignore[attr-defined]  # of the C type
    code = function.__code__ if type(function) is FunctionType else None
    return place(code, code.co_firstlineno) if code is not None else None
