"""What ended processes, as text and as data: newest last, as a log has it.

Separate from the report of a diagnosis, which is about a process that was watched; here only a record is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kdiag.core.model import Ended, Limitation
from kdiag.core.nil import Nil
from kdiag.core.redact import redact_source
from kdiag.core.report.layout import wrap
from kdiag.core.report.stacks import Lines, frame_lines, place, source
from kdiag.core.report.style import PLAIN, Style

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kdiag.core.model import Frame
    from kdiag.core.nil_origin import Origin

_FRAMES_SHOWN = 12
_ORIGINS_SHOWN = 3
_MEANINGS: Mapping[str, str] = {
    "SIGSEGV": "memory was touched that is not there: a fault of C code, mostly of an extension",
    "SIGABRT": "C code, or the interpreter itself, gave up: what it said is on the service's stderr",
    "SIGBUS": "memory was touched that is not there any more, such as a mapped file that was cut short",
    "SIGFPE": "an integer was divided by zero in C code",
    "SIGILL": "an instruction that this processor does not have: a wheel built for another one",
}


@dataclass(frozen=True, slots=True)
class Crash:
    """One crash.

    Attributes:
        lines: what the source says at its places.
        nil: what was None and where that came from, if it is of that kind.
        changed: whether some of the source was written since, and is left out.
    """

    ended: Ended
    lines: Lines
    nil: Nil | None = None
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


def explanation(crash: Crash) -> list[str]:
    """What is known of the cause, in sentences; none where the exception says it all."""
    if crash.ended.crash is None:
        meaning = _MEANINGS.get(crash.ended.signal)
        return [meaning] if meaning else []
    return told_nil(crash.nil) if crash.nil is not None else []


def told_nil(nil: Nil) -> list[str]:
    """What was None, and where that came from, in sentences; none where it is not known."""
    if not nil.expressions:
        return []
    sure = "" if nil.sure == "certain" else f" ({nil.sure})"
    said = [f"{nil.name} was None{sure}"]
    for origin in nil.origins[:_ORIGINS_SHOWN]:
        said += [_said(each) for each in (origin, *origin.function_returns[:1])]
    return said


def _said(origin: Origin) -> str:
    return f"{place(origin.place.file, origin.place.line)}: `{redact_source(origin.text)}` {origin.phrase}"


def _one(crash: Crash, style: Style, width: int) -> Iterator[str]:
    ended, lines = crash.ended, crash.lines
    when = ended.at.isoformat(timespec="seconds")
    for line in wrap(f"{when}  pid {ended.pid}: {title(ended)}", width, hanging="  "):
        yield style.paint("critical", line)
    yield from wrap(f"{ended.program}, Python {ended.python}, child of {ended.parent}", width, "  ")
    for sentence in explanation(crash):
        yield from wrap(sentence, width, "  ", "    ")
    yield from frame_lines(ended.frames[:_FRAMES_SHOWN], lines, style, width, "    ")
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
        "crashes": [_one_json(crash) for crash in found.crashes],
        "limitations": [
            {"reference": each.reference, "message": each.message, "hint": each.hint} for each in found.limitations
        ],
    }


def _one_json(found: Crash) -> dict[str, Any]:
    ended, lines, crash, nil = found.ended, found.lines, found.ended.crash, found.nil
    return {
        "at": ended.at.isoformat(),
        "pid": ended.pid,
        "parent": ended.parent,
        "python": ended.python,
        "program": ended.program,
        "file": ended.file,
        "title": title(ended),
        "explanation": explanation(found),
        "signal": ended.signal or None,
        "uncaught": ended.uncaught or None,
        "type": crash.type if crash else None,
        "message": crash.message if crash else None,
        "kind": crash.kind if crash else "signal",
        "was_none": list(nil.expressions) if nil else [],
        "origins": [_frame_json(origin.place, lines) | {"phrase": origin.phrase} for origin in nil.origins]
        if nil
        else [],
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
