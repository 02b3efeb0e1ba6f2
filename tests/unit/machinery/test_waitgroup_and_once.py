"""WaitGroup and Once (item 27 of the conformance list)."""

from __future__ import annotations

import threading

import pytest

from kdiag.machinery.sync import Once, WaitGroup
from tests.unit.machinery.background import HANGING_S, Background, together


def test_wait_of_a_group_that_counts_nothing_returns() -> None:
    WaitGroup().wait()


def test_wait_returns_only_when_all_is_done() -> None:
    group = WaitGroup()
    ended: list[str] = []
    group.add(3)

    def wait() -> None:
        group.wait()
        ended.append("waited")

    waiting = Background(wait)
    for number in range(3):
        assert "waited" not in ended
        ended.append(str(number))
        group.done()
    waiting.result()
    assert ended == ["0", "1", "2", "waited"]


def test_all_who_wait_are_woken() -> None:
    group = WaitGroup()
    group.add(1)
    waiting = [Background(group.wait) for _ in range(4)]
    group.done()
    for each in waiting:
        each.result()


def test_done_without_add_raises_and_the_count_stays() -> None:
    group = WaitGroup()
    with pytest.raises(ValueError, match="-1"):
        group.done()
    group.add(1)
    with pytest.raises(ValueError, match="-2"):
        group.add(-3)
    group.done()
    group.wait()


def test_a_group_can_be_used_again_at_once() -> None:
    group = WaitGroup()
    for _ in range(200):
        group.add(1)
        waiting = [Background(group.wait), Background(group.wait)]
        group.done()
        for each in waiting:
            each.result()


def test_who_waited_for_a_zero_is_not_kept_by_the_next_count() -> None:
    group = WaitGroup()
    group.add(1)
    waiting = Background(group.wait)
    while not group._changed._waiters:  # type: ignore[attr-defined]
        threading.Event().wait(0.001)
    with group._changed:  # the waiter is woken, but cannot look before the count is up again
        group._count = 0
        group._zeros += 1
        group._changed.notify_all()
        group._count = 1
    waiting.result()


def test_go_counts_until_the_function_ends() -> None:
    group, seen = WaitGroup(), []
    threads = [group.go(lambda number=number: seen.append(number)) for number in range(5)]  # type: ignore[misc]
    group.wait()
    assert sorted(seen) == [0, 1, 2, 3, 4]
    for thread in threads:
        thread.join(HANGING_S)


def test_go_counts_a_crash_as_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    crashes: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda told: crashes.append(told.exc_type))
    group = WaitGroup()
    thread = group.go(lambda: 1 // 0)
    group.wait()
    thread.join(HANGING_S)
    assert crashes == [ZeroDivisionError]


def test_once_calls_once() -> None:
    once, calls = Once(), []
    for _ in range(3):
        once.do(lambda: calls.append(1))
    assert calls == [1]
    assert once.done


def test_once_calls_once_for_many_threads_and_none_returns_before_the_end() -> None:
    once, calls, seen = Once(), [], []
    slow = threading.Event()

    def f() -> None:
        slow.wait(0.02)
        calls.append(1)

    def ask() -> None:
        once.do(f)
        seen.append(len(calls))

    together(*[ask] * 10)
    assert seen == [1] * 10


def test_a_crash_counts_as_the_call_and_goes_to_who_made_it() -> None:
    once, calls = Once(), []

    def f() -> None:
        calls.append(1)
        raise KeyError("boom")

    with pytest.raises(KeyError):
        once.do(f)
    once.do(f)
    once.do(lambda: calls.append(2))
    assert calls == [1]


def test_another_function_is_not_called_either() -> None:
    once, calls = Once(), []
    once.do(lambda: calls.append("first"))
    once.do(lambda: calls.append("second"))
    assert calls == ["first"]


def test_a_function_that_asks_for_itself_is_told_instead_of_hanging() -> None:
    once = Once()
    with pytest.raises(RuntimeError, match="very function"):
        once.do(lambda: once.do(lambda: None))
    once.do(lambda: pytest.fail("called twice"))
