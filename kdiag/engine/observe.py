"""Observes one process or a tree of them, and yields what happens: started, progress, finished.

It is separate from the session because a tree is several sessions under one context, one clock and one deadline.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kdiag.core.model import Report
from kdiag.machinery.context import Context, with_cancel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kdiag.engine.session import Session
    from kdiag.machinery.clock import Clock

_TICK_S = 0.25  # progress
_FIRST_JUDGED_S = 3.0  # no verdict is certain before
_JUDGE_EVERY_S = 1.0  # between looks at whether the verdict is settled,
_JUDGE_DUTY = 0.05  # or longer, so that judging takes at most this share of the time


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the observation is, seconds, and what was seen so far in a few words."""

    elapsed_s: float
    total_s: float
    seen: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The outcome. `interrupted` says that somebody ended the observation before its time."""

    report: Report
    interrupted: bool


Event = Progress | Finished


def observe(
    sessions: Sequence[Session], parent: Context, *, window_s: float, full: bool, clock: Clock
) -> Iterator[Event]:
    """Observe all sessions side by side; the first one's report carries the others' as its children.

    Args:
        sessions: of the named process, and of its descendants with `--children`.
        parent: ends the observation early; what was seen until then is concluded all the same.
        window_s: the longest observation, seconds.
        full: use the whole window even when every verdict is certain before.
        clock: of the session.

    Yields:
        Progress, and at last one Finished.
    """
    context, cancel = with_cancel(parent)
    try:
        for session in sessions:
            session.enter()
        for session in sessions:
            session.start(context)
        yield from watch(sessions, context, window_s=window_s, full=full, clock=clock)
        interrupted = context.done.is_set()
        cancel()
        reports = [session.finish() for session in sessions]
    finally:
        cancel()
        for session in sessions:
            session.leave()
    head, *others = reports
    yield Finished(replace(head, children=tuple(others)), interrupted)


def watch(
    sessions: Sequence[Session], context: Context, *, window_s: float, full: bool, clock: Clock
) -> Iterator[Progress]:
    """Wait while sessions that were started look, until it is settled, the time is over, or the context is done."""
    started = clock.now()
    judge_at = started + _FIRST_JUDGED_S
    while not all(session.ended for session in sessions):
        elapsed = clock.now() - started
        yield Progress(min(elapsed, window_s), window_s, sessions[0].seen())
        if elapsed >= window_s or context.done.is_set():
            return
        if not full and clock.now() >= judge_at:
            judging = clock.now()
            if all(session.settled() for session in sessions):
                return
            judge_at = clock.now() + max(_JUDGE_EVERY_S, (clock.now() - judging) / _JUDGE_DUTY)
        clock.wait(context.done, min(_TICK_S, max(window_s - (clock.now() - started), 0.0)))
