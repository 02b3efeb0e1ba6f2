"""What keeps things that a pool has lent, where no running function has them: a leak's container, and who fills it.

The search goes forward from the service's own modules, some thousand objects deep, and in Python all along, so that
other threads run meanwhile; what cannot be reached so stays unknown. Separate from `lent`, which looks at variables of
running functions only, and from `sensors.keepers`, which samples containers: here each loan has to be counted.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from ..sensors import own
from ..sensors.calls import attribute_name, instructions, loaded, qualname
from ..sensors.places import instance_dict, is_class, namespaces, place, text
from ..turns import Turns
from . import looking
from .lent import is_any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..sensors.places import Place

_MOST_OBJECTS = 30_000
_LONGEST_S = 0.1
_DEPTH = 6
_FILLS = frozenset({"append", "appendleft", "add", "insert", "put", "put_nowait", "setdefault", "extend", "update"})
_FILLS |= {"[]"}
_VALUES = {
    **dict.fromkeys(("CALL", "CALL_FUNCTION", "CALL_METHOD", "CALL_KW", "CALL_FUNCTION_KW", "CALL_FUNCTION_EX"), 2),
    **dict.fromkeys(("LOAD_FAST_LOAD_FAST", "LOAD_FAST_BORROW_LOAD_FAST_BORROW", "LOAD_GLOBAL", "LOAD_DEREF"), 2),
}
_PLAIN = frozenset({int, float, str, bytes, bool, type(None), complex, CodeType, ModuleType})


class Kept(NamedTuple):
    """What something is kept in: "module.NAME" or "Class.attr", and the line that puts it there, if it is the one."""

    name: str
    filled_at: Place | None


class _Step(NamedTuple):
    value: Any
    depth: int
    module: str
    name: str
    attribute: str  # the last part of the name
    contained: bool = False  # in a container of that name, or in one in that


def kept(wanted: frozenset[type], is_lent: Callable[[Any], bool]) -> tuple[list[Kept], bool]:
    """Where objects of these classes are, each one that is lent once; and whether all was looked at."""
    until = time.thread_time() + _LONGEST_S
    queue = deque(_roots())
    seen: set[int] = set()
    found: list[Kept] = []
    turns = Turns()
    while queue:
        turns.next()
        if len(seen) > _MOST_OBJECTS or time.thread_time() > until:
            return found, False
        step = queue.popleft()
        if type(step.value) in _PLAIN or id(step.value) in seen:
            continue
        seen.add(id(step.value))
        if is_any(step.value, wanted):
            if is_lent(step.value):
                found.append(Kept(step.name, filled_at(step)))
        elif step.depth < _DEPTH:
            queue.extend(_inside(step))
    return found, True


def _roots() -> Iterator[_Step]:
    """What the service's own modules hold."""
    for _, names, file in own.modules():
        if own.is_own(file):
            module, shown = text(names.get("__name__")), own.name_of(names)
            for variable, value in list(names.items()):
                yield _Step(value, 0, module, f"{shown}.{variable}", text(variable))


def _inside(step: _Step) -> Iterator[_Step]:
    value, depth = step.value, step.depth + 1
    if is_class(value):
        if step.module != _module_of(value):
            return
        named = {key: each for key, each in next(namespaces(value)).items() if type(key) is str}
        for name, each in named.items():
            yield _Step(each, depth, step.module, f"{qualname(value)}.{name}", name)
        return
    if type(value) in {FunctionType, MethodType, CellType}:
        for each in looking.referents(value):
            if type(each) in {tuple, CellType, FunctionType} or type(value) is CellType:
                yield step._replace(value=each, depth=depth)
        return
    for each in looking.items(value):
        yield step._replace(value=each, depth=depth, contained=True)
    for name, each in list(instance_dict(value).items()):
        yield _Step(each, depth, _module_of(type(value)), f"{qualname(type(value))}.{name}", text(name))


def filled_at(step: _Step) -> Place | None:
    """The one line of its module that puts something there; None where it is none, or not only one."""
    holder = looking.module(step.module)
    found: set[Place] = set()
    for code in _codes(list(holder.values()), step.module):
        if step.attribute in code.co_names:
            found.update(place(code, line) for line in _lines(code, step))
    return found.pop() if len(found) == 1 else None


def _codes(values: list[Any], module: str) -> Iterator[CodeType]:
    """The code of all functions of a module, those of its classes and those in functions among them."""
    for value in values:
        if type(value) in {staticmethod, classmethod}:
            value = value.__func__  # noqa: PLW2901
        if type(value) is FunctionType and value.__module__ == module:
            codes = [value.__code__]
            while codes:
                code = codes.pop()
                yield code
                codes += [each for each in code.co_consts if type(each) is CodeType]
        elif is_class(value) and _module_of(value) == module:
            yield from _codes(list(next(namespaces(value)).values()), module)


def _lines(code: CodeType, step: _Step) -> Iterator[int]:
    """The lines that store a value under its name; of a container those that load it and call what fills one."""
    loads: dict[int, set[str]] = {}
    values: dict[int, int] = {}  # by line: how many variables it loads
    lines = dict(_line_of_each(code))
    for offset, operation, argument in instructions(code):
        line = lines.get(offset, 0)
        known = loads.setdefault(line, set())
        values[line] = values.get(line, 0) + _VALUES.get(operation, operation.startswith("LOAD_FAST"))
        if operation in {"LOAD_ATTR", "LOAD_METHOD"}:
            known.add(attribute_name(code, argument, operation))
        elif operation == "STORE_SUBSCR":
            known.add("[]")
        elif operation in {"STORE_ATTR", "STORE_GLOBAL"}:
            known.add(f"{code.co_names[argument]}=")
        else:
            variable = loaded(code, operation, argument)
            known.update([variable[1]] if variable else [])
    for line, known in loads.items():
        fills = step.attribute in known and not known.isdisjoint(_FILLS)
        stores = f"{step.attribute}=" in known and values[line] > 1  # `self.name = None` stores none
        if line and (fills if step.contained else stores):
            yield line


def _line_of_each(code: CodeType) -> Iterator[tuple[int, int]]:
    """The line of each offset."""
    if sys.version_info >= (3, 10):
        for start, end, line in code.co_lines():
            yield from ((offset, line or 0) for offset in range(start, end, 2))
        return
    at, line = 0, code.co_firstlineno
    for length, more in zip(code.co_lnotab[::2], code.co_lnotab[1::2]):
        yield from ((offset, line) for offset in range(at, at + length, 2))
        at, line = at + length, line + (more if more < 128 else more - 256)
    yield from ((offset, line) for offset in range(at, len(code.co_code), 2))


def _module_of(kind: type) -> str:
    return text(_module(kind))


_module = type.__dict__["__module__"].__get__
