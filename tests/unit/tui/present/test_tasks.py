"""The tasks' page of a picture, without a screen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kdiag.core.model import ProbedTask, Wait, WaitsSample
from kdiag.tui.present.tasks import tasks_page
from tests.support.feeds import picture
from tests.support.inside import awaits, runs, with_probe
from tests.support.windows import CALLBACK, LOOP, SELECT, app, computing, idle_main, moving, scene

if TYPE_CHECKING:
    from kdiag.engine.live import Picture

TASKS = (
    awaits(1, "serve", app(10, "serve"), kind="tasks", tasks=(2, 3)),
    awaits(2, "order", app(20, "order"), lock=7, what="app.stock"),
    awaits(3, "report", app(30, "inner"), app(31, "report"), kind="sleep"),
    awaits(4, "idle", app(40, "idle"), kind="sleep"),
)


def with_tasks(*tasks: ProbedTask) -> Picture:
    look = WaitsSample(1.0, (runs(1, "MainThread", *LOOP),), tasks, len(tasks))
    return replace(picture(scene(idle_main()), inside=True), tasks=(look,))


def plain(shown: Picture, *, stacks: bool = False, wanted: str = "") -> str:
    return tasks_page(shown, 76, stacks=stacks, wanted=wanted).plain


def test_a_task_stands_below_the_one_that_awaits_it() -> None:
    page = tasks_page(with_tasks(*TASKS), 76, stacks=False, wanted="")
    assert "4 tasks: 4 in the loop of MainThread." in page.plain
    told = [line for line in page.plain.splitlines() if ":" in line and ".py" not in line][1:]
    assert told == [
        "idle: sleeps",
        "serve: waits for 2 tasks",
        "  order: waits for lock app.stock: who holds it is not known",
        "  report: sleeps",
    ]
    assert page.keys[-1] == 3
    assert len(page.keys) == len(page.lines)


def test_all_frames_are_there_when_wanted() -> None:
    assert ":31  report" not in plain(with_tasks(*TASKS))
    assert ":31  report" in plain(with_tasks(*TASKS), stacks=True)


def test_a_filter_keeps_what_it_finds_and_who_awaits_it() -> None:
    for wanted in ("STOCK", "order"):
        text = plain(with_tasks(*TASKS), wanted=wanted)
        assert "2 lines of the tree" in text
        assert "serve: waits" in text
        assert "order: waits" in text
        assert "idle" not in text
        assert "report" not in text
    assert "No task has “nowhere”" in plain(with_tasks(*TASKS), wanted="nowhere")


def test_from_outside_the_loops_threads_tell_which_callback_they_are_in() -> None:
    busy = computing("MainThread", app(50, "parse"), *CALLBACK)
    idle = moving("side", *SELECT, *LOOP, wait=Wait.POLL)
    text = plain(picture(scene(busy, idle)))
    assert "Press a to let a" in text
    assert "MainThread is in a callback" in text
    assert ":50  parse" in text
    assert "side waits for events" in text
    assert "No thread runs a loop" in plain(picture(scene(idle_main())))
    assert "has not looked yet" in plain(picture(scene(idle_main()), inside=True))
    assert "No probe was there" in plain(picture(scene(idle_main()), state="ended"))


def test_of_a_recording_those_tasks_are_told_that_it_keeps() -> None:
    window = with_probe(scene(idle_main()), tasks=lambda _: TASKS[:1])
    text = plain(replace(picture(window, inside=True), span_s=10.0))
    assert "serve: waits for" in text
    assert "A recording keeps only" in text
    assert "No probe was there" in plain(replace(picture(scene(idle_main())), span_s=10.0))


def test_of_thousands_of_tasks_as_many_are_told_as_one_can_read_and_a_filter_finds_the_others() -> None:
    crowd = tuple(awaits(n, f"job-{n}", app(n, "work"), kind="sleep") for n in range(1, 2001))
    look = with_tasks(*crowd).tasks[0]
    shown = replace(with_tasks(*crowd), tasks=tuple(replace(look, at=float(n)) for n in range(8)))
    lines = plain(shown).splitlines()
    assert lines[-1] == "… and 1,500 more lines of the tree: / finds those that one looks for"
    assert "job-1999: sleeps" in plain(shown, wanted="job-1999")
