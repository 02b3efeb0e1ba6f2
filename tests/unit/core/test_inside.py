"""What a probe adds: exact numbers for estimates, owners for source lines; and wrong guesses are withdrawn."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kdiag.core.detectors import deadlock, event_loop_blocked, gc_pressure, lock_contention
from kdiag.core.model import Allocator, Frame, ProbedThread, Wait
from tests.support.inside import account, awaits, delay, loop, runs, waits, with_probe
from tests.support.windows import (
    APP,
    BOOT,
    CALLBACK,
    SELECT,
    app,
    computing,
    found,
    idle_main,
    moving,
    scene,
    stuck,
    undecided,
)
from tests.support.windows import LOOP as TURNS

CHURN = Allocator((app(7, "churn"), app(20, "main")), 2, "churner", 8, 0.2, 0)
OTHER = Allocator((app(9, "other"),), 2, "churner", 2, 0.01, 0)


def test_the_share_is_exact() -> None:
    window = with_probe(scene(), collector=lambda _: account(0.5, allocators=[OTHER, CHURN]))
    finding = found(gc_pressure.detect(window))
    share = finding.evidence[0]
    assert (share.metric, share.value, share.low, share.high) == ("gc.share", 0.5, 0.5, 0.5)
    assert (share.source, share.samples) == ("probe.gc", 200)
    assert (finding.severity, finding.confidence) == ("critical", 0.99)
    assert finding.culprit is not None
    assert (finding.culprit.line, finding.culprit.thread) == (7, "churner")
    assert "160 of 200 collections that were looked at started at app.py:7" in finding.summary


def test_the_probes_account_is_taken_before_what_was_estimated() -> None:
    busy = scene(computing("worker", app(7)), collecting=lambda _: 60)
    assert gc_pressure.detect(busy) is not None
    assert gc_pressure.detect(with_probe(busy, collector=lambda _: account(0.02))) is None


def test_a_probe_that_has_just_come_untells_nothing() -> None:
    busy = with_probe(scene(computing("worker", app(7)), collecting=lambda _: 60), collector=lambda _: account(0.7))
    outside = found(gc_pressure.detect(replace(busy, probe=())))
    for looks, source in ((1, "collector.memory"), (5, "collector.memory"), (6, "probe.gc"), (20, "probe.gc")):
        told = found(gc_pressure.detect(replace(busy, probe=busy.probe[:looks])))
        assert (told.severity, told.evidence[0].source) == (outside.severity, source), looks


def test_a_share_of_missed_collections_is_a_lower_bound() -> None:
    finding = found(gc_pressure.detect(with_probe(scene(), collector=lambda _: account(0.3, timed=5))))
    assert finding.evidence[0].low == pytest.approx(0.3)
    assert finding.evidence[0].high is None


def test_one_long_collection() -> None:
    window = with_probe(scene(), collector=lambda at: account(0.01, longest_s=1.5 if at == 4.0 else 0.001))
    finding = found(gc_pressure.detect(window))
    pause = next(number for number in finding.evidence if number.metric == "gc.pause_max")
    assert (pause.value, pause.low, pause.high) == (1.5, 1.5, 1.5)
    assert finding.severity == "critical"


def test_a_short_look_at_a_moderate_share_is_not_enough() -> None:
    undecided(gc_pressure.detect(with_probe(scene(seconds=5.0), collector=lambda _: account(0.15))))
    assert found(gc_pressure.detect(with_probe(scene(seconds=5.0), collector=lambda _: account(0.25))))


SHIP, BACK = app(12, "ship"), app(22, "take_back")
CROSSED = (
    waits(1, "shipping", SHIP, lock=20, owner=2, what="app.ledger", held_at=app(20, "take_back")),
    waits(2, "returns", BACK, lock=10, owner=1, what="app.stock", held_at=app(10, "ship")),
    waits(3, "late", app(30, "late"), lock=10, owner=1, what="app.stock"),
    runs(4, "MainThread", app(90, "main")),
)


def test_a_circle_of_owners_is_proven_without_any_source() -> None:
    window = with_probe(scene(idle_main()), threads=lambda _: CROSSED)
    finding = found(deadlock.detect(window))
    assert (finding.severity, finding.suspected, finding.confidence) == ("critical", False, 0.99)
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
    assert finding.threads == (1, 2, 3)
    assert "1 thread more waits behind them" in finding.summary
    assert {number.source for number in finding.evidence} == {"probe.threads"}


def test_a_circle_through_join_and_one_alone() -> None:
    joins = (
        waits(1, "boss", SHIP, lock=99, owner=2, kind="thread", what="app.worker"),
        waits(2, "worker", BACK, lock=10, owner=1, what="app.stock"),
    )
    finding = found(deadlock.detect(with_probe(scene(idle_main()), threads=lambda _: joins)))
    assert "'boss' waits for app.worker to end" in finding.title
    alone = (waits(1, "alone", SHIP, lock=10, owner=1, what="app.stock"),)
    finding = found(deadlock.detect(with_probe(scene(idle_main()), threads=lambda _: alone)))
    assert finding.title == "Thread 'alone' waits at app.py:12 for app.stock, which it holds itself"


def test_what_is_held_by_a_call_is_said_to_be_less_sure() -> None:
    called = tuple(replace(each, wait=replace(each.wait, sure=False)) if each.wait else each for each in CROSSED)
    finding = found(deadlock.detect(with_probe(scene(idle_main()), threads=lambda _: called)))
    assert (finding.confidence, finding.suspected) == (0.96, False)
    assert "That app.ledger, app.stock is still held" in finding.summary


def test_a_circle_that_a_time_limit_ends_is_a_warning() -> None:
    first = waits(1, "shipping", SHIP, lock=20, owner=2, what="app.ledger", held_at=app(20, "take_back"), limited=True)
    finding = found(deadlock.detect(with_probe(scene(idle_main()), threads=lambda _: (first, *CROSSED[1:]))))
    assert (finding.severity, finding.score) == ("warning", 75)
    assert "none of them will, until the time is over that one of them has set itself" in finding.summary


ASKS = waits(1, "asks", SHIP, lock=50, owner=2, kind="future")
QUEUED = waits(1, "asks", SHIP, lock=50, owner=0, kind="future", workers=(2, 3))
LOADS = waits(2, "load_0", BACK, lock=10, owner=1, what="app.stock", held_at=app(10, "ship"))
LOADS_TOO = waits(3, "load_1", BACK, lock=10, owner=1, what="app.stock", held_at=app(10, "ship"))


def test_a_circle_through_a_result() -> None:
    finding = found(deadlock.detect(with_probe(scene(idle_main()), threads=lambda _: (ASKS, LOADS, LOADS_TOO))))
    assert [(p.role, p.thread, p.line, p.object) for p in finding.places] == [
        ("waits", "asks", 12, "a result"),
        ("runs", "load_0", 22, "a result"),
        ("waits", "load_0", 22, "app.stock"),
        ("holds", "asks", 10, "app.stock"),
    ]
    assert finding.threads == (1, 2, 3)


def test_work_that_stands_in_a_queue_waits_for_all_workers() -> None:
    finding = found(deadlock.detect(with_probe(scene(idle_main()), threads=lambda _: (QUEUED, LOADS, LOADS_TOO))))
    assert "'asks' waits for a result that no worker is free to bring" in finding.title
    one_moves = (QUEUED, LOADS, runs(3, "load_1", BACK))
    assert deadlock.detect(with_probe(scene(idle_main()), threads=lambda _: one_moves)) is None


def test_a_nested_wait_alone_is_the_pools() -> None:
    nested = (
        waits(2, "load_0", BACK, lock=51, owner=0, kind="future", workers=(2, 3)),
        waits(3, "load_1", BACK, lock=52, owner=0, kind="future", workers=(2, 3)),
    )
    assert deadlock.detect(with_probe(scene(idle_main()), threads=lambda _: nested)) is None


COOKS = awaits(100, "cook", app(40, "cook"), lock=60, what="Kitchen.oven", tasks=(101,), held_at=app(50, "serve"))
SERVES = awaits(101, "serve", app(52, "serve"), lock=61, what="Kitchen.till", tasks=(100,), held_at=app(38, "cook"))


def test_a_circle_of_tasks() -> None:
    late = awaits(102, "late", app(60, "late"), lock=60, what="Kitchen.oven", tasks=(101,))
    finding = found(deadlock.detect(with_probe(scene(idle_main()), tasks=lambda _: (COOKS, SERVES, late))))
    assert finding.title == (
        "2 tasks wait for each other in a circle: 'task cook' waits for Kitchen.oven at app.py:40; "
        "'task serve' waits for Kitchen.till at app.py:52"
    )
    assert [(p.role, p.thread, p.line, p.object) for p in finding.places] == [
        ("waits", "task cook", 40, "Kitchen.oven"),
        ("holds", "task serve", 50, "Kitchen.oven"),
        ("waits", "task serve", 52, "Kitchen.till"),
        ("holds", "task cook", 38, "Kitchen.till"),
    ]
    assert "1 task more waits behind them" in finding.summary


def test_a_task_that_waits_for_itself() -> None:
    alone = (awaits(100, "cook", app(40, "cook"), lock=60, what="Kitchen.oven", tasks=(100,)),)
    finding = found(deadlock.detect(with_probe(scene(idle_main()), tasks=lambda _: alone)))
    assert finding.title == "Task 'cook' waits at app.py:40 for Kitchen.oven, which it holds itself"


def test_a_thread_and_the_task_that_needs_it() -> None:
    """A thread's lock is kept over an await, and the loop's own thread waits for it."""
    main = waits(1, "MainThread", app(70, "save"), lock=70, owner=0, what="app.lock", tasks=(100,))
    keeper = awaits(100, "keeper", app(80, "keep"), thread=1, kind="sleep", lock=71)
    seen = with_probe(scene(idle_main()), threads=lambda _: (main,), tasks=lambda _: (keeper,))
    finding = found(deadlock.detect(seen))
    assert "1 thread and 1 task wait for each other in a circle" in finding.title
    assert "'task keeper' waits for its event loop to turn" in finding.title
    turns = runs(1, "MainThread", app(70, "save"))
    seen = with_probe(scene(idle_main()), threads=lambda _: (turns,), tasks=lambda _: (keeper,))
    assert deadlock.detect(seen) is None


def test_a_coroutine_that_its_own_loop_is_asked_for() -> None:
    asks = (waits(1, "MainThread", app(70, "save"), lock=70, owner=1, kind="future"),)
    finding = found(deadlock.detect(with_probe(scene(idle_main()), threads=lambda _: asks)))
    assert finding.title == "Thread 'MainThread' waits at app.py:70 for a result, which only it can bring"


@pytest.mark.parametrize(
    "threads",
    [
        pytest.param(lambda at: CROSSED if at > 8 else CROSSED[3:], id="not for long"),
        pytest.param(lambda at: CROSSED if at != 9.0 else CROSSED[1:], id="one got away in between"),
        pytest.param(lambda _: CROSSED[:1], id="an owner that waits for nobody"),
    ],
)
def test_no_circle(threads: object) -> None:
    assert deadlock.detect(with_probe(scene(idle_main()), threads=threads)) is None  # type: ignore[arg-type]


def queue(at: float, *, locks: int = 1) -> list[ProbedThread]:
    """One of eight holds the lock, in turn, and the others wait; with several locks each waits for one of them."""
    turn = round(at / 0.5) % 8
    return [
        runs(ident, f"w{ident}", app(31, "save"))
        if ident == turn
        else waits(ident, f"w{ident}", app(30, "save"), lock=ident % locks, owner=turn, what="Store.lock")
        for ident in range(8)
    ]


def test_contention_of_one_lock_by_identity() -> None:
    finding = found(lock_contention.detect(with_probe(scene(), threads=queue)))
    assert finding.severity == "critical"
    assert finding.title == "On average 7.0 of 8 threads wait for Store.lock at app.py:30"
    assert "Its holder was most often seen in save at app.py:31" in finding.summary
    assert {number.source for number in finding.evidence} == {"probe.threads"}


def test_many_locks_of_one_name_are_no_contention() -> None:
    def each_its_own(at: float) -> list[ProbedThread]:
        return [
            replace(thread, wait=None) if round(at / 0.5 + thread.ident) % 4 else thread
            for thread in queue(at, locks=8)
        ]

    assert lock_contention.detect(with_probe(scene(), threads=each_its_own)) is None


BLOCKS = (app(50, "fetch"), *CALLBACK)


def test_a_delay_that_was_measured() -> None:
    main = replace(moving("MainThread", *BLOCKS), main=True)
    window = with_probe(
        scene(main), loops=[loop()], delays=lambda at: [delay(at, 0.4, *BLOCKS), delay(at, 0.001)]
    )  # fmt: skip
    finding = found(event_loop_blocked.detect(window))
    assert (finding.severity, finding.suspected) == ("warning", False)
    assert finding.title == "The event loop of 'MainThread' was blocked for 0.4 s at a time by fetch at app.py:50"
    assert (finding.evidence[0].value, finding.evidence[0].source) == (0.4, "probe.loops")
    assert finding.summary.startswith("20 of 41 callbacks")


def test_a_callback_that_has_not_ended_counts() -> None:
    main = replace(stuck("MainThread", *BLOCKS, wait=Wait.SLEEP), main=True)
    finding = found(event_loop_blocked.detect(with_probe(scene(main), loops=[loop(waiting_s=9.0, frames=BLOCKS)])))
    assert finding.severity == "critical"
    assert finding.evidence[0].value == 9.0


def test_waiting_for_a_cpu_is_no_blocking() -> None:
    main = replace(moving("MainThread", *SELECT, *TURNS, wait=Wait.POLL), main=True, queued_per_look=0.18)
    window = with_probe(scene(main), loops=[loop()], delays=lambda at: [delay(at, 0.4, *BLOCKS)])
    assert event_loop_blocked.detect(window) is None


def test_a_suspicion_is_withdrawn_when_the_loop_was_measured_to_turn() -> None:
    life = replace(moving("MainThread", *BLOCKS, wait=Wait.RUNNING, runs=1, cpu=0.2), main=True)
    window = scene(life, cpu=1.0, voluntary=lambda _: 5)
    assert found(event_loop_blocked.detect(window)).suspected
    turning = with_probe(window, loops=[loop()], delays=lambda at: [delay(at, 0.002)])
    assert event_loop_blocked.detect(turning) is None


def test_the_frames_of_a_sample_are_all_found_for_their_source() -> None:
    held = Frame(APP, 20, "take_back")
    sample = with_probe(
        scene(), collector=lambda _: account(allocators=[CHURN]), threads=lambda _: CROSSED,
        loops=[loop(frames=(app(50),))], delays=lambda at: [delay(at, 0.4, *BOOT)],
    ).probe[0]  # fmt: skip
    assert {app(7, "churn"), held, app(50), *BOOT} <= set(sample.frames())
