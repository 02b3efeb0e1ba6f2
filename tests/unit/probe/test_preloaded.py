"""The keeper of a preloaded door, at the moments that no process can be held at."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from kdiag.probe import preloaded
from kdiag.probe.door import PARENTS
from kdiag.probe.preloaded import _Keeper
from tests.support.preloaded import until


def test_who_has_just_seen_a_host_off_opens_no_door_when_it_was_taken_away_meanwhile() -> None:
    keeper = _Keeper()
    keeper.occupied = True  # so it was when the service asked for the end, and could not be waited for
    assert not keeper.end()
    keeper.retire()
    assert keeper._next_host() is None
    assert not _doors()


class _HoldsUp:
    """Signals whose taking away lasts until the thread has come to its end."""

    def __init__(self, keeper: _Keeper) -> None:
        self.keeper = keeper

    def arm(self) -> None: ...

    def abandon(self) -> None: ...

    def disarm(self) -> None:
        self.keeper._end.release()
        self.keeper._knock()
        self.keeper._ended.acquire(True, 0.2)  # it comes to its end, or waits for whoever takes the door away


def test_a_thread_that_ends_while_its_door_is_taken_away_leaves_no_door() -> None:
    keeper = _Keeper()
    keeper._signals = _HoldsUp(keeper)
    keeper.start()
    until(lambda: _doors() and not keeper._opening.locked(), "the door is open")
    keeper.retire()
    assert not _doors()
    assert keeper._ended.acquire(True, 60)


@pytest.mark.parametrize("late", [False, True], ids=["it had not ended", "it just ends"])
def test_a_thread_whose_end_lasted_too_long_for_a_fork_keeps_the_door(
    late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preloaded, "_MOST_FOR_AN_END_S", 0.05)
    keeper = _Keeper()
    keeper.start()
    until(_doors, "the door is open")
    with keeper._opening:  # the machine takes the thread away, just before it comes to its end
        assert not keeper.end()
    if late:
        until(lambda: not keeper._ended.locked(), "the thread has ended")
    monkeypatch.setattr(preloaded, "_MOST_FOR_AN_END_S", 60.0)
    keeper.keep()
    with socket.socket(socket.AF_UNIX) as host:
        host.settimeout(60)
        host.connect(str(_doors()[0] / "door"))
        assert host.recv(1) == b""  # somebody is there, and turns its own process away
    assert keeper.end()
    keeper.close()
    assert not _doors()


def _doors() -> list[Path]:
    doors = [Path(parent, f".kdiag-{os.geteuid()}-{os.getpid()}") for parent in PARENTS]
    return [door for door in doors if door.exists()]
