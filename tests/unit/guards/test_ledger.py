"""The ledger: bounded, never waited for, and told of by callbacks that may do anything."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from kdiag.probe.guards.evidence import Side
from kdiag.probe.guards.ledger import CHANGED, LOST, MOST_GROUPS, MOST_QUEUED, UNLOCKED, Conflict, Ledger

if TYPE_CHECKING:
    from collections.abc import Callable


def side(line: int = 1, at: float = 1.0) -> Side:
    return Side("worker", 7, at, (("shop.py", line, "put"), ("threading.py", 9, "run")))


def conflict(line: int = 1, at: float = 1.0) -> Conflict:
    return Conflict(UNLOCKED, 3, "shop.CACHE", "dict", "'key'", side(line, at), other=side(2))


def test_alike_ones_are_one_group_and_what_is_new_can_be_asked_for() -> None:
    ledger = Ledger()
    for at in (1.0, 2.0):
        ledger.note(conflict(at=at))
    ledger.note(conflict(line=5))
    first, second = ledger.conflicts()
    assert (first["number"], first["count"], first["first_at"], first["last_at"]) == (1, 2, 1.0, 2.0)
    assert first["sequence"] < second["sequence"] == ledger.sequence
    assert ledger.conflicts(first["sequence"]) == [second]
    ledger.note(conflict(at=9.0))
    assert [each["number"] for each in ledger.conflicts(second["sequence"])] == [1]
    assert json.loads(json.dumps(first)) == first


def test_the_shape_is_that_of_the_sensor() -> None:
    ledger = Ledger()
    ledger.note(conflict())
    (found,) = ledger.conflicts()
    assert found["other"] == {
        "thread": "worker", "ident": 7, "at": 1.0, "frames": [["shop.py", 2, "put"], ["threading.py", 9, "run"]],
    }  # fmt: skip
    assert (found["iterates"], found["seen"], found["object"], found["type"]) == (None, True, 3, "dict")


def test_groups_are_bounded_and_what_is_dropped_is_counted() -> None:
    ledger = Ledger()
    for line in range(MOST_GROUPS + 10):
        ledger.note(conflict(line))
    assert len(ledger.conflicts()) == MOST_GROUPS
    assert ledger.dropped == 10


def test_nobody_waits_for_it() -> None:
    """As when a finalizer, or a signal handler, runs while its own thread has the ledger."""
    ledger = Ledger()
    assert ledger._turn.acquire(False)
    for _ in range(MOST_QUEUED + 5):
        ledger.note(conflict())
    assert ledger.conflicts() == []
    assert ledger.dropped == 5
    ledger._turn.release()
    assert ledger.conflicts()[0]["count"] == MOST_QUEUED


def test_a_child_of_a_fork_has_a_ledger_that_nobody_holds() -> None:
    ledger = Ledger()
    ledger._turn.acquire()
    child = os.fork()
    if child == 0:
        ledger.note(conflict())
        os._exit(len(ledger.conflicts()))
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 1


def test_callbacks_are_told_and_may_fail_or_come_back() -> None:
    ledger = Ledger()
    told: list[Conflict] = []

    def again(each: Conflict) -> None:
        if len(told) < 3:
            told.append(each)
            ledger.note(conflict(line=2))

    def fails(_: Conflict) -> None:
        raise ValueError

    callbacks: list[Callable[[Conflict], object]] = [fails, again]
    ledger.callbacks.extend(callbacks)
    ledger.note(conflict())
    assert len(told) == 3
    assert ledger.failed_callbacks == 4
    assert sum(each["count"] for each in ledger.conflicts()) == 4


def test_words_name_both_sides() -> None:
    changed = Conflict(CHANGED, 1, "a.B", "dict", "", side(1), iterates=side(2))
    assert changed.in_words() == (
        "a.B (dict): thread 'worker' at shop.py:1 (put) wrote while it was iterated by thread 'worker' at "
        "shop.py:2 (put)"
    )
    lost = Conflict(LOST, 1, "a.B", "dict", "'k'", side(1), other=side()._replace(frames=()))
    assert lost.in_words() == (
        "a.B (dict) key 'k': thread 'worker' at shop.py:1 (put) overwrote an update of thread 'worker'"
    )
