"""Where the time went: stacks that were counted, and what can be added up over them.

It is separate from the report's profile, which writes these numbers in other programs' formats. Frames are innermost
first, as everywhere in the core; collapsed text, which py-spy writes and flame graph tools read, has them outermost
first.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kdiag.core.model import Frame, ProfiledStack
from kdiag.core.redact import redact_command

if TYPE_CHECKING:
    from collections.abc import Sequence

_FRAME = re.compile(r"(?P<function>.*) \((?P<file>.*?)(?::(?P<line>\d+))?\)", re.DOTALL)
_THREAD = re.compile(r"thread \((?P<id>0x[0-9A-Fa-f]+|\d+)\)(?:: (?P<name>.*))?", re.DOTALL)
_SOURCE = re.compile(r"\.py[cx]?$|^<")


@dataclass(frozen=True, slots=True)
class Profile:
    """Counted stacks. `rate_hz` is how often a second they were looked at, None where a count is no time."""

    stacks: tuple[ProfiledStack, ...]
    rate_hz: float | None = None

    @property
    def total(self) -> int:
        """How many stacks were seen in all."""
        return sum(stack.count for stack in self.stacks)


@dataclass(frozen=True, slots=True)
class FunctionTotal:
    """One function over the whole profile, in counted stacks.

    Attributes:
        self_count: stacks that it was the innermost frame of.
        total_count: stacks that it was in at all, however often.
        line: the line of it that was seen most often, innermost where it ever was.
    """

    function: str
    file: str
    line: int
    self_count: int
    total_count: int


@dataclass(slots=True)
class Node:
    """One box of a flame graph: a function called along one path. Children are in order of their names.

    It is filled while the tree grows and read only afterwards. `lines` counts the lines that were being executed.
    """

    function: str
    file: str = ""
    native: bool = False
    count: int = 0
    self_count: int = 0
    lines: Counter[int] = field(default_factory=Counter)
    children: dict[tuple[str, str], Node] = field(default_factory=dict)

    @property
    def line(self) -> int:
        """The line that was executed most often; 0 where no line is known."""
        return max(self.lines, key=lambda line: (self.lines[line], -line), default=0)

    def ordered(self) -> list[Node]:
        """The children by name, so that the same profile always gives the same picture."""
        return [self.children[key] for key in sorted(self.children)]


def parse_collapsed(text: str, rate_hz: float | None = None) -> Profile:
    """The profile that a collapsed text holds: `outer (file:line);inner (file:line) COUNT` on each line.

    py-spy's `thread (ID): NAME` becomes the stack's thread; a command line that it shows is redacted. Lines without a
    count are left out.
    """
    stacks = []
    for line in text.split("\n"):
        path, _, count = line.rpartition(" ")
        if path and count.isascii() and count.isdigit():
            stacks.append(_stack(path, int(count)))
    return Profile(tuple(stacks), rate_hz)


def _stack(path: str, count: int) -> ProfiledStack:
    parts = path.split(";")
    outermost: list[Frame] = []
    if parts[0].startswith("process "):
        # The arguments are joined by spaces, so those of an argument are taken for several: too much is hidden.
        words = " ".join(redact_command(_take_name(parts).split(" ")))
        outermost.append(Frame("", 0, words, native=True))
    thread = _THREAD.fullmatch(parts[0]) if parts else None
    name, ident = "", 0
    if thread:
        ident = int(thread["id"], 0)
        name = _take_name(parts).partition(": ")[2]
    frames = [*outermost, *_frames(parts)]
    return ProfiledStack(ident, name, tuple(reversed(frames)), count)


def _take_name(parts: list[str]) -> str:
    """Take the first part, and those that a semicolon in its name has split off: they do not look like frames."""
    taken = [parts.pop(0)]
    quoted = ':"' in taken[0]
    while parts and ((quoted and not taken[-1].endswith('"')) or (not quoted and not _is_head(parts[0]))):
        taken.append(parts.pop(0))
    return ";".join(taken)


def _is_head(part: str) -> bool:
    return " (" in part or bool(_THREAD.fullmatch(part))


def _frames(parts: Sequence[str]) -> list[Frame]:
    """The parts as frames; one that opens a bracket and does not close it had a semicolon in its file's name."""
    frames, pending = [], ""
    for part in parts:
        whole = f"{pending};{part}" if pending else part
        if " (" in whole and not whole.endswith(")"):
            pending = whole
            continue
        pending = ""
        frames.append(_frame(whole))
    return [*frames, _frame(pending)] if pending else frames


def _frame(text: str) -> Frame:
    match = _FRAME.fullmatch(text)
    if match is None:
        return Frame("", 0, text, native=True)
    file = match["file"]
    return Frame(file, int(match["line"] or 0), match["function"], native=not _SOURCE.search(file))


def totals(profile: Profile) -> list[FunctionTotal]:
    """All functions, those with the most time of their own first."""
    own: Counter[tuple[str, str]] = Counter()
    whole: Counter[tuple[str, str]] = Counter()
    inner_lines: dict[tuple[str, str], Counter[int]] = {}
    outer_lines: dict[tuple[str, str], Counter[int]] = {}
    for stack in profile.stacks:
        for depth, frame in enumerate(stack.frames):
            key = frame.function, frame.file
            lines = outer_lines if depth else inner_lines
            lines.setdefault(key, Counter())[frame.line] += stack.count
        if stack.frames:
            own[stack.frames[0].function, stack.frames[0].file] += stack.count
        whole.update({(frame.function, frame.file): stack.count for frame in stack.frames})
    found = [
        FunctionTotal(*key, _most(inner_lines.get(key) or outer_lines[key]), own[key], count)
        for key, count in whole.items()
    ]
    return sorted(found, key=lambda one: (-one.self_count, -one.total_count, one.function, one.file))


def _most(lines: Counter[int]) -> int:
    return max(lines, key=lambda line: (lines[line], -line))


def tree(profile: Profile) -> Node:
    """The stacks merged from the outermost frame on: first the threads, then function by function."""
    root = Node("all", count=profile.total)
    threads = {(stack.thread, stack.thread_id) for stack in profile.stacks}
    for stack in profile.stacks:
        node = root
        if threads != {("", 0)}:
            node = _grow(node, Frame("", 0, f"thread {stack.thread or stack.thread_id}"), stack.count)
        for frame in reversed(stack.frames):
            node = _grow(node, frame, stack.count)
        node.self_count += stack.count
    return root


def _grow(parent: Node, frame: Frame, count: int) -> Node:
    key = frame.function, frame.file
    node = parent.children.get(key)
    if node is None:
        node = parent.children[key] = Node(frame.function, frame.file, frame.native)
    node.count += count
    if frame.line:
        node.lines[frame.line] = node.lines.get(frame.line, 0) + count
    return node
