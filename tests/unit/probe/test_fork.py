"""What stays for forks is one set of functions, which keeps nothing of ours alive."""

from __future__ import annotations

import gc
import os
import sys
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
