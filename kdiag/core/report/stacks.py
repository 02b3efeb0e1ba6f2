"""All threads of one look, alike ones together: what `goroutine?debug=2` is to Go.

It is separate from the report because `kdiag stacks` shows it on its own, and a report carries it as its appendix.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from kdiag.core.model import Frame, LineFacts, Place, ProbedWait, StackGroup, StackSample, ThreadSample, Wait
from kdiag.core.pools import Doing, doing, task_of
from kdiag.core.redact import redact_source
from kdiag.core.report.layout import clean, join_or_break, wrap
from kdiag.core.report.style import PLAIN, Style
from kdiag.core.threads import Waiting, waiting

Lines = Mapping[tuple[str, int], LineFacts]
Waits = Mapping[int, ProbedWait]  # by the waiting thread's ident, from the probe
NO_LINES: Lines = MappingProxyType({})
NO_WAITS: Waits = MappingProxyType({})

_STATES: Mapping[Wait, str] = MappingProxyType(
    {
        Wait.RUNNING: "running",
        Wait.GIL: "waiting for the GIL",
        Wait.LOCK: "waiting for a lock",
        Wait.SLEEP: "sleeping",
        Wait.POLL: "waiting for events",
        Wait.IO: "waiting for I/O",
        Wait.UNKNOWN: "state not seen",
    }
)
# For the kernel all of these are one futex; the frames say which wait of a library's it is.
_WAITS: Mapping[Waiting, str] = MappingProxyType(
    {
        Waiting.CONDITION: "waiting for a condition",
        Waiting.EVENT: "waiting for an event",
        Waiting.QUEUE: "waiting for a queue",
        Waiting.FUTURE: "waiting for a result",
        Waiting.JOIN: "waiting for others to end",
    }
)
_WAITED_FOR: Mapping[str, str] = MappingProxyType({"rlock": "lock", "future": "result"})
_IDLE = "idle, waiting for work"
_NAMES_SHOWN = 8


def state(thread: ThreadSample) -> str:
    """What the thread was doing, in words."""
    if thread.holds_gil:
        return "running, holds the GIL" if thread.wait is Wait.RUNNING else "holds the GIL"
    if thread.wait is not Wait.LOCK:
        return _STATES[thread.wait]
    worker = task_of(thread.frames)
    if worker and doing(*worker) is Doing.IDLE:
        return _IDLE
    return _WAITS.get(waiting(thread.frames)[0], _STATES[Wait.LOCK])


def wait_words(wait: ProbedWait, sample: StackSample) -> str:
    """What the probe saw a thread wait for, by name: "waiting for the lock Stock.lock, held by shipping".

    "" where it knows no more than the thread's frames tell.
    """
    owner = next((name(thread) for thread in sample.threads if thread.ident == wait.owner), "")
    if not owner and wait.tasks:
        owner = "a task of asyncio's"
    kind = _WAITED_FOR.get(wait.kind, wait.kind)
    if wait.kind == "thread":
        return f"waiting for {owner or wait.name or 'a thread'} to end"
    if not (wait.name or owner):
        return ""
    words = f"waiting for the {kind} {wait.name}".rstrip()
    if owner:
        held = "held by" if wait.sure else "most likely held by"
        words += f", {'to come from' if wait.kind == 'future' else held} {owner}"
    if wait.held_at is not None:
        words += f", taken at {place(wait.held_at.file, wait.held_at.line)}"
    return words


def groups(sample: StackSample, waits: Waits = NO_WAITS) -> tuple[StackGroup, ...]:
    """The threads of the sample, those with the same frames and state together.

    Whoever holds the GIL comes first, then who runs or wants to run, then the largest groups.
    """
    return tuple(group for group, _ in grouped(sample, waits))


def grouped(sample: StackSample, waits: Waits = NO_WAITS) -> list[tuple[StackGroup, tuple[ThreadSample, ...]]]:
    """The groups, each with its threads."""
    alike: dict[tuple[tuple[Frame, ...], str], list[ThreadSample]] = {}
    worded: dict[ProbedWait, str] = {}  # thousands may wait for the same
    for thread in sample.threads:
        words, wait = state(thread), waits.get(thread.ident)
        if wait is not None and words != _IDLE:
            if wait not in worded:
                worded[wait] = wait_words(wait, sample)
            words = worded[wait] or words
        alike.setdefault((thread.frames, words), []).append(thread)
    ordered = sorted(alike.items(), key=lambda item: (_urgency(item[1][0]), -len(item[1])))
    return [
        (StackGroup(tuple(name(thread) for thread in threads), words, frames), tuple(threads))
        for (frames, words), threads in ordered
    ]


def _urgency(thread: ThreadSample) -> int:
    if thread.holds_gil:
        return 0
    return {Wait.RUNNING: 1, Wait.GIL: 2}.get(thread.wait, 3)


def name(thread: ThreadSample) -> str:
    """How people know the thread."""
    return thread.name or f"thread {thread.thread_id or thread.ident}"


def render(
    sample: StackSample,
    lines: Lines = NO_LINES,
    style: Style = PLAIN,
    width: int = 80,
    *,
    collecting: bool | None = None,
    waits: Waits = NO_WAITS,
    access: str = "",
) -> Iterator[str]:
    """The sample as text.

    Args:
        sample: what was seen.
        lines: what the source says at its frames.
        style: colours.
        width: columns to wrap at.
        collecting: whether a garbage collection was under way, None where nobody looked.
        waits: what the probe saw threads wait for.
        access: how it was looked, in words.
    """
    threads = len(sample.threads)
    holder = next((name(thread) for thread in sample.threads if thread.holds_gil), None)
    facts = [
        f"{threads} thread{'' if threads == 1 else 's'}",
        "" if sample.tool == "probe" else f"GIL held by {holder}" if holder else "nobody held the GIL",
        {True: "a garbage collection was under way", False: "no garbage collection", None: ""}[collecting],
        access,
    ]
    for line in wrap("; ".join(fact for fact in facts if fact), width):
        yield style.paint("quiet", line)
    for group in groups(sample, waits):
        yield ""
        yield from group_lines(group, lines, style, width)


def group_lines(group: StackGroup, lines: Lines, style: Style, width: int, indent: str = "") -> Iterator[str]:
    """One group: who, in what state, and the frames with their source, innermost first."""
    for line in wrap(f"{_who(group.threads)} [{group.state}]", width, indent, indent + "  "):
        yield style.paint("strong", line)
    inner = indent + "  "
    if not group.frames:
        yield style.paint("quiet", f"{inner}(no Python frames)")
    yield from frame_lines(group.frames, lines, style, width, inner)


def frame_lines(frames: Iterable[Frame], lines: Lines, style: Style, width: int, indent: str) -> Iterator[str]:
    """Frames, each with its source."""
    for frame in frames:
        yield from join_or_break((place(frame.file, frame.line), frame.function), width, indent)
        for line in wrap(source(lines, frame), width, indent + "    "):
            yield style.paint("quiet", line)


def _who(threads: tuple[str, ...]) -> str:
    names = ", ".join(clean(name) for name in threads[:_NAMES_SHOWN])
    hidden = len(threads) - _NAMES_SHOWN
    rest = f" and {hidden} more" if hidden > 0 else ""
    return f"{len(threads)} thread{'' if len(threads) == 1 else 's'}: {names}{rest}"


def place(file: str, line: int) -> str:
    """`file:line` as editors take it; the file alone where the line is not known (native frames)."""
    return f"{file}:{line}" if line else file


def source(lines: Lines, where: Frame | Place) -> str:
    """What the source says there, less the secrets that it spells out; empty where it could not be read."""
    facts = lines.get((where.file, where.line))
    return redact_source(facts.text) if facts else ""


def to_json(
    sample: StackSample, lines: Lines = NO_LINES, *, collecting: bool | None = None, waits: Waits = NO_WAITS
) -> dict[str, Any]:
    """The sample as plain data; groups are those of `kdiag.report/v1`'s appendix."""
    names = {thread.ident: name(thread) for thread in sample.threads}
    return {
        "schema": "kdiag.stacks/v1",
        "tool": sample.tool,
        "took_ms": round(sample.took_s * 1000, 3),
        "target_pause_ms": round(sample.pause_s * 1000, 3),
        "threads": len(sample.threads),
        "gil_holder": next((name(thread) for thread in sample.threads if thread.holds_gil), None),
        "collecting": collecting,
        "stacks": [group_json(group, lines) for group in groups(sample, waits)],
        "waits": [_wait_json(names[ident], wait, names) for ident, wait in waits.items() if ident in names],
    }


def _wait_json(thread: str, wait: ProbedWait, names: Mapping[int, str]) -> dict[str, Any]:
    held_at = wait.held_at
    return {
        "thread": thread,
        "kind": wait.kind,
        "name": wait.name or None,
        "owner": names.get(wait.owner),
        "held_at": {"file": held_at.file, "line": held_at.line, "function": held_at.function} if held_at else None,
    }


def group_json(group: StackGroup, lines: Lines) -> dict[str, Any]:
    """One group as plain data; `source` is null where the line could not be read."""
    return {
        "threads": list(group.threads),
        "state": group.state,
        "frames": [
            {
                "file": frame.file,
                "line": frame.line,
                "function": frame.function,
                "native": frame.native,
                "source": source(lines, frame) or None,
            }
            for frame in group.frames
        ],
    }
