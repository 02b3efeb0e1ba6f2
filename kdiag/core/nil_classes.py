"""Which statements of a class store what may be None in an attribute of its instances.

Separate from the walk back to the origin: an attribute may be set anywhere, so this is a search and no walk.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from kdiag.core.source_trees import never_none

if TYPE_CHECKING:
    from kdiag.core.source_trees import SourceTree


def class_named(tree: SourceTree, name: str) -> ast.ClassDef | None:
    """The class of that name; the name may begin with its module's."""
    for node in ast.walk(tree.module):
        if isinstance(node, ast.ClassDef):
            qualified = tree.qualname(node)
            if name == qualified or name.endswith("." + qualified):
                return node
    return None


def stores(kind: ast.ClassDef, attribute: str) -> list[ast.stmt]:
    """The statements of a class that store what may be None in an attribute of its instances."""
    found: list[ast.stmt] = []
    for node in ast.walk(kind):
        if not isinstance(node, ast.Assign | ast.AnnAssign) or never_none(node.value):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        in_class = node in kind.body
        for target in targets:
            of_self = isinstance(target, ast.Attribute) and target.attr == attribute
            of_class = in_class and isinstance(target, ast.Name) and target.id == attribute
            if of_self or of_class:
                found.append(node)
    return sorted(found, key=lambda node: node.lineno)
