"""The views of guarded maps: the interpreter's own, which tell when somebody iterates over them.

Separate from the maps because Python does not let its view types be subclassed: these hold one, and hand everything on
to it. The iterators that they give are the interpreter's own.
"""

from __future__ import annotations

import operator
from collections.abc import ItemsView, KeysView, ValuesView
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class _View:
    """A view of a guarded map, beside the map."""

    __slots__ = ("_map", "_view")
    _view: Any

    def __init__(self, view: Any, target: Any) -> None:
        self._view = view
        self._map = target

    def __iter__(self) -> Iterator[Any]:
        return self._told(iter(self._view))

    def __reversed__(self) -> Iterator[Any]:
        return self._told(reversed(self._view))

    def _told(self, iterator: Iterator[Any]) -> Iterator[Any]:
        told: Iterator[Any] = self._map._guard.iterate(self._map, iterator)
        return told

    def __len__(self) -> int:
        return len(self._view)

    def __contains__(self, item: object) -> bool:
        return item in self._view

    def __repr__(self) -> str:
        return repr(self._view)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # copy and pickle ask for what the interpreter's views do not have either
            raise AttributeError(name)
        return getattr(self._view, name)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self._view.__reduce_ex__(protocol)  # raises TypeError


def _handed_on(function: Callable[[Any, Any], Any], *, turned: bool = False) -> Any:
    """A method for a binary operator, between what the views hold."""

    def method(self: _View, other: Any) -> Any:
        theirs = other._view if isinstance(other, _View) else other
        return function(theirs, self._view) if turned else function(self._view, theirs)

    return method


class _SetLike(_View):
    """Keys and items can be compared and combined as sets can."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]  # as those of the interpreter
    __and__, __rand__ = _handed_on(operator.and_), _handed_on(operator.and_, turned=True)
    __or__, __ror__ = _handed_on(operator.or_), _handed_on(operator.or_, turned=True)
    __sub__, __rsub__ = _handed_on(operator.sub), _handed_on(operator.sub, turned=True)
    __xor__, __rxor__ = _handed_on(operator.xor), _handed_on(operator.xor, turned=True)
    __eq__, __ne__ = _handed_on(operator.eq), _handed_on(operator.ne)
    __lt__, __le__ = _handed_on(operator.lt), _handed_on(operator.le)
    __gt__, __ge__ = _handed_on(operator.gt), _handed_on(operator.ge)


class GuardedKeys(_SetLike):
    """`keys()` of a guarded map."""

    __slots__ = ()


class GuardedItems(_SetLike):
    """`items()` of a guarded map."""

    __slots__ = ()


class GuardedValues(_View):
    """`values()` of a guarded map."""

    __slots__ = ()


KeysView.register(GuardedKeys)
ItemsView.register(GuardedItems)
ValuesView.register(GuardedValues)
