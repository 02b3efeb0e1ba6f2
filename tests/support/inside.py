"""Builders of what a probe would have seen, for windows of `tests.support.windows`.

Separate from them because most windows have no probe in them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kdiag.core.model import (
    Allocator,
    CollectorAccount,
    Frame,
    LoopDelay,
    ProbedLoop,
    ProbedPool,
    ProbedTask,
    ProbedThread,
    ProbedWait,
    ProbeSample,
    WaitKind,
    Window,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

EVERY_S = 0.5


def account(
    share: float = 0.0,
    *,
    longest_s: float = 0.001,
    allocators: Sequence[Allocator] = (),
    asked: int = 0,
    timed: int | None = None,
) -> CollectorAccount:
    """Half a second in which the collector took this share, with ten collections of the youngest generation."""
    return CollectorAccount(
        span_s=EVERY_S, seconds=(share * EVERY_S, 0.0, 0.0), collections=(10, 0, 0), collected=(100, 0, 0),
        uncollectable=(0, 0, 0), longest_s=longest_s, asked=asked, timed=10 if timed is None else timed,
        thresholds=(700, 10, 10), enabled=True, frozen=0, allocators=tuple(allocators),
    )  # fmt: skip


def waits(
    ident: int, name: str, *frames: Frame, lock: int, owner: int, kind: WaitKind = "lock", what: str = "",
    held_at: Frame | None = None, sure: bool = True, tasks: tuple[int, ...] = (), workers: tuple[int, ...] = (),
    limited: bool = False,
) -> ProbedThread:  # fmt: skip
    """A thread whose innermost frame waits."""
    wait = ProbedWait(kind, lock, what, owner, held_at, 0, sure, tasks, workers, limited=limited)
    return ProbedThread(ident, 4711 + ident, name, False, frames, wait)


def awaits(
    task: int, name: str, *frames: Frame, thread: int = 1, lock: int = 0, kind: WaitKind = "lock", what: str = "",
    owner: int = 0, tasks: tuple[int, ...] = (), workers: tuple[int, ...] = (), held_at: Frame | None = None,
) -> ProbedTask:  # fmt: skip
    """A task whose innermost frame awaits."""
    wait = ProbedWait(kind, lock, what, owner, held_at, 0, tasks=tasks, workers=workers)
    return ProbedTask(task, name, thread, frames, wait)


def runs(ident: int, name: str, *frames: Frame) -> ProbedThread:
    """A thread that waits for nobody."""
    return ProbedThread(ident, 4711 + ident, name, False, frames)


def loop(ident: int = 1, waiting_s: float = 0.0, frames: tuple[Frame, ...] = ()) -> ProbedLoop:
    """The loop number 1."""
    return ProbedLoop(1, ident, "MainThread", 0, 0, waiting_s, frames)


def delay(at: float, seconds: float, *frames: Frame) -> LoopDelay:
    """A delay in the loop number 1."""
    return LoopDelay(1, at, seconds, frames)


def with_probe(
    window: Window,
    *,
    collector: Callable[[float], CollectorAccount] = lambda _: account(),
    threads: Callable[[float], Sequence[ProbedThread]] = lambda _: (),
    loops: Sequence[ProbedLoop] = (),
    delays: Callable[[float], Sequence[LoopDelay]] = lambda _: (),
    pools: Callable[[float], Sequence[ProbedPool]] = lambda _: (),
    tasks: Callable[[float], Sequence[ProbedTask]] = lambda _: (),
) -> Window:
    """The window with what a probe saw in it, every half second."""
    moments = [EVERY_S * number for number in range(1, int(window.duration_s / EVERY_S) + 1)]
    return replace(
        window,
        probe=tuple(
            ProbeSample(
                at,
                collector(at),
                tuple(threads(at)),
                tuple(loops),
                tuple(delays(at)),
                blocks=1000,
                pools=tuple(pools(at)),
                tasks_seen=tuple(tasks(at)),
            )
            for at in moments
        ),
    )
