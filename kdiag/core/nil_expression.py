"""Which expression was None: by the position of the instruction, or by what stands on the line, and the message.

Separate from where the None came from. Where several expressions fit, all are given: facts of the frame (what the
bytecode says, which variables were None) then tell most of them apart.
"""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from kdiag.core.source_trees import Comprehension, never_none, own_nodes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kdiag.core.model import CrashFrame, CrashGroup, NilUsed
    from kdiag.core.source_trees import SourceTree

Use = Literal[
    "attribute", "call", "subscript", "iteration", "operation", "with", "await", "unpack", "index", "argument"
]

_MESSAGES: tuple[tuple[str, Use], ...] = (
    (r"context manager protocol|has no attribute '__a?(enter|exit)__'|__enter__|__aenter__", "with"),
    (r"has no attribute", "attribute"),
    (r"not subscriptable|item assignment|item deletion", "subscript"),
    (r"indices must be", "index"),
    (r"not callable", "call"),
    (r"cannot unpack", "unpack"),
    (r"await|__aiter__|__anext__", "await"),
    (r"^argument of type|unsupported operand|bad operand|not supported between|concatenate|multiply sequence",
     "operation"),
    (r"not iterable|iterable, not NoneType|not an iterable|must be an iterable|mapping, not NoneType", "iteration"),
)  # fmt: skip
_ATTRIBUTE = re.compile(r"has no attribute '(\w+)'")
_LEFT = re.compile(r"'NoneType' and '(?!NoneType)")
_RIGHT = re.compile(r"' and 'NoneType'|\(not \"NoneType\"\)|argument of type 'NoneType'|of type 'NoneType'$")
_BOTH = "'NoneType' and 'NoneType'"
_FEWEST_NONE = 16  # as many names of one frame are told; with fewer all are


def use_of(group: CrashGroup) -> Use:
    """How the None was used, by the bytecode, else by the message."""
    if group.used is not None and group.used.how != "operation":
        return group.used.how
    return next((use for pattern, use in _MESSAGES if re.search(pattern, group.message)), "argument")


def found(
    tree: SourceTree, frame: CrashFrame, group: CrashGroup, *, outer: bool = False
) -> list[tuple[ast.expr, ast.AST]]:
    """The expressions that may have been None, each with what was done to it; one where it is certain.

    With `outer` the frame is not the one that raised: what it called has refused a None that it was given.
    """
    use = "argument" if outer else use_of(group)
    pairs = [
        (operand, node if node is not operand else _user(tree, node))
        for node in tree.nodes_at(frame)
        for operand in _operands(tree, node, use, group)
        if not never_none(operand)
    ]
    unique = {id(operand): (operand, node) for operand, node in pairs}
    return _by_facts(tree, frame, None if outer else group.used, list(unique.values()))


def _user(tree: SourceTree, node: ast.AST) -> ast.AST:
    """What uses an expression that an instruction's position names alone: a loop, a `with`."""
    parent = tree.parents[node]
    return tree.parents[parent] if isinstance(parent, ast.withitem) else parent


def _operands(  # noqa: C901 - one case for each use
    tree: SourceTree, node: ast.AST, use: Use, group: CrashGroup
) -> Iterable[ast.expr]:
    """What of a node may have been None, if it is of the kind that is used so."""
    parent = tree.parents.get(node)
    match use, node:
        case "attribute", ast.Attribute(attr=name, value=value) if name in {_attribute(group), ""} or not _attribute(
            group
        ):
            return (value,)
        case "subscript", ast.Subscript(value=value):
            return (value,)
        case "index", ast.Subscript(slice=index):
            return (index,)
        case "call", ast.Call(func=function):
            return (function,)
        case "call", ast.expr() if node in getattr(parent, "decorator_list", []):
            return (node,)
        case "await", ast.Await(value=value) | ast.AsyncFor(iter=value):
            return (value,)
        case "with", ast.With(items=items) | ast.AsyncWith(items=items):
            return tuple(item.context_expr for item in items)
        case "with", ast.expr() if isinstance(parent, ast.withitem) and parent.context_expr is node:
            return (node,)
        case "operation", _:
            return _sides(node, group.message)
        case "unpack" | "iteration", _:
            return _iterated(node, parent)
        case "argument", ast.Call():
            return _arguments(node)
        case "argument", ast.FormattedValue(value=value):
            return (value,)
    return ()


def _attribute(group: CrashGroup) -> str:
    said = _ATTRIBUTE.search(group.message)
    return said[1] if said else group.used.attribute if group.used else ""


def _sides(node: ast.AST, message: str) -> Iterator[ast.expr]:
    """The sides of an operation that the message leaves open."""
    left, right = bool(_LEFT.search(message)), bool(_RIGHT.search(message)) and _BOTH not in message
    match node:
        case ast.BinOp(left=first, right=second) | ast.AugAssign(target=first, value=second):
            yield from _sided(first, second, left, right)
        case ast.Compare(left=first, comparators=others):
            sides = [first, *others]
            for one, other in pairwise(sides):
                yield from _sided(one, other, left, right)
        case ast.UnaryOp(operand=operand):
            yield operand


def _sided(first: ast.expr, second: ast.expr, left: bool, right: bool) -> Iterator[ast.expr]:
    if left or not right:
        yield first
    if right or not left:
        yield second


def _iterated(node: ast.AST, parent: ast.AST | None) -> Iterator[ast.expr]:
    """What a node iterates over or unpacks."""
    iterated = isinstance(parent, ast.For | ast.comprehension) and parent.iter is node
    match node:
        case ast.For(iter=value) | ast.Starred(value=value) | ast.YieldFrom(value=value):
            yield value
        case ast.Assign(value=value, targets=[ast.Tuple() | ast.List(), *_]):
            yield value
        case ast.Tuple(ctx=ast.Store()) | ast.List(ctx=ast.Store()):
            if isinstance(parent, ast.Assign):
                yield parent.value
            elif isinstance(parent, ast.For | ast.comprehension):
                yield node
        case (
            ast.ListComp(generators=loops)
            | ast.SetComp(generators=loops)
            | ast.DictComp(generators=loops)
            | (ast.GeneratorExp(generators=loops))
        ):
            yield from (loop.iter for loop in loops)
        case ast.expr() if iterated or isinstance(parent, ast.Starred | ast.YieldFrom):
            yield node
        case ast.Call():
            yield from _arguments(node)


def _arguments(call: ast.Call) -> Iterator[ast.expr]:
    for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
        yield argument.value if isinstance(argument, ast.Starred) else argument


def _by_facts(
    tree: SourceTree, frame: CrashFrame, used: NilUsed | None, pairs: Sequence[tuple[ast.expr, ast.AST]]
) -> list[tuple[ast.expr, ast.AST]]:
    """Those that what is known of the frame leaves over; all of them where it leaves none."""
    left = list(pairs)
    if used is not None:
        chain = ".".join(used.chain)
        left = [pair for pair in pairs if ast.unparse(pair[0]) == chain] or left
    if len(left) > 1:
        known = [pair for pair in left if isinstance(pair[0], ast.Name) and pair[0].id in frame.none]
        maybe = [pair for pair in left if not _is_some(tree, frame, pair[0])]
        left = known or maybe or left
    texts = {ast.unparse(operand) for operand, _ in left}
    return left[:1] if len(texts) == 1 else left


def _is_some(tree: SourceTree, frame: CrashFrame, operand: ast.expr) -> bool:
    """Whether an operand is a local variable of the frame that was not None."""
    if not isinstance(operand, ast.Name) or operand.id in frame.none or len(frame.none) >= _FEWEST_NONE:
        return False
    scope = tree.scope(operand)
    if isinstance(scope, ast.Module | ast.ClassDef) or not frame.none:
        return False
    stored = any(
        (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == operand.id)
        or (isinstance(node, ast.arg) and node.arg == operand.id)
        for node in own_nodes(scope)
    )
    return stored and not any(isinstance(parent, Comprehension) for parent in tree.above(operand))
