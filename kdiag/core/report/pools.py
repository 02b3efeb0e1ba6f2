"""What `kdiag pools` shows: each pool of threads, how full it is, what waits, and where its busy workers sit.

Separate from the report of a diagnosis: one look proves no exhaustion, it only shows the state.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from kdiag.core.frames import at, located
from kdiag.core.report.layout import clean, table, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kdiag.core.model import Frame, ProbedPool, StackSample, ThreadSample
    from kdiag.core.report.style import Style

_PLACES = 5


def render(pools: Sequence[ProbedPool], sample: StackSample, style: Style, width: int) -> Iterator[str]:
    """Lines for people."""
    if not pools:
        yield from wrap(
            "No pool of threads was seen: no thread runs a worker's loop of a library that is known.", width
        )
        return
    rows = [("POOL", "LIBRARY", "SIZE", "WORKERS", "BUSY", "QUEUED")]
    for pool in pools:
        size, queued = ("-" if number is None else f"{number:,}" for number in (pool.size, pool.queued))
        busy = len(pool.workers) - len(pool.idle)
        rows.append((clean(pool.name) or "-", pool.kind, size, f"{len(pool.workers):,}", f"{busy:,}", queued))
    yield from table(rows, "", numbers=frozenset({2, 3, 4, 5}))
    for pool in pools:
        if len(pool.idle) < len(pool.workers):
            yield ""
            yield from _busy(pool, sample, style, width)


def to_json(pools: Sequence[ProbedPool], sample: StackSample) -> list[dict[str, Any]]:
    """The same as data; each worker by its thread's name, with its stack, innermost first."""
    return [
        {
            "name": pool.name, "library": pool.kind, "size": pool.size, "queued": pool.queued,
            "workers": [
                {
                    "thread": thread.name, "idle": thread.ident in pool.idle, "nested": thread.ident in pool.nested,
                    "frames": [
                        {"file": frame.file, "line": frame.line, "function": frame.function} for frame in thread.frames
                    ],
                }
                for thread in _workers(pool, sample)
            ],
        }
        for pool in pools
    ]  # fmt: skip


def _busy(pool: ProbedPool, sample: StackSample, style: Style, width: int) -> Iterator[str]:
    busy = [thread for thread in _workers(pool, sample) if thread.ident not in pool.idle]
    yield style.paint("strong", f"{clean(pool.name) or pool.kind}: {len(busy)} of {len(pool.workers)} workers are busy")
    sits = Counter(_where(thread.frames) for thread in busy if thread.frames)
    for where, count in sits.most_common(_PLACES):
        yield f"  {count} × {where}"
    if len(sits) > _PLACES:
        yield f"  … and {len(sits) - _PLACES} more places"
    if pool.nested:
        words = f"{len(pool.nested)} of them wait for tasks that stand in this pool's own queue: a nested wait."
        yield from wrap(style.paint("critical", words), width, "  ")


def _workers(pool: ProbedPool, sample: StackSample) -> list[ThreadSample]:
    return [thread for thread in sample.threads if thread.ident in pool.workers]


def _where(frames: Sequence[Frame]) -> str:
    """The innermost place that is neither the standard library's nor an installed one's, if there is one."""
    own = (frame for frame in frames if located(frame.file)[0] == "free")
    frame = next(own, frames[0])
    return f"{clean(at(frame))} {clean(frame.function)}"
