"""Where a walk over the service's objects begins: its modules, and the local variables of what runs or waits.

Separate from `keepers`, which goes on from there.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from ..hooks.facts import is_library
from . import own, reach
from .calls import MISSING, read_locals
from .coroutines import coroutines_of, registered
from .frames import stacks
from .places import own_idents, text
from .running_loops import loops_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_FRAMES, _LOCALS = 40, 60
_TASKS = 256
_LOOKED_AT = reach.CONTAINERS | {reach.INSTANCE, reach.ATTRIBUTES, reach.STANDS}  # of local variables


class Root(NamedTuple):
    """A module, or a local variable of a function or coroutine. `module` is a module's name in `sys.modules`."""

    name: str
    file: str
    line: int
    module: str


Roots = list[tuple[Root, Any]]


def module_roots() -> tuple[list[Root], list[Root], list[Root]]:
    """The service's own modules, then installed ones, then the interpreter's."""
    groups: tuple[list[Root], list[Root], list[Root]] = [], [], []
    for _, names, file in own.modules():
        rank = 2 if not file or is_library(file) else 1 - own.is_own(file)
        groups[rank].append(Root(own.name_of(names), file, 0, text(names.get("__name__"))))
    return groups


def at_modules(roots: list[Root]) -> Roots:
    """The modules that are still there."""
    return [(root, sys.modules[root.module]) for root in roots if root.module in sys.modules]


def local_roots() -> Roots:
    """The local variables of the service's own functions that run, and of coroutines that asyncio's tasks stand in."""
    found: Roots = []
    ours = own_idents()
    looked = {ident: stack for ident, stack in stacks(_FRAMES).items() if ident not in ours}
    tasks, _ = registered((loop for loop, _ in loops_of(looked).values()), _TASKS)
    waiting = (coroutines_of(task) for task in tasks)
    for stack in (*looked.values(), *(each.frames for each in waiting if not each.running)):
        for frame in stack:
            if len(found) < _LOCALS * _FRAMES:
                found += _variables(frame)
    return found


def _variables(frame: FrameType) -> Iterator[tuple[Root, Any]]:
    code = frame.f_code
    if own.is_our_module(frame.f_globals) or not own.is_own(code.co_filename):
        return
    names = (code.co_varnames + code.co_cellvars)[:_LOCALS]
    for name, value in zip(names, read_locals(frame, names)):
        how = reach.kind_of(type(value)) if value is not MISSING else reach.NOTHING
        if how in _LOOKED_AT:
            where = f"{own.name_of(frame.f_globals)}.{getattr(code, 'co_qualname', code.co_name)}"
            yield Root(f"{where} (local {name})", code.co_filename, code.co_firstlineno, ""), value
