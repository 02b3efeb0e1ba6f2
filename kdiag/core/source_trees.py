"""Syntax trees of the target's sources: which node a traceback's frame stands at, and what encloses it.

Separate from what is concluded of them; every text is parsed once. Lines are 1-based, columns are bytes, as the
interpreter counts them.
"""

from __future__ import annotations

import ast
from collections import deque
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from kdiag.core.redact import redact_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.core.model import CrashFrame, Span

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Scope = Function | ast.Module | ast.ClassDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_LONGEST = 80
_MAKERS = frozenset({
    "bool", "bytearray", "bytes", "dict", "enumerate", "float", "frozenset", "int", "len", "list", "open", "range",
    "repr", "set", "sorted", "str", "tuple", "zip",
})  # fmt: skip


@dataclass(frozen=True, eq=False)
class SourceTree:
    """One file's tree, with each node's parent."""

    module: ast.Module
    parents: dict[ast.AST, ast.AST] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Learn the parents."""
        parents = {child: node for node in ast.walk(self.module) for child in ast.iter_child_nodes(node)}
        object.__setattr__(self, "parents", parents)

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """What encloses a node, from the inside out."""
        while (parent := self.parents.get(node)) is not None:
            yield parent
            node = parent

    def scope(self, node: ast.AST) -> Scope:
        """The function, class or module that a node's names are looked up in first."""
        child = node
        for parent in self.above(node):
            if isinstance(parent, Scope) and not _in_header(child, parent):
                return parent
            child = parent
        return self.module

    def class_of(self, function: ast.AST) -> ast.ClassDef | None:
        """The class that a function is a method of."""
        parent = self.parents.get(function)
        return parent if isinstance(parent, ast.ClassDef) else None

    def statement(self, node: ast.AST) -> ast.stmt:
        """The statement that a node is part of."""
        return node if isinstance(node, ast.stmt) else next(n for n in self.above(node) if isinstance(n, ast.stmt))

    def qualname(self, node: ast.AST) -> str:
        """The qualified name of what a node stands in, or of the function or class that it is."""
        parts: list[str] = []
        for each in (node, *self.above(node)):
            if isinstance(each, Function | ast.ClassDef):
                name = getattr(each, "name", "<lambda>")
                parts = [name, *(["<locals>"] if parts and isinstance(each, Function) else []), *parts]
        return ".".join(parts) or "<module>"

    def _on(self, line: int) -> Iterator[ast.AST]:
        """The nodes whose text covers a line, from the outside in; what lies elsewhere is not walked over."""
        pending: deque[ast.AST] = deque([self.module])
        while pending:
            node = pending.popleft()
            yield node
            pending.extend(each for each in ast.iter_child_nodes(node) if _covers(each, line))

    def ending_with(self, span: Span) -> list[ast.expr | ast.stmt]:
        """The nodes at an instruction's position: those that begin there, too, or else all that end there."""
        line, end_line, column, end_column = span
        nodes = [
            node for node in self._on(end_line)
            if isinstance(node, ast.expr | ast.stmt)
            and (node.end_lineno, node.end_col_offset) == (end_line, end_column)
            and (node.lineno, node.col_offset) <= (line, column)
        ]  # fmt: skip
        exact = [node for node in nodes if (node.lineno, node.col_offset) == (line, column)]
        return exact or nodes

    def touching(self, line: int) -> list[ast.expr | ast.stmt]:
        """The statements on a line and the expressions in them that touch it; not what is in their bodies."""
        return [
            node for node in self._on(line)
            if isinstance(node, ast.expr | ast.stmt) and node.lineno <= line <= _last_line(node)
        ]  # fmt: skip

    def nodes_at(self, frame: CrashFrame) -> list[ast.expr | ast.stmt]:
        """What a frame stands at: by its instruction's position where that is known, else by its line."""
        at = self.ending_with(frame.span) if frame.span else []
        return at or self.touching(frame.line)

    def function_at(self, frame: CrashFrame) -> Scope | None:
        """The function that a frame runs; None where the source does not have it."""
        name = frame.function.rpartition(".")[2]
        if name == "<module>":
            return self.module
        named = [
            node for node in self._on(frame.line)
            if isinstance(node, Function) and getattr(node, "name", "<lambda>") == name
            and first_line(node) <= frame.line <= (node.end_lineno or 0)
        ]  # fmt: skip
        return next((node for node in named if first_line(node) == frame.first), named[-1] if named else None)


@lru_cache(maxsize=128)
def parsed(text: str) -> SourceTree | None:
    """The tree of a file's text; None where it is of another Python's syntax."""
    try:
        return SourceTree(ast.parse(text))
    except (SyntaxError, ValueError, RecursionError):
        return None


def first_line(node: Function | ast.ClassDef) -> int:
    """Where a function or class begins, its decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def shown(node: ast.AST) -> str:
    """A statement's head or an expression as one short line, without secrets."""
    if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
        text = f"for {ast.unparse(node.target)} in {ast.unparse(node.iter)}"
    elif isinstance(node, ast.With | ast.AsyncWith):
        text = f"with {', '.join(map(ast.unparse, node.items))}"
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        text = f"def {node.name}"
    else:
        text = " ".join(ast.unparse(node).split())
    text = redact_source(text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope, less those of the functions and classes inside of it."""
    pending = list(ast.iter_child_nodes(scope))
    while pending:
        node = pending.pop(0)
        yield node
        if not isinstance(node, Function | ast.ClassDef):
            pending += ast.iter_child_nodes(node)


def never_none(value: ast.expr | None) -> bool:
    """Whether an expression cannot be None by its looks."""
    match value:
        case ast.Constant(value=constant):
            return constant is not None
        case ast.NamedExpr(value=inner):
            return never_none(inner)
        case ast.IfExp(body=first, orelse=second):
            return never_none(first) and never_none(second)
        case ast.BoolOp(op=ast.Or(), values=values):
            return never_none(values[-1])
        case ast.Tuple(ctx=ast.Store()) | ast.List(ctx=ast.Store()):
            return False
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in _MAKERS or name.lstrip("_")[:1].isupper()  # a class by its name: gives an instance
    return isinstance(
        value,
        ast.JoinedStr | ast.List | ast.Dict | ast.Set | ast.Tuple | Comprehension | ast.BinOp | ast.Compare
        | ast.Lambda | ast.UnaryOp,
    )  # fmt: skip


def _covers(node: ast.AST, line: int) -> bool:
    """Whether a node's text covers a line; what has no position of its own may."""
    end = getattr(node, "end_lineno", None)
    if end is None:
        return True
    first = first_line(node) if isinstance(node, Function | ast.ClassDef) else int(getattr(node, "lineno", 0))
    return first <= line <= int(end)


def _in_header(child: ast.AST, scope: Scope) -> bool:
    """Whether a child of a function or class belongs to what surrounds it: a decorator, a default, a base."""
    if isinstance(scope, ast.Module):
        return False
    if isinstance(scope, ast.Lambda):
        return child is scope.args
    return child not in scope.body


def _last_line(node: ast.expr | ast.stmt) -> int:
    """Where a node ends; a compound statement where its head does."""
    body = getattr(node, "body", None)
    if isinstance(node, ast.stmt) and isinstance(body, list) and body:
        first: int = body[0].lineno
        return max(node.lineno, first - 1)
    return node.end_lineno or node.lineno
