"""What `kdiag guard` saw, as lines of text or as data: containers, their writers, and their conflicts.

Separate from the report of a diagnosis, which has a verdict: this is an account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kdiag.core.frames import located
from kdiag.core.report.layout import clean, table, wrap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kdiag.core.model import ConflictSide, Frame, MapAccount, MapConflict
    from kdiag.core.report.style import Role, Style

HARMLESS = frozenset({"unlocked-writes"})  # single writes are done as a whole
LIMITS = {
    "no-watchers": "This Python has no way to watch a dict in place (3.12 and later have): writers are found by their "
    "code on the threads' stacks, the writes themselves are not seen.",
    "no-gil": "Without the GIL dicts are not watched: writers are not seen.",
    "no-ctypes": "This Python was built without ctypes, so dicts cannot be watched in place.",
    "audit-hook": "An audit hook is in place, which Python would run in the middle of writes: dicts are not watched.",
    "no-watcher-free": "All of the interpreter's dict watchers are taken: dicts are not watched.",
}
KINDS: dict[str, tuple[str, Role]] = {
    "lost-update": ("updates are lost", "critical"),
    "changed-while-iterated": ("changed while a loop walked through it", "critical"),
    "written-while-iterated": ("keys changed while a loop walked through it", "warning"),
    "unlocked-writes": ("written by several threads without a common lock", "info"),
}
_FRAMES = 6


def render(account: MapAccount, style: Style, width: int, *, scanned: int, duration_s: float) -> Iterator[str]:
    """Lines for people."""
    for limit in account.limits:
        yield from wrap(LIMITS.get(limit, limit), width)
    if scanned:
        yield from _suspects(account, style, width, scanned, duration_s)
        return
    rows = [("NAME", "TYPE", "WRITES", "SEEN BY", "THREADS")]
    for each in account.watched:
        writes = str(each.writes) if each.how == "watcher" else "-"
        rows.append((clean(each.name), clean(each.type), writes, each.how, clean(", ".join(each.threads)) or "-"))
    yield from table(rows, "", numbers=frozenset({2}))
    for conflict in gravest(account.conflicts):
        yield ""
        yield from conflict_lines(conflict, style, width)
    if not account.conflicts:
        yield ""
        yield from wrap(f"No conflict was seen in {duration_s:.0f} s.", width)


def gravest(conflicts: Iterable[MapConflict]) -> list[MapConflict]:
    """The conflicts that are worth telling, the gravest first."""
    ordered = sorted(conflicts, key=lambda each: list(KINDS).index(each.kind))
    grave = {each.container for each in ordered if each.kind not in HARMLESS}
    return [each for each in ordered if each.kind not in HARMLESS or each.container not in grave]  # less of the same


def to_json(account: MapAccount, *, pid: int, scanned: int, duration_s: float) -> dict[str, Any]:
    """The same as data."""
    return {
        "pid": pid,
        "duration_s": round(duration_s, 3),
        "scanned": scanned,
        "watched": [
            {"name": each.name, "type": each.type, "writes": each.writes, "how": each.how, "threads": each.threads}
            for each in account.watched
        ],
        "conflicts": [
            {
                "kind": each.kind, "name": each.name, "type": each.type, "count": each.count, "seen": each.seen,
                "iterates": _side(each.iterates), "writes": _side(each.writes), "other": _side(each.other),
            }
            for each in account.conflicts
        ],
        "suspects": [
            {
                "name": s.name, "path": s.path, "type": s.type, "writers": s.writers, "writes": s.writes,
                "locked": s.locked,
            }
            for s in account.suspects
        ],
        "limits": list(account.limits),
    }  # fmt: skip


def _suspects(account: MapAccount, style: Style, width: int, scanned: int, duration_s: float) -> Iterator[str]:
    found = sorted(account.suspects, key=lambda each: (each.locked, -each.writes))
    yield from wrap(
        f"{scanned} dicts were looked at for {duration_s:.0f} s; several threads wrote to {len(found)}.", width
    )
    if not found:
        return
    yield ""
    rows = [("NAME", "TYPE", "WRITES", "LOCK", "WRITERS")]
    for each in found:
        lock = "in common" if each.locked else "none in common"
        rows.append((clean(each.path), clean(each.type), str(each.writes), lock, clean(", ".join(each.writers))))
    yield from table(rows, "", numbers=frozenset({2}))
    yield ""
    yield from wrap("Watch one of them closely: " + style.paint("command", "kdiag guard PID module:NAME"), width)


def conflict_lines(conflict: MapConflict, style: Style, width: int) -> Iterator[str]:
    """One conflict with the stacks of all its sides."""
    words, role = KINDS[conflict.kind]
    times = "once" if conflict.count == 1 else f"{conflict.count} times"
    yield style.paint(role, f"{clean(conflict.name)}: {words}, {times}")
    writes = "writes" if conflict.seen else "has code that writes"
    for verb, side in (("iterates", conflict.iterates), (writes, conflict.writes), (writes, conflict.other)):
        if side is not None:
            yield f"  {clean(side.thread) or side.ident} {verb}"
            for frame in _told(side):
                yield f"    {clean(frame.file)}:{frame.line} {clean(frame.function)}"
    if conflict.kind not in HARMLESS:
        yield from wrap("Put one lock around both sides; iterate over a copy: list(d.items()).", width, "  ")


def _told(side: ConflictSide) -> tuple[Frame, ...]:
    """The innermost frames, without the library that started the thread."""
    inner = side.frames[:_FRAMES]
    return tuple(frame for frame in inner if located(frame.file)[0] not in {"standard", "frozen"}) or inner[:1]


def _side(side: ConflictSide | None) -> dict[str, Any] | None:
    if side is None:
        return None
    frames = [{"file": frame.file, "line": frame.line, "function": frame.function} for frame in side.frames]
    return {"thread": side.thread, "frames": frames}
