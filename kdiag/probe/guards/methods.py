"""The methods that guarded types have in place of their base's: which write, and which iterate.

Separate from the types because all are made alike. The fast path of a write stands in each method itself: a call more
would cost half as much as the write.
"""

from __future__ import annotations

import functools
from _thread import get_ident
from typing import TYPE_CHECKING, Any

from .state import Guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from .effects import Effect


def new(base: type) -> Any:
    """`__new__`, which gives the object its guard."""
    make: Callable[..., Any] = base.__new__

    def __new__(cls: Any, /, *arguments: Any, **named: Any) -> Any:  # noqa: N807 - it becomes just that
        self = make(cls, *arguments, **named)
        self._guard = Guard(base.__name__)
        self._passes = get_ident()  # who makes it may fill it
        return self

    return functools.update_wrapper(__new__, make)


def setting(base: type, effect: Effect) -> Any:
    """`__setitem__`."""
    plain: Callable[..., Any] = getattr(base, "__setitem__")  # noqa: B009 - no type says that it has one

    def __setitem__(self: Any, key: Any, value: Any, /) -> None:  # noqa: N807
        if self._passes != get_ident():
            self._guard.before_write(self, effect, (key,))
        plain(self, key, value)

    return functools.update_wrapper(__setitem__, plain)


def deleting(base: type, effect: Effect) -> Any:
    """`__delitem__`."""
    plain: Callable[..., Any] = getattr(base, "__delitem__")  # noqa: B009 - no type says that it has one

    def __delitem__(self: Any, key: Any, /) -> None:  # noqa: N807
        if self._passes != get_ident():
            self._guard.before_write(self, effect, (key,))
        plain(self, key)

    return functools.update_wrapper(__delitem__, plain)


def writing(base: type, name: str, effect: Effect) -> Any:
    """Any other method that writes."""
    plain: Callable[..., Any] = getattr(base, name)

    def method(self: Any, /, *arguments: Any, **named: Any) -> Any:
        if self._passes != get_ident():
            self._guard.before_write(self, effect, arguments)
        return plain(self, *arguments, **named)

    return functools.update_wrapper(method, plain)


def iterating(base: type, name: str) -> Any:
    """`__iter__` or `__reversed__`."""
    plain: Callable[..., Any] = getattr(base, name)

    def method(self: Any) -> Any:
        return self._guard.iterate(self, plain(self))

    return functools.update_wrapper(method, plain)


def viewing(base: type, name: str, view: type) -> Any:
    """`keys`, `values` or `items`."""
    plain: Callable[..., Any] = getattr(base, name)

    def method(self: Any) -> Any:
        return view(plain(self), self)

    return functools.update_wrapper(method, plain)


def portable(parts: Any, kind: type) -> Any:
    """What `__reduce_ex__` gave, without the guard: what is copied or pickled gets a guard of its own."""
    maker, arguments, state, *rest = (*parts, None)[: max(3, len(parts))]
    if isinstance(state, tuple) and isinstance(state[1], dict):
        slots = {name: value for name, value in state[1].items() if name not in {"_guard", "_passes"}}
        state = (state[0], slots) if slots else state[0]
    plain = kind.__dict__.get("_plain", kind)
    if maker is not kind:  # copyreg.__newobj__, which takes the object's own class only
        return (made_anew, (plain,), state, *rest)
    return (plain, arguments, state, *rest)


def made_anew(kind: Any) -> Any:
    """A guarded object of that class, as pickle makes one: without `__init__`."""
    return kind.__new__(kind)
