"""Puts a call of ours before a function of somebody else's, and takes it away again as if it had never been there.

Separate from the hooks, which say what is noted: here is what they must all do to the target alike.

- What was there is called with what was given, and its answer is the answer.
- Taken away, the very same object is in its place again. Where somebody has hooked later, and so holds ours, ours is
  left as a function that only calls on. It then holds nothing of ours: neither module nor buffer.
"""

from __future__ import annotations

import builtins
from types import FunctionType
from typing import TYPE_CHECKING, Any

from .guard import OVERFLOW, Guard

if TYPE_CHECKING:
    from collections.abc import Callable

_MISSING = object()


class Chained:
    """A function of a module, or a method of a class, with a call of ours before it; `note` is given the same."""

    def __init__(self, owner: Any, name: str, note: Callable[..., object]) -> None:
        self._owner = owner
        self._name = name
        self._note = note
        self._notes: list[Callable[..., object]] = []
        self._own: Any = None
        self._before: Any = _MISSING  # what the owner itself had

    def place(self) -> None:
        """Put it in.

        Raises:
            AttributeError, TypeError: there is no such function, or the class cannot be changed.
        """
        before = getattr(self._owner, self._name)
        self._before = vars(self._owner).get(self._name, _MISSING)
        self._notes.append(self._note)
        self._own = self._made(before)
        setattr(self._owner, self._name, self._own)

    def remove(self) -> None:
        """Take it out."""
        self._notes.clear()
        if vars(self._owner).get(self._name) is not self._own or self._own is None:
            return
        if self._before is _MISSING:
            delattr(self._owner, self._name)
        else:
            setattr(self._owner, self._name, self._before)

    def _made(self, before: Any) -> Any:
        code_of = _forwarding(self._notes, before, OVERFLOW)
        bare = {"__builtins__": builtins}
        return FunctionType(code_of.__code__, bare, self._name, None, code_of.__closure__)


class AskedFor(Chained):
    """A method of a class that tells `note` on which object it is looked up; then it is the method that it was.

    So nothing of ours is on the stack while it runs, nor in a traceback of what it raises.
    """

    def _made(self, before: Any) -> Any:
        if type(before) is not FunctionType:
            raise TypeError(self._name)
        return _LookedUp(self._notes, before)


class _LookedUp:
    def __init__(self, notes: list[Callable[..., object]], function: FunctionType) -> None:
        self._notes = notes
        self._function = function

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self._function
        for note in self._notes:
            try:
                note(instance)
            except OVERFLOW:
                pass
        return self._function.__get__(instance, owner)


class Placed:
    """What hooks have in common: all that they have put in is taken out again, last first."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._chains: list[Chained] = []

    def chain(self, owner: Any, name: str, note: Callable[..., object]) -> bool:
        """Put a guarded `note` before a function; False where that cannot be."""
        return self._put(Chained(owner, name, self._guard.guarded(note)))

    def watch(self, owner: type, name: str, note: Callable[[Any], object]) -> bool:
        """Have a guarded `note` told on which object a method is looked up; False where that cannot be."""
        return self._put(AskedFor(owner, name, self._guard.guarded(note)))

    def remove(self) -> None:
        """Take all out."""
        while self._chains:
            self._chains.pop().remove()

    def tick(self) -> None:
        """There is nothing to look after."""

    def _put(self, chained: Chained) -> bool:
        try:
            chained.place()
        except (AttributeError, TypeError):
            return False
        self._chains.append(chained)
        return True


def _forwarding(notes: list[Callable[..., object]], before: Any, overflow: Any) -> Any:
    """What is called in place of `before`; its code needs no global name."""

    def hooked(*args: Any, **kwargs: Any) -> Any:
        for note in notes:
            try:
                note(*args, **kwargs)
            except overflow:
                pass
        return before(*args, **kwargs)

    return hooked
