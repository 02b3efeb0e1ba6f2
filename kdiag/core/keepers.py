"""Which container holds what grows: the words for it, and the line that its name is made at.

Separate from the detector because `kdiag memory` tells the same.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from kdiag.core.model import Place
from kdiag.core.source_trees import parsed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kdiag.core.model import Keeper, Keepers, Window

_NAMES = re.compile(r"\.(\w+)")
_ENDS = re.compile(r"\[…\]| \(")
_DESCRIPTORS = frozenset({
    "TextIOWrapper", "BufferedReader", "BufferedWriter", "BufferedRandom", "FileIO", "socket", "SSLSocket",
})  # fmt: skip
_ALIKE = 2.0  # times
_LOCAL = re.compile(r"^(?P<function>.+) \(local (?P<name>\w+)\)$")


def keepers(window: Window) -> Keepers | None:
    """What the probe's last word on them was; None where none was looked for."""
    return next((sample.keepers for sample in reversed(window.probe) if sample.keepers is not None), None)


def leading(found: Keepers | None) -> Keeper | None:
    """The container that takes most memory a second more."""
    growing = [each for each in found.growing if each.span_s > 0] if found else []
    return max(growing, key=lambda each: (each.bytes_per_s, each.per_s), default=None)


def of_descriptors(found: Keepers | None, per_s: float) -> Keeper | None:
    """The container that gets longer by files or sockets about as fast as descriptors become more."""
    growing = found.growing if found else ()
    opened = [each for each in growing if any(name.rpartition(".")[2] in _DESCRIPTORS for name, _ in each.types)]
    alike = [each for each in opened if per_s / _ALIKE <= each.per_s <= per_s * _ALIKE]
    return min(alike, key=lambda each: abs(each.per_s - per_s), default=None)


def types(keeper: Keeper) -> str:
    """The types of its newest elements, the most frequent first."""
    return ", ".join(name for name, _ in keeper.types[:2]) or "elements"


def kind(keeper: Keeper) -> str:
    """What it is."""
    return keeper.kind if keeper.containers == 1 else f"{keeper.containers} of type {keeper.kind}"


def grown(keeper: Keeper) -> str:
    """How much longer it became."""
    return (
        f"{keeper.name} ({kind(keeper)}) grew from {keeper.before:,} to {keeper.after:,} elements in "
        f"{keeper.span_s:.1f} s, {60 * keeper.per_s:,.0f} a minute: {types(keeper)}"
    )


def place(keeper: Keeper, sources: Mapping[str, str]) -> Place:
    """Where its name is made; the line is 0 where the source does not tell."""
    local = _LOCAL.match(keeper.root)
    if local:
        return Place(keeper.file, keeper.line, local["function"].partition(".")[2], object=keeper.name)
    line, function = _definition(sources.get(keeper.file, ""), _NAMES.findall(_ENDS.split(keeper.path)[0]))
    return Place(keeper.file, line, function, object=keeper.name)


def _definition(source: str, names: list[str]) -> tuple[int, str]:
    """The line that makes the last of the names that can be followed, from the module on, and what it stands in."""
    tree = parsed(source) if source else None
    body: list[ast.stmt] = tree.module.body if tree else []
    line, inside = 0, "<module>"
    for name in names:
        found = next((node for node in _statements(body) if name in _made(node)), None)
        if found is None:
            break
        line = found.lineno
        if not isinstance(found, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            break
        inside, body = (found.name if inside == "<module>" else f"{inside}.{found.name}"), found.body
    return line, inside


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a scope, also those under `if`, `try` and `with`."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With | ast.For):
            yield from _statements([each for each in ast.iter_child_nodes(node) if isinstance(each, ast.stmt)])


def _made(node: ast.stmt) -> set[str]:
    """The names that a statement makes."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}
