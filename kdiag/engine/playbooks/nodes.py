"""YAML as a tree that knows where each part stands.

Separate from the parser of playbooks: here nothing is known of them, only of YAML, its types, and its traps (aliases
that lead back to themselves or multiply, keys that are no texts, tags).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from kdiag.core.playbooks.model import At, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEEPEST = 30
_MOST = 20_000  # nodes, those of aliases counted each time
_TAG = "tag:yaml.org,2002:"
_TRUE, _FALSE = {"true", "True", "TRUE"}, {"false", "False", "FALSE"}


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a document.

    Attributes:
        value: a text, number, truth value or None; a list of nodes; or a table of them by their keys.
        at: where it begins; of a quoted text its first character.
        keys: where the keys of a table stand.
    """

    value: Any
    at: At
    keys: dict[str, At]


class NotYamlError(Exception):
    """The text is no YAML that can be used."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def read_nodes(text: str) -> tuple[Node, list[Problem]]:
    """The tree of a text, and the keys that are there twice.

    Raises:
        NotYamlError: there is none.
    """
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = At(mark.line + 1, mark.column + 1) if mark else At()
        raise NotYamlError(Problem(at, "yaml", f"This is no YAML: {error.problem or error.context}.")) from error
    except (YAMLError, ValueError, RecursionError, AttributeError, LookupError, TypeError, AssertionError) as error:
        line = str(error).strip().partition("\n")[0]
        raise NotYamlError(Problem(At(), "yaml", f"This is no YAML: {line}.")) from error
    if root is None:
        raise NotYamlError(Problem(At(), "yaml", "The file is empty."))
    reader = _Reader()
    return reader.node(root, 0), reader.problems


class _Reader:
    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._count = 0

    def node(self, raw: Any, depth: int) -> Node:
        mark = raw.start_mark
        at = At(mark.line + 1, mark.column + 1)
        self._count += 1
        if depth > _DEEPEST or self._count > _MOST:
            raise NotYamlError(Problem(at, "yaml", "The file is nested too deeply, or too large."))
        if isinstance(raw, ScalarNode):
            quoted = raw.style in {"'", '"'}
            return Node(_scalar(raw), At(at.line, at.column + quoted), {})
        if isinstance(raw, SequenceNode):
            return Node([self.node(each, depth + 1) for each in raw.value], at, {})
        if not isinstance(raw, MappingNode):
            raise NotYamlError(Problem(at, "yaml", "This part is of no known kind."))
        table, keys = {}, {}
        for key, value in raw.value:
            name = key.value if isinstance(key, ScalarNode) else "?"
            where = At(key.start_mark.line + 1, key.start_mark.column + 1)
            if name in table:
                self.problems.append(Problem(where, "duplicate-key", f"The key {name!r} is there twice."))
            table[name], keys[name] = self.node(value, depth + 1), where
        return Node(table, at, keys)


def _scalar(raw: Any) -> str | float | bool | None:
    """What YAML 1.2 makes of a plain text; a quoted one stays a text."""
    text, tag = str(raw.value), str(raw.tag)
    if raw.style in {"'", '"', "|", ">"} or tag not in {f"{_TAG}{kind}" for kind in ("int", "float", "bool", "null")}:
        return text
    if tag.endswith("null"):
        return None
    if text in _TRUE | _FALSE:
        return text in _TRUE
    try:
        number = float(text) if any(sign in text for sign in ".eE") else int(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def kind(node: Node) -> str:
    """The type of a node in words."""
    match node.value:
        case dict():
            return "a table"
        case list():
            return "a list"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case None:
            return "nothing"
    return "a text"


def items(node: Node) -> Iterator[tuple[str, Node, At]]:
    """The keys of a table with their values and places."""
    for name, value in node.value.items():
        yield name, value, node.keys[name]
