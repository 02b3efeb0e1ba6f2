"""What the target's source files say about the lines that stacks stand at.

The files are read as the target sees them (through `/proc/PID/root`), never imported or run. It is separate from the
stacks because it needs the syntax tree of a file, once, after the looking is done.
"""

from __future__ import annotations

import ast
import threading
import tokenize
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from kdiag.core.model import LineFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LARGEST_BYTES = 2_000_000
_CONTAINERS = frozenset({"list", "dict", "set", "deque", "defaultdict", "deepcopy"})
_ACQUIRERS = frozenset({"acquire", "acquire_lock", "lock", "rlock", "wrlock"})

_Function = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True)
class SourceFile:
    """One parsed file and the facts about its lines."""

    text: str
    _tree: ast.Module = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Parse; a file of another Python's syntax gives no facts but its text."""
        try:
            tree = ast.parse(self.text)
        except (SyntaxError, ValueError, RecursionError):
            tree = ast.Module([], [])
        object.__setattr__(self, "_tree", tree)

    @cached_property
    def _lines(self) -> list[str]:
        return self.text.splitlines()

    def facts(self, line: int) -> LineFacts | None:
        """What is known about a line (1-based); None where the file has no such line."""
        if not 1 <= line <= len(self._lines):
            return None
        path = list(_path_to(self._tree, line))
        statement = next((node for node in reversed(path) if isinstance(node, ast.stmt)), None)
        return LineFacts(
            text=self._lines[line - 1].strip(),
            qualname=_qualname(path),
            acquires=_acquires(statement, line),
            holds=tuple(_holds(path, line)),
            call=_called(statement, line),
            creates=any(map(_creates, _expressions(statement))),
        )


def _path_to(tree: ast.AST, line: int) -> Iterator[ast.AST]:
    """The nodes that contain the line, outermost first; of several beside each other the last that starts by it."""
    node: ast.AST | None = tree
    while node is not None:
        yield node
        inside = [
            child for child in ast.iter_child_nodes(node)
            if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case | ast.Lambda)
            and _first_line(child) <= line <= _last_line(child)
        ]  # fmt: skip
        node = inside[-1] if inside else None


def _first_line(node: ast.AST) -> int:
    decorators = getattr(node, "decorator_list", [])
    lines = [getattr(node, "lineno", 0) or _case_line(node), *(d.lineno for d in decorators)]
    return min(map(int, lines))


def _case_line(node: ast.AST) -> int:
    return node.pattern.lineno if isinstance(node, ast.match_case) else 0


def _last_line(node: ast.AST) -> int:
    if isinstance(node, ast.match_case):
        return _last_line(node.body[-1])
    return int(getattr(node, "end_lineno", None) or 0)


def _qualname(path: list[ast.AST]) -> str:
    parts: list[str] = []
    for node in path:
        if isinstance(node, ast.ClassDef):
            parts.append(node.name)
        elif isinstance(node, _Function):
            parts += [getattr(node, "name", "<lambda>"), "<locals>"]
    if parts and parts[-1] == "<locals>":
        return ".".join(parts[:-1])
    return "<module>" if not parts else ".".join(parts)


def _acquires(statement: ast.stmt | None, line: int) -> tuple[str, ...]:
    """Expressions that the statement acquires when it stands at this line."""
    if isinstance(statement, ast.With | ast.AsyncWith):
        if line > max(_last_line(item.context_expr) for item in statement.items):
            return ()  # inside the body, on a line of no statement of its own
        return tuple(_lock_expression(item.context_expr) for item in statement.items)
    return tuple(
        ast.unparse(call.func.value)
        for call in _calls(statement, line)
        if isinstance(call.func, ast.Attribute) and call.func.attr in _ACQUIRERS
    )


def _lock_expression(expression: ast.expr) -> str:
    """`self.lock` of `with self.lock` and of `with self.lock.rlock()` alike."""
    function = expression.func if isinstance(expression, ast.Call) else None
    if isinstance(function, ast.Attribute) and function.attr in _ACQUIRERS:
        return ast.unparse(function.value)
    return ast.unparse(expression)


def _holds(path: list[ast.AST], line: int) -> Iterator[tuple[str, int]]:
    """(expression, line) of the `with` blocks that the line lies in the body of, within its own function."""
    last_function = max((i for i, node in enumerate(path) if isinstance(node, _Function)), default=-1)
    for node in path[last_function + 1 :]:
        if isinstance(node, ast.With | ast.AsyncWith) and line >= _first_line(node.body[0]):
            for item in node.items:
                yield _lock_expression(item.context_expr), node.lineno


def _calls(statement: ast.stmt | None, line: int) -> list[ast.Call]:
    """Calls in the statement's own expressions that touch the line; bodies of compound statements left out."""
    return [
        node
        for node in _expressions(statement)
        if isinstance(node, ast.Call) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]


def _creates(node: ast.AST) -> bool:
    """Whether an expression makes an object that the collector tracks: a container, or an instance of a class."""
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        return bool(name) and (name.lstrip("_")[:1].isupper() or name in _CONTAINERS)
    return isinstance(node, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp)


def _expressions(statement: ast.stmt | None) -> list[ast.AST]:
    """The statement and its own expressions; bodies of compound statements left out."""
    if statement is None or isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return []
    found: list[ast.AST] = []
    pending: list[ast.AST] = [statement]
    while pending:
        node = pending.pop()
        found.append(node)
        pending += [
            child
            for child in ast.iter_child_nodes(node)
            if not isinstance(child, ast.stmt | ast.excepthandler | ast.match_case)
        ]
    return found


def _called(statement: ast.stmt | None, line: int) -> str:
    """Name of the first call on the line, as it is written: "re.match", "_compile(pattern).match"."""
    for call in sorted(_calls(statement, line), key=lambda call: (call.lineno, call.col_offset)):
        name = ast.unparse(call.func)
        if len(name) <= 80 and "\n" not in name:
            return name
    return ""


class SourceReader:
    """Reads the target's files and answers for lines, in any thread; every file is read and parsed once.

    `afterwards` is the root to read from when `root` is gone with the target; "" for none.
    """

    def __init__(self, root: str, afterwards: str = "") -> None:
        self._root = Path(root)
        self._afterwards = Path(afterwards) if afterwards else None
        self._lock = threading.Lock()
        self._files: dict[str, SourceFile | None] = {}  # guarded by _lock

    def facts(self, places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], LineFacts]:
        """Facts about (file, line) places; those that cannot be read are left out."""
        known = {}
        for file, line in places:
            source = self._file(file)
            facts = source.facts(line) if source is not None else None
            if facts is not None:
                known[file, line] = facts
        return known

    def around(self, places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], LineFacts]:
        """The same, and facts about the lines where the locks around these places were taken."""
        stands = self.facts(places)
        holds = {(file, line) for (file, _), facts in stands.items() for _, line in facts.holds}
        return {**self.facts(holds), **stands}

    def texts(self, files: Iterable[str]) -> dict[str, str]:
        """The text of files; those that cannot be read are left out."""
        return {file: source.text for file in files if (source := self._file(file)) is not None}

    def _file(self, file: str) -> SourceFile | None:
        with self._lock:
            if file not in self._files:
                self._files[file] = self._read(file)
            return self._files[file]

    def _gone(self) -> bool:
        """Whether there is no such root any more; one that may not be looked at is there."""
        try:
            self._root.stat()
        except (FileNotFoundError, ProcessLookupError):
            return True
        except OSError:
            return False
        return False

    def _read(self, file: str) -> SourceFile | None:
        if not file.startswith("/"):
            return None
        root = self._afterwards if self._afterwards and self._gone() else self._root
        path = root / file.lstrip("/")
        try:
            if path.stat().st_size > _LARGEST_BYTES or not path.is_file():
                return None
            with tokenize.open(path) as stream:
                return SourceFile(stream.read())
        except (OSError, SyntaxError, UnicodeDecodeError):
            return None
