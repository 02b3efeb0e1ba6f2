"""Where the boxes of a flame graph lie, and where its cursor goes."""

from __future__ import annotations

from dataclasses import replace

from kdiag.core.model import Frame, ProfiledStack, ProfileSample, Window
from kdiag.tui.present.flame import Flame, Options, Path, cell_of, flame, laid_out, moved, next_match, told
from tests.support.feeds import picture
from tests.support.windows import BOOT, app, computing, idle_main, scene

LIBRARY = Frame("/srv/venv/lib/python3.11/site-packages/orjson/__init__.py", 4, "dumps")


def profiled() -> Window:
    """`serve` calls `crunch` for three quarters, and a library for a quarter; another thread rests."""
    stacks = (
        ProfiledStack(1, "w-1", (app(5, "crunch"), app(9, "serve"), *BOOT), 40),
        ProfiledStack(2, "w-2", (app(5, "crunch"), app(9, "serve"), *BOOT), 20),
        ProfiledStack(2, "w-2", (LIBRARY, app(10, "serve"), *BOOT), 20),
    )
    return replace(scene(idle_main()), profile=(ProfileSample(2.0, 2.0, 100, stacks),))


def graph(window: Window, **options: object) -> Flame:
    return flame(picture(window), Options(**options))  # type: ignore[arg-type]


def names(rows: list[list[object]]) -> list[list[tuple[str, int, int]]]:
    return [[(cell.node.function, cell.x, cell.width) for cell in row] for row in rows]  # type: ignore[attr-defined]


def path_of(*functions: str) -> Path:
    return tuple((each, LIBRARY.file if each == "dumps" else app(1).file) for each in functions)


def test_boxes_are_as_wide_as_their_share_and_begin_at_own_code() -> None:
    shown = graph(profiled())

    assert shown.root.count == 80
    assert names(laid_out(shown.root, (), 40)) == [  # type: ignore[arg-type]
        [("all", 0, 40)], [("serve", 0, 40)], [("crunch", 0, 30), ("dumps", 30, 10)],
    ]  # fmt: skip
    assert [shown.own(cell.node) for cell in laid_out(shown.root, (), 40)[2]] == [True, False]
    assert "Who held the GIL, 80 samples" in shown.summary.plain


def test_it_can_be_made_of_whole_stacks_of_each_thread_and_of_the_time_spent_waiting() -> None:
    whole = graph(profiled(), whole=True, by_thread=True)
    rows = names(laid_out(whole.root, (), 40))  # type: ignore[arg-type]
    assert rows[1] == [("thread w-1", 0, 20), ("thread w-2", 20, 20)]
    assert rows[2][0][0] == "Thread._bootstrap"

    waiting = graph(profiled(), waiting=True)
    assert waiting.root.count == 51
    assert "also while they wait" in waiting.summary.plain


def test_without_a_profile_it_is_made_of_the_looks_at_all_threads() -> None:
    shown = graph(scene(idle_main(), computing("cruncher", app(7, "crunch"))))
    assert "Who was on a CPU, 51 samples" in shown.summary.plain
    assert laid_out(shown.root, (), 40)[1][0].node.function == "crunch"

    nothing = graph(scene(idle_main()))
    assert laid_out(nothing.root, (), 40) == []


def test_what_is_too_narrow_is_left_out_and_seen_when_zoomed() -> None:
    shown = graph(profiled())

    assert [cell.node.function for cell in laid_out(shown.root, (), 3)[2]] == ["crunch", "dumps"]
    assert [cell.node.function for cell in laid_out(shown.root, (), 1)[2]] == ["dumps"]
    zoomed = laid_out(shown.root, path_of("serve", "crunch"), 40)
    assert names(zoomed) == [[("crunch", 0, 40)]]  # type: ignore[arg-type]


def test_the_cursor_goes_from_box_to_box_and_stays_when_its_box_is_gone() -> None:
    rows = laid_out(graph(profiled()).root, (), 40)

    assert moved(rows, (), "down") == path_of("serve")
    assert moved(rows, path_of("serve"), "down") == path_of("serve", "crunch")
    assert moved(rows, path_of("serve", "crunch"), "down") == path_of("serve", "crunch")
    assert moved(rows, path_of("serve", "crunch"), "right") == path_of("serve", "dumps")
    assert moved(rows, path_of("serve", "dumps"), "right") == path_of("serve", "dumps")
    assert moved(rows, path_of("serve", "dumps"), "left") == path_of("serve", "crunch")
    assert moved(rows, path_of("serve", "crunch"), "up") == path_of("serve")
    assert moved(rows, (), "up") == ()
    gone = cell_of(rows, path_of("serve", "crunch", "inner"))
    assert gone is not None
    assert gone[1].path == path_of("serve", "crunch")
    assert moved([], path_of("serve"), "down") == path_of("serve")


def test_what_is_looked_for_is_counted_once_and_gone_through() -> None:
    shown = graph(profiled(), search="SER")
    rows = laid_out(shown.root, (), 40)

    assert shown.matched == 80
    assert "“SER” is in 100 %" in shown.summary.plain
    assert "is in 25 %" in graph(profiled(), search="orjson").summary.plain
    assert next_match(rows, (), "orjson", 1) == path_of("serve", "dumps")
    assert next_match(rows, path_of("serve"), "nowhere", 1) == path_of("serve")
    assert next_match(rows, path_of("serve"), "s", -1) == path_of("serve", "dumps")


def test_a_box_is_told_by_its_line_and_its_share() -> None:
    shown = graph(profiled())
    what, share = told(laid_out(shown.root, (), 40)[2][0].node, shown.root)

    assert what.plain == "crunch  /srv/shop/app.py:5"
    assert share.plain == "75 % of 80 samples (60), itself 75 % (60)"
