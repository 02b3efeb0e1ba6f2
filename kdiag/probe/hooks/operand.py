"""Says by bytecode alone what was None where an exception was raised: through which plain chain of names, and how used.

It is separate from `facts` because it alone knows bytecode, which differs from version to version. Source text is not
needed, nor is any code of the target's run: the instructions before the one that failed are walked back, by what each
takes from the stack and puts onto it, to those that have loaded the operand. Whatever is no plain chain (`a.b.c`) gives
None, rather than a guess.
"""

from __future__ import annotations

import opcode
import re
import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

from ..sensors.calls import (
    LONGEST_CODE,
    MISSING,
    Step,
    attribute_name,
    attribute_of,
    instructions,
    loaded,
    local,
    local_name,
    qualname,
)
from ..sensors.places import mro, namespaces, text
from .facts import Spot, line_of

if TYPE_CHECKING:
    from types import CodeType

_MINOR = sys.version_info[:2]
_SUBSCRIPT = 26  # the argument of BINARY_OP that stands for one, from 3.14 on
_FUNCTIONS = 32  # of a class that are looked at
_MOST_STEPS = 4000

_ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR", "DELETE_ATTR"})
_SUBSCRIPTS = {"BINARY_SUBSCR": 1, "STORE_SUBSCR": 1, "DELETE_SUBSCR": 1, "BINARY_SLICE": 2, "STORE_SLICE": 2}
_TOPS = {
    "GET_ITER": "iteration", "GET_YIELD_FROM_ITER": "iteration", "GET_AITER": "iteration", "LIST_EXTEND": "iteration",
    "SET_UPDATE": "iteration", "UNPACK_SEQUENCE": "unpack", "UNPACK_EX": "unpack", "DICT_UPDATE": "unpack",
    "DICT_MERGE": "unpack", "GET_AWAITABLE": "await", "SETUP_WITH": "with", "BEFORE_WITH": "with",
    "SETUP_ASYNC_WITH": "with", "BEFORE_ASYNC_WITH": "with", "LOAD_SPECIAL": "with",
}  # fmt: skip
_CALLS = frozenset({"CALL", "PRECALL", "CALL_FUNCTION", "CALL_METHOD", "CALL_KW", "CALL_FUNCTION_KW"})
_NOTHING = frozenset({"CACHE", "EXTENDED_ARG", "NOP", "NOT_TAKEN", "RESUME"})
_BEFORE_CALLS = frozenset({"PRECALL", "KW_NAMES"})
_SHUFFLES = frozenset({"COPY", "SWAP"})
_COPIES = frozenset({"COPY", "DUP_TOP", "DUP_TOP_TWO"})
_PAIRS = frozenset({"LOAD_FAST_LOAD_FAST", "LOAD_FAST_BORROW_LOAD_FAST_BORROW"})
_TAKE = ("STORE_", "DELETE_", "POP_TOP", "PRECALL", "KW_NAMES", "LIST_APPEND", "LIST_EXTEND", "SET_ADD", "SET_UPDATE",
         "MAP_ADD", "DICT_UPDATE", "DICT_MERGE", "MAKE_CELL", "COPY_FREE_VARS")  # fmt: skip
_PUT = ("LOAD_", "BINARY_", "UNARY_", "INPLACE_", "COMPARE_OP", "CONTAINS_OP", "IS_OP", "CALL", "BUILD_", "FORMAT_",
        "CONVERT_VALUE", "TO_BOOL", "GET_ITER", "PUSH_NULL", "IMPORT_NAME", "LIST_TO_TUPLE", "COPY", "DUP_TOP",
        "MAKE_FUNCTION")  # fmt: skip
_RIGHT = re.compile(r"(and|not|concatenate \w+ \(not) [\"']?NoneType")
_LEFT = re.compile(r"(^|: |of )'NoneType' and")
_NAMED = re.compile(r"no attribute '(\w+)'")
_ENTERING = frozenset({"__enter__", "__exit__", "__aenter__", "__aexit__"})


class _Chain(NamedTuple):
    kind: str  # of the variable: "local" or "global"
    names: tuple[str, ...]


class _Failed(NamedTuple):
    """The instruction that failed: how it uses what was None, and how deep in the stack that may lie."""

    how: str
    attribute: str
    depths: tuple[int, ...]
    certain: bool = True  # otherwise the one is taken that is None now, if it is the only one


def used_at(spot: Spot, message: str) -> dict[str, Any] | None:
    """What was None at the innermost place of an exception, fit for JSON; None where it is no plain chain."""
    code = spot.code
    if spot.offset < 0 or len(code.co_code) > LONGEST_CODE:
        return None
    steps = [step for step in instructions(code) if step[0] <= spot.offset and step[1] not in _NOTHING]
    if not steps:
        return None
    failed = _failed(code, steps, message)
    chain = _operand(spot, steps, failed) if failed else None
    if failed is None or chain is None:
        return None
    stored_at = _stored_at(code, steps, chain)
    arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4)]
    return {
        "chain": [text(name) for name in chain.names],
        "how": failed.how,
        "attribute": text(failed.attribute),
        "stored_at": stored_at,
        "argument": len(chain.names) == 1 and not stored_at and chain.kind == "local" and chain.names[0] in arguments,
        "owner": _owner(_resolve(spot, _Chain(chain.kind, chain.names[:-1])), chain.names[-1])
        if len(chain.names) > 1
        else None,
    }


def may_enter_none(message: str) -> bool:
    """Whether a message may be that of a `with` up to 3.10 that was given None: it tells nothing of that."""
    return message in _ENTERING and _MINOR < (3, 11)


def enters_none(spots: list[Spot]) -> bool:
    """Whether the innermost of frames has failed in a `with` that was given None."""
    if not spots:
        return False
    spot = spots[0]
    steps = [step for step in instructions(spot.code) if step[0] <= spot.offset and step[1] not in _NOTHING]
    if not steps or _TOPS.get(steps[-1][1]) != "with":
        return False
    chain = _chain(spot.code, steps[:-1], 0)
    return chain is not None and _resolve(spot, chain) is None


def _failed(code: CodeType, steps: list[Step], message: str) -> _Failed | None:
    """How the last of the steps has failed; what only prepared it is taken away, too."""
    _, name, argument = steps.pop()
    prepares = _BEFORE_CALLS if name in _CALLS else _SHUFFLES if name == "LOAD_SPECIAL" else ()
    while steps and steps[-1][1] in prepares:
        steps.pop()
    if name in _ATTRIBUTES:
        attribute = attribute_name(code, argument, name)
        named = _NAMED.search(message)
        return _Failed("attribute", attribute, (0,)) if named and named.group(1) == attribute else None
    if name in _CALLS:
        return _call(name, argument, message)
    if name in _SUBSCRIPTS or (name == "BINARY_OP" and argument == _SUBSCRIPT and _MINOR >= (3, 14)):
        return _Failed("subscript", "", (_SUBSCRIPTS.get(name, 1),)) if "'NoneType' object" in message else None
    if name in _TOPS:
        return _Failed(_TOPS[name], "", (0,))
    return _operation(name, message)


def _call(name: str, count: int, message: str) -> _Failed:
    keywords = name in {"CALL_KW", "CALL_FUNCTION_KW"}
    if "is not callable" in message:
        return _Failed("call", "", (count + keywords + (_MINOR >= (3, 13)),))
    named = _NAMED.search(message)
    how = "attribute" if named else "iteration" if "iterable" in message else "operation"
    depths = tuple(depth + keywords for depth in range(count))
    return _Failed(how, named.group(1) if named else "", depths, certain=False)


def _operation(name: str, message: str) -> _Failed | None:
    if name == "CALL_FUNCTION_EX":
        return _Failed("unpack" if "mapping" in message else "iteration", "", (0, 1), certain=False)
    if name == "CONTAINS_OP":
        return _Failed("operation", "", (0 if message.startswith("argument of type") else 1,))
    if name.startswith("UNARY_"):
        return _Failed("operation", "", (0,))
    if not name.startswith(("BINARY_", "INPLACE_", "COMPARE_OP")):
        return None
    if _LEFT.search(message):
        return _Failed("operation", "", (1,))
    return _Failed("operation", "", (0,)) if _RIGHT.search(message) else None


def _operand(spot: Spot, steps: list[Step], failed: _Failed) -> _Chain | None:
    """The chain that the failed instruction used; a variable that is not None by now has not been it."""
    found = []
    for depth in failed.depths:
        chain = _chain(spot.code, steps, depth)
        if chain is None:
            continue
        value = _resolve(spot, chain)
        if value is None or (failed.certain and (value is MISSING or len(chain.names) > 1)):
            found.append(chain)
    return found[0] if len(found) == 1 else None


def _chain(code: CodeType, steps: list[Step], depth: int) -> _Chain | None:
    """How the object so deep in the stack was loaded by the last of these steps."""
    found = _producer(steps, depth)
    if found is None:
        return None
    number, above = found
    _, name, argument = steps[number]
    if name in _COPIES:
        return _chain(code, steps[:number], argument - 1 if name == "COPY" else above)
    if name in {"LOAD_ATTR", "LOAD_METHOD"}:
        inner = _chain(code, steps[:number], 0)
        return _Chain(inner.kind, (*inner.names, attribute_name(code, argument, name))) if inner else None
    if name in _PAIRS:
        return _Chain("local", (local_name(code, argument & 15 if above == 0 else argument >> 4),))
    if name == "STORE_FAST_LOAD_FAST":
        return _Chain("local", (local_name(code, argument & 15),))
    variable = loaded(code, name, argument)
    return _Chain(variable[0], (variable[1],)) if variable else None


def _producer(steps: list[Step], depth: int) -> tuple[int, int] | None:
    """Which step has put the object that lies so deep, and how many of what it has put lie above that."""
    for number in range(len(steps) - 1, -1, -1):
        _, name, argument = steps[number]
        if name == "SWAP":
            depth = {0: argument - 1, argument - 1: 0}.get(depth, depth)
            continue
        put = _puts(name, argument)
        if put is None:
            return None
        if depth < put:
            return number, depth
        takes = put - _effect(name, argument)
        depth += takes - put
    return None


def _puts(name: str, argument: int) -> int | None:
    """How many objects an instruction puts onto the stack; None for those that jump, wait, or are not known."""
    if name in _PAIRS or name in {"LOAD_METHOD", "DUP_TOP_TWO", "LOAD_SPECIAL"}:
        return 2
    if name == "LOAD_GLOBAL" and _MINOR >= (3, 11):
        return 1 + (argument & 1)
    if name in {"LOAD_ATTR", "LOAD_SUPER_ATTR"} and _MINOR >= (3, 12):
        return 1 + (argument & 1)
    if name == "STORE_FAST_LOAD_FAST":
        return 1
    if name.startswith(_TAKE):
        return 0
    return 1 if name.startswith(_PUT) else None


def _effect(name: str, argument: int) -> int:
    number = opcode.opmap[name]
    return opcode.stack_effect(number, argument if number >= opcode.HAVE_ARGUMENT else None)


def _stored_at(code: CodeType, steps: list[Step], chain: _Chain) -> int:
    """The line of the last instruction before that has stored to the chain's variable; 0 where there is none."""
    for offset, name, argument in reversed(steps[-_MOST_STEPS:]):
        if name.startswith("STORE_") and chain.names[0] in _stored(code, name, argument, chain.kind):
            return line_of(code, offset)
    return 0


def _stored(code: CodeType, name: str, argument: int, kind: str) -> tuple[str, ...]:
    if kind == "global":
        return (code.co_names[argument],) if name in {"STORE_NAME", "STORE_GLOBAL"} else ()
    if name == "STORE_FAST_STORE_FAST":
        return local_name(code, argument >> 4), local_name(code, argument & 15)
    if name == "STORE_FAST_LOAD_FAST":
        return (local_name(code, argument >> 4),)
    if name == "STORE_FAST":
        return (local_name(code, argument),)
    return (loaded(code, "LOAD_DEREF", argument) or ("", ""))[1:] if name == "STORE_DEREF" else ()


def _resolve(spot: Spot, chain: _Chain) -> Any:
    """What a chain leads to now, by no code of the target's; `MISSING` where that cannot be said."""
    if chain.kind == "global":
        is_class_body = spot.code.co_name != "<module>" and not spot.code.co_flags & 1
        value = MISSING if is_class_body else dict.get(spot.frame.f_globals, chain.names[0], MISSING)
    else:
        value = local(spot.frame, chain.names[0])
    for name in chain.names[1:]:
        if value is MISSING:
            break
        value = attribute_of(value, name)
    return value


def _owner(value: object, attribute: str) -> list[Any] | None:
    """The class that stores an attribute in one of its methods, else the object's own: name, file, first line.

    Before 3.13 a class does not know its line: then it is that of its first method.
    """
    if value is MISSING or value is None:
        return None
    own = value if isinstance(value, type) else type(value)
    classes = mro(own)
    found = next((each for each in classes if any(_stores(code, attribute) for code in _methods(each))), own)
    codes = _methods(found)
    if not codes:
        return None
    names = next(iter(namespaces(found)))
    first = names.get("__firstlineno__")
    line = first if type(first) is int else min(code.co_firstlineno for code in codes)
    return [f"{text(names.get('__module__'))}.{text(qualname(found))}", text(codes[0].co_filename), line]


def _methods(kind: type) -> list[CodeType]:
    """The code of a class's own methods."""
    own = list(dict(next(iter(namespaces(kind)))).values())
    name = text(qualname(kind)) + "."
    functions = (value for value in own if type(value) is FunctionType)
    return [each.__code__ for each in functions if text(each.__qualname__).startswith(name)][:_FUNCTIONS]


def _stores(code: CodeType, attribute: str) -> bool:
    return attribute in code.co_names and any(
        name == "STORE_ATTR" and attribute_name(code, argument, name) == attribute
        for _, name, argument in instructions(code)
    )
