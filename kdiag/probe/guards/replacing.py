"""Puts a guarded twin in the place of a dict, a set or an OrderedDict, and takes it out again.

Separate from the types, which can be used without: a service that makes its registry a `GuardedMap` needs none of this.

Only the one reference is replaced that is named (for `guarded(MAP)`: those of all modules). Who took the object itself
before keeps it, unguarded, and writes to it do not reach the twin: so guard an object when the service starts.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .evidence import module_name
from .maps import GuardedMap, GuardedOrderedDict, GuardedSet
from .state import REPORT
from .updates import watching_reads

if TYPE_CHECKING:
    from types import TracebackType

_TWINS: dict[type, type] = {dict: GuardedMap, set: GuardedSet, OrderedDict: GuardedOrderedDict}


class Replaced:
    """Attributes that hold a guarded twin until `restore`, or to the end of a `with` block.

    Attributes:
        twin: the guarded object.
    """

    def __init__(self, places: list[tuple[Any, str]], original: Any, twin: Any) -> None:
        self.twin = twin
        self._original = original
        self._places = [(owner, name, _is_own(owner, name)) for owner, name in places]
        for owner, name in places:
            setattr(owner, name, twin)

    def restore(self) -> None:
        """Put the original back, with what the twin holds now, wherever the twin still is; again: do nothing."""
        places, self._places = self._places, []
        if not places:
            return
        _take_over(self._original, self.twin)
        for owner, name, was_own in places:
            if getattr(owner, name, None) is not self.twin:
                continue  # somebody has set it to something else
            if was_own:
                setattr(owner, name, self._original)
            else:
                delattr(owner, name)

    def __enter__(self) -> Any:
        return self.twin

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, stack: TracebackType | None
    ) -> None:
        self.restore()


def guard(owner: Any, attribute: str, *, mode: str = REPORT, name: str = "", reads: bool = False) -> Replaced:
    """Replace an attribute of an instance, a class or a module by its guarded twin.

    Args:
        owner: what has the attribute.
        attribute: its name; what it holds is a dict, a set or an OrderedDict, and no subclass.
        mode: "report", "raise" (the write that conflicts raises ConcurrentMapError instead), or "heal" (iterations
            are over a snapshot, so that no write disturbs them, and are reported all the same).
        name: what reports call it; "module.NAME" or "Class.attr" by itself.
        reads: watch reads, too, to find lost updates. Reads then take several times as long.

    Raises:
        AttributeError: there is no such attribute.
        TypeError: it holds something that has no guarded twin.
        ValueError: there is no such mode.
    """
    return _replace([(owner, attribute)], getattr(owner, attribute), name or _name(owner, attribute), mode, reads=reads)


def guarded(
    target: Any, attribute: str | None = None, *, mode: str = REPORT, name: str = "", reads: bool = False
) -> Replaced:
    """Do what `guard` does for a `with` block, which gives the twin; also of an object alone, `guarded(module.NAME)`.

    Raises:
        AttributeError, TypeError, ValueError: as `guard`; ValueError also where no module has the object.
    """
    if attribute is not None:
        return guard(target, attribute, mode=mode, name=name, reads=reads)
    places = _in_modules(target)
    if not places:
        raise ValueError("no module has this object; name its owner: guarded(owner, 'attribute')")
    return _replace(places, target, name or _name(*places[0]), mode, reads=reads)


def _replace(places: list[tuple[Any, str]], original: Any, name: str, mode: str, *, reads: bool) -> Replaced:
    kind = _TWINS.get(type(original))
    if kind is None:
        raise TypeError(f"{name} is a {type(original).__name__}: only dict, set and OrderedDict have guarded twins")
    twin = kind(original)
    twin._guard.configure(name, mode)
    if reads:
        watching_reads(twin)
    return Replaced(places, original, twin)


def _name(owner: Any, attribute: str) -> str:
    if isinstance(owner, ModuleType):
        return f"{module_name(vars(owner))}.{attribute}"
    return f"{(owner if isinstance(owner, type) else type(owner)).__qualname__}.{attribute}"


def _in_modules(target: Any) -> list[tuple[Any, str]]:
    """Each module that has the object, and by which name; the one that was imported first comes first."""
    modules = [module for module in list(sys.modules.values()) if isinstance(module, ModuleType)]
    return [(each, name) for each in modules for name, value in list(vars(each).items()) if value is target]


def _is_own(owner: Any, name: str) -> bool:
    """Whether the object itself has the attribute, not its class; what has no `__dict__` has slots of its own."""
    return name in getattr(owner, "__dict__", {name: None})


def _take_over(original: Any, twin: Any) -> None:
    """Make the original equal to the twin, never emptier than either meanwhile; an OrderedDict in its order, too."""
    if isinstance(original, set):
        original |= twin
        original &= twin
        return
    content = twin.copy()
    original.update(content)
    for key in [key for key in original if key not in content]:
        del original[key]
    if isinstance(original, OrderedDict):
        for key in content:
            original.move_to_end(key)
