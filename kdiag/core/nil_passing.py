"""How an argument was passed: the expression in the frame that called, through wrappers that pass on what they get.

Separate from the search for the origin because it alone matches arguments of a call to those of a function.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kdiag.core.source_trees import Function

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kdiag.core.model import CrashFrame
    from kdiag.core.source_trees import SourceTree

_WRAPPERS = 4
_UNNAMED = ""
# What calls a function that it is given, with other arguments than its own.
_INDIRECT = frozenset(
    {"apply", "call", "filter", "map", "max", "min", "next", "reduce", "run", "send", "sorted", "sum"}
)


@dataclass(frozen=True, slots=True)
class Passed:
    """An argument's expression in frame `number`; None with `omitted` where the call leaves it out."""

    number: int
    expression: ast.expr | None
    omitted: bool = False


@dataclass(frozen=True, slots=True)
class _Slot:
    """An argument: its place among the positional ones (None when it has none), and its name."""

    position: int | None
    name: str


def passed(
    frames: Sequence[CrashFrame], tree_of: Callable[[str], SourceTree | None], number: int, function: Function,
    tree: SourceTree, name: str,
) -> Passed | None:  # fmt: skip
    """What the caller of frame `number` passed as the argument `name`; None where that cannot be told."""
    slot = _slot(function, name)
    names = {getattr(function, "name", "")}
    bound = tree.class_of(function) is not None and not _is_static(function)
    for _ in range(_WRAPPERS):
        if slot is None or not 0 <= number < len(frames) - 1:
            return None
        caller = frames[number + 1]
        callers_tree = tree_of(caller.file)
        call = _call(callers_tree, caller, names | {_last(frames[number])}) if callers_tree else None
        if callers_tree is None or call is None:
            return None
        is_init = _last(frames[number]) == "__init__"
        through_object = bound and (isinstance(call.func, ast.Attribute) or is_init)
        found = _in_call(call, slot, 1 if through_object else 0)
        if isinstance(found, ast.expr):
            return Passed(number + 1, found)
        scope = callers_tree.scope(call)
        if found == "omitted":
            return Passed(number + 1, None, omitted=True)
        if found is None or not isinstance(scope, Function):
            return None
        slot = _handed_on(scope, found)
        number += 1
    return None


def default_of(function: Function, name: str) -> ast.expr | None:
    """The default of an argument."""
    kept = function.args
    positional = [*kept.posonlyargs, *kept.args]
    pairs = zip(positional[len(positional) - len(kept.defaults) :], kept.defaults, strict=True)
    found = {each.arg: default for each, default in pairs}
    found.update({each.arg: value for each, value in zip(kept.kwonlyargs, kept.kw_defaults, strict=True) if value})
    return found.get(name)


def _slot(function: Function, name: str) -> _Slot | None:
    positional = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
    if name in positional:
        return _Slot(positional.index(name), name)
    return _Slot(None, name) if name in {each.arg for each in function.args.kwonlyargs} else None


def _in_call(call: ast.Call, slot: _Slot, offset: int) -> ast.expr | _Slot | Literal["omitted"] | None:
    """The expression; or where it is within the caller's own `*args` or `**kwargs`; None where that is not known."""
    for keyword in call.keywords:
        if keyword.arg == slot.name and slot.name:
            return keyword.value
    if slot.position is not None:
        wanted = slot.position - offset
        for index, given in enumerate(call.args[: wanted + 1]):
            if isinstance(given, ast.Starred):
                return _Slot(wanted - index, _UNNAMED) if isinstance(given.value, ast.Name) else None
            if index == wanted:
                return given
    handed_on = [keyword.value for keyword in call.keywords if keyword.arg is None]
    if handed_on:
        return _Slot(None, slot.name) if all(isinstance(each, ast.Name) for each in handed_on) else None
    return "omitted"


def _handed_on(wrapper: Function, found: _Slot) -> _Slot | None:
    """The same argument among those of the wrapper that passes on its `*args` and `**kwargs`."""
    if found.position is None:
        return _Slot(None, found.name) if wrapper.args.kwarg else None
    if wrapper.args.vararg is None:
        return None
    return _Slot(found.position + len(wrapper.args.posonlyargs) + len(wrapper.args.args), _UNNAMED)


def _call(tree: SourceTree, caller: CrashFrame, names: set[str]) -> ast.Call | None:
    """The call in the caller's frame of a function that has one of these names; None where several may be meant."""
    nodes = tree.nodes_at(caller)
    awaited = [node.value if isinstance(node, ast.Await) else node for node in nodes]
    calls = list({id(node): node for node in awaited if isinstance(node, ast.Call)}.values())
    named = [call for call in calls if _name(call.func) in names]
    if named or len(calls) != 1:
        return named[0] if len(named) == 1 else None
    return None if _name(calls[0].func) in _INDIRECT else calls[0]


def _last(frame: CrashFrame) -> str:
    return frame.function.rpartition(".")[2]


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _is_static(function: Function) -> bool:
    return any(
        isinstance(each, ast.Name) and each.id == "staticmethod" for each in getattr(function, "decorator_list", [])
    )
