"""Which asyncio loop runs on a thread's stack, told by its frames alone.

asyncio's own loops turn in Python: their frames hold them. uvloop turns in C: there the frame that runs it is looked
at, if its code names a method that runs loops, for a loop that says that it runs.

Separate from `loops`, which asks loops how late they are, whatever they are made of.
"""

from __future__ import annotations

import sys
from itertools import islice
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from .calls import MISSING, attribute_of, local, read_locals
from .places import instance_dict, text

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Iterator, Mapping
    from types import FrameType

    from .frames import Stack

# Functions of asyncio whose `self` is a loop, or has one.
_RUNNING = {("asyncio.base_events", "run_forever"), ("asyncio.base_events", "_run_once")}
_RUNNER = ("asyncio.runners", "run")
_RUN_BY = frozenset({"run_forever", "_run_once", "run"})
_RUNS = frozenset({"run_until_complete", "run_forever"})
_NAMES = 64


class Running(NamedTuple):
    """A loop that runs, and how many of the outermost frames do nothing but run it, where it has no frames itself."""

    loop: AbstractEventLoop
    height: int


def loops_of(looked: Mapping[int, Stack]) -> dict[int, tuple[object, int]]:
    """The loops that run on these stacks, by id, each with its thread's ident."""
    if "asyncio.events" not in sys.modules:
        return {}
    found = ((running_in(stack), ident) for ident, stack in looked.items())
    return {id(running.loop): (running.loop, ident) for running, ident in found if running is not None}


def running_in(stack: Stack) -> Running | None:
    """The loop that runs on a stack."""
    for depth, frame in enumerate(stack):
        name = frame.f_code.co_name
        key = (text(frame.f_globals.get("__name__")) if name in _RUN_BY else "", name)
        if key in _RUNNING:
            return _running(local(frame, "self"))
        if key == _RUNNER:
            own = local(frame, "loop")
            loop = _running(own if own is not MISSING else instance_dict(local(frame, "self")).get("_loop"))
            return loop and loop._replace(height=len(stack) - depth if _turns_in_c(loop.loop) else 0)
        if "uvloop.loop" in sys.modules and not _RUNS.isdisjoint(frame.f_code.co_names):
            found = next((each for each in _within_reach(frame) if _turns_in_c(each)), None)
            if found is not None:
                return Running(found, len(stack) - depth)
    return None


def _running(loop: Any) -> Running | None:
    """The loop if it is one of asyncio's kind."""
    base = getattr(sys.modules.get("asyncio.events"), "AbstractEventLoop", None)
    return Running(loop, 0) if base is not None and issubclass(type(loop), base) else None


def _within_reach(frame: FrameType) -> Iterator[Any]:
    """What a frame's code may run: its variables, the globals that it names, and attributes of both that it names."""
    code = frame.f_code
    names = list(islice(code.co_names, _NAMES))
    variables = read_locals(frame, list(islice((*code.co_varnames, *code.co_freevars, *code.co_cellvars), _NAMES)))
    roots = [*variables, *(frame.f_globals.get(name, MISSING) for name in names)]
    yield from roots
    for root in roots:
        if root is not MISSING and type(root) is not ModuleType:
            yield from (attribute_of(root, name) for name in names)


def _turns_in_c(value: object) -> bool:
    """Whether it is a loop of uvloop's that runs: asked by its own function, which is written in C."""
    base: Any = getattr(sys.modules.get("uvloop.loop"), "Loop", None)
    return base is not None and issubclass(type(value), base) and base.is_running(value)
