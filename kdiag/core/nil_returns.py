"""Where a called function gives None back: its returns, and the end that it can reach without one.

Separate from the walk back to the origin: the function has returned, so no frame of the traceback tells of it.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from kdiag.core.source_trees import never_none, own_nodes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kdiag.core.source_trees import SourceTree

Function = ast.FunctionDef | ast.AsyncFunctionDef


def gives_none(function: Function) -> Iterator[tuple[Function | ast.Return, str]]:
    """The returns of a function that give None or may do so, and itself where it can end without any; with words."""
    nodes = list(own_nodes(function))
    if any(isinstance(node, ast.Yield | ast.YieldFrom) for node in nodes):
        return
    for node in nodes:
        if isinstance(node, ast.Return) and not (node.value and never_none(node.value)):
            explicit = node.value is None or isinstance(node.value, ast.Constant)
            yield node, "returns None" if explicit else "returns what may be None"
    if ends_without_value(function.body):
        yield function, "can end without a value"


def called(tree: SourceTree, call: ast.Call) -> Function | None:
    """The function that a call calls, where it is in the same file and the only one that can be meant."""
    match call.func:
        case ast.Name(id=name):
            named = [each for each in _functions(tree.module, name) if tree.class_of(each) is None]
        case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name):
            kind = tree.class_of(tree.scope(call))
            named = [each for each in _functions(kind, name) if tree.class_of(each) is kind] if kind else []
        case ast.Attribute(attr=name):
            named = [each for each in _functions(tree.module, name) if tree.class_of(each) is not None]
        case _:
            return None
    return named[0] if len(named) == 1 else None


def _functions(owner: ast.AST, name: str) -> list[Function]:
    return [node for node in ast.walk(owner) if isinstance(node, Function) and node.name == name]


def ends_without_value(body: Sequence[ast.stmt]) -> bool:
    """Whether statements can be left at their end: no return and no raise on some way."""
    if not body:
        return True
    match body[-1]:
        case ast.Return() | ast.Raise() | ast.Continue():
            return False
        case ast.If(body=yes, orelse=no):
            return ends_without_value(yes) or ends_without_value(no)
        case ast.While(test=ast.Constant(value=true), body=inner) if true:
            return any(isinstance(node, ast.Break) for each in inner for node in ast.walk(each))
        case ast.With(body=inner) | ast.AsyncWith(body=inner):
            return ends_without_value(inner)
        case ast.Try(body=inner, handlers=handlers, orelse=orelse, finalbody=final):
            if final and not ends_without_value(final):
                return False
            return ends_without_value([*inner, *orelse]) or any(ends_without_value(each.body) for each in handlers)
        case ast.Match(cases=cases):
            wild = any(isinstance(c.pattern, ast.MatchAs) and c.pattern.pattern is None and not c.guard for c in cases)
            return not wild or any(ends_without_value(case.body) for case in cases)
    return True
