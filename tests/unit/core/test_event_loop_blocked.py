"""event-loop-blocked: sleeps that prove it, computations that suggest it, and busy loops that turn."""

from __future__ import annotations

import pytest

from kdiag.core.detectors.event_loop_blocked import detect
from kdiag.core.loops import idles, loop_state
from kdiag.core.model import Frame, LineFacts, Wait
from kdiag.core.threads import tracks
from tests.support.windows import (
    CALLBACK,
    LOOP,
    SELECT,
    SITE,
    STDLIB,
    Life,
    app,
    found,
    idle_main,
    lines,
    scene,
    undecided,
)

HANDLER = (app(30, "fetch"), app(12, "handle"), *CALLBACK)
TURNING = (*SELECT, *LOOP)


def loop(inside: str, wait: Wait = Wait.SLEEP, *, frames: tuple[Frame, ...] = HANDLER, runs: int | None = None) -> Life:
    """A loop's thread that is in the callback at each "c" and selects at each "s", over and over.

    It runs at every change between the two, or `runs` times between any two looks.
    """

    def is_in(number: int) -> bool:
        return inside[number % len(inside)] == "c"

    def changes(number: int) -> int:
        return sum(is_in(n) != is_in(n - 1) for n in range(1, number + 1))

    return Life(
        "MainThread",
        lambda n: frames if is_in(n) else TURNING,
        lambda n: wait if is_in(n) else Wait.POLL,
        runs_per_look=changes if runs is None else runs,
        cpu_per_look=None,
        main=True,
    )


def test_a_sleep_in_a_callback_is_proof() -> None:
    facts = lines((30, LineFacts("time.sleep(0.5)", "fetch", call="time.sleep")))
    finding = found(detect(scene(loop("ccccs"), lines=facts)))
    assert (finding.severity, finding.suspected) == ("warning", False)
    assert finding.title == (
        "The event loop of 'MainThread' was blocked for at least 0.6 s at a time by fetch at app.py:30 (time.sleep)"
    )
    assert finding.culprit is not None
    assert finding.culprit.line == 30
    assert "a loop sleeps nowhere but in its selector" in finding.summary


@pytest.mark.parametrize("wait", [Wait.SLEEP, Wait.IO, Wait.LOCK, Wait.POLL])
def test_every_wait_inside_of_a_callback_blocks(wait: Wait) -> None:
    finding = found(detect(scene(loop("ccccccccsss", wait))))
    assert finding.severity == "critical"
    assert finding.evidence[0].value == pytest.approx(1.4)


@pytest.mark.parametrize(("inside", "severity"), [("ccsss", "warning"), ("cccccs", "warning"), ("ccccccs", "critical")])
def test_a_tenth_of_a_second_and_one_second(inside: str, severity: str) -> None:
    assert found(detect(scene(loop(inside)))).severity == severity


def test_a_library_that_waits_is_blamed_at_the_users_line() -> None:
    frames = (
        Frame(f"{STDLIB}/socket.py", 706, "SocketIO.readinto"),
        Frame(f"{SITE}/requests/api.py", 9, "get"),
        *HANDLER,
    )
    finding = found(detect(scene(loop("cccccs", Wait.IO, frames=frames))))
    assert finding.culprit is not None
    assert finding.culprit.line == 30
    assert [(p.role, p.line) for p in finding.places] == [("waits", 706)]


def test_a_loop_that_waits_for_events_is_healthy() -> None:
    assert detect(scene(Life("MainThread", TURNING, Wait.POLL, main=True))) is None
    assert detect(scene(loop("s" * 20 + "c"))) is None


def test_many_short_sleeps_are_no_long_one() -> None:
    """Found asleep twice in a row, but it ran in between: two sleeps of some milliseconds."""
    assert detect(scene(loop("ccssssssss", runs=40), voluntary=lambda at: int(200 * at))) is None


def test_short_sleeps_most_of_the_time_delay_everybody() -> None:
    finding = found(detect(scene(loop("cccs", runs=3))))
    assert finding.suspected
    assert finding.severity == "warning"
    assert "wait at least" in finding.title
    assert finding.title.endswith(": suspected")


def test_a_computation_over_many_looks_in_a_row() -> None:
    finding = found(detect(scene(loop("c" * 10 + "s" * 15, Wait.RUNNING, runs=20), voluntary=lambda at: int(90 * at))))
    assert (finding.severity, finding.suspected) == ("critical", True)
    assert "at least 1.8 s" in finding.title
    assert "more looks in a row than chance" in finding.summary


def test_a_loop_that_is_busy_with_short_callbacks_turns() -> None:
    """In the handler at two looks of three, at random, and asleep a hundred times a second."""
    busy = loop("ccsccscscccscscccsccscccscs", Wait.RUNNING, runs=20)
    assert detect(scene(busy, voluntary=lambda at: int(100 * at))) is None


def test_rare_sleeps_of_the_thread_bound_the_stretches() -> None:
    """Blocks of a third of a second with short pauses: looks find no pattern, but it sleeps only twice a second."""
    busy = loop("ccccscccscccccscccs", Wait.RUNNING, runs=60)
    finding = found(detect(scene(busy, voluntary=lambda at: int(2.3 * at))))
    assert finding.suspected
    assert "went to sleep so seldom" in finding.summary
    assert finding.severity == "warning"


def test_every_look_in_one_callback_may_be_a_saturated_loop() -> None:
    always = loop("c", Wait.RUNNING, runs=20)
    finding = found(detect(scene(always, voluntary=lambda at: int(90 * at))))
    assert (finding.severity, finding.suspected) == ("warning", True)
    unread = found(detect(scene(always, voluntary=lambda at: int(90 * at), backlog=lambda _: 3)))
    assert unread.severity == "critical"


def test_different_callbacks_are_told_apart() -> None:
    both = Life(
        "MainThread",
        lambda n: (app(n % 9, f"task{n % 9}"), *CALLBACK),
        Wait.RUNNING,
        runs_per_look=20,
        cpu_per_look=0.1,
        main=True,
    )
    assert detect(scene(both, voluntary=lambda at: int(90 * at))) is None


def test_uvloop_shows_only_what_starts_it() -> None:
    start = (Frame(f"{STDLIB}/asyncio/runners.py", 118, "Runner.run"), Frame("/srv/shop/main.py", 9, "<module>"))
    assert loop_state(start) is not None
    assert detect(scene(Life("MainThread", start, Wait.POLL, main=True))) is None
    blocked = Life("MainThread", (app(30, "fetch"), *start), Wait.SLEEP, main=True)
    assert found(detect(scene(blocked))).severity == "critical"


def test_bare_names_as_on_old_versions() -> None:
    old = "/usr/lib/python3.9/asyncio"
    frames = (app(30), Frame(f"{old}/events.py", 80, "_run"), Frame(f"{old}/base_events.py", 1, "_run_once"))
    assert found(detect(scene(Life("MainThread", frames, Wait.SLEEP, main=True)))).severity == "critical"


def test_a_loop_between_callbacks_is_in_none() -> None:
    state = loop_state((Frame(f"{STDLIB}/asyncio/base_events.py", 1905, "BaseEventLoop._run_once"), *LOOP[1:]))
    assert state is not None
    assert state.callback == ()
    assert loop_state((app(1),)) is None
    (track,) = tracks(scene(Life("MainThread", TURNING, Wait.POLL, main=True)))
    assert idles(track)


def test_a_process_without_a_loop_has_none_to_block() -> None:
    assert detect(scene(idle_main())) is None


def test_without_runs_a_sleep_proves_nothing_about_its_length() -> None:
    blind = Life("MainThread", lambda n: HANDLER if n % 5 else TURNING, Wait.SLEEP, None, None, main=True)
    assert detect(scene(blind)) is None


def test_too_little_is_said_to_be_too_little() -> None:
    undecided(detect(scene()))
    undecided(detect(scene(Life("MainThread", TURNING, Wait.POLL, main=True), seconds=1.0)))
