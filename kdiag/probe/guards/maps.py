"""The guarded types: a dict, a set and an OrderedDict that flag what threads do to each other in them.

All is the base's own but the methods that write or iterate. Reads of a key or of the length are not touched: they cost
what they cost in any subclass.

Separate from `state`, which knows what a conflict is, and of no type.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, TypeVar

from . import effects
from .methods import deleting, iterating, new, portable, setting, viewing, writing
from .views import GuardedItems, GuardedKeys, GuardedValues

if TYPE_CHECKING:
    from collections.abc import Callable

    from .state import Guard

_C = TypeVar("_C", bound=type)
_K = TypeVar("_K")
_V = TypeVar("_V")

_OF_ANY: dict[str, effects.Effect] = {"clear": effects.empty, "update": effects.merge, "__ior__": effects.merge}
_OF_MAP: dict[str, effects.Effect] = {
    **_OF_ANY,
    "setdefault": effects.insert,
    "pop": effects.remove,
    "popitem": effects.empty,
}
_MERGING = (
    "difference_update",
    "intersection_update",
    "symmetric_difference_update",
    "__iand__",
    "__isub__",
    "__ixor__",
)
_OF_SET: dict[str, effects.Effect] = {
    **_OF_ANY,
    **dict.fromkeys(_MERGING, effects.merge),
    "add": effects.insert,
    "remove": effects.remove,
    "discard": effects.remove,
    "pop": effects.empty,
}
_WRITES: dict[Any, dict[str, effects.Effect]] = {
    dict: _OF_MAP,
    set: _OF_SET,
    OrderedDict: {**_OF_MAP, "move_to_end": effects.move},
}
_VIEWS = {"keys": GuardedKeys, "values": GuardedValues, "items": GuardedItems}


def _guarded(base: type) -> Callable[[_C], _C]:
    """Give a subclass of `base` the methods that make it guarded."""

    def decorate(kind: _C) -> _C:
        methods = {name: writing(base, name, effect) for name, effect in _WRITES[base].items()}
        methods.update(__new__=new(base), __iter__=iterating(base, "__iter__"))
        if base is not set:
            methods.update({name: viewing(base, name, view) for name, view in _VIEWS.items()})
            methods.update(__setitem__=setting(base, effects.assign), __delitem__=deleting(base, effects.remove))
            methods["__reversed__"] = iterating(base, "__reversed__")
        for name, method in methods.items():
            setattr(kind, name, method)
        return kind

    return decorate


@_guarded(dict)
class GuardedMap(dict[_K, _V]):
    """A dict that flags conflicts between threads."""

    __slots__ = ("__weakref__", "_guard", "_passes")
    _guard: Guard
    _passes: int  # the thread whose writes need no look

    def __reduce_ex__(self, protocol: Any) -> Any:
        return portable(super().__reduce_ex__(max(2, protocol)), type(self))


@_guarded(set)
class GuardedSet(set[_K]):
    """A set that flags conflicts between threads."""

    __slots__ = ("_guard", "_passes")
    _guard: Guard
    _passes: int

    def __reduce__(self) -> Any:
        return portable(super().__reduce__(), type(self))


@_guarded(OrderedDict)
class GuardedOrderedDict(OrderedDict[_K, _V]):
    """An OrderedDict that flags conflicts between threads."""

    __slots__ = ("_guard", "_passes")
    _guard: Guard
    _passes: int

    def __reduce__(self) -> Any:
        return portable(super().__reduce__(), type(self))
