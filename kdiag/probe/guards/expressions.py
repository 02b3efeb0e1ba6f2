"""Which containers code walks through and writes to: read from its instructions, then looked up in a frame.

Instructions say how an object is reached (a variable and attributes of it, see `sensors.calls`); what the object is,
only a frame can tell. No code of the service's is run for either.

Separate from `found` and `writers`, which ask opposite questions of the same instructions.
"""

from __future__ import annotations

import gc
import opcode
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from ..sensors.calls import LONGEST_CODE, Chain, Step, attribute_name, instructions, loaded, local_name, reached

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType

_MINOR = sys.version_info[:2]
_KNOWN = 256
_UNIT = 1 if _MINOR < (3, 10) else 2  # bytes that a jump counts in
_CACHES: Any = getattr(opcode, "_inline_cache_entries", {})  # a list, or from 3.13 on a mapping by name

MUTATORS = frozenset(
    {"pop", "popitem", "update", "setdefault", "clear", "add", "discard", "remove", "move_to_end", "__setitem__",
     "__delitem__", "difference_update", "intersection_update", "symmetric_difference_update", "subtract"}
)  # fmt: skip
_ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_PAIRS = frozenset({"LOAD_FAST_LOAD_FAST", "LOAD_FAST_BORROW_LOAD_FAST_BORROW"})
_STORES_ITEM = frozenset({"STORE_SUBSCR", "DELETE_SUBSCR"})
_BOUNDS = (
    "STORE_FAST", "STORE_NAME", "STORE_GLOBAL", "STORE_DEREF", "STORE_ATTR", "STORE_SUBSCR", "DELETE_", "RETURN_",
    "POP_", "JUMP_", "FOR_ITER", "END_FOR", "RESUME", "UNPACK_", "RAISE_", "YIELD_", "NOT_TAKEN",
)  # fmt: skip
_EMPTY: dict[Any, Any] = {}
_SOME: tuple[Any, ...] = (
    _EMPTY.keys(), _EMPTY.values(), _EMPTY.items(), iter(_EMPTY), iter(_EMPTY.values()), iter(_EMPTY.items()),
    reversed(_EMPTY), reversed(_EMPTY.values()), reversed(_EMPTY.items()), iter(set()),
)  # fmt: skip
_VIEWS = frozenset(map(type, _SOME))


class Reach(NamedTuple):
    """Steps `start` to `end` of the code load what the chain leads to; a method may be its last attribute."""

    start: int
    end: int
    chain: Chain


class Write(NamedTuple):
    """An instruction that changes the container that the chain leads to."""

    offset: int
    chain: Chain


class Loop(NamedTuple):
    """A `for` over what the steps before `get_iter` load; its body is between the offsets `start` and `end`."""

    start: int
    end: int
    get_iter: int


class Reading(NamedTuple):
    """What is known of a piece of code; held by it, so that its id is not given away again."""

    code: CodeType
    steps: list[Step]
    reaches: list[Reach]
    writes: list[Write]
    loops: list[Loop]
    jumps: list[tuple[int, int]]  # back: to an offset, from an offset

    def comes_to(self, offset: int, now: int) -> bool:
        """Whether an instruction may be still to come where another is under way: behind it, or in a loop with it."""
        return offset >= now or any(start <= offset and now <= end for start, end in self.jumps)


_readings: dict[int, Reading] = {}


def read(code: CodeType) -> Reading:
    """Read a piece of code, or remember what was read of it."""
    known = _readings.get(id(code))
    if known is None:
        if len(_readings) >= _KNOWN:
            _readings.clear()
        steps = instructions(code) if len(code.co_code) <= LONGEST_CODE else []
        reaches = list(_reaches(code, steps))
        writes = sorted([*_method_writes(steps, reaches), *_item_writes(code, steps)])
        known = _readings[id(code)] = Reading(
            code, steps, reaches, writes, list(_loops(steps)), list(_jumps_back(steps))
        )
    return known


def forget() -> None:
    """Let go of the code that was read."""
    _readings.clear()


def step_index(steps: list[Step], offset: int) -> int:
    """The index of the step at an offset, or of the last before it: in 3.11 a caller's is that of a call's cache."""
    return sum(1 for step in steps if step[0] <= offset) - 1


def is_bound(name: str) -> bool:
    """Whether nothing of an expression is on the stack after this instruction."""
    return name.startswith(_BOUNDS) and name != "STORE_FAST_LOAD_FAST"


def container(frame: FrameType, chain: Chain, kinds: tuple[type, ...]) -> tuple[Any, str] | None:
    """The container that a chain leads to, or that its last view or iterator belongs to, and its name for people."""
    for length in range(len(chain.attributes), -1, -1):
        used = reached(frame, chain._replace(attributes=chain.attributes[:length]))
        if used is None:
            continue
        value = behind(used.value)
        if isinstance_of(value, kinds):
            return value, used.name
    return None


def behind(value: object) -> Any:
    """The container behind a view or an iterator of one; any other object itself."""
    if type(value) not in _VIEWS:
        return value
    found = [each for each in gc.get_referents(value) if type(each) is not tuple]
    return found[0] if found else value


def isinstance_of(value: object, kinds: tuple[type, ...]) -> bool:
    """`isinstance`, without asking the object for its `__class__`."""
    return any(issubclass(type(value), kind) for kind in kinds)


def _reaches(code: CodeType, steps: list[Step]) -> Iterator[Reach]:
    for index, (_, name, argument) in enumerate(steps):
        variable = _variable(code, name, argument)
        if variable is None:
            continue
        if name in _PAIRS:
            yield Reach(index, index, Chain("local", local_name(code, argument >> 4), (), ""))
        end, attributes = index + 1, []
        while end < len(steps) and steps[end][1] in _ATTRIBUTES:
            attributes.append(attribute_name(code, steps[end][2], steps[end][1]))
            end += 1
        yield Reach(index, end, Chain(*variable, tuple(attributes), ""))


def _variable(code: CodeType, name: str, argument: int) -> tuple[str, str] | None:
    if name == "STORE_FAST_LOAD_FAST":
        return "local", local_name(code, argument & 15)
    return loaded(code, name, argument)


def _method_writes(steps: list[Step], reaches: list[Reach]) -> Iterator[Write]:
    for reach in reaches:
        attributes = reach.chain.attributes
        if attributes and attributes[-1] in MUTATORS:
            yield Write(steps[reach.end - 1][0], reach.chain._replace(attributes=attributes[:-1]))


def _item_writes(code: CodeType, steps: list[Step]) -> Iterator[Write]:
    """`d[k] = v` and `del d[k]`: what is on the stack is followed from the start of each statement on."""
    stack: list[Chain | None] = []
    for offset, name, argument in steps:
        if name in _STORES_ITEM:
            target = stack[-2] if len(stack) > 1 else None
            if target is not None:
                yield Write(offset, target)
        if is_bound(name):
            stack.clear()
        else:
            _follow(stack, code, name, argument)


def _follow(stack: list[Chain | None], code: CodeType, name: str, argument: int) -> None:
    """Do to the stack what an instruction does; what is not known on it is None."""
    variable = _variable(code, name, argument)
    if variable is not None:
        _push(stack, code, name, argument, Chain(*variable, (), ""))
    elif name in _ATTRIBUTES:
        top = stack.pop() if stack else None
        if name == "LOAD_METHOD" or (_MINOR >= (3, 12) and argument & 1):
            stack += (None, None)
        else:
            attribute = attribute_name(code, argument, name)
            stack.append(top._replace(attributes=(*top.attributes, attribute)) if top else None)
    elif name in {"COPY", "DUP_TOP", "DUP_TOP_TWO"}:
        deep, count = (argument, 1) if name == "COPY" else (1, 1) if name == "DUP_TOP" else (2, 2)
        padded = [None] * deep + stack
        stack += padded[-deep:][:count]
    elif name in {"SWAP", "ROT_TWO", "ROT_THREE", "ROT_FOUR"}:
        _rearrange(stack, name, argument)
    else:
        _unknown(stack, name, argument)


def _push(stack: list[Chain | None], code: CodeType, name: str, argument: int, chain: Chain) -> None:
    if name in _PAIRS:
        stack.append(Chain("local", local_name(code, argument >> 4), (), ""))
    elif name == "STORE_FAST_LOAD_FAST" and stack:
        stack.pop()
    null = name == "LOAD_GLOBAL" and _MINOR >= (3, 11) and argument & 1
    stack += ([chain, None] if _MINOR >= (3, 13) else [None, chain]) if null else [chain]


def _rearrange(stack: list[Chain | None], name: str, argument: int) -> None:
    count = {"ROT_TWO": 2, "ROT_THREE": 3, "ROT_FOUR": 4}.get(name, argument)
    stack[:0] = [None] * max(0, count - len(stack))
    if name == "SWAP":
        stack[-1], stack[-count] = stack[-count], stack[-1]
    else:
        stack.insert(len(stack) - count, stack.pop())


def _unknown(stack: list[Chain | None], name: str, argument: int) -> None:
    number = opcode.opmap[name]
    effect = opcode.stack_effect(number, argument if number >= opcode.HAVE_ARGUMENT else None, jump=False)
    if effect > 0:
        stack += [None] * effect
        return
    del stack[len(stack) + effect :]
    if stack:
        stack[-1] = None


def _loops(steps: list[Step]) -> Iterator[Loop]:
    for index, (offset, name, argument) in enumerate(steps):
        if name == "FOR_ITER":
            begin = index
            while begin >= 0 and steps[begin][1] != "GET_ITER" and index - begin < 12:
                begin -= 1
            found = begin >= 0 and steps[begin][1] == "GET_ITER"
            end = offset + 2 + 2 * _cache_entries(name) + argument * _UNIT
            yield Loop(offset, end, begin if found else -1)


def _jumps_back(steps: list[Step]) -> Iterator[tuple[int, int]]:
    for offset, name, argument in steps:
        target = offset
        if name.startswith(("JUMP_BACKWARD", "POP_JUMP_BACKWARD")):
            target = offset + 2 + 2 * _cache_entries(name) - argument * _UNIT
        elif name == "JUMP_ABSOLUTE" or (_MINOR < (3, 11) and name.startswith("POP_JUMP_IF_")):
            target = argument * _UNIT
        if target < offset:
            yield target, offset


def _cache_entries(name: str) -> int:
    """How many caches follow an instruction."""
    entries = _CACHES[opcode.opmap[name]] if type(_CACHES) is list else _CACHES.get(name, 0)
    return int(entries)
