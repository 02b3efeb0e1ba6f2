"""A source in its loop: samples go out, failures stay inside."""

from __future__ import annotations

import itertools
import random

import pytest

from kdiag.machinery.clock import FakeClock
from kdiag.machinery.context import Context, background, with_cancel
from kdiag.sources.loop import SourceLoop
from kdiag.sources.tools import SourceError


class SteppingClock(FakeClock):
    """A fake clock in which waiting makes time pass."""

    def wait(self, event: object, seconds: float) -> bool:
        self.step(max(seconds, 0.0))
        return bool(event.is_set())  # type: ignore[attr-defined]


def _run(looks: list[object], *, at_end: bool = False) -> tuple[SourceLoop[object], list[object], list[float]]:
    """Run a loop whose looks give or raise these, then end it."""
    clock, emitted, at = SteppingClock(), list[object](), list[float]()
    ctx, cancel = with_cancel(background())

    def look(_ctx: Context) -> object:
        at.append(clock.now())
        result = looks.pop(0)
        if len(looks) <= at_end:
            cancel()
        if isinstance(result, Exception):
            raise result
        return result

    loop = SourceLoop("stacks", look, lambda: 1.0, emitted.append, clock, random.Random(7), at_end=at_end)
    loop.run(ctx)
    return loop, emitted, at


def test_samples_go_out_and_are_counted() -> None:
    loop, emitted, _ = _run(["a", "b", "c"])
    assert emitted == ["a", "b", "c"]
    assert (loop.taken, loop.missed, loop.error) == (3, 0, None)


def test_the_end_is_looked_at_too() -> None:
    loop, emitted, _ = _run(["a", "b", "c"], at_end=True)
    assert (emitted, loop.taken) == (["a", "b", "c"], 3)
    loop, emitted, _ = _run(["a", ValueError("no")], at_end=True)
    assert (emitted, loop.missed, loop.error is not None) == (["a"], 1, True)


def test_looks_are_jittered() -> None:
    _, _, at = _run(["a"] * 6)
    gaps = [later - earlier for earlier, later in itertools.pairwise(at)]
    assert all(1.0 <= gap < 1.2 for gap in gaps)
    assert len(set(gaps)) > 1


def test_a_failure_is_counted_and_kept_until_the_next_sample() -> None:
    loop, emitted, _ = _run([SourceError("py-spy-failed", "no"), "b", SourceError("py-spy-failed", "again")])
    assert emitted == ["b"]
    assert (loop.taken, loop.missed) == (1, 2)
    assert loop.error is not None
    assert loop.error.message == "again"


def test_failures_are_retried_with_backoff_which_a_sample_resets() -> None:
    failure = SourceError("py-spy-failed", "no")
    _, _, at = _run([failure, failure, failure, failure, "a", failure, "b"])
    gaps = [later - earlier for earlier, later in itertools.pairwise(at)]
    assert gaps[0] < gaps[1] < gaps[2] < gaps[3]
    assert gaps[5] == pytest.approx(gaps[0], rel=0.4)


def test_a_crash_does_not_end_the_loop() -> None:
    loop, emitted, _ = _run([ZeroDivisionError("ours"), "b"])
    assert emitted == ["b"]
    assert (loop.taken, loop.missed) == (1, 1)


def test_the_end_of_the_session_is_no_failure() -> None:
    loop, _, _ = _run(["a", SourceError("stopped", "the session ended")])
    assert (loop.missed, loop.error) == (0, None)
