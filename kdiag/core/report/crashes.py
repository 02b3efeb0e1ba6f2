"""What ended processes, as text and as data: newest last, as a log has it.

Separate from the report of a diagnosis, which is about a process that was watched; here only a record is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kdiag.core.model import Ended, Limitation
from kdiag.core.report.layout import join_or_break, wrap
from kdiag.core.report.stacks import Lines, place, source
from kdiag.core.report.style import PLAIN, Style

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kdiag.core.model import Frame

_FRAMES_SHOWN = 12
_MEANINGS: Mapping[str, str] = {
    "SIGSEGV": "memory was touched that is not there: a fault of C code, mostly of an extension",
    "SIGABRT": "C code, or the interpreter itself, gave up: what it said is on the service's stderr",
    "SIGBUS": "memory was touched that is not there any more, such as a mapped file that was cut short",
    "SIGFPE": "an integer was divided by zero in C code",
    "SIGILL": "an instruction that this processor does not have: a wheel built for another one",
}


@dataclass(frozen=True, slots=True)
class Crash:
    """One crash, what the source says at its places, and whether some of that has changed since."""

    ended: Ended
    lines: Lines
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Crashes:
    """All that were found, oldest first, the folders where it was looked, and what cannot be known."""

    crashes: tuple[Crash, ...]
    folders: tuple[str, ...]
    limitations: tuple[Limitation, ...]


def render(found: Crashes, style: Style = PLAIN, width: int = 80) -> Iterator[str]:
    """The crashes as text, with what cannot be known at the end."""
    for crash in found.crashes:
        yield from _one(crash, style, width)
        yield ""
    if not found.crashes:
        yield "No crash is recorded."
    for limitation in found.limitations:
        for line in wrap(limitation.message, width):
            yield style.paint("quiet", line)


def title(ended: Ended) -> str:
    """One line: what ended it."""
    if ended.crash is None:
        return f"{ended.signal} ended it"
    what = f"{ended.crash.type}: {ended.crash.message}" if ended.crash.message else ended.crash.type
    return what if ended.uncaught == ended.crash.type else f"{what}, raised again as {ended.uncaught}"


def explanation(ended: Ended) -> str:
    """What is known of the cause; "" where the exception says it all."""
    if ended.crash is None:
        return _MEANINGS.get(ended.signal, "")
    names = ended.crash.frames[0].none if ended.crash.frames and ended.crash.kind == "nil" else ()
    used = ended.crash.used
    if used is not None:
        return f"{'.'.join(used.chain)} was None"
    return f"None there: {', '.join(names)}" if names else ""


def _one(crash: Crash, style: Style, width: int) -> Iterator[str]:
    ended, lines = crash.ended, crash.lines
    when = ended.at.isoformat(timespec="seconds")
    for line in wrap(f"{when}  pid {ended.pid}: {title(ended)}", width, hanging="  "):
        yield style.paint("critical", line)
    who = f"{ended.program}, Python {ended.python}, child of {ended.parent}"
    for line in (*wrap(who, width, "  "), *wrap(explanation(ended), width, "  ")):
        yield line
    for frame in ended.frames[:_FRAMES_SHOWN]:
        yield from join_or_break((place(frame.file, frame.line), frame.function), width, "    ")
        for line in wrap(source(lines, frame), width, "        "):
            yield style.paint("quiet", line)
    hidden = len(ended.frames) - _FRAMES_SHOWN
    if hidden > 0:
        yield style.paint("quiet", f"    … {hidden} more")
    if not ended.frames:
        yield style.paint("quiet", "    (no Python frames)")
    if len(ended.threads) > 1:
        others = len(ended.threads) - 1
        yield from wrap(f"{others} other thread{'' if others == 1 else 's'}: {ended.file}", width, "  ")


def to_json(found: Crashes) -> dict[str, Any]:
    """The crashes as plain data."""
    return {
        "schema": "kdiag.crashes/v1",
        "folders": list(found.folders),
        "crashes": [_one_json(crash.ended, crash.lines) for crash in found.crashes],
        "limitations": [
            {"reference": each.reference, "message": each.message, "hint": each.hint} for each in found.limitations
        ],
    }


def _one_json(ended: Ended, lines: Lines) -> dict[str, Any]:
    crash = ended.crash
    return {
        "at": ended.at.isoformat(),
        "pid": ended.pid,
        "parent": ended.parent,
        "python": ended.python,
        "program": ended.program,
        "file": ended.file,
        "title": title(ended),
        "explanation": explanation(ended),
        "signal": ended.signal or None,
        "uncaught": ended.uncaught or None,
        "type": crash.type if crash else None,
        "message": crash.message if crash else None,
        "kind": crash.kind if crash else "signal",
        "was_none": ".".join(crash.used.chain) if crash and crash.used else None,
        "frames": [_frame_json(frame, lines) for frame in ended.frames],
        "threads": [
            {"ident": thread.ident, "frames": [_frame_json(frame, lines) for frame in thread.frames]}
            for thread in ended.threads
        ],
    }


def _frame_json(frame: Frame, lines: Lines) -> dict[str, Any]:
    return {
        "file": frame.file,
        "line": frame.line,
        "function": frame.function,
        "source": source(lines, frame) or None,
    }
