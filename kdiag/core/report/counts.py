"""What else of a process is counted and can leak: descriptors by kind and by what they lead to, and threads.

Separate from `memory`, which tells of objects: these the operating system counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.core.creations import created
from kdiag.core.frames import Ownership, at
from kdiag.core.report.layout import clean, table, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kdiag.core.model import Window

_ROWS = 5


def counts(window: Window, width: int) -> Iterator[str]:
    """Each kind at the window's begin and now, the limit, what the new descriptors lead to, and who starts threads."""
    if not window.process:
        yield "They were not counted yet."
        return
    first, last = window.process[0], window.process[-1]
    seen = [sample for sample in window.process if sample.descriptors is not None]
    rows = [("KIND", "BEFORE", "NOW", "MORE"), _row("threads", first.threads, last.threads)]
    if seen:
        before, now = seen[0].descriptors or {}, seen[-1].descriptors or {}
        kinds = sorted({*before, *now}, key=lambda kind: (-now.get(kind, 0), kind))
        rows += [_row(kind, before.get(kind, 0), now.get(kind, 0)) for kind in kinds]
    yield from table(rows, "", numbers=frozenset({1, 2, 3}))
    if not seen:
        yield from wrap("Descriptors could not be read: run kdiag as the process's user or root.", width)
        return
    if seen[-1].descriptor_limit:
        used = sum((seen[-1].descriptors or {}).values())
        yield f"{used:,} of at most {seen[-1].descriptor_limit:,} descriptors are open."
    yield from _grown(seen[0].descriptor_names, seen[-1].descriptor_names)
    yield from _lines(window)


def _row(kind: str, before: int, now: int) -> tuple[str, str, str, str]:
    return kind, f"{before:,}", f"{now:,}", f"{now - before:+,}" if now != before else "-"


def _grown(before: Mapping[str, int], now: Mapping[str, int]) -> Iterator[str]:
    """What the new ones lead to."""
    more = {name: count - before.get(name, 0) for name, count in now.items() if count > before.get(name, 0)}
    rows = [(f"{count:+,}", clean(name)) for name, count in sorted(more.items(), key=lambda each: -each[1])[:_ROWS]]
    if rows:
        yield from table([("MORE", "LEAD TO"), *rows], "", numbers=frozenset({0}))


def _lines(window: Window) -> Iterator[str]:
    """Where threads are started, and where what is open was opened, as far as the probe saw it."""
    ownership = Ownership.of(window)
    rows = []
    for start in next((sample.starts for sample in reversed(window.probe) if sample.starts), ()):
        frame = ownership.culprit(start.frames)
        if frame is not None:
            rows.append((f"{start.count:,}", "threads started", f"{clean(at(frame))} {clean(frame.function)}"))
    for kinds, words in ((("file", "socket"), "opened and still open"), (("thread",), "threads that are still there")):
        for frame, count in created(window, ownership, kinds).most_common(_ROWS):
            rows.append((f"{count:,}", words, f"{clean(at(frame))} {clean(frame.function)}"))
    if rows:
        yield from table([("COUNT", "", "AT"), *rows[: 2 * _ROWS]], "", numbers=frozenset({0}))
