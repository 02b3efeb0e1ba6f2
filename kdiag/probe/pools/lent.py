"""Who has something that a pool has lent, in a local variable of a function that runs now.

Separate from the adapters, which know their library's classes, and from `keepers`, which looks where no function is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..hooks.facts import is_library
from ..sensors.calls import values_of
from ..sensors.places import is_class, mro
from ..turns import Turns
from . import looking

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import TypeVar

    from ..sensors.frames import Stack

    Key = TypeVar("Key")

_FRAMES = 3000  # whose variables are read in one look


def holders(stacks: Mapping[Key, Stack], kinds: frozenset[type]) -> Iterator[tuple[Key, Any]]:
    """Threads, or tasks, with the objects of these classes that they have."""
    turns, read = Turns(), 0
    for key, stack in stacks.items() if kinds else ():
        turns.next()
        for frame in stack:
            if is_library(frame.f_code.co_filename):
                continue
            read += 1
            if read > _FRAMES:
                return
            for value in values_of(frame):
                if is_any(value, kinds):
                    yield key, value


def classes(named: Sequence[tuple[str, str]]) -> frozenset[type]:
    """The classes of these modules and names that the service has imported."""
    found = (looking.module(module).get(name) for module, name in named)
    return frozenset(each for each in found if is_class(each))


def is_any(value: object, kinds: frozenset[type]) -> bool:
    """Whether it is of one of these classes, or of one that derives from them."""
    return not kinds.isdisjoint(mro(type(value)))
