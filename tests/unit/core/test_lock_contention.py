"""lock-contention: time lost on one lock, whoever holds it, and the waits that are none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kdiag.core.detectors.lock_contention import detect
from kdiag.core.model import Frame, LineFacts, Wait
from tests.support.windows import (
    BOOT,
    CONDITION_WAIT,
    QUEUE_GET,
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

LOCKED = lines(
    (26, LineFacts("with prices:", "update", acquires=("prices",))),
    (30, LineFacts("time.sleep(0.01)", "update", holds=(("prices", 26),), call="time.sleep")),
)


def contenders(count: int, waiting: int) -> list[Life]:
    """Threads of which `waiting` stand at the lock at each look, and one is inside."""

    def one(index: int) -> Life:
        def turn(n: int) -> int:
            return (index + n) % count

        def frames(n: int) -> tuple[Frame, ...]:
            line = 26 if turn(n) < waiting else 30 if turn(n) == waiting else 40
            return (app(line, "update"), *BOOT)

        return Life(f"prices-{index}", frames, lambda n: Wait.LOCK if turn(n) < waiting else Wait.SLEEP, 5, 0.001)

    return [one(index) for index in range(count)]


@pytest.mark.parametrize(
    ("count", "waiting", "severity"), [(8, 7, "critical"), (4, 2, "warning"), (8, 1, None), (8, 0, None)]
)
def test_the_time_that_threads_wait(count: int, waiting: int, severity: str | None) -> None:
    outcome = detect(scene(idle_main(), *contenders(count, waiting), lines=LOCKED))
    assert (found(outcome).severity if outcome else None) == severity


def test_lock_and_holder_are_named() -> None:
    finding = found(detect(scene(idle_main(), *contenders(8, 7), lines=LOCKED)))
    assert finding.title == "On average 7.0 of 8 threads wait for app.prices at app.py:26"
    assert "The lock moves" in finding.summary
    assert "update at app.py:30" in finding.summary
    assert finding.culprit is not None
    assert (finding.culprit.line, finding.culprit.object) == (26, "app.prices")
    assert [(p.role, p.line) for p in finding.places] == [("holds", 30)]
    assert len(finding.threads) == 8


def test_a_holder_that_never_lets_go_is_said() -> None:
    waiters = [stuck(f"w{n}", app(26, "update"), *BOOT) for n in range(3)]
    holder = stuck("h", app(30, "update"), *BOOT, wait=Wait.SLEEP)
    assert "None of them got it" in found(detect(scene(*waiters, holder, lines=LOCKED))).summary


def test_a_lock_that_moves_comes_before_one_that_stands() -> None:
    other = lines((70, LineFacts("with dead:", "f", acquires=("dead",))))
    standing = [stuck(f"s{n}", app(70, "f"), *BOOT) for n in range(6)]
    finding = found(detect(scene(*standing, *contenders(4, 2), lines={**LOCKED, **other})))
    assert "app.prices" in finding.title


def test_a_leader_that_waits_for_work_lets_its_followers_wait() -> None:
    facts = lines(
        (26, LineFacts("with turn:", "serve", acquires=("turn",))),
        (27, LineFacts("server.accept()", "serve", holds=(("turn", 26),), call="server.accept")),
    )
    accept = Frame(f"{STDLIB}/socket.py", 294, "socket.accept")
    leader = stuck("leader", accept, app(27, "serve"), *BOOT, wait=Wait.IO)
    followers = [stuck(f"f{n}", app(26, "serve"), *BOOT) for n in range(5)]
    assert detect(scene(leader, *followers, lines=facts)) is None


def test_one_thread_that_waits_for_ever_is_below_the_threshold() -> None:
    assert detect(scene(idle_main(), stuck("parked", app(26, "update"), *BOOT), lines=LOCKED)) is None


@pytest.mark.parametrize("wait", [CONDITION_WAIT, QUEUE_GET])
def test_waits_for_work_or_news_are_no_contention(wait: tuple[Frame, ...]) -> None:
    lives = [moving(f"c{n}", *wait, app(26, "update"), *BOOT, wait=Wait.LOCK) for n in range(5)]
    assert detect(scene(idle_main(), *lives, lines=LOCKED)) is None


def test_a_semaphore_is_a_lock_too() -> None:
    acquire = Frame(f"{STDLIB}/threading.py", 507, "Semaphore.acquire")
    lives = [moving(f"c{n}", *CONDITION_WAIT, acquire, app(26, "update"), *BOOT, wait=Wait.LOCK) for n in range(4)]
    assert "app.prices" in found(detect(scene(idle_main(), *lives, lines=LOCKED))).title


def test_unreadable_source_leaves_the_line() -> None:
    lives = [moving(f"c{n}", app(26, "update"), *BOOT, wait=Wait.LOCK) for n in range(4)]
    finding = found(detect(scene(idle_main(), *lives)))
    assert "the lock at app.py:26" in finding.title
    assert finding.culprit is not None
    assert finding.culprit.object is None


def test_looks_that_do_not_know_where_waiters_stand_are_left_out() -> None:
    window = scene(idle_main(), *contenders(8, 7), lines=LOCKED)
    carried = tuple(
        replace(s, threads=tuple(replace(t, frames=()) for t in s.threads)) if number % 3 else s
        for number, s in enumerate(window.stacks)
    )
    finding = found(detect(replace(window, stacks=carried)))
    assert finding.evidence[0].value == pytest.approx(7.0)


def test_too_little_is_said_to_be_too_little() -> None:
    undecided(detect(scene(*contenders(8, 7), lines=LOCKED, seconds=1.0)))
    undecided(detect(scene()))
