"""deadlock: circles that the source proves, freezes that it can only suspect, and holders that are merely slow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kdiag.core.detectors.deadlock import detect
from kdiag.core.model import Frame, LineFacts, Wait
from tests.support.windows import (
    APP,
    BOOT,
    CONDITION_WAIT,
    EVENT_WAIT,
    FUTURE_RESULT,
    FUTURES_WORKER,
    LOOP,
    SELECT,
    STDLIB,
    Life,
    app,
    found,
    idle_main,
    lines,
    moving,
    scene,
    stuck,
    undecided,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

# def ship():               def take_back():
#     with stock:     # 10      with ledger:     # 20
#         with ledger:  # 12        with stock:  # 22
CROSSED = lines(
    (12, LineFacts("with ledger:", "ship", acquires=("ledger",), holds=(("stock", 10),))),
    (22, LineFacts("with stock:", "take_back", acquires=("stock",), holds=(("ledger", 20),))),
)
SHIP, BACK = (app(12, "ship"), *BOOT), (app(22, "take_back"), *BOOT)


def test_two_threads_in_a_circle() -> None:
    finding = found(detect(scene(idle_main(), stuck("shipping", *SHIP), stuck("returns", *BACK), lines=CROSSED)))
    assert (finding.severity, finding.suspected, finding.score) == ("critical", False, 100)
    assert finding.confidence >= 0.95
    assert finding.title == (
        "2 threads wait for each other in a circle: 'shipping' waits for app.ledger at app.py:12; "
        "'returns' waits for app.stock at app.py:22"
    )
    assert [(p.role, p.thread, p.line, p.object) for p in finding.places] == [
        ("waits", "shipping", 12, "app.ledger"),
        ("holds", "returns", 20, "app.ledger"),
        ("waits", "returns", 22, "app.stock"),
        ("holds", "shipping", 10, "app.stock"),
    ]
    assert finding.culprit is not None
    assert (finding.culprit.line, finding.culprit.object) == (12, "app.ledger")


def test_the_lock_may_be_held_by_a_caller() -> None:
    facts = lines(
        (5, LineFacts("with self.b:", "Shop.pay", acquires=("self.b",))),
        (6, LineFacts("self.pay()", "Shop.order", holds=(("self.a", 4),), call="self.pay")),
        (15, LineFacts("with self.a:", "Shop.count", acquires=("self.a",))),
        (16, LineFacts("self.count()", "Shop.audit", holds=(("self.b", 14),), call="self.count")),
    )
    finding = found(
        detect(
            scene(
                idle_main(),
                stuck("one", app(5, "pay"), app(6, "order"), *BOOT),
                stuck("two", app(15, "count"), app(16, "audit"), *BOOT),
                lines=facts,
            )
        )
    )
    assert [p.object for p in finding.places] == ["Shop.b", "Shop.b", "Shop.a", "Shop.a"]
    assert [p.line for p in finding.places if p.role == "holds"] == [14, 4]


def test_three_threads_in_a_circle_and_one_behind() -> None:
    names = ["a", "b", "c"]
    facts = lines(
        *(
            (line, LineFacts("with", f"f{line}", acquires=(names[(line + 1) % 3],), holds=((names[line], line + 10),)))
            for line in range(3)
        ),
        (7, LineFacts("with a:", "late", acquires=("a",))),
    )
    lives = [stuck(f"t{line}", app(line), *BOOT) for line in range(3)]
    finding = found(detect(scene(idle_main(), *lives, stuck("late", app(7), *BOOT), lines=facts)))
    assert finding.title.startswith("3 threads wait for each other in a circle")
    assert "1 thread more waits behind them" in finding.summary
    assert len(finding.threads) == 4
    assert len(finding.places) == 6


def test_locks_taken_on_one_line_are_held_in_their_order() -> None:
    facts = lines(
        (1, LineFacts("with a, b:", "f", acquires=("a", "b"))), (2, LineFacts("with b, a:", "g", acquires=("b", "a")))
    )
    finding = found(detect(scene(idle_main(), stuck("f", app(1), *BOOT), stuck("g", app(2), *BOOT), lines=facts)))
    assert finding.title.startswith("2 threads wait for each other in a circle")


SELF = lines(
    (5, LineFacts("with self.lock:", "Cart.total", acquires=("self.lock",))),
    (9, LineFacts("return self.total()", "Cart.checkout", holds=(("self.lock", 8),), call="self.total")),
)


def test_a_plain_lock_taken_twice_is_a_circle_of_one() -> None:
    frames = (app(5, "total"), app(9, "checkout"), *BOOT)
    finding = found(detect(scene(idle_main(), stuck("checkout", *frames), lines=SELF)))
    assert finding.title == "Thread 'checkout' waits at app.py:5 for Cart.lock, which it holds itself"
    assert [(p.role, p.line) for p in finding.places] == [("waits", 5), ("holds", 8)]


def test_two_holders_of_one_name_are_two_locks() -> None:
    """A tree of nodes with a lock each: the parent's is held, the child's is held by somebody who works."""
    slow = lines((30, LineFacts("self.load()", "Cart.reload", holds=(("self.lock", 29),), call="self.load")))
    walker = stuck("walker", app(5, "total"), app(9, "checkout"), *BOOT)
    worker = moving("worker", app(30, "reload"), *BOOT, wait=Wait.IO)
    assert detect(scene(idle_main(), walker, worker, lines={**SELF, **slow})) is None


SAME_LINE = lines(
    (
        26,
        LineFacts("with destination.lock:", "transfer", acquires=("destination.lock",), holds=(("source.lock", 24),)),
    )
)


def test_the_same_line_in_two_threads_over_different_locks_is_suspected() -> None:
    lives = [stuck(f"transfer-{n}", app(26, "transfer"), *BOOT) for n in (1, 2)]
    finding = found(detect(scene(idle_main(), *lives, lines=SAME_LINE)))
    assert finding.suspected
    assert "a deadlock is suspected" in finding.title
    assert "could not be read" not in finding.title
    assert finding.severity == "warning"  # the main thread might hold a lock in a way that its source does not show
    assert {(p.role, p.line) for p in finding.places} == {("waits", 26), ("holds", 24)}
    alone = found(detect(scene(*lives, lines=SAME_LINE)))
    assert alone.severity == "critical"


def test_threads_that_wait_for_a_slow_holder_are_not_deadlocked() -> None:
    facts = lines(
        (12, LineFacts("with stock:", "ship", acquires=("stock",))),
        (30, LineFacts("time.sleep(9)", "refill", holds=(("stock", 29),), call="time.sleep")),
    )
    waiters = [stuck(f"w{n}", app(12, "ship"), *BOOT) for n in range(4)]
    sleeper = stuck("holder", app(30, "refill"), *BOOT, wait=Wait.SLEEP)
    assert detect(scene(idle_main(), *waiters, sleeper, lines=facts)) is None
    behind = lines((40, LineFacts("with b:", "x", acquires=("b",))), (12, LineFacts("with stock:", "ship",
                   acquires=("stock",), holds=(("b", 11),))))  # fmt: skip
    chain = [stuck("x", app(40, "x"), *BOOT), waiters[0], sleeper]
    assert detect(scene(idle_main(), *chain, lines={**facts, **behind})) is None


def test_waiters_that_move_are_contention_not_deadlock() -> None:
    lives = [moving("shipping", *SHIP, wait=Wait.LOCK), moving("returns", *BACK, wait=Wait.LOCK)]
    assert detect(scene(idle_main(), *lives, lines=CROSSED)) is None


def test_one_that_got_through_in_between_is_no_deadlock() -> None:
    shipping = Life("shipping", lambda n: SHIP if n != 30 else (app(13, "ship"), *BOOT))
    assert detect(scene(idle_main(), shipping, stuck("returns", *BACK), lines=CROSSED, seconds=6.8)) is None


@pytest.mark.parametrize(("seconds", "decided"), [(2.8, False), (3.0, True)])
def test_three_seconds_are_the_threshold(seconds: float, decided: bool) -> None:
    lives = [stuck("shipping", *SHIP), stuck("returns", *BACK)]
    outcome = detect(scene(*lives, lines=CROSSED, seconds=seconds))
    if decided:
        assert found(outcome).confidence < 0.95
    else:
        assert "too few" in undecided(outcome).reason


def test_unreadable_source_leaves_a_suspicion() -> None:
    lives = [stuck("a", app(12), *BOOT), stuck("b", app(22), *BOOT)]
    finding = found(detect(scene(idle_main(), *lives)))
    assert "suspected (the source could not be read)" in finding.title
    assert finding.suspected
    assert {place.object for place in finding.places} == {None}


@pytest.mark.parametrize(("python", "words"), [("3.12.1", True), ("3.13.0", False), ("", False)])
def test_futex_words_tell_locks_apart_up_to_3_12(python: str, words: bool) -> None:
    facts = lines((12, LineFacts("lock.acquire()", "f", acquires=("lock",))))
    lives = [Life(f"t{n}", (app(12), *BOOT), address=1000 + n) for n in range(2)]
    outcome = detect(scene(idle_main(), *lives, lines=facts, python=python))
    assert (outcome is not None) == words


def test_one_lock_that_nobody_is_left_to_release() -> None:
    facts = lines((12, LineFacts("lock.acquire()", "f", acquires=("lock",))))
    waiters = [stuck(f"t{n}", app(12), *BOOT) for n in range(3)]
    free = [
        stuck("orders_0", *FUTURES_WORKER),
        Life("loop", (*SELECT, *LOOP), Wait.POLL),
        stuck("MainThread", Frame(f"{STDLIB}/threading.py", 1, "Thread.join"), app(3, "main")),
        stuck("caller", *FUTURE_RESULT, app(4), *BOOT),
    ]
    finding = found(detect(scene(*waiters, *free, lines=facts)))
    assert (finding.severity, finding.confidence) == ("warning", 0.6)
    able = stuck("x", app(99, "refill"), *BOOT, wait=Wait.SLEEP)
    assert detect(scene(*waiters, *free, able, lines=facts)) is None


def test_one_thread_that_waits_for_ever_is_nothing() -> None:
    facts = lines((12, LineFacts("lock.acquire()", "f", acquires=("lock",))))
    assert detect(scene(idle_main(), stuck("parked", app(12), *BOOT), lines=facts)) is None


CONDITION = lines(
    (5, LineFacts("self.ready.wait()", "Box.take", holds=(("self.ready", 4),), call="self.ready.wait")),
    (15, LineFacts("with self.ready:", "Box.put", acquires=("self.ready",))),
)


def test_a_waiter_of_a_condition_has_let_its_lock_go() -> None:
    waiter = stuck("taker", *CONDITION_WAIT, app(5, "take"), *BOOT)
    assert detect(scene(idle_main(), waiter, lines=CONDITION)) is None
    entering = Frame(f"{STDLIB}/threading.py", 300, "Condition.__enter__")
    putter = stuck("putter", entering, app(15, "put"), *BOOT)
    assert detect(scene(idle_main(), waiter, putter, lines=CONDITION)) is None


def test_the_librarys_own_conditions_are_let_go_as_well() -> None:
    """The main thread waits for an Event, in the library's `with self._cond`: it holds nothing that others want."""
    cond = LineFacts(
        "signaled = self._cond.wait(timeout)", "Event.wait", holds=(("self._cond", 656),), call="self._cond.wait"
    )
    facts = {**SAME_LINE, (EVENT_WAIT[1].file, EVENT_WAIT[1].line): cond}
    lives = [stuck(f"transfer-{n}", app(26, "transfer"), *BOOT) for n in (1, 2)]
    assert found(detect(scene(idle_main(), *lives, lines=facts, python="3.13.0"))).suspected


def test_an_event_waited_for_with_a_lock_held_is_a_slow_holder() -> None:
    facts = lines(
        (5, LineFacts("done.wait()", "f", holds=(("lock", 4),), call="done.wait")),
        (15, LineFacts("with lock:", "g", acquires=("lock",))),
    )
    lives = [stuck("f", *EVENT_WAIT, app(5, "f"), *BOOT), *(stuck(f"g{n}", app(15, "g"), *BOOT) for n in range(2))]
    assert detect(scene(idle_main(), *lives, lines=facts)) is None


@pytest.mark.parametrize("facts", [{}, lines((7, LineFacts("q.get()", "f", call="q.get")))])
def test_threads_that_wait_for_something_else_are_none_of_it(facts: Mapping[tuple[str, int], LineFacts]) -> None:
    """An idle pool, a SimpleQueue's get, a with block around a socket: waits of C code without a lock of theirs."""
    lives = [stuck(f"orders_{n}", *FUTURES_WORKER) for n in range(4)]
    readers = [stuck(f"r{n}", app(7), *BOOT, wait=Wait.IO) for n in range(3)]
    assert detect(scene(idle_main(), *lives, *readers, lines=facts)) is None


def test_a_with_block_around_a_socket_is_no_lock() -> None:
    facts = lines((7, LineFacts("with connect(a) as s:", "f", acquires=("connect(a)",))))
    lives = [stuck(f"r{n}", app(7), *BOOT, wait=Wait.UNKNOWN) for n in range(3)]
    assert detect(scene(idle_main(), *lives, lines=facts)) is None


def test_a_name_in_two_modules_is_two_locks() -> None:
    other = "/srv/shop/other.py"
    facts = {
        (APP, 12): LineFacts("with b:", "f", acquires=("b",), holds=(("a", 11),)),
        (other, 22): LineFacts("with a:", "g", acquires=("a",), holds=(("b", 21),)),
    }
    lives = [stuck("f", app(12), *BOOT), stuck("g", app(22, "g", other), *BOOT)]
    finding = found(detect(scene(idle_main(), *lives, lines=facts)))
    assert finding.suspected  # no circle is proven


def test_a_module_attribute_is_one_lock_everywhere() -> None:
    other = "/srv/shop/other.py"
    facts = {
        (APP, 12): LineFacts("with locks.b:", "f", acquires=("locks.b",), holds=(("locks.a", 11),)),
        (other, 22): LineFacts("with locks.a:", "g", acquires=("locks.a",), holds=(("locks.b", 21),)),
    }
    lives = [stuck("f", app(12), *BOOT), stuck("g", app(22, "g", other), *BOOT)]
    assert not found(detect(scene(idle_main(), *lives, lines=facts))).suspected


def test_without_the_kernels_numbers_it_cannot_be_told() -> None:
    lives = [Life(name, frames, Wait.UNKNOWN, None, None) for name, frames in (("a", SHIP), ("b", BACK))]
    assert "could not be read" in undecided(detect(scene(idle_main(), *lives, lines=CROSSED))).reason


def test_without_stacks_it_cannot_be_told() -> None:
    undecided(detect(scene()))


def test_locks_between_processes_may_be_held_elsewhere() -> None:
    queue = f"{STDLIB}/multiprocessing/queues.py"
    facts = {
        (queue, 102): LineFacts("with self._rlock:", "Queue.get", acquires=("self._rlock",)),
        (queue, 387): LineFacts("with self._rlock:", "SimpleQueue.get", acquires=("self._rlock",)),
    }
    lives = [stuck(f"r{line}", Frame(queue, line, "get"), app(line, "read"), *BOOT) for line in (102, 387)]
    assert detect(scene(*lives, lines=facts)) is None
