"""A thread's course: what proves that it did not move, and what it waits for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kdiag.core.model import Frame, ProbedThread, StackSample, ThreadSample, Wait
from kdiag.core.threads import (
    Waiting,
    completed,
    cpu_shares,
    moved,
    stillness,
    too_few_stacks,
    tracks,
    waiting,
    whole_look,
)
from tests.support.windows import (
    BOOT,
    CONDITION_WAIT,
    EVENT_WAIT,
    FUTURE_RESULT,
    QUEUE_GET,
    SELECT,
    STDLIB,
    Life,
    app,
    computing,
    moving,
    scene,
    stuck,
)

OLD = "/usr/lib/python3.9"


def thread(**changes: object) -> ThreadSample:
    return replace(ThreadSample(1, 1, "t", (app(1),), wait=Wait.LOCK, cpu_s=1.0, runs=5), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "after", "answer"),
    [
        (thread(), thread(), False),
        (thread(), thread(runs=6), True),
        (thread(), thread(cpu_s=1.01), True),
        (thread(), thread(frames=(app(2),)), True),
        (thread(frames=(app(1, "ask"),)), thread(frames=(app(1, "Client.ask"),)), False),  # told by another tool
        (thread(), thread(frames=()), False),  # carried over: the kernel's numbers alone
        (thread(runs=None), thread(runs=None), False),
        (thread(cpu_s=None), thread(cpu_s=None), False),
        (thread(runs=None, cpu_s=None), thread(runs=None, cpu_s=None), None),
        (thread(wait=Wait.RUNNING), thread(wait=Wait.RUNNING), True),  # put on a CPU once, and still there
    ],
)
def test_whether_a_thread_moved(before: ThreadSample, after: ThreadSample, answer: bool | None) -> None:
    assert moved(before, after) is answer


def test_stillness_lasts_from_the_last_move() -> None:
    (track,) = tracks(scene(Life("t", (app(1),), runs_per_look=None, cpu_per_look=None)))
    assert stillness(track) is None
    (track,) = tracks(scene(stuck("t", app(1))))
    still = stillness(track)
    assert still is not None
    assert (still.span_s, still.looks) == (10.0, 51)
    (track,) = tracks(scene(Life("t", lambda n: (app(1 if n < 30 else 2),))))
    still = stillness(track)
    assert still is not None
    assert still.span_s == pytest.approx(4.0)


@pytest.mark.parametrize("life", [moving("t", app(1)), computing("t", app(1))])
def test_a_thread_that_runs_is_never_still(life: Life) -> None:
    (track,) = tracks(scene(life))
    still = stillness(track)
    assert still is not None
    assert still.span_s == 0


def test_a_thread_that_one_look_missed_is_alive_and_one_that_ended_is_not() -> None:
    torn = Life("torn", (app(1),), present=lambda n: n not in {7, 50})
    ended = Life("ended", (app(1),), present=lambda n: n < 20)
    assert [track.alive for track in tracks(scene(torn, ended))] == [True, False]


def test_a_reused_ident_is_another_thread() -> None:
    window = scene(stuck("t", app(1)))
    later = [
        replace(sample, threads=tuple(replace(t, thread_id=99) for t in sample.threads)) if sample.at > 5 else sample
        for sample in window.stacks
    ]
    assert len(tracks(replace(window, stacks=tuple(later)))) == 2


def test_frames_are_the_last_known_ones() -> None:
    (track,) = tracks(scene(Life("t", lambda n: (app(1),) if n < 40 else ())))
    assert track.frames == (app(1),)
    (track,) = tracks(scene(Life("t", ())))
    assert track.frames == ()


def bare(file: str, *names: str) -> tuple[Frame, ...]:
    return tuple(Frame(f"{OLD}/{file}", 1, name) for name in names)


@pytest.mark.parametrize(
    ("frames", "kind"),
    [
        ((), Waiting.NOTHING_KNOWN),
        (CONDITION_WAIT, Waiting.CONDITION),
        (bare("threading.py", "wait"), Waiting.CONDITION),
        (EVENT_WAIT, Waiting.EVENT),
        (bare("threading.py", "wait", "wait"), Waiting.EVENT),
        (QUEUE_GET, Waiting.QUEUE),
        (bare("threading.py", "wait") + bare("queue.py", "get"), Waiting.QUEUE),
        (FUTURE_RESULT, Waiting.FUTURE),
        (bare("threading.py", "wait") + bare("concurrent/futures/_base.py", "result"), Waiting.FUTURE),
        ((*EVENT_WAIT, *bare("multiprocessing/pool.py", "wait", "get", "apply")), Waiting.FUTURE),
        ((*CONDITION_WAIT, Frame(f"{STDLIB}/threading.py", 1, "Semaphore.acquire")), Waiting.LOCK),
        (bare("threading.py", "__enter__"), Waiting.LOCK),
        (bare("threading.py", "_wait_for_tstate_lock", "join"), Waiting.JOIN),
        (SELECT, Waiting.SELECT),
        (bare("socket.py", "accept"), Waiting.ACCEPT),
    ],
)
def test_what_a_thread_waits_for(frames: tuple[Frame, ...], kind: Waiting) -> None:
    assert waiting((*frames, app(7), *BOOT)) == (kind, len(frames))


def test_a_stack_of_nothing_but_waits_has_no_caller() -> None:
    assert waiting(SELECT) == (Waiting.SELECT, 1)
    assert waiting(()) == (Waiting.NOTHING_KNOWN, 0)


def test_too_few_stacks_say_how_many_it_takes() -> None:
    short = scene(stuck("t", app(1)), seconds=1.0)
    answer = too_few_stacks(short, "deadlock", 8, 3.0)
    assert answer is not None
    assert "8 samples over 3 s" in answer.hint
    assert too_few_stacks(scene(stuck("t", app(1))), "deadlock", 8, 3.0) is None
    nothing = too_few_stacks(replace(short, stacks=()), "deadlock", 8, 3.0)
    assert nothing is not None
    assert "no stacks" in nothing.reason
    assert too_few_stacks(replace(short, stacks=(StackSample(0.0, ()),)), "deadlock", 1, 0.0) is None


def test_the_cpu_of_a_thread_is_its_own_since_it_was_first_seen() -> None:
    late = replace(computing("late", app(1)), present=lambda number: number >= 25)
    unread = replace(stuck("unread", app(2)), cpu_per_look=None)
    window = scene(computing("whole", app(1)), late, unread, stuck("gone", app(3)))

    shares = cpu_shares(window)
    assert shares == {1: pytest.approx(1.0), 2: pytest.approx(1.0), 4: 0.0}
    assert cpu_shares(replace(window, stacks=window.stacks[:1])) == {}
    assert cpu_shares(replace(window, stacks=())) == {}


def test_the_last_whole_look_is_the_newest_that_knows_most_stacks() -> None:
    ran = replace(moving("ran", app(1)), frames=lambda number: (app(1),) if number < 40 else ())
    window = scene(ran, stuck("parked", app(2)))

    look = whole_look(window)
    assert look is window.stacks[39]
    assert whole_look(replace(window, stacks=())) is None
    assert whole_look(scene(stuck("native"), seconds=1.0)) is not None


def test_a_whole_look_is_the_newest_where_threads_have_ended() -> None:
    gone = [replace(stuck(f"gone-{number}", app(number)), present=lambda at: at < 40) for number in range(9)]
    window = scene(*gone, stuck("left", app(20)))
    assert whole_look(window) is window.stacks[-1]


def test_frames_that_were_not_read_from_outside_are_the_probes() -> None:
    window = scene(stuck("hidden"), stuck("seen", app(2)))
    probed = [
        ProbedThread(1, 0, "hidden", daemon=False, frames=(app(9),)),
        ProbedThread(2, 0, "seen", daemon=False, frames=()),
    ]

    assert [thread.frames for thread in completed(window.stacks[-1], probed).threads] == [(app(9),), (app(2),)]
