"""Who waits for whom, as it is drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kdiag.core.model import LineFacts
from kdiag.tui.present.locks import locks_page
from tests.support.feeds import picture
from tests.support.inside import awaits, runs, waits, with_probe
from tests.support.windows import APP, app, idle_main, lines, moving, scene, stuck

if TYPE_CHECKING:
    from kdiag.core.model import ProbedTask, ProbedThread, Window

BOOK = app(60, "book")
THREADS = (
    waits(1, "shipping", app(12, "ship"), lock=20, owner=2, what="app.ledger", held_at=app(20, "take_back")),
    waits(2, "returns", app(22, "take_back"), lock=10, owner=1, what="app.stock", held_at=app(10, "ship"), sure=False),
    waits(3, "late-1", app(30, "late"), lock=10, owner=1, what="app.stock", held_at=app(10, "ship")),
    waits(4, "late-2", app(30, "late"), lock=10, owner=1, what="app.stock", held_at=app(10, "ship")),
    runs(5, "clerk", BOOK),
    waits(6, "second", app(61, "next"), lock=50, owner=5, what="app.desk", held_at=app(59, "book")),
    waits(7, "third", app(62, "third"), lock=60, owner=6, what="app.pen", held_at=app(60, "next")),
    waits(8, "lost", app(70, "lost"), lock=40, owner=0, what="app.unknown"),
)
TASKS = (
    awaits(1, "cook", app(40, "cook"), lock=70, kind="task", what="the meal", tasks=(2,)),
    awaits(2, "meal", app(41, "meal"), lock=50, owner=5, what="app.desk", held_at=app(59, "book")),
)


def inside(threads: tuple[ProbedThread, ...] = (), tasks: tuple[ProbedTask, ...] = (), seconds: float = 4.0) -> str:
    window = with_probe(scene(idle_main(), seconds=seconds), threads=lambda _: threads, tasks=lambda _: tasks)
    return drawn(window, is_inside=True)


def drawn(window: Window, *, is_inside: bool = False, opened: frozenset[object] = frozenset()) -> str:
    return locks_page(picture(window, inside=is_inside), 76, opened).plain


def test_threads_and_tasks_are_drawn_below_whom_they_wait_for_and_circles_first() -> None:
    assert inside(THREADS, TASKS).splitlines() == [
        "8 looks over 3.5 s: 9 wait for somebody, or for what somebody holds.",
        "",
        "↺ CIRCLE 2 wait for each other; nobody in it moved for 3.5 s",
        "╭─▶ shipping  app.py:12 ship  ≥ 3.5 s",
        "│     ↓ waits for lock app.ledger, held since app.py:20 by",
        "│   returns  app.py:22 take_back  ≥ 3.5 s",
        "│     ↓ waits for lock app.stock, most likely held since app.py:10 by",
        "╰─↺ shipping  closes the circle",
        "shipping lets others wait behind the circle",
        "╰─ most likely holds lock app.stock, taken at app.py:10; 2 wait",
        "   ╰◀ late-1, late-2  app.py:30 late  ≥ 3.5 s",
        "",
        "clerk  app.py:60 book",
        "╰─ holds lock app.desk, taken at app.py:59; 2 wait",
        "   ├◀ second  app.py:61 next  ≥ 3.5 s",
        "   │  ╰─ holds lock app.pen, taken at app.py:60; 1 waits",
        "   │     ╰◀ third  app.py:62 third  ≥ 3.5 s",
        "   ╰◀ task meal  app.py:41 meal  ≥ 3.5 s",
        "      ╰─ others wait for the meal to end; 1 waits",
        "         ╰◀ task cook  app.py:40 cook  ≥ 3.5 s",
        "",
        "lock app.unknown: who holds it is not known",
        "╰◀ lost  app.py:70 lost",
    ]


def test_a_circle_that_formed_during_the_watch_is_one_after_some_seconds() -> None:
    window = with_probe(scene(idle_main()), threads=lambda at: THREADS[:2] if at > 5 else ())
    assert "nobody in it moved for 4.5 s" in drawn(window, is_inside=True)


def test_a_circle_of_a_moment_is_drawn_but_called_none() -> None:
    window = with_probe(scene(idle_main()), threads=lambda at: THREADS[:2] if at > 9.4 else ())
    text = drawn(window, is_inside=True)
    assert "CIRCLE" not in text
    assert "returns  app.py:22 take_back" in text
    assert "returns  ↺ see above" in text


def test_a_chain_of_thousands_is_told_as_far_as_one_can_read() -> None:
    chain = tuple(
        waits(n, f"t-{n}", app(n, "join"), lock=n, owner=n + 1, kind="thread", what=f"t-{n + 1}")
        for n in range(1, 2001)
    )
    text = inside((*chain, runs(2001, "t-2001", BOOK)), seconds=1.0)
    assert "more behind it" in text
    assert len(text.splitlines()) < 50


def test_what_several_could_bring_hangs_below_none_of_them() -> None:
    text = inside((
        waits(1, "asks", app(1, "ask"), lock=5, owner=0, kind="future", what="jobs", workers=(2, 3)),
        runs(2, "w-1", BOOK), runs(3, "w-2", BOOK),
    ))  # fmt: skip
    assert "the result jobs, which stands in the queue of w-1, w-2\n╰◀ asks" in text


def test_all_frames_of_whom_one_opens() -> None:
    window = with_probe(scene(idle_main(), seconds=2.0), threads=lambda _: THREADS)
    assert f"{APP}:12  ship" not in drawn(window, is_inside=True)
    assert f"│       {APP}:12  ship" in drawn(window, is_inside=True, opened=frozenset({("thread", 1)}))


def test_from_outside_the_source_tells_who_holds_what() -> None:
    first, second = app(12, "ship"), app(22, "take_back")
    facts = lines(
        (12, LineFacts("with ledger:", "ship", ("ledger",), (("stock", 11),))),
        (22, LineFacts("with stock:", "take_back", ("stock",), (("ledger", 21),))),
        (30, LineFacts("with stock:", "late", ("stock",))),
        (41, LineFacts("count()", "sell", (), (("till", 40),))),
        (50, LineFacts("with till:", "pay", ("till",))),
    )
    window = scene(
        stuck("shipping", first), stuck("returns", second), stuck("late", app(30, "late")),
        moving("seller", app(41, "sell")), replace(stuck("payer", app(50, "pay")), address=7), lines=facts,
    )  # fmt: skip
    text = drawn(window)
    assert "↺ CIRCLE 2 wait for each other; nobody in it moved for 10 s" in text
    assert "│     ↓ waits for lock app.ledger, held since app.py:21 by" in text
    assert "   ╰◀ late  app.py:30 late  ≥ 10 s" in text
    assert "seller  app.py:41 sell\n╰─ holds lock app.till, taken at app.py:40; 1 waits\n   ╰◀ payer" in text
    assert "let a" in text


def test_equal_futex_words_are_one_lock_and_nobody_waiting_is_said() -> None:
    waiting = [replace(stuck(f"t-{n}", app(80 + n, "take")), address=4096) for n in range(2)]
    assert drawn(scene(idle_main(), *waiting)).count("who holds it is not known") == 1
    assert "No thread is seen to wait for a lock." in drawn(scene(idle_main()))
    assert inside().splitlines()[-1] == "✔ Nobody waits for a lock, for a result or for an end."
    assert "seen by stacks, or from inside" in drawn(scene())


def test_of_threads_for_which_the_probe_had_no_time_the_stacks_tell() -> None:
    crowd = [moving(f"t-{n}", app(n, "work")) for n in range(20)]
    waiting = waits(2, "t-1", app(1, "work"), lock=9, owner=7, what="app.desk", held_at=app(59, "book"))
    text = drawn(with_probe(scene(*crowd), threads=lambda _: (waiting,)), is_inside=True)
    assert "The probe looked at 1 of 20 threads." in " ".join(text.split())
    assert "t-6  app.py:6 work\n╰─ holds lock app.desk, taken at app.py:59; 1 waits" in text
