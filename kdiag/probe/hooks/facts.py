"""Reads where an exception was raised: places with columns, and which names were None there.

Separate from `operand`, which knows bytecode. Frames are read once for each place that raises, not each time, and
nothing of them is kept but texts and numbers.

What is done for each exception leaves no generator before its end: to close one raises in it, so that our own hook is
called where nothing that a signal's handler raises can come out.
"""

from __future__ import annotations

import re
import sys
import threading
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from ..sensors.calls import read_locals
from ..sensors.places import text
from .guard import is_own_file
from .kinds import traceback_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import CodeType, FrameType, TracebackType

FRAMES = 24
_LONGEST_STACK = 200
_NAMES_OF = 6
_MOST_NAMES = 16
_MOST_LOCALS = 100
_KNOWN_FILES = 1024
_IN_TEXT = re.compile(r'^ *File "([^"\n]{1,400})", line (\d{1,9}), in ([^\n]{1,200})$', re.MULTILINE)
_LIBRARY = (threading.__file__ or "").rpartition("/")[0] + "/"
_INSTALLED = ("/site-packages/", "/dist-packages/")
known_files: dict[str, bool] = {}  # by file: whether it is of the interpreter's own library


class Spot(NamedTuple):
    """Where a frame was: its code, the offset of the instruction, and its line."""

    frame: FrameType
    code: CodeType
    offset: int
    line: int


Key = tuple[str, str, int, str, int]


def stack_of(exc: BaseException) -> list[Spot]:
    """From where an exception was raised outwards: its traceback, then the callers of whoever caught it."""
    found = [_spot(each) for each in _trail(exc)]
    return found + _catchers(exc)[: FRAMES - len(found)]


def places_of(exc: BaseException) -> list[tuple[str, int]]:
    """The files and lines of the same; without the callers where the traceback has a place of no library's."""
    found = [(each.tb_frame.f_code.co_filename, each.tb_lineno or 0) for each in _trail(exc)]
    if all(map(is_library, [file for file, _ in found])):
        found += [(spot.code.co_filename, spot.line) for spot in _catchers(exc)]
    return found


def _trail(exc: BaseException) -> list[TracebackType]:
    """The innermost of an exception's traceback, without what is ours."""
    trail: deque[TracebackType] = deque(maxlen=FRAMES)
    stack = traceback_of(exc)
    while stack is not None:
        if not is_own_file(stack.tb_frame.f_code.co_filename):
            trail.appendleft(stack)
        stack = stack.tb_next
    return list(trail)


def _spot(stack: TracebackType) -> Spot:
    return Spot(stack.tb_frame, stack.tb_frame.f_code, stack.tb_lasti, stack.tb_lineno or 0)


def _catchers(exc: BaseException) -> list[Spot]:
    """Who has called the frame in which an exception was caught."""
    found: list[Spot] = []
    head = traceback_of(exc)
    frame = _running(head.tb_frame) if head is not None else None
    while frame is not None and len(found) < FRAMES:
        frame = frame.f_back
        if frame is not None and not is_own_file(frame.f_code.co_filename):
            found.append(Spot(frame, frame.f_code, frame.f_lasti, frame.f_lineno or 0))
    return found


def key_of(type_name: str, places: Iterable[tuple[str, int]]) -> Key:
    """What exceptions of one group share: the type, the innermost place of no library's, and the innermost of all."""
    first: tuple[str, int] | None = None
    for place in places:
        first = first or place
        if not is_library(place[0]):
            return (type_name, *place, *first)
    return (type_name, "", 0, *(first or ("", 0)))


def is_library(file: str) -> bool:
    """Whether a source file is of the interpreter's own library."""
    known = known_files.get(file)
    if known is None:
        if len(known_files) >= _KNOWN_FILES:
            known_files.clear()
        own = file.startswith(_LIBRARY) and not any(part in file for part in _INSTALLED)
        known = known_files[file] = own or file.startswith("<frozen ")
    return known


def describe(spots: list[Spot]) -> list[dict[str, Any]]:
    """The frames, fit for JSON."""
    return [
        _frame(spot.code, spot.offset, spot.line, _nones(spot.frame) if number < _NAMES_OF else [])
        for number, spot in enumerate(spots)
    ]


def describe_text(traceback: str) -> list[dict[str, Any]]:
    """The same from a traceback's text: all that comes of an exception from another process."""
    places = _IN_TEXT.findall(traceback[-20_000:])[-FRAMES:]
    return [
        {"file": text(file), "line": int(line), "function": text(function), "first": 0, "span": None, "none": []}
        for file, line, function in reversed(places)
    ]


def line_of(code: CodeType, offset: int) -> int:
    """The line of an instruction; 0 where there is none."""
    if sys.version_info >= (3, 10):
        found = (line for start, end, line in code.co_lines() if start <= offset < end)
        return next(found, 0) or 0
    at, line, table = 0, code.co_firstlineno, code.co_lnotab
    for bytes_on, lines_on in zip(table[::2], table[1::2]):
        at += bytes_on
        if at > offset:
            break
        line += lines_on - 256 if lines_on >= 128 else lines_on
    return line


def _running(frame: FrameType) -> FrameType | None:
    """The frame itself if it is on the calling thread's stack; what a finished frame was called by is of no use."""
    running: FrameType | None = sys._getframe()
    for _ in range(_LONGEST_STACK):
        if running is frame or running is None:
            break
        running = running.f_back
    return running if running is frame else None


def _frame(code: CodeType, offset: int, line: int, nones: list[str]) -> dict[str, Any]:
    return {
        "file": text(code.co_filename),
        "line": max(0, line),
        "function": text(getattr(code, "co_qualname", code.co_name)),
        "first": max(0, code.co_firstlineno),
        "span": _span(code, offset),
        "none": nones,
    }


def _span(code: CodeType, offset: int) -> list[int] | None:
    if sys.version_info < (3, 11):
        return None
    span = next(islice(code.co_positions(), max(0, offset) // 2, None), None)
    return list(span) if span and all(type(part) is int for part in span) else None  # type: ignore[arg-type]


def _nones(frame: FrameType) -> list[str]:
    """The local and free variables of a frame that are None."""
    code = frame.f_code
    names = (code.co_varnames + code.co_cellvars + code.co_freevars)[:_MOST_LOCALS]
    values = read_locals(frame, names)
    nones = dict.fromkeys(text(name) for name, value in zip(names, values) if value is None)
    return list(nones)[:_MOST_NAMES]
