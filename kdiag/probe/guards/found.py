"""Which object a RuntimeError of a loop is about, and what it is called there.

The exception says only that some dict has changed. Which one, the traceback tells: its innermost frame stands at the
instruction that walked, and what that walked through was loaded right before. Nothing of the service's is run.

Separate from `expressions`, which knows instructions and nothing of exceptions, and from `named`, which knows names.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from itertools import islice
from typing import TYPE_CHECKING

from ..sensors.calls import Chain, local, reached
from ..sensors.places import text
from .expressions import behind, container, is_bound, isinstance_of, read, step_index
from .named import Found

if TYPE_CHECKING:
    from types import FrameType

    from ..hooks.facts import Spot

_CALLERS = 6  # frames in which a better name is looked for
_MESSAGES: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("OrderedDict ", (OrderedDict,)),
    ("dictionary ", (dict,)),
    ("Set changed", (set,)),
    ("deque mutated", (deque,)),
)


def kinds_of(message: str) -> tuple[type, ...]:
    """The types that an exception's words speak of; none when it is about something else."""
    return next((kinds for start, kinds in _MESSAGES if message.startswith(start)), ())


def find(exc: BaseException, spots: list[Spot]) -> Found | None:
    """The object that an exception of a loop is about; None where the instructions do not tell.

    Args:
        exc: says of what type it is.
        spots: from where it was raised outwards.
    """
    message = exc.args[0] if exc.args else ""
    kinds = kinds_of(message) if type(message) is str else ()
    for spot in spots[:2] if kinds else ():  # of a generator that a function in C consumes, the caller knows more
        found = walked(spot.frame, spot.offset, kinds)
        if found is not None:
            return _better_named(found, spots[:_CALLERS])
    return None


def walked(frame: FrameType, offset: int, kinds: tuple[type, ...]) -> Found | None:
    """The container of such a type that the instruction walks through."""
    reading = read(frame.f_code)
    index = step_index(reading.steps, offset)
    loop = next((each for each in reading.loops if reading.steps and each.start == reading.steps[index][0]), None)
    if loop is not None and loop.get_iter < 0:
        value = behind(local(frame, ".0"))
        return Found(value, "") if isinstance_of(value, kinds) else None
    return before(frame, loop.get_iter if loop is not None else index, kinds)


def before(frame: FrameType, index: int, kinds: tuple[type, ...]) -> Found | None:
    """The container of such a type that was loaded last, in the same expression, before a step."""
    reading = read(frame.f_code)
    start = next((n for n in range(index - 1, -1, -1) if is_bound(reading.steps[n][1])), -1)
    for reach in reversed(reading.reaches):
        if start <= reach.start and reach.end <= index:
            found = container(frame, reach.chain, kinds)
            if found is not None:
                return _found(frame, reach.chain, *found)
    return None


def _found(frame: FrameType, chain: Chain, value: object, name: str) -> Found:
    """Where a container was found by a chain that may go on behind it: with its owner, if it is an attribute."""
    for length in range(len(chain.attributes), 0, -1):
        used = reached(frame, chain._replace(attributes=chain.attributes[:length]))
        if used is not None and used.value is value:
            owner = reached(frame, chain._replace(attributes=chain.attributes[: length - 1]))
            return Found(value, name, owner.value if owner else None, chain.attributes[length - 1])
    return Found(value, name)


def _better_named(found: Found, spots: list[Spot]) -> Found:
    """The same object by the name that a caller knows it by, where it is a local variable or has none."""
    if "." in found.name:
        return found
    for spot in spots:
        for reach in islice(read(spot.code).reaches, 200):
            other = container(spot.frame, reach.chain, (type(found.value),)) if _telling(reach.chain) else None
            if other is not None and other[0] is found.value and "." in other[1]:
                return _found(spot.frame, reach.chain, *other)
    code = spots[0].code
    where = text(getattr(code, "co_qualname", code.co_name))
    return found._replace(name=f"{where}.<locals>.{found.name}" if found.name else where)


def _telling(chain: Chain) -> bool:
    return chain.kind == "global" or bool(chain.attributes)
