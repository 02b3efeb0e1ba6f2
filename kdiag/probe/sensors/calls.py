"""Which object a frame is calling a method of, or entering by `with`: read from its instruction, never from source.

The compiler puts what loads an object right before what uses it, so a short walk back from the current instruction
tells how it was reached: a global, a local or a free variable, and attributes of it. Anything that is not such a plain
chain gives None. The object is then looked up without running code of the target's.

It is separate from `threads` because it alone knows bytecode, which differs from version to version.

Reading a local variable of a frame makes a copy of all of them up to 3.12, which stays with the frame. So that copy is
emptied again, unless somebody else holds it, and functions that work with such copies themselves are left alone.
"""

from __future__ import annotations

import opcode
import sys
from types import CodeType, FrameType, MemberDescriptorType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from .frames import locals_of
from .places import instance_dict, is_class, namespaces, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LONGEST_CODE = 1 << 16
_KNOWN = 256
_DEEPEST = 40  # instructions that an object is reached by
_COPIES = sys.version_info < (3, 13)
_OWN_COPIES = frozenset({"locals", "vars", "dir", "exec", "eval"})
_FUNCTION = 1  # CO_OPTIMIZED
_MINOR = sys.version_info[:2]

_ENTERS = frozenset({"SETUP_WITH", "BEFORE_WITH", "BEFORE_ASYNC_WITH"})
CALLS = frozenset({"CALL", "PRECALL", "CALL_KW", "CALL_METHOD", "CALL_FUNCTION", "CALL_FUNCTION_KW"})
METHODS = frozenset({"LOAD_METHOD", "LOAD_ATTR"})
_GLOBALS = frozenset({"LOAD_GLOBAL", "LOAD_NAME"})
_LOCALS = frozenset({"LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_FAST_BORROW"})
_PAIRS = frozenset({"LOAD_FAST_LOAD_FAST", "LOAD_FAST_BORROW_LOAD_FAST_BORROW"})
_FREE = frozenset({"LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"})
_ARGUMENTS = _LOCALS | _PAIRS | _GLOBALS | {"LOAD_CONST", "LOAD_SMALL_INT", "LOAD_COMMON_CONSTANT"}
NOTHING = frozenset({"CACHE", "EXTENDED_ARG", "KW_NAMES", "NOP", "PRECALL", "PUSH_NULL"})
_SHUFFLES = frozenset({"COPY", "SWAP", "LOAD_SPECIAL"})  # how 3.14 and later prepare a `with`
MISSING = object()


Step = tuple[int, str, int]  # offset, name, argument


class Used(NamedTuple):
    """The object, its name for people ("module.NAME", "Class.attr", "local"), and the method ("" for `with`)."""

    value: Any
    name: str
    method: str


class Chain(NamedTuple):
    """How an object was reached: kind ("global", "local") and name of a variable, and the attributes from there on."""

    kind: str
    name: str
    attributes: tuple[str, ...]
    method: str


# By (code, offset); the code is held so that its id is not given away again.
_chains: dict[tuple[int, int], tuple[CodeType, Chain | None]] = {}


def used(frame: FrameType) -> Used | None:
    """What the frame's current instruction calls a method of or enters; None where that is no plain chain."""
    return used_at(frame, frame.f_lasti)


def used_at(frame: FrameType, offset: int) -> Used | None:
    """The same for another instruction of the frame's code, by what its variables hold now."""
    chain = chain_at(frame.f_code, offset)
    return reached(frame, chain) if chain is not None else None


def reached(frame: FrameType, chain: Chain) -> Used | None:
    """The object that a chain leads to from a frame's variables; None where there is none."""
    value = _variable(frame, chain)
    names = [chain.name]
    for attribute in chain.attributes:
        if value is MISSING:
            return None
        names = [_owner(value) or names[-1], attribute]
        value = attribute_of(value, attribute)
    if value is MISSING:
        return None
    if len(names) == 1 and chain.kind == "global":
        names = [_module(frame), chain.name]
    return Used(value, ".".join(names), chain.method)


def attribute_of(value: object, name: str) -> Any:
    """An attribute of an object, a class or a module, by no code of the target's; `MISSING` where there is none."""
    if type(value) is ModuleType:
        return value.__dict__.get(name, MISSING)
    own = instance_dict(value).get(name, MISSING)
    if own is not MISSING:
        return own
    for names in namespaces(value if is_class(value) else type(value)):
        found = names.get(name, MISSING)
        if found is not MISSING:
            return _slot(found, value) if type(found) is MemberDescriptorType else found
    return MISSING


def _slot(descriptor: MemberDescriptorType, value: object) -> Any:
    try:
        return descriptor.__get__(value)
    except (AttributeError, TypeError):  # never set, or the class itself was asked
        return MISSING


def _owner(value: object) -> str:
    """The name of the class, or of the module, that an attribute belongs to."""
    if type(value) is ModuleType:
        return text(value.__dict__.get("__name__"))
    return text(qualname(value if is_class(value) else type(value)))


qualname = type.__dict__["__qualname__"].__get__


def _module(frame: FrameType) -> str:
    """The name of a frame's module; of the main program its file's."""
    name = text(frame.f_globals.get("__name__"))
    return name if name != "__main__" else frame.f_code.co_filename.rpartition("/")[2].rpartition(".")[0]


def _variable(frame: FrameType, chain: Chain) -> Any:
    if chain.kind == "global":
        is_class_body = frame.f_code.co_name != "<module>" and not frame.f_code.co_flags & _FUNCTION
        return MISSING if is_class_body else frame.f_globals.get(chain.name, MISSING)
    return local(frame, chain.name)


def local(frame: FrameType, name: str) -> Any:
    """A local or free variable of a function's frame; `MISSING` where it cannot be read without harm."""
    return read_locals(frame, (name,))[0]


def read_locals(frame: FrameType, names: Sequence[str]) -> list[Any]:
    """Several of them at once."""
    return _from_locals(frame, lambda variables: [variables.get(name, MISSING) for name in names])


def values_of(frame: FrameType) -> list[Any]:
    """What all local and free variables of a function's frame hold; nothing where they cannot be read without harm."""
    return _from_locals(frame, lambda variables: list(variables.values()))


def _from_locals(frame: FrameType, pick: Callable[[Mapping[str, Any]], list[Any]]) -> list[Any]:
    """What is picked from a function's variables; from none where they cannot be read without harm."""
    code = frame.f_code
    if not code.co_flags & _FUNCTION or (_COPIES and not _OWN_COPIES.isdisjoint(code.co_names)):
        return pick({})
    variables = locals_of(frame)
    values = pick(variables)
    if _COPIES and sys.getrefcount(variables) <= 3:  # the frame's, ours, the argument's
        variables.clear()
    return values


def chain_at(code: CodeType, offset: int) -> Chain | None:
    """How the object that an instruction calls a method of or enters is reached; None where that is no plain chain."""
    known = _chains.get((id(code), offset))
    if known is None:
        if len(_chains) >= _KNOWN:
            _chains.clear()
        known = _chains[id(code), offset] = (code, _read(code, offset))
    return known[1]


def has_arguments(frame: FrameType) -> bool:
    """Whether the call that a frame stands in has any."""
    code = frame.f_code.co_code
    at = frame.f_lasti
    while at > 0 and not code[at]:  # in 3.11 that of the call's last cache
        at -= 2
    return at >= 0 and opcode.opname[code[at]] in CALLS and code[at + 1] > 0


def forget() -> None:
    """Let go of the code that was looked at."""
    _chains.clear()


def _read(code: CodeType, offset: int) -> Chain | None:
    if offset < 0 or len(code.co_code) > LONGEST_CODE:
        return None
    # In 3.11 a caller's offset is that of the call's last cache.
    steps = [step for step in instructions(code) if step[0] <= offset]
    _, name, argument = steps.pop()
    steps = [step for step in steps if step[1] not in NOTHING]
    method = ""
    if name in _ENTERS or (name in CALLS and steps and steps[-1][1] == "LOAD_SPECIAL"):
        while steps and steps[-1][1] in _SHUFFLES:
            steps.pop()
    elif name not in CALLS or not _skip_arguments(steps, argument + name.endswith("_KW")):
        return None
    else:
        _, name, argument = steps.pop()
        method = attribute_name(code, argument, name)
    return _walk(code, steps, method)


def _skip_arguments(steps: list[Step], count: int) -> bool:
    """Take the arguments of a call away; whether they are plain and what is left ends in the load of a method."""
    while count > 0 and steps and steps[-1][1] in _ARGUMENTS:
        count -= 2 if steps.pop()[1] in _PAIRS else 1
    return count == 0 and bool(steps) and steps[-1][1] in METHODS


def object_of(code: CodeType, steps: Sequence[Step], method: str) -> Chain | None:
    """How the object was reached that the instructions before the load of a method have loaded."""
    return _walk(code, [step for step in steps[-_DEEPEST:] if step[1] not in NOTHING], method)


def _walk(code: CodeType, steps: list[Step], method: str) -> Chain | None:
    attributes: list[str] = []
    while steps:
        _, name, argument = steps.pop()
        if name != "LOAD_ATTR":
            variable = loaded(code, name, argument)
            return Chain(*variable, tuple(reversed(attributes)), method) if variable else None
        attributes.append(attribute_name(code, argument, name))
    return None


def loaded(code: CodeType, name: str, argument: int) -> tuple[str, str] | None:
    """The kind ("global", "local") and name of the variable that an instruction loads last; None for others."""
    if name in _GLOBALS:
        shift = 1 if name == "LOAD_GLOBAL" and _MINOR >= (3, 11) else 0
        return "global", code.co_names[argument >> shift]
    if name in _LOCALS:
        return "local", local_name(code, argument)
    if name in _PAIRS:
        return "local", local_name(code, argument & 15)
    if name in _FREE:
        return "local", free_name(code, argument)
    return None


def attribute_name(code: CodeType, argument: int, name: str) -> str:
    """The attribute that an instruction called `name` is about."""
    return code.co_names[argument >> 1 if name == "LOAD_ATTR" and _MINOR >= (3, 12) else argument]


def local_name(code: CodeType, argument: int) -> str:
    """The local variable, or the cell, with that number."""
    return code.co_varnames[argument] if argument < len(code.co_varnames) else free_name(code, argument)


def free_name(code: CodeType, argument: int) -> str:
    """The name of a cell: numbered by themselves up to 3.10, behind the local variables since."""
    if _MINOR < (3, 11):
        return (code.co_cellvars + code.co_freevars)[argument]
    cells = tuple(name for name in code.co_cellvars if name not in code.co_varnames)
    return (code.co_varnames + cells + code.co_freevars)[argument]


def instructions(code: CodeType) -> list[Step]:
    """(offset, name, argument) of each instruction; the caches between them are left out."""
    data, found, extended = code.co_code, [], 0
    for offset in range(0, len(data), 2):
        name = opcode.opname[data[offset]]
        if data[offset] == 0:  # a cache; no instruction has this number
            continue
        argument = data[offset + 1] | extended
        extended = argument << 8 if name == "EXTENDED_ARG" else 0
        found.append((offset, name, argument))
    return found
