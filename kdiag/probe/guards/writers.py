"""Who writes to an object, or walks through it, by the code on the threads' stacks.

For objects that nobody calls back for: sets, and dicts before Python 3.12. A function that writes to the very object is
found while it is on some thread's stack, at whatever line; that it wrote at the moment in question was not seen.

Separate from `watcher`, which sees the writes themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..hooks.facts import line_of
from ..sensors.calls import reached
from ..sensors.places import Place, place, places_of
from .expressions import behind, read, step_index
from .found import before

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

    from ..sensors.calls import Step
    from ..sensors.frames import Stack
    from .common_locks import Site

_FRAMES = 12  # of a stack, innermost first
_ADDS = frozenset({"BINARY_OP 0", "BINARY_OP 13", "BINARY_ADD", "INPLACE_ADD"})
_SUBTRACTS = frozenset({"BINARY_OP 10", "BINARY_OP 23", "BINARY_SUBTRACT", "INPLACE_SUBTRACT"})
_CALLS = frozenset({"CALL", "CALL_FUNCTION", "CALL_METHOD", "CALL_KW", "CALL_FUNCTION_KW", "CALL_FUNCTION_EX"})


class Writing(NamedTuple):
    """A place that writes to an object, with its callers, innermost first."""

    places: list[Place]
    sites: tuple[Site, ...]


class Walk(NamedTuple):
    """A loop over a container that a thread is inside of; `key` is the same as long as it is the same loop."""

    key: tuple[int, int]
    value: Any
    places: list[Place]
    sites: tuple[Site, ...]


def writing(stack: Stack, value: object) -> Writing | None:
    """The innermost function of a stack that has code which writes to this very object.

    The body of a module runs once: what it wrote before where it is now, it wrote when it was loaded.
    """
    for depth, frame in enumerate(stack[:_FRAMES]):
        reading = read(frame.f_code)
        for write in reading.writes:
            if frame.f_code.co_name == "<module>" and not reading.comes_to(write.offset, frame.f_lasti):
                continue
            used = reached(frame, write.chain)
            if used is not None and behind(used.value) is value:
                line = line_of(frame.f_code, write.offset)
                callers = stack[depth + 1 :]
                sites = ((frame.f_code, write.offset), *((each.f_code, each.f_lasti) for each in callers))
                return Writing([place(frame.f_code, line), *places_of(callers)], sites)
    return None


def adds(code: CodeType, offset: int) -> bool:
    """Whether the code around a write also reads from the same container, and adds, and subtracts nothing."""
    reading = read(code)
    chain = next((write.chain for write in reading.writes if write.offset == offset), None)
    if chain is None or any(_operation(step) in _SUBTRACTS for step in reading.steps):
        return False
    getting = chain._replace(attributes=(*chain.attributes, "get"))
    uses = sum(reach.chain == chain for reach in reading.reaches)
    reads = uses > 1 or any(reach.chain == getting for reach in reading.reaches)
    return reads and any(_operation(step) in _ADDS for step in reading.steps)


def _operation(step: Step) -> str:
    """An instruction's name; since 3.11 that of all operators is the same, and its argument tells them apart."""
    return f"{step[1]} {step[2]}" if step[1] == "BINARY_OP" else step[1]


def walks(stack: Stack, kinds: tuple[type, ...]) -> Iterator[Walk]:
    """The loops over containers themselves, not over copies of them, that a stack is inside of."""
    for depth, frame in enumerate(stack[:_FRAMES]):
        reading = read(frame.f_code)
        for loop in reading.loops:
            if not loop.start <= frame.f_lasti < loop.end or loop.get_iter < 0:
                continue
            found = before(frame, loop.get_iter, kinds)
            if found is not None and not _copied(frame.f_code, loop.get_iter):
                inside = stack[depth:]
                sites = tuple((each.f_code, each.f_lasti) for each in inside)
                yield Walk((id(frame), loop.start), found.value, places_of(inside), sites)


def _copied(code: CodeType, get_iter: int) -> bool:
    """Whether the loop walks through what a function made of the container: `list(d)`, `sorted(d.items())`."""
    steps = read(code).steps
    start = next((n for n in range(get_iter - 1, -1, -1) if steps[n][1].startswith(("STORE_", "POP_"))), -1)
    return any(name in _CALLS and argument for _, name, argument in steps[start + 1 : get_iter])


def own_write(stack: Stack, value: object, offset: int) -> bool:
    """Whether the loop that the innermost frame stands in writes to the object itself."""
    reading = read(stack[0].f_code)
    index = step_index(reading.steps, offset)
    at = reading.steps[index][0] if reading.steps else -1
    loop = next((each for each in reading.loops if each.start == at), None)
    return loop is not None and any(
        loop.start < write.offset < loop.end and (used := reached(stack[0], write.chain)) is not None
        and used.value is value
        for write in reading.writes
    )  # fmt: skip
