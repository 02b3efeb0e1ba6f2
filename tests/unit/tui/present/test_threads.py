"""The threads of a picture as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kdiag.core.model import Frame, Wait
from kdiag.tui.present.table import line
from kdiag.tui.present.threads import Grouping, Options, threads
from tests.support.feeds import picture
from tests.support.windows import (
    FUTURE_RESULT,
    FUTURES_TASK,
    MODULE,
    Life,
    app,
    computing,
    idle_main,
    moving,
    scene,
    stuck,
)

if TYPE_CHECKING:
    from kdiag.core.model import Window
    from kdiag.tui.present.listing import Listing

SOURCE = "\n".join(f"line_{number} = {number}" for number in range(1, 80))


def busy_pool() -> Window:
    """Workers that wait for each other, beside one that computes."""
    workers = [stuck(f"report_{n}", *FUTURE_RESULT, app(30, "Reports.make"), *FUTURES_TASK) for n in range(4)]
    return scene(computing("cruncher", app(7, "crunch")), idle_main(), *workers)


def shown(window: Window, width: int = 76, **options: object) -> Listing:
    return threads(picture(window), width, Options(**options), lambda _: SOURCE, Grouping())  # type: ignore[arg-type]


def told(listing: Listing) -> list[str]:
    return [line(listing.table.columns, row).plain for row in listing.table.rows]


def test_threads_of_findings_come_first_then_the_running_ones() -> None:
    rows = told(shown(busy_pool()))

    assert "   4 " in rows[0]
    assert rows[0].startswith(("✖", "▲"))
    assert "app.py:30 Reports.make" in rows[0]
    assert "app.py:7 crunch" in rows[1]
    assert "100.0 %" in rows[1]
    assert len(rows) == 3


def test_below_is_the_whole_stack_and_on_a_page_the_source_too() -> None:
    listing = shown(busy_pool())
    row = listing.table.rows[0]

    below = "\n".join(text.plain for text in listing.below(row, 80))
    assert "4 threads: report_0, report_1, report_2, report_3" in below
    assert "_WorkItem.run" in below
    assert listing.page is not None
    assert "❱ 30 line_30 = 30" in "\n".join(text.plain for text in listing.page(row, 80))


@pytest.mark.parametrize(("order", "first"), [("cpu", "cruncher"), ("name", "MainThread"), ("state", "cruncher")])
def test_one_by_one_they_are_in_the_order_that_is_asked_for(order: str, first: str) -> None:
    listing = shown(busy_pool(), grouped=False, order=order)

    assert len(listing.table.rows) == 6
    assert first in told(listing)[0]


@pytest.mark.parametrize(("text", "count"), [("REPORT_2", 4), ("crunch", 1), ("futures/thread", 4), ("nowhere", 0)])
def test_a_filter_is_a_part_of_a_name_a_function_or_a_file(text: str, count: int) -> None:
    listing = shown(busy_pool(), filter=text)

    assert sum(len(row.also) for row in listing.table.rows) == count
    assert f"{count} with “{text}”" in listing.summary.plain


def test_one_by_one_a_name_is_of_one_thread_only() -> None:
    listing = shown(busy_pool(), grouped=False, filter="report_2")

    assert [row.split()[1] for row in told(listing)] == ["report_2"]


def test_the_one_who_is_followed_is_told_of_alone_wherever_it_is() -> None:
    listing = shown(busy_pool(), followed=4)
    row = next(row for row in listing.table.rows if 4 in row.also)

    assert "follows report_1" in listing.summary.plain
    assert listing.below(row, 80)[0].plain.startswith("1 thread: report_1")
    assert "has ended" in shown(busy_pool(), followed=99).summary.plain
    assert "follows report_1" in shown(busy_pool(), followed=4, filter="crunch").summary.plain


def test_of_many_threads_the_last_look_at_all_stacks_is_shown_with_its_age() -> None:
    def frames(number: int) -> tuple[Frame, ...]:
        return (app(3, "work"), *MODULE) if number < 40 else ()

    lives = [Life(f"w-{n}", frames, Wait.SLEEP, runs_per_look=1) for n in range(3)]
    listing = shown(scene(*lives))

    assert "3 threads, 1 group of" in listing.summary.plain
    assert "all stacks were read 2.2 s ago" in listing.summary.plain
    assert "app.py:3 work" in told(listing)[0]


def test_names_are_told_where_there_is_room() -> None:
    assert "report_0, report_1" in told(shown(busy_pool(), width=196))[0]


def test_the_kernels_numbers_may_be_missing() -> None:
    window = scene(moving("worker", app(3), runs=1, cpu=0.0), stuck("native", wait=Wait.UNKNOWN))
    rows = told(shown(window, grouped=False, order="name"))
    assert "(no Python frames)" in rows[0]

    listing = shown(scene(seconds=5.0))
    assert not listing.table.rows
    assert "No stack was seen" in listing.summary.plain
