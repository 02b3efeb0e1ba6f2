"""Crash groups made of exceptions that were really raised, by source text that is run here.

Separate from windows: what the hooks read of a traceback is read here the same way, of the interpreter that runs the
tests; less of it for the sake of older ones.
"""

from __future__ import annotations

import asyncio
import re
import textwrap
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from kdiag.core.model import CrashFrame, CrashGroup, Span

if TYPE_CHECKING:
    from types import TracebackType

FILE = "/srv/shop/cache.py"
LISTED = """
class Lister:
    nodes = {}
    def get(self, name):
        return self.nodes.get(name)
lister = Lister()
def place(pod):
    node = lister.get("b")  # ORIGIN
    return node.name  # CULPRIT
def main():
    return place("p")
"""
_HERE = __file__


def crash(source: str) -> tuple[CrashGroup, dict[str, str]]:
    """The crash that the source's `main` ends in, a coroutine or not, and the sources."""
    text = textwrap.dedent(source)
    names: dict[str, Any] = {"__name__": "cache"}
    exec(compile(text, FILE, "exec"), names)  # noqa: S102 - of this test
    try:
        done = names["main"]()
        if asyncio.iscoroutine(done):
            asyncio.run(done)
    except Exception as error:
        return group_of(error), {FILE: text}
    raise AssertionError("nothing was raised")


def group_of(error: BaseException, kind: str = "nil") -> CrashGroup:
    """The exception as a group of one."""
    frames: list[CrashFrame] = []
    stack = error.__traceback__
    while stack is not None:
        frames.insert(0, _frame(stack))
        stack = stack.tb_next
    return CrashGroup(
        number=1, type=type(error).__name__, message=str(error), kind=cast("Any", kind), count=1, ended=0, first_at=1.0,
        last_at=1.0, by={"logging": 1}, loggers=(), threads=("worker",),
        frames=tuple(frame for frame in frames if frame.file != _HERE),
    )  # fmt: skip


def without_columns(group: CrashGroup) -> CrashGroup:
    """The same as 3.9 and 3.10 would tell it."""
    return replace(group, frames=tuple(replace(frame, span=None) for frame in group.frames))


def marked(text: str, mark: str) -> list[int]:
    """The numbers of the lines that carry a mark."""
    lines = textwrap.dedent(text).splitlines()
    return [number for number, line in enumerate(lines, 1) if re.search(rf"#.*\b{mark}\b", line)]


def _frame(stack: TracebackType) -> CrashFrame:
    code, variables = stack.tb_frame.f_code, stack.tb_frame.f_locals
    position = next(islice(code.co_positions(), stack.tb_lasti // 2, None))
    span = cast("Span", position) if None not in position else None
    nones = () if code.co_name == "<module>" else tuple(name for name, value in variables.items() if value is None)
    return CrashFrame(code.co_filename, stack.tb_lineno, code.co_qualname, code.co_firstlineno, span, nones)
