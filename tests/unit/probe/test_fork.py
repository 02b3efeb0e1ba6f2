"""What stays for forks is one set of functions, which keeps nothing of ours alive."""

from __future__ import annotations

import _thread
import concurrent.futures
import gc
import os
import sys
import threading
import time
import weakref

import pytest

from kdiag.probe import fork


class Listener:
    def __init__(self, broken: bool = False) -> None:
        self.broken = broken
        self.told: list[str] = []

    def before_fork(self) -> None:
        self.told.append("before")
        if self.broken:
            raise KeyboardInterrupt

    def after_fork_in_parent(self) -> None:
        self.told.append("parent")

    def after_fork_in_child(self) -> None:
        self.told.append("child")


@pytest.fixture(autouse=True)
def _own_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sys, fork.SLOT, raising=False)


def test_it_registers_once_and_tells_all(monkeypatch: pytest.MonkeyPatch) -> None:
    hooks: list[dict[str, object]] = []
    monkeypatch.setattr(os, "register_at_fork", lambda **each: hooks.append(each))
    first, second = Listener(broken=True), Listener()
    fork.register(first)
    fork.register(second)
    fork.unregister(first)
    fork.register(first)
    assert len(hooks) == 1
    for hook in hooks[0].values():
        hook()  # type: ignore[operator]
    assert first.told == second.told == ["before", "parent", "child"]
    fork.unregister(first)
    fork.unregister(second)
    fork.unregister(second)
    assert getattr(sys, fork.SLOT) == []
    for hook in hooks[0].values():
        hook()  # type: ignore[operator]
    assert len(first.told) == 3


def test_what_stays_refers_to_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    hooks: list[dict[str, object]] = []
    monkeypatch.setattr(os, "register_at_fork", lambda **each: hooks.append(each))
    listener = Listener()
    gone = weakref.ref(listener)
    fork.register(listener)
    fork.unregister(listener)
    del listener
    gc.collect()
    assert gone() is None
    for hook in hooks[0].values():
        assert set(hook.__globals__) == {"__builtins__"}  # type: ignore[attr-defined]


def test_a_fork_waits_for_a_thread_at_work_and_keeps_it_out_until_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork, "WAITS_S", 60.0)
    monkeypatch.setattr(fork, "WORKS_ANYWAY_S", 60.0)
    at_work = fork.AtWork()
    began, ended, done = threading.Event(), threading.Event(), []

    def work() -> None:
        with at_work:
            began.set()
            ended.wait(60)
            done.append("work")

    thread = threading.Thread(target=work)
    thread.start()
    assert began.wait(60)
    ended.set()
    at_work.before_fork()
    assert done == ["work"]
    again = threading.Thread(target=work)
    again.start()
    done.append("fork")
    at_work.after_fork()
    for each in (thread, again):
        each.join(60)
    assert done == ["work", "fork", "work"]


def test_a_fork_waits_for_nobody_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork, "WAITS_S", 0.001)
    monkeypatch.setattr(fork, "WORKS_ANYWAY_S", 0.001)
    at_work, other = fork.AtWork(), fork.AtWork()
    with at_work:
        at_work.before_fork()  # a finalizer that forks in our own thread
        at_work.after_fork()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            pool.submit(at_work.before_fork).result(60)  # it goes on without
            pool.submit(at_work.after_fork).result(60)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(other.before_fork).result(60)  # and never says that it is over
        with other:
            pass
        pool.submit(other.after_fork).result(60)
    with at_work, other:
        assert at_work._worker == other._worker == threading.get_ident()


def test_of_our_threads_one_works_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork, "WORKS_ANYWAY_S", 60.0)
    turn = _thread.allocate_lock()
    seen: list[int] = []

    def work(at_work: fork.AtWork) -> None:
        for _ in range(200):
            with at_work:
                seen.append(threading.get_ident())
                time.sleep(0)  # the other one may run now
                seen.append(threading.get_ident())

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(work, (fork.AtWork(turn), fork.AtWork(turn))))
    assert seen[::2] == seen[1::2]


def test_who_waits_for_the_turn_for_long_works_anyway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork, "WORKS_ANYWAY_S", 0.001)
    turn = _thread.allocate_lock()
    with fork.AtWork(turn):
        with fork.AtWork(turn):
            pass
        assert turn.locked()  # it did not take the turn, and so did not end it
    assert not turn.locked()
