"""Whether two places in the code have a lock in common, by the `with` blocks that they stand in.

Code alone cannot always tell: a lock that is an attribute of some object, one that is taken by `acquire`, a block on
what a function returned. Then the answer is None, and nothing may be concluded from it.

Separate from the sensor, which counts who writes.
"""

from __future__ import annotations

import sys
from types import CodeType, ModuleType
from typing import Any, NamedTuple

from ..sensors import blocks
from ..sensors.calls import MISSING, attribute_of, chain_at
from ..sensors.waits import lock_of

Site = tuple[CodeType, int]  # a piece of code, and the offset of an instruction in it

DEPTH = 16  # frames of a stack; what deeper ones hold is not known
_TAKES = ("acquire", "enter_context", "enter_async_context", "rlock", "lock_shared")


class Held(NamedTuple):
    """The locks that a stack is known to hold, by id, and whether these are all."""

    locks: frozenset[int]
    complete: bool


def held(sites: tuple[Site, ...]) -> Held:
    """The locks that a stack (innermost first) is inside of the `with` blocks of."""
    locks: set[int] = set()
    complete = len(sites) < DEPTH
    for code, offset in sites:
        complete = complete and not any(name.startswith(_TAKES) for name in code.co_names)
        for enters in blocks.enclosing(code, offset):
            lock = _global(code, enters)
            if lock is MISSING:
                complete = False
            else:
                locks.add(id(lock_of(lock)))
    return Held(frozenset(locks), complete)


def in_common(one: Held, other: Held) -> bool | None:
    """Whether two stacks hold a lock in common; None where that cannot be told."""
    if one.locks & other.locks:
        return True
    if any(each.complete and not each.locks for each in (one, other)) or (one.complete and other.complete):
        return False
    return None


def _global(code: CodeType, offset: int) -> Any:
    """The object that a `with` enters, where it is reached from a global variable; else `MISSING`."""
    chain = chain_at(code, offset)
    if chain is None or chain.method or chain.kind != "global":
        return MISSING
    value: Any = _module_of(code)
    for name in (chain.name, *chain.attributes):
        value = attribute_of(value, name) if value is not None else MISSING
        if value is MISSING:
            return MISSING
    return value


def _module_of(code: CodeType) -> ModuleType | None:
    """The module that a piece of code was written in; None where none, or more than one, has its file."""
    file = code.co_filename
    found = [
        module
        for module in list(sys.modules.values())
        if type(module) is ModuleType and _same(module.__dict__.get("__file__"), file)
    ]
    return found[0] if len({id(module) for module in found}) == 1 else None


def _same(path: object, file: str) -> bool:
    return type(path) is str and (path == file or (not file.startswith("/") and path.endswith("/" + file)))
