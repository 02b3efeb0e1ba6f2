"""Who catches an exception, by the source: the innermost `try` or `suppress` around the lines of a traceback that does.

Separate from the detectors because it tells an expected exception from a swallowed one: `except AttributeError:` around
a line was written for it, `except Exception:` for everything. Exceptions of classes of the program's own are known by
their names only, their bases are not.
"""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.core.model import Frame
from kdiag.core.source_trees import Scope, SourceTree, parsed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kdiag.core.model import CrashFrame, CrashGroup

_BROAD = frozenset({"", "Exception", "BaseException"})


@dataclass(frozen=True, slots=True)
class Catch:
    """Where an exception is caught.

    Attributes:
        place: the line of the `except`, or of the `with suppress`.
        by_name: whether it is caught by its own name (or a narrow base's), not with everything else.
        silent: whether nothing is done about it: the handler is only `pass`, `continue` or `...`.
    """

    place: Frame
    by_name: bool
    silent: bool


def catch(group: CrashGroup, sources: Mapping[str, str]) -> Catch | None:
    """Where the exceptions of a group are caught for good; None where no file that was read does it."""
    names = _names(group.type)
    for frame in group.frames:
        text = sources.get(frame.file)
        tree = parsed(text) if text is not None else None
        for found in _around(tree, frame, names) if tree is not None else ():
            return found
    return None


def _names(kind: str) -> tuple[str, ...]:
    """The names by which an exception of this type may be caught, the broad ones left out."""
    name = kind.rpartition(".")[2]
    known = getattr(builtins, name, None)
    if isinstance(known, type) and issubclass(known, BaseException):
        return tuple(each.__name__ for each in known.__mro__ if each.__name__ not in {"object", *_BROAD})
    return (name,)


def _around(tree: SourceTree, frame: CrashFrame, names: tuple[str, ...]) -> Iterator[Catch]:
    """What catches in the function of a frame, from the inside out."""
    statements = [node for node in tree.touching(frame.line) if isinstance(node, ast.stmt)]
    node: ast.AST | None = max(statements, key=lambda each: (each.lineno, -(each.end_lineno or 0)), default=None)
    while node is not None and not isinstance(node, Scope):
        parent = tree.parents.get(node)
        if isinstance(parent, ast.Try | ast.TryStar) and node in parent.body:
            for handler in parent.handlers:
                told = _told(handler.type)
                if told & _BROAD or told & set(names):
                    if not _goes_on(handler):
                        place = Frame(frame.file, handler.lineno, frame.function)
                        yield Catch(place, not told & _BROAD, _is_silent(handler))
                    break
        elif isinstance(parent, ast.With) and node in parent.body:
            for item in parent.items:
                call = item.context_expr
                if isinstance(call, ast.Call) and _last(call.func) == "suppress":
                    told = {name for argument in call.args for name in _told(argument)}
                    if told & {*_BROAD, *names}:
                        yield Catch(Frame(frame.file, parent.lineno, frame.function), not told & _BROAD, True)
        node = parent


def _told(kind: ast.expr | None) -> set[str]:
    if kind is None:
        return {""}
    return {_last(each) for each in (kind.elts if isinstance(kind, ast.Tuple) else (kind,))}


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "?")


def _goes_on(handler: ast.ExceptHandler) -> bool:
    """Whether the handler lets it go on, or another in its place."""
    return isinstance(handler.body[-1], ast.Raise)


def _is_silent(handler: ast.ExceptHandler) -> bool:
    return all(
        isinstance(node, ast.Pass | ast.Continue)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in handler.body
    )
