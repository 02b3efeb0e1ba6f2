"""What `kdiag pools` shows: each pool, how full it is, what waits and since when, and where those sit that have it.

Separate from the report of a diagnosis: a short look proves no exhaustion, it only shows the state.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kdiag.core.frames import at, located
from kdiag.core.model import ProbedPool, StackSample
from kdiag.core.pools import Doing, Pool, pools
from kdiag.core.report.layout import clean, table, wrap, wrap_painted
from kdiag.core.threads import completed, tracks, unmoved

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kdiag.core.model import Frame, ThreadSample, Window
    from kdiag.core.report.style import Style

_PLACES = 5
_LOOKS = 3  # at the stacks: a thread that ran meanwhile has no frames at each
_TASKS = {"waits": "wait at", "holds": "have it at"}


@dataclass(frozen=True, slots=True)
class Watched:
    """The pools, and what they were `span_s` seconds before; nothing where there was one look only.

    Attributes:
        still: idents of the threads that did not move meanwhile.
    """

    pools: tuple[ProbedPool, ...]
    before: tuple[ProbedPool, ...]
    span_s: float
    still: frozenset[int]
    sample: StackSample

    def threads(self, idents: Sequence[int]) -> list[ThreadSample]:
        """Those of these idents."""
        wanted = frozenset(idents)
        return [thread for thread in self.sample.threads if thread.ident in wanted]

    def change(self, pool: ProbedPool) -> tuple[int | None, float | None]:
        """By how much its queue grew, and how many tasks it did a second; None where that is not known."""
        before = next((each for each in self.before if each.id == pool.id), None)
        if before is None or not self.span_s:
            return None, None
        grew = pool.queued - before.queued if None not in {pool.queued, before.queued} else None  # type: ignore[operator]
        return grew, None if pool.lends else (pool.done - before.done) / self.span_s

    def oldest_s(self, pool: ProbedPool) -> float | None:
        """For how long what waits longest has done so, at least; None where nothing does, or it is not known."""
        if not pool.queued:
            return None
        before = next((each for each in self.before if each.id == pool.id), None)
        stuck = bool(pool.workers) and self.still.issuperset(pool.workers)
        same = before is not None and before.queued and before.first == pool.first != 0 and (stuck or not pool.workers)
        waits = not self.still.isdisjoint(pool.waiting) or (same and not pool.waiting)
        return max(pool.waited_s or 0.0, self.span_s if waits else 0.0) or None


def watched(window: Window) -> Watched:
    """The pools as the probe saw them in a window; without one, those of threads, as their stacks tell."""
    empty = StackSample(window.ended_at, ())
    first, last = (window.stacks[0], window.stacks[-1]) if window.stacks else (None, empty)
    # What did not move between two looks at the stacks did not between two looks at the pools that lie within.
    within = [each for each in window.probe if first is None or first.at <= each.at <= last.at] or window.probe[-1:]
    if within:
        before, now = within[0], within[-1]
        sample = completed(last, now.threads)
        in_order = tuple(sorted(now.pools, key=lambda pool: (pool.kind, pool.name, pool.id)))
        return Watched(in_order, before.pools, now.at - before.at, unmoved(first, last), sample)
    few = replace(window, stacks=window.stacks[-_LOOKS:])
    found = [_by_stacks(pool) for pool in pools(few, tracks(few))]
    return Watched(tuple(found), (), last.at - first.at if first else 0.0, unmoved(first, last), last)


def _by_stacks(pool: Pool) -> ProbedPool:
    """What the frames of a pool's threads tell of it; its queue they do not."""
    idle = tuple(worker.ident for worker in pool.workers if pool.doing(worker) is Doing.IDLE)
    name = "" if pool.name == pool.kind.value else pool.name
    return ProbedPool(pool.kind.value, name, pool.size, None, tuple(each.ident for each in pool.workers), idle, ())


def render(seen: Watched, style: Style, width: int) -> Iterator[str]:
    """Lines for people."""
    if not seen.pools:
        yield from wrap("No pool was seen: no thread works in one, waits for one or manages one that is known.", width)
        return
    rows: list[tuple[str, ...]] = [("POOL", "LIBRARY", "SIZE", "BUSY", "IDLE", "QUEUED", "CHANGE", "DONE/S", "OLDEST")]
    rows += [_row(pool, seen) for pool in seen.pools]
    yield from table(rows, "", numbers=frozenset(range(2, 9)))
    for pool in seen.pools:
        lines = list(_details(pool, seen, style, width))
        if lines:
            yield ""
            yield style.paint("strong", _heading(pool))
            yield from lines


def to_json(seen: Watched) -> list[dict[str, Any]]:
    """The same as data; each thread by its name, with its stack, innermost first."""
    return [_pool_to_json(pool, seen) for pool in seen.pools]


def _pool_to_json(pool: ProbedPool, seen: Watched) -> dict[str, Any]:
    grew, done = seen.change(pool)
    return {
        "name": pool.name, "library": pool.kind, "lends": pool.lends, "size": pool.size, "busy": _busy(pool),
        "queued": pool.queued, "queue_change": grew, "done_per_s": done, "done_is_counted": pool.counted,
        "oldest_waits_s": seen.oldest_s(pool),
        "workers": [
            {"idle": thread.ident in pool.idle, "nested": thread.ident in pool.nested, **_thread(thread, seen)}
            for thread in seen.threads(pool.workers)
        ],
        "waiting": [_thread(thread, seen) for thread in seen.threads(pool.waiting)],
        "holding": [_thread(thread, seen) for thread in seen.threads(pool.holding)],
        "kept": [
            {"count": each.count, "by": each.name, "filled_at": _frame(each.filled_at) if each.filled_at else None}
            for each in pool.leaks or ()
        ],
        "tasks": [
            {"does": role, "count": count, "frames": [_frame(frame) for frame in frames]}
            for role, count, frames in pool.tasks
        ],
        "runs": [_frame(each) for each in pool.runs],
    }  # fmt: skip


def _row(pool: ProbedPool, seen: Watched) -> tuple[str, ...]:
    busy, oldest, (grew, done) = _busy(pool), seen.oldest_s(pool), seen.change(pool)
    idle = len(pool.idle) if pool.workers else pool.size - busy if pool.size and busy is not None else None
    return (
        clean(pool.name) or "-", pool.kind, _count(pool.size), _count(busy), _count(idle), _count(pool.queued),
        "-" if grew is None else f"{grew:+,}", "-" if done is None else f"{'' if pool.counted else '≥ '}{done:.3g}",
        "-" if oldest is None else f"≥ {oldest:.1f} s",
    )  # fmt: skip


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _busy(pool: ProbedPool) -> int | None:
    return len(pool.workers) - len(pool.idle) if pool.workers else pool.taken


def _heading(pool: ProbedPool) -> str:
    called = clean(pool.name) or pool.kind
    if pool.lends:
        return f"{called}: {_count(pool.taken)} of {_count(pool.size)} {pool.lends}s are out"
    return f"{called}: {_count(_busy(pool))} of {_count(len(pool.workers) or pool.size)} workers are busy"


def _details(pool: ProbedPool, seen: Watched, style: Style, width: int) -> Iterator[str]:
    """Where those sit that work in it, have what it lends, or wait."""
    busy = [ident for ident in pool.workers if ident not in pool.idle]
    yield from _sits(busy, seen, "")
    yield from _sits(pool.holding, seen, "have it at ")
    yield from (f"  {count} × {_shown(frame)} runs there" for frame, count in Counter(pool.runs).most_common(_PLACES))
    for keeper in pool.leaks or ():
        filled = f", put there at {_shown(keeper.filled_at)}" if keeper.filled_at else ""
        yield from wrap_painted(
            style, "critical", f"{keeper.count} × kept in {clean(keeper.name)}{filled}", width, "  "
        )
    yield from _sits(pool.waiting, seen, "wait at ")
    for role, count, frames in pool.tasks[:_PLACES]:
        yield f"  {count} {'task' if count == 1 else 'tasks'} × {_TASKS.get(role, role)} {_where(frames)}"
    if pool.nested:
        one = len(pool.nested) == 1
        lent = f"{'has' if one else 'have'} a {pool.lends} already"
        queued = f"{'waits' if one else 'wait'} for tasks that stand in this pool's own queue"
        words = f"{len(pool.nested)} of them {lent if pool.lends else queued}: a nested wait."
        yield from wrap_painted(style, "critical", words, width, "  ")


def _sits(idents: Sequence[int], seen: Watched, what: str) -> Iterator[str]:
    """Where threads sit, those at one place together, and how many of them did not move."""
    sits: dict[str, list[bool]] = defaultdict(list)
    for thread in seen.threads(idents):
        if thread.frames:
            sits[_where(thread.frames)].append(thread.ident in seen.still)
    most = sorted(sits.items(), key=lambda each: -len(each[1]))
    for where, still in most[:_PLACES]:
        which = "" if all(still) else f" {sum(still)} of them"
        yield f"  {len(still)} × {what}{where}" + (f",{which} for ≥ {seen.span_s:.1f} s" if any(still) else "")
    if len(most) > _PLACES:
        yield f"  … and {len(most) - _PLACES} more places"


def _where(frames: Sequence[Frame]) -> str:
    """The innermost place that is neither the standard library's nor an installed one's, if there is one."""
    own = (frame for frame in frames if located(frame.file)[0] == "free")
    return _shown(next(own, frames[0]))


def _shown(frame: Frame) -> str:
    return f"{clean(at(frame))} {clean(frame.function)}"


def _thread(thread: ThreadSample, seen: Watched) -> dict[str, Any]:
    there = seen.span_s if thread.ident in seen.still else None
    return {"thread": thread.name, "there_s": there, "frames": [_frame(frame) for frame in thread.frames]}


def _frame(frame: Frame) -> dict[str, Any]:
    return {"file": frame.file, "line": frame.line, "function": frame.function}
