"""Who writes to an object, or walks through it, by the code on the threads' stacks.

For objects that nobody calls back for: sets, and dicts before Python 3.12. A function that writes to the very object is
found while it is on some thread's stack, at whatever line; that it wrote at the moment in question was not seen.

Separate from `watcher`, which sees the writes themselves.
"""

from __future__ import annotations

from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from ..hooks.facts import is_library, line_of
from ..sensors.calls import MISSING, Chain, attribute_of, reached
from ..sensors.places import Place, place, places_of
from .expressions import behind, read, step_index
from .found import before

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType

    from ..sensors.calls import Step
    from ..sensors.frames import Stack
    from .common_locks import Site

_FRAMES = 12  # of a stack, innermost first
_CALLEES = 64  # functions that are looked into for one stack
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
    for depth, frame in _own(stack):
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


def calling(stack: Stack, value: object) -> Writing | None:
    """The innermost function of a stack with a call, at most two deep, to one that writes to this very object.

    Most functions that write are done so soon that no look finds them: whoever calls them stays.
    """
    left = [_CALLEES]
    for depth, frame in _own(stack):
        reading = read(frame.f_code)
        for reach in reading.reaches:
            chain, offset = reach.chain, reading.steps[reach.end - 1][0]
            if frame.f_code.co_name == "<module>" and not reading.comes_to(offset, frame.f_lasti):
                continue
            used = reached(frame, chain)
            if used is None or type(used.value) is not FunctionType:
                continue
            owner = reached(frame, chain._replace(attributes=chain.attributes[:-1])) if chain.attributes else None
            sites = _within(used.value, owner.value if owner else None, value, left, 2)
            if sites:
                callers = stack[depth + 1 :]
                here = place(frame.f_code, line_of(frame.f_code, offset))
                inner = [place(code, line_of(code, at)) for code, at in sites]
                outer = ((frame.f_code, offset), *((each.f_code, each.f_lasti) for each in callers))
                return Writing([*inner, here, *places_of(callers)], (*sites, *outer))
    return None


def _within(function: FunctionType, owner: Any, value: object, left: list[int], deep: int) -> tuple[Site, ...]:
    """Where a function, called as a method of `owner`, writes to the object, and the calls that lead there."""
    code, left[0] = function.__code__, left[0] - 1
    if left[0] < 0:
        return ()
    reading = read(code)
    for write in reading.writes:
        if _value(function, owner, write.chain) is value:
            return ((code, write.offset),)
    for reach in reading.reaches if deep > 1 else ():
        callee = _value(function, owner, reach.chain)
        if type(callee) is FunctionType and callee is not function:
            shorter = reach.chain._replace(attributes=reach.chain.attributes[:-1])
            holder = _value(function, owner, shorter) if reach.chain.attributes else None
            sites = _within(callee, holder, value, left, deep - 1)
            if sites:
                return (*sites, (code, reading.steps[reach.end - 1][0]))
    return ()


def _value(function: FunctionType, owner: Any, chain: Chain) -> Any:
    """What a chain leads to in a function that does not run: from its globals, or from what it is a method of."""
    first = function.__code__.co_varnames[:1]
    if chain.kind == "global":
        value = function.__globals__.get(chain.name, MISSING)
    else:
        value = owner if (chain.name,) == first and owner is not None and type(owner) is not ModuleType else MISSING
    for attribute in chain.attributes:
        value = attribute_of(value, attribute) if value is not MISSING else MISSING
    return value


def adds(code: CodeType, offset: int) -> bool:
    """Whether the code around a write also reads from the same container, and adds, and subtracts nothing."""
    reading = read(code)
    chain = next((write.chain for write in reading.writes if write.offset == offset), None)
    if chain is None or subtracts(code):
        return False
    getting = chain._replace(attributes=(*chain.attributes, "get"))
    uses = sum(reach.chain == chain for reach in reading.reaches)
    reads = uses > 1 or any(reach.chain == getting for reach in reading.reaches)
    return reads and any(_operation(step) in _ADDS for step in reading.steps)


def subtracts(code: CodeType) -> bool:
    """Whether anything is subtracted in a piece of code: a number that it writes may be meant to fall."""
    return any(_operation(step) in _SUBTRACTS for step in read(code).steps)


def _operation(step: Step) -> str:
    """An instruction's name; since 3.11 that of all operators is the same, and its argument tells them apart."""
    return f"{step[1]} {step[2]}" if step[1] == "BINARY_OP" else step[1]


def walks(stack: Stack, kinds: tuple[type, ...]) -> Iterator[Walk]:
    """The loops over containers themselves, not over copies of them, that a stack is inside of."""
    for depth, frame in _own(stack):
        reading = read(frame.f_code)
        for loop in reading.loops:
            if not loop.start <= frame.f_lasti < loop.end or loop.get_iter < 0:
                continue
            found = before(frame, loop.get_iter, kinds)
            if found is not None and not _copied(frame.f_code, loop.get_iter):
                inside = stack[depth:]
                sites = tuple((each.f_code, each.f_lasti) for each in inside)
                yield Walk((id(frame), loop.start), found.value, places_of(inside), sites)


def _own(stack: Stack) -> Iterator[tuple[int, FrameType]]:
    """The frames that are not of the interpreter's own library, with their depths."""
    return ((n, frame) for n, frame in enumerate(stack[:_FRAMES]) if not is_library(frame.f_code.co_filename))


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
