"""Which assignments of a variable can reach the place where it was None: a walk over the statements of one function.

Separate from the search for the origin, which asks this for each variable on the way. What the code has tested for
None does not reach: after `if node is None: return` no None of before does. A branch that was taken is not known, so
several may be left.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kdiag.core.source_trees import Function, never_none, own_nodes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kdiag.core.source_trees import Scope, SourceTree


@dataclass(frozen=True, eq=False, slots=True)
class Binding:
    """One place that gives a variable its value.

    Attributes:
        node: the statement, the loop, the walrus, or the argument.
        value: what it is given; None for an argument and for parts of what is unpacked.
        element: whether it is given an element of `value` rather than all of it.
    """

    node: ast.AST
    value: ast.expr | None
    element: bool = False


_SOMETHING = ast.Constant(...)  # a value that is never None
_State = frozenset[Binding]
_SOME: _State = frozenset()  # it is not None here, whoever gave it


def bindings(scope: Scope, name: str) -> list[Binding]:
    """All places of a scope that give the variable a value, in the order of the source."""
    found = [binding for node in own_nodes(scope) for binding in _binds(node, name)]
    return sorted(found, key=lambda each: (getattr(each.node, "lineno", 0), getattr(each.node, "col_offset", 0)))


def argument(scope: Scope, name: str) -> ast.arg | None:
    """The argument of that name."""
    if not isinstance(scope, Function):
        return None
    kept = scope.args
    every = [*kept.posonlyargs, *kept.args, *kept.kwonlyargs, *filter(None, (kept.vararg, kept.kwarg))]
    return next((each for each in every if each.arg == name), None)


def reaching(tree: SourceTree, scope: Scope, name: str, use: ast.AST) -> list[Binding]:
    """The places whose None may be what is found at `use`; all of the scope's where the walk leaves none."""
    given = argument(scope, name)
    start: _State = frozenset({Binding(given, None)}) if given else _SOME
    walk = _Walk(name, frozenset({use, *tree.above(use)}), use)
    if isinstance(scope, ast.Lambda):
        return list(start)
    walk.run(scope.body, start)
    left = [each for each in walk.seen if not (each.value is not None and not each.element and never_none(each.value))]
    if not left:
        left = [each for each in bindings(scope, name) if each.element or not never_none(each.value)]
        left += list(start) if given else []
    return sorted(left, key=lambda each: (getattr(each.node, "lineno", 0), getattr(each.node, "col_offset", 0)))


@dataclass
class _Walk:
    """`run` gives what holds after statements, None where they are never left; `seen` is what holds at the use."""

    name: str
    path: frozenset[ast.AST]
    use: ast.AST
    seen: set[Binding] = field(default_factory=set)
    _breaks: list[_State] = field(default_factory=list)
    _continues: list[_State] = field(default_factory=list)
    _made: dict[tuple[ast.AST, int], Binding] = field(default_factory=dict)

    def run(self, body: Sequence[ast.stmt], state: _State | None) -> _State | None:
        for statement in body:
            if state is None:
                return None
            state = self._step(statement, state)
        return state

    def _step(self, node: ast.stmt, state: _State) -> _State | None:
        match node:
            case ast.If(test=test, body=body, orelse=orelse):
                state = self._head((test,), state)
                yes, no = self._narrowed(test, state)
                return _joined(self.run(body, yes), self.run(orelse, no))
            case ast.While():
                return self._loop(node, state, (node.test,), ())
            case ast.For() | ast.AsyncFor():
                return self._loop(node, state, (node.iter,), tuple(_binds(node, self.name)))
            case ast.Try() | ast.TryStar():
                return self._try(node, state)
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
                state = self._head((item.context_expr for item in items), state)
                return self.run(body, self._after(tuple(_binds(node, self.name)), state))
            case ast.Match(subject=subject, cases=cases):
                state = self._head((subject,), state)
                bound = frozenset(self._known(each) for case in cases for each in _within(case.pattern, self.name))
                ends = [self.run(case.body, state | bound) for case in cases]
                return _joined(state, *ends)
        state = self._head((node,), state)
        return self._simple(node, state)

    def _simple(self, node: ast.stmt, state: _State) -> _State | None:
        match node:
            case ast.Return() | ast.Raise():
                return None
            case ast.Break():
                self._breaks.append(state)
                return None
            case ast.Continue():
                self._continues.append(state)
                return None
            case ast.Assert(test=test):
                return self._narrowed(test, state)[0]
        return self._after(tuple(_binds(node, self.name)), state)

    def _head(self, parts: Iterable[ast.AST], state: _State) -> _State:
        """What holds after expressions; their walruses are before the use if they stand before it."""
        for part in parts:
            walruses = [each for each in _inside(part) if isinstance(each, ast.NamedExpr)]
            for walrus in walruses:
                if _before(walrus, self.use):
                    state = self._after(tuple(_binds(walrus, self.name)), state)
            if part in self.path and not isinstance(part, Function | ast.ClassDef):
                self.seen |= state
            for walrus in walruses:
                state = self._after(tuple(_binds(walrus, self.name)), state)
        return state

    def _loop(
        self, node: ast.While | ast.For | ast.AsyncFor, state: _State, head: tuple[ast.expr, ...],
        bound: tuple[Binding, ...],
    ) -> _State | None:  # fmt: skip
        outer = self._breaks, self._continues
        self._breaks, self._continues = [], []
        state = self._head(head, state)
        entry: _State = state
        for _ in range(2):  # once more with what the first round leaves
            test = node.test if isinstance(node, ast.While) else None
            inside = self._narrowed(test, entry)[0] if test else self._after(bound, entry)
            end = self.run(node.body, inside)
            entry = _joined(state, end, *self._continues) or _SOME
            if head:
                entry = self._head(head, entry)
        breaks = self._breaks
        self._breaks, self._continues = outer
        forever = isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and node.test.value
        after = None if forever else self._narrowed(node.test, entry)[1] if isinstance(node, ast.While) else entry
        return _joined(self.run(node.orelse, after), *breaks)

    def _try(self, node: ast.Try | ast.TryStar, state: _State) -> _State | None:
        done = self.run(node.body, state)
        inner = frozenset(self._known(each) for each in _within_all(node.body, self.name))
        ends = [self.run(handler.body, state | inner) for handler in node.handlers]
        end = _joined(self.run(node.orelse, done), *ends)
        if not node.finalbody:
            return end
        after = self.run(node.finalbody, _joined(end, state | inner))
        return None if end is None else after

    def _after(self, bound: tuple[Binding, ...], state: _State) -> _State:
        if not bound:
            return state
        return frozenset(self._known(each) for each in bound if each.element or not never_none(each.value))

    def _known(self, binding: Binding) -> Binding:
        """The same binding for the same place, however often it is walked over."""
        return self._made.setdefault((binding.node, id(binding.value)), binding)

    def _narrowed(self, test: ast.expr, state: _State) -> tuple[_State, _State]:
        """What holds where a test is true, and where it is false."""
        yes, no = _tells(test, self.name)
        return (_SOME if yes else state), (_SOME if no else state)


def _joined(*states: _State | None) -> _State | None:
    alive = [state for state in states if state is not None]
    return frozenset().union(*alive) if alive else None


def _tells(test: ast.expr, name: str) -> tuple[bool, bool]:
    """Whether the variable is no None where the test is true, and where it is false."""
    match test:
        case ast.Name(id=tested) | ast.NamedExpr(target=ast.Name(id=tested)):
            return tested == name, False
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yes, no = _tells(operand, name)
            return no, yes
        case ast.BoolOp(op=ast.And(), values=values):
            return any(_tells(value, name)[0] for value in values), False
        case ast.BoolOp(values=values):
            return False, any(_tells(value, name)[1] for value in values)
        case ast.Compare(left=left, ops=[ast.Is() | ast.Eq()], comparators=[ast.Constant(value=None)]):
            return False, _tells(left, name)[0]
        case ast.Compare(left=left, ops=[ast.IsNot() | ast.NotEq()], comparators=[ast.Constant(value=None)]):
            return _tells(left, name)[0], False
        case ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id=tested), *_]):
            return tested == name, False
    return False, False


def _binds(node: ast.AST, name: str) -> Iterator[Binding]:  # noqa: C901 - one case for each form
    """What a node itself gives the variable."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _given(node, target, value, name)
        case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value) if target == name:
            yield Binding(node, value)
        case ast.NamedExpr(target=ast.Name(id=target), value=value) if target == name:
            yield Binding(node, value)
        case ast.AugAssign(target=ast.Name(id=target)) if target == name:
            yield Binding(node, _SOMETHING)
        case ast.For(target=target, iter=value) | ast.AsyncFor(target=target, iter=value):
            yield from (Binding(node, value, element=True) for each in _names(target) if each == name)
        case ast.comprehension(target=target, iter=value):
            yield from (Binding(node, value, element=True) for each in _names(target) if each == name)
        case ast.With(items=items) | ast.AsyncWith(items=items):
            for item in items:
                if item.optional_vars is not None and name in _names(item.optional_vars):
                    yield Binding(node, item.context_expr)
        case ast.MatchAs(name=bound) | ast.MatchStar(name=bound) if bound == name:
            yield Binding(node, None, element=True)
        case ast.FunctionDef(name=bound) | ast.AsyncFunctionDef(name=bound) | ast.ClassDef(name=bound) if bound == name:
            yield Binding(node, _SOMETHING)


def _given(node: ast.AST, target: ast.expr, value: ast.expr, name: str) -> Iterator[Binding]:
    """What one target of an assignment gives the variable: an element where it is unpacked."""
    match target, value:
        case ast.Name(id=bound), _ if bound == name:
            yield Binding(node, value)
        case ((ast.Tuple(elts=targets) | ast.List(elts=targets)), (ast.Tuple(elts=values) | ast.List(elts=values))) if (
            len(targets) == len(values)
        ):
            for one, other in zip(targets, values, strict=True):
                yield from _given(node, one, other, name)
        case ast.Tuple() | ast.List(), _ if name in _names(target):
            yield Binding(node, value, element=True)


def _names(target: ast.expr) -> list[str]:
    return [node.id for node in ast.walk(target) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    yield from own_nodes(node)


def _within(node: ast.AST, name: str) -> list[Binding]:
    return [binding for each in _inside(node) for binding in _binds(each, name)]


def _within_all(body: Sequence[ast.stmt], name: str) -> list[Binding]:
    found = [each for statement in body for each in _within(statement, name)]
    return [each for each in found if each.element or not never_none(each.value)]


def _before(node: ast.expr, use: ast.AST) -> bool:
    at = getattr(use, "lineno", 0), getattr(use, "col_offset", 0)
    return (node.end_lineno or 0, node.end_col_offset or 0) <= at or use in ast.walk(node)
