"""Which objects a frame has entered by `with` or `async with` and not left yet: a plain lock does not know its holder.

Up to 3.10 an instruction names the end of its block. Since 3.11 the exception table says where control goes if an
instruction raises: the handler of a `with` block is known by its first instructions, and the block by where it begins.

Separate from `calls` because it is asked only of threads that may hold what others wait for.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from .calls import LONGEST_CODE, Step, Used, instructions, used_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType

_ENTERS = frozenset({"BEFORE_WITH", "BEFORE_ASYNC_WITH", "CALL"})
# What stands between the instruction that enters a block and the block: the wait of an `async with`, the target.
_ENTERING = (
    "POP_TOP", "NOP", "STORE_", "END_SEND", "JUMP_BACKWARD_NO_INTERRUPT", "RESUME", "YIELD_VALUE", "SEND", "LOAD_CONST",
    "LOAD_COMMON_CONSTANT", "PUSH_NULL", "GET_AWAITABLE", "EXTENDED_ARG",
)  # fmt: skip
_KNOWN = 256
_DEEPEST = 40
_TABLE = sys.version_info >= (3, 11)
_UNIT = 1 if sys.version_info < (3, 10) else 2  # bytes that a jump counts in

# By (code, offset): the offsets of the instructions that entered the blocks, innermost first.
_blocks: dict[tuple[int, int], tuple[CodeType, tuple[int, ...]]] = {}


def entered(frame: FrameType) -> Iterator[tuple[Used, int]]:
    """The objects that the frame is inside of the `with` blocks of, innermost first, each with the block's line."""
    for offset in enclosing(frame.f_code, frame.f_lasti):
        found = used_at(frame, offset)
        if found is not None and not found.method:
            yield found, line_of(frame, offset)


def enclosing(code: CodeType, offset: int) -> tuple[int, ...]:
    """The offsets of the instructions that entered the `with` blocks around an instruction, innermost first."""
    known = _blocks.get((id(code), offset))
    if known is None:
        if len(_blocks) >= _KNOWN:
            _blocks.clear()
        known = _blocks[id(code), offset] = (code, tuple(_enclosing(code, offset)))
    return known[1]


def forget() -> None:
    """Let go of the code that was looked at."""
    _blocks.clear()


def _enclosing(code: CodeType, offset: int) -> Iterator[int]:
    if offset < 0 or len(code.co_code) > LONGEST_CODE:
        return iter(())
    return _by_table(code, offset) if _TABLE else _by_setup(code, offset)


def _by_setup(code: CodeType, offset: int) -> Iterator[int]:
    """Up to 3.10: `SETUP_WITH` jumps to the handler that ends its block."""
    steps = instructions(code)
    for index in range(len(steps) - 1, -1, -1):
        start, name, argument = steps[index]
        if not start < offset < start + 2 + argument * _UNIT:
            continue
        if name == "SETUP_WITH":
            yield start
        elif name == "SETUP_ASYNC_WITH":
            yield next((at for at, before, _ in reversed(steps[:index]) if before == "BEFORE_ASYNC_WITH"), start)


def _by_table(code: CodeType, offset: int) -> Iterator[int]:
    """Since 3.11: from handler to handler outwards; each one's own place tells the block around it."""
    table, steps = list(entries(code)), instructions(code)
    index_of = {start: index for index, (start, _, _) in enumerate(steps)}
    for _ in range(_DEEPEST):
        target = next((entry.target for entry in table if entry.start <= offset < entry.end), None)
        if target is None:
            return
        first = index_of.get(target, len(steps))
        if [name for _, name, _ in steps[first : first + 2]] == ["PUSH_EXC_INFO", "WITH_EXCEPT_START"]:
            begins = min(entry.start for entry in table if entry.target == target)
            enters = _before(steps, index_of.get(begins, 0))
            if enters is not None:
                yield enters
        offset = target


def _before(steps: list[Step], index: int) -> int | None:
    """The offset of the instruction that enters a block, given the block's first instruction."""
    while index > 0 and steps[index][1] not in _ENTERS:
        if not steps[index][1].startswith(_ENTERING):
            return None
        index -= 1
    return steps[index][0] if index > 0 else None


class Entry(NamedTuple):
    """Where control goes when an instruction in [start, end) raises."""

    start: int
    end: int
    target: int


def entries(code: CodeType) -> Iterator[Entry]:
    """The exception table (3.11)."""
    numbers, value = [], 0
    for byte in code.co_exceptiontable:
        value = value << 6 | byte & 0x3F
        if not byte & 0x40:  # the last byte of a number
            numbers.append(value)
            value = 0
    for index in range(0, len(numbers) - 3, 4):
        start, length, target, _ = numbers[index : index + 4]
        yield Entry(2 * start, 2 * (start + length), 2 * target)


def setups(code: CodeType) -> Iterator[Entry]:
    """The same of the blocks that instructions set up (before)."""
    for start, name, argument in instructions(code):
        if name.startswith("SETUP_"):
            target = start + 2 + argument * _UNIT
            yield Entry(start, target, target)


def line_of(frame: FrameType, offset: int) -> int:
    """The line of an instruction."""
    code = frame.f_code
    lines = getattr(code, "co_lines", None)
    found = [line for start, end, line in lines() if start <= offset < end and line] if lines else []
    return (found[0] if found else frame.f_lineno or 0) if lines else _line_by_increments(code, offset)


def _line_by_increments(code: CodeType, offset: int) -> int:
    """3.9: pairs of how far the next line is away, in bytes and in lines."""
    line, at, table = code.co_firstlineno, 0, code.co_lnotab
    for skipped, lines in zip(table[::2], table[1::2]):
        at += skipped
        if at > offset:
            break
        line += lines - 256 * (lines > 127)
    return line
