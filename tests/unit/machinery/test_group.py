"""Groups of threads (item 13 of the conformance list)."""

from __future__ import annotations

import threading

import pytest

from kdiag.machinery import runtime
from kdiag.machinery.clock import FakeClock
from kdiag.machinery.context import Context, background, with_cancel
from kdiag.machinery.wait import Group, jitter_until
from tests.unit.machinery.background import HANGING_S, Background, together


def test_wait_of_an_empty_group_returns() -> None:
    Group().wait()


def test_wait_returns_only_when_all_have_ended() -> None:
    group = Group()
    gates = [threading.Event() for _ in range(3)]
    ended: list[int] = []

    def pass_gate(number: int) -> None:
        gates[number].wait(HANGING_S)
        ended.append(number)

    for number in range(3):
        group.start_with_stop(gates[number], lambda _, number=number: pass_gate(number))  # type: ignore[misc]
    waited: list[list[int]] = []

    def wait() -> None:
        group.wait()
        waited.append(list(ended))

    waiting = Background(wait)
    for gate in gates:
        assert waited == []
        gate.set()
    waiting.result()
    assert sorted(waited[0]) == [0, 1, 2]


def test_no_thread_of_the_group_is_left_after_wait() -> None:
    group = Group("mine")
    for _ in range(20):
        group.start(lambda: None)
    group.wait()
    assert [thread for thread in threading.enumerate() if thread.name.startswith("mine")] == []


def test_start_with_context_passes_the_context() -> None:
    group = Group()
    ctx, cancel = with_cancel(background())
    seen: list[bool] = []

    def f(given: Context) -> None:
        seen.append(given is ctx and given.done.wait(HANGING_S))

    group.start_with_context(ctx, f)
    cancel()
    group.wait()
    assert seen == [True]


def test_start_with_stop_passes_the_stop() -> None:
    group = Group()
    stop = threading.Event()
    seen: list[bool] = []
    group.start_with_stop(stop, lambda given: seen.append(given.wait(HANGING_S)))
    stop.set()
    group.wait()
    assert seen == [True]


def test_a_crash_goes_through_handle_crash_and_does_not_lose_the_others() -> None:
    group = Group()
    crashed: list[str] = []
    runtime.panic_handlers[:] = [lambda exc: crashed.append(str(exc))]
    gate = threading.Event()
    ended: list[int] = []

    def crash() -> None:
        raise ValueError("crash")

    def survive() -> None:
        gate.wait(HANGING_S)
        ended.append(1)

    group.start(crash)
    group.start(survive)
    group.start(crash)
    gate.set()
    group.wait()
    assert crashed == ["crash", "crash"]
    assert ended == [1]


def test_being_interrupted_once_the_stop_is_done_is_no_crash() -> None:
    group = Group()
    crashed = threading.Semaphore(0)
    runtime.panic_handlers[:] = [lambda _: crashed.release()]
    ctx, cancel = with_cancel(background())
    other, cancel_other = with_cancel(background())

    def interrupted(given: Context) -> None:
        given.done.wait(HANGING_S)
        given.raise_if_done()

    def interrupted_by_another(_: Context) -> None:
        other.raise_if_done()

    cancel_other()
    group.start_with_context(ctx, interrupted)
    group.start_with_context(ctx, interrupted_by_another)
    assert crashed.acquire(timeout=HANGING_S)
    cancel()
    group.wait()
    assert not crashed.acquire(blocking=False)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_ends_quietly_ends_alone() -> None:
    group = Group()
    ended: list[int] = []

    def leave() -> None:
        raise SystemExit

    group.start(leave)
    group.start(lambda: ended.append(1))
    group.wait()
    assert ended == [1]


def test_what_is_started_while_waiting_is_waited_for_too() -> None:
    group = Group()
    gate = threading.Event()
    ended: list[str] = []

    def parent() -> None:
        gate.wait(HANGING_S)
        group.start(lambda: ended.append("child"))
        ended.append("parent")

    group.start(parent)
    waiting = Background(group.wait)
    gate.set()
    waiting.result()
    assert sorted(ended) == ["child", "parent"]


def test_threads_are_named_after_the_group_and_the_function_and_are_daemons() -> None:
    group = Group("sources")
    seen: list[tuple[str, bool]] = []

    def stacks() -> None:
        seen.append((threading.current_thread().name, threading.current_thread().daemon))

    def collector(_: object) -> None:
        stacks()

    group.start(stacks)
    group.wait()
    group.start(stacks, name="process")
    group.wait()
    group.start_with_context(background(), collector)
    group.wait()
    assert seen == [("sources-stacks", True), ("sources-process", True), ("sources-collector", True)]


def test_threads_that_have_ended_are_not_kept() -> None:
    group = Group()
    for _ in range(50):
        group.start(lambda: None)
        for thread in list(group._threads):
            thread.join(HANGING_S)
    assert len(group._threads) == 1
    group.wait()
    assert group._threads == []


@pytest.mark.parametrize("_round", range(20))
def test_starting_and_waiting_in_many_threads_loses_nobody(_round: int) -> None:
    group = Group()
    ran: list[int] = []

    def start_and_wait() -> None:
        for _ in range(10):
            group.start(lambda: ran.append(1))
        group.wait()

    together(*[start_and_wait] * 4)
    assert len(ran) == 40
    assert group._threads == []


def test_a_group_of_loops_ends_with_its_context() -> None:
    clock = FakeClock()
    group = Group()
    ctx, cancel = with_cancel(background())
    ticks: list[int] = []
    for number in range(5):
        group.start(lambda number=number: jitter_until(lambda: ticks.append(number), 1.0, stop=ctx, clock=clock))  # type: ignore[misc]
    clock.block_until(5)
    clock.step(1.0)
    clock.block_until(5)
    cancel()
    group.wait()
    assert sorted(ticks) == sorted([*range(5), *range(5)])
