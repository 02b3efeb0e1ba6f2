"""Where a None came from: back from the expression that was None to what gave it its value, through the callers.

It is separate from the expression's own search because it walks: through assignments, arguments and attributes, over
the frames of one traceback. Nothing is run; where the source leaves several ways open, all of them are given.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from kdiag.core.model import ClassPlace, CrashFrame, Frame
from kdiag.core.nil_classes import class_named, stores
from kdiag.core.nil_passing import default_of, passed
from kdiag.core.nil_reaching import Binding, argument, bindings, reaching
from kdiag.core.nil_returns import called, gives_none
from kdiag.core.source_trees import Comprehension, Function, Scope, SourceTree, never_none, own_nodes, parsed, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

OriginKind = Literal[
    "call", "none", "element", "argument", "default", "attribute", "global", "missing-return", "expression"
]
_DEEPEST = 8
_MOST = 6


@dataclass(frozen=True, slots=True)
class Origin:
    """One place that a None may have come from.

    Attributes:
        text: the statement or expression there.
        phrase: what it did, to follow the text: "returned None".
        function_returns: the called function's places that give None back, where it is in a file that was read.
        through: the places that the value went through from there to where it was used, the last one first.
    """

    kind: OriginKind
    place: Frame
    text: str
    phrase: str
    function_returns: tuple[Origin, ...] = ()
    through: tuple[Frame, ...] = ()


@dataclass
class Tracer:
    """Goes back from an expression in one frame of a traceback."""

    frames: Sequence[CrashFrame]
    sources: Mapping[str, str]

    def tree(self, file: str) -> SourceTree | None:
        """The tree of a file that was read."""
        text = self.sources.get(file)
        return parsed(text) if text is not None else None

    def origins(self, expression: ast.expr, number: int, owner: ClassPlace | None) -> list[Origin]:
        """Where an expression of frame `number` may have got its None from; `owner` is whose attribute it is."""
        tree = self.tree(self.frames[number].file)
        if tree is None:
            return []
        step = _Step(self, tree, self.frames[number].file, number, owner)
        found = {(each.place, each.text): each for each in step.value(expression, expression, 0)}
        return list(found.values())[:_MOST]


@dataclass(frozen=True)
class _Step:
    """The search within one file, as seen from one frame; `number` is -1 where no frame is known."""

    tracer: Tracer
    tree: SourceTree
    file: str
    number: int
    owner: ClassPlace | None = None

    def value(  # noqa: C901, PLR0912 - one case for each form
        self, node: ast.expr, told: ast.AST, depth: int
    ) -> Iterator[Origin]:
        """Where an expression's None may come from; `told` is the statement or expression to be shown for it."""
        if depth > _DEEPEST or never_none(node):
            return
        match node:
            case ast.Await(value=inner) | ast.NamedExpr(value=inner):
                shows = node if told is inner or told is node else told
                yield from self.value(inner, shows, depth)
            case ast.IfExp(body=first, orelse=second):
                yield from self.value(first, told, depth + 1)
                yield from self.value(second, told, depth + 1)
            case ast.BoolOp(op=ast.Or(), values=values):
                yield from self.value(values[-1], told, depth + 1)
            case ast.BoolOp(values=values):
                for value in values:
                    yield from self.value(value, told, depth + 1)
            case ast.Constant():
                yield self._origin("none", told, node, "sets it to None" if told is not node else "is None")
            case ast.Name(id=name):
                yield from self._name(node, name, depth)
            case ast.Attribute():
                yield from self._attribute(node, told)
            case ast.Call():
                origin = self._origin("call", told, node, "returned None")
                yield replace(origin, function_returns=tuple(self._returns(node)))
            case ast.Subscript():
                yield self._origin("element", told, node, "gave an element that is None")
            case ast.Tuple(ctx=ast.Store()) | ast.List(ctx=ast.Store()):
                yield self._origin("element", self.tree.parents[node], node, "gave an element that is None")
            case _:
                yield self._origin("expression", told, node, "gave None")

    def _origin(self, kind: OriginKind, told: ast.AST, node: ast.AST, phrase: str) -> Origin:
        line = getattr(told, "lineno", 0) or getattr(node, "lineno", 0)
        return Origin(kind, self._place(told if hasattr(told, "lineno") else node, line), shown(told), phrase)

    def _place(self, node: ast.AST, line: int) -> Frame:
        scope = node if isinstance(node, Function) else self.tree.scope(node)
        return Frame(self.file, line, self.tree.qualname(scope))

    def _name(self, node: ast.Name, name: str, depth: int) -> Iterator[Origin]:
        """A variable: of a comprehension, of the function, of the ones around it, or of the module."""
        for parent in self.tree.above(node):
            if isinstance(parent, Comprehension):
                loops = [loop for loop in parent.generators if name in {n.id for n in ast.walk(loop.target)
                                                                        if isinstance(n, ast.Name)}]  # fmt: skip
                if loops:
                    yield self._origin("element", loops[-1], loops[-1].iter, "gave an element that is None")
                    return
        scope = self.tree.scope(node)
        declared = _declared(scope, name)
        if declared is None and (argument(scope, name) or bindings(scope, name)) and not isinstance(scope, ast.Module):
            for binding in reaching(self.tree, scope, name, node):
                yield from self._bound(binding, scope, depth)
            return
        yield from self._outer(scope, name, node, declared == "global", depth)

    def _outer(self, scope: Scope, name: str, node: ast.AST, is_global: bool, depth: int) -> Iterator[Origin]:
        """A variable of a function around, else of the module: whoever may have stored it there."""
        around = [] if is_global else [s for s in self.tree.above(scope) if isinstance(s, Function)]
        for function in around:
            if argument(function, name) or bindings(function, name):
                given = argument(function, name)
                found = bindings(function, name) + ([Binding(given, None)] if given else [])
                for binding in found:
                    yield from self._bound(binding, function, depth)
                return
        module = self.tree.module
        if isinstance(scope, ast.Module):
            given_there = reaching(self.tree, module, name, node)
        else:
            given_there = bindings(module, name)
            for inner in ast.walk(module):
                if isinstance(inner, Function) and _declared(inner, name) == "global":
                    given_there += bindings(inner, name)
        for binding in given_there:
            if binding.element or not never_none(binding.value):
                yield from self._bound(binding, module, depth, "global")

    def _bound(self, binding: Binding, scope: Scope, depth: int, kind: OriginKind | None = None) -> Iterator[Origin]:
        """What gave a variable its value."""
        node, value = binding.node, binding.value
        if isinstance(node, ast.arg):
            yield from self._argument(scope, node, depth)
        elif binding.element:
            yield self._origin("element", node, value or node, "gave an element that is None")
        elif isinstance(node, ast.With | ast.AsyncWith):
            yield self._origin("call", node, value or node, "entered with None")
        elif value is not None:
            inner = replace(self, owner=None)
            for origin in inner.value(value, node, depth + 1):
                is_here = origin.kind == "none" and kind is not None
                yield replace(origin, kind=kind) if is_here and kind else origin

    def _argument(self, scope: Scope, given: ast.arg, depth: int) -> Iterator[Origin]:
        """An argument: the caller's expression, or its default."""
        assert isinstance(scope, Function)  # noqa: S101 - nothing else has arguments
        name = self.tree.qualname(scope)
        number = self._frame_of(scope)
        handed = passed(self.tracer.frames, self.tracer.tree, number, scope, self.tree, given.arg)
        if handed is not None and handed.expression is not None:
            caller = self.tracer.frames[handed.number]
            tree = self.tracer.tree(caller.file)
            assert tree is not None  # noqa: S101 - the expression is of it
            step = _Step(self.tracer, tree, caller.file, handed.number)
            for origin in step.value(handed.expression, tree.statement(handed.expression), depth + 1):
                yield replace(origin, through=(*origin.through, caller.frame))
            return
        default = default_of(scope, given.arg)
        if default is not None and not never_none(default) and (handed is None or handed.omitted):
            text, phrase = f"{given.arg}={ast.unparse(default)}", f"is the default of an argument of {name}"
            yield Origin("default", Frame(self.file, given.lineno, name), text, phrase)
        elif handed is None and number + 1 < len(self.tracer.frames) and number >= 0:
            caller = self.tracer.frames[number + 1]
            yield Origin("argument", caller.frame, given.arg, f"was given to {name} as an argument")
        else:
            yield Origin("argument", Frame(self.file, given.lineno, name), given.arg, f"is an argument of {name}")

    def _frame_of(self, scope: Scope) -> int:
        """The number of the frame that runs a function, from this frame outwards; -1 where there is none."""
        if self.number < 0:
            return -1
        for number in range(self.number, len(self.tracer.frames)):
            frame = self.tracer.frames[number]
            if frame.file == self.file and self.tree.function_at(frame) is scope:
                return number
        return -1

    def _attribute(self, node: ast.Attribute, told: ast.AST) -> Iterator[Origin]:
        """An attribute: the places of its class that set it to what may be None."""
        for tree, file, kind in self._classes(node):
            step = _Step(self.tracer, tree, file, -1)
            found = [origin for each in stores(kind, node.attr) for origin in step._stored(each)]
            if found:
                yield from found
                return
        whose = f"an attribute of a {self.owner.name}" if self.owner else "an attribute that was None"
        yield self._origin("attribute", told, node, f"{'is' if told is node else 'reads'} {whose}")

    def _stored(self, stored: ast.stmt) -> Iterator[Origin]:
        value = stored.value if isinstance(stored, ast.Assign | ast.AnnAssign) else None
        if value is None:
            return
        method = self.tree.scope(stored)
        if isinstance(value, ast.Name) and argument(method, value.id):
            default = default_of(method, value.id) if isinstance(method, Function) else None
            if default is None:
                yield self._origin("attribute", stored, stored, f"stores an argument of {self.tree.qualname(method)}")
            elif not never_none(default):
                yield self._origin("attribute", stored, stored, f"stores an argument whose default is "
                                                                f"{ast.unparse(default)}")  # fmt: skip
            return
        for origin in self.value(value, stored, 1):
            yield replace(origin, kind="attribute")

    def _classes(self, node: ast.Attribute) -> Iterator[tuple[SourceTree, str, ast.ClassDef]]:
        """The classes that an attribute may be of, and their bases in the same file."""
        tree: SourceTree | None = self.tree
        file, found = self.file, None
        if self.owner is not None:
            file = self.owner.file
            tree = self.tracer.tree(file)
            if tree is not None:
                found = class_named(tree, self.owner.name)
        elif isinstance(node.value, ast.Name):
            method = self.tree.scope(node)
            is_self = isinstance(method, Function) and [a.arg for a in method.args.args[:1]] == [node.value.id]
            found = self.tree.class_of(method) if is_self else class_named(self.tree, node.value.id)
        pending = [found] if found else []
        while tree is not None and pending:
            kind = pending.pop(0)
            yield tree, file, kind
            names = [base.id for base in kind.bases if isinstance(base, ast.Name)]
            bases = [class_named(tree, name) for name in names]
            pending += [base for base in bases if base is not None and base is not kind]

    def _returns(self, call: ast.Call) -> Iterator[Origin]:
        """Where a called function of the same file gives None back."""
        function = called(self.tree, call)
        for node, phrase in gives_none(function) if function else ():
            place = Frame(self.file, node.lineno, self.tree.qualname(function or node))
            yield Origin("missing-return", place, shown(node), phrase)


def _declared(scope: Scope, name: str) -> Literal["global", "nonlocal"] | None:
    for node in own_nodes(scope):
        if isinstance(node, ast.Global) and name in node.names:
            return "global"
        if isinstance(node, ast.Nonlocal) and name in node.names:
            return "nonlocal"
    return None
