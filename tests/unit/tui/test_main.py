"""The main screen: what it says of a picture, and what each key does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from textual.command import CommandPalette

from kdiag.errors import KdiagError
from kdiag.tui.screens.ask import Ask
from kdiag.tui.screens.finding import FindingScreen
from kdiag.tui.screens.help import HelpScreen
from kdiag.tui.widgets.keybar import KeyBar
from kdiag.tui.widgets.timeline import TimeLine
from kdiag.tui.widgets.viewbar import ViewBar
from tests.support.feeds import ShownFeed, picture, wished
from tests.support.screens import Screen, screen_of
from tests.support.windows import APP, FUTURE_RESULT, FUTURES_TASK, app, idle_main, scene, stuck

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from kdiag.core.model import Window

SOURCE = "\n".join(f"line_{number} = {number}" for number in range(1, 80))


def nested_pool(seconds: float = 10.0) -> Window:
    """All workers of a pool wait for results, and nothing moves."""
    workers = [stuck(f"report_{n}", *FUTURE_RESULT, app(30, "Reports.make"), *FUTURES_TASK) for n in range(4)]
    return scene(idle_main(), *workers, seconds=seconds)


def on_screen(test: Callable[[Screen], Awaitable[None]], feed: ShownFeed | None = None, **options: object) -> None:
    """Run a test in an application."""

    async def run() -> None:
        async with screen_of(feed or ShownFeed(files={APP: SOURCE}), **options) as screen:  # type: ignore[arg-type]
            await test(screen)

    asyncio.run(run())


def test_the_headline_names_the_worst_finding_and_how_sure_it_is() -> None:
    async def test(screen: Screen) -> None:
        seen = picture(nested_pool())
        await screen.put_up(seen)

        worst = seen.report.findings[0]
        assert worst.title in screen.text("headline")
        assert worst.severity.upper() in screen.text("headline")
        assert "51 looks" in screen.text("headline")
        assert "watching" in screen.text("status")
        assert "outside" in screen.text("status")

    on_screen(test)


def test_the_culprits_line_of_source_is_there_without_a_key() -> None:
    async def test(screen: Screen) -> None:
        await screen.put_up(picture(nested_pool()))

        assert f"{APP}:30" in screen.shown
        assert "❱ 30 line_30 = 30" in screen.shown
        assert "line_34 = 34" in screen.shown

    on_screen(test)


def test_nothing_is_called_healthy_before_it_was_watched_for_some_seconds() -> None:
    async def test(screen: Screen) -> None:
        await screen.put_up(picture(scene(idle_main(), seconds=4.0)))
        assert "WATCHING" in screen.text("headline")

        await screen.put_up(picture(scene(idle_main(), seconds=10.0)))
        assert "HEALTHY" in screen.text("headline")

    on_screen(test)


def test_the_last_picture_of_a_target_that_ended_stays() -> None:
    async def test(screen: Screen) -> None:
        await screen.put_up(picture(nested_pool(), state="ended"))

        assert "ended at 0:10" in screen.text("status")
        await screen.until(lambda: list(screen.app._notifications))
        (note,) = screen.app._notifications
        assert "e writes the report" in note.message
        assert f"{APP}:30" in screen.shown

    on_screen(test)


def test_enter_opens_the_finding_and_escape_closes_it() -> None:
    async def test(screen: Screen) -> None:
        await screen.put_up(picture(nested_pool()))
        await screen.press("enter")
        assert isinstance(screen.app.screen, FindingScreen)
        await screen.until(lambda: "How it is known" in screen.shown)
        assert "What to do" in screen.shown

        bindings = screen.app.screen.active_bindings.values()
        assert "Next" not in {active.binding.description for active in bindings if active.enabled}
        await screen.press("r")  # its playbook, run on what was seen
        await screen.until(lambda: "match findings.pool_exhaustion.present → yes" in screen.shown)
        assert "How it is known" in screen.shown
        await screen.press("escape", "escape")
        assert screen.on_main

    on_screen(test)


def test_a_probe_is_let_in_after_a_clear_yes_only() -> None:
    async def test(screen: Screen) -> None:
        await screen.put_up(picture(nested_pool()))
        await screen.press("a")
        assert isinstance(screen.app.screen, Ask)
        await screen.press("n")
        assert wished(screen.feed, "enter") == []

        await screen.press("a", "y")
        await screen.until(lambda: wished(screen.feed, "enter"))
        await screen.until(lambda: "inside" in screen.text("status"))

    on_screen(test)


def test_what_hinders_a_probe_is_said_with_the_next_step() -> None:
    feed = ShownFeed(refusal=KdiagError("permission-denied", "May not enter.", hint="sudo kdiag 4711"))

    async def test(screen: Screen) -> None:
        await screen.put_up(picture(nested_pool()))
        await screen.press("a", "y")
        await screen.until(lambda: any("sudo kdiag 4711" in note.message for note in screen.app._notifications))

    on_screen(test, feed)


def test_space_pauses_and_goes_on() -> None:
    async def test(screen: Screen) -> None:
        await screen.put_up(picture(nested_pool()))
        await screen.press("space")
        await screen.until(lambda: "paused" in screen.text("status"))
        await screen.press("space")
        await screen.until(lambda: "watching" in screen.text("status"))
        assert wished(screen.feed, "pause") == [True, False]

    on_screen(test)


@pytest.mark.parametrize(("key", "wish", "value", "told"), [
    ("right_square_bracket", "look_back", 60.0, "last 60 s"), ("left_square_bracket", "look_back", 10.0, "last 10 s"),
    ("plus", "set_rate", 2.0, "rate ×2"), ("minus", "set_rate", 0.5, "rate ×0.5"),
])  # fmt: skip
def test_how_it_is_watched_changes_while_it_is_watched(key: str, wish: str, value: float, told: str) -> None:
    async def test(screen: Screen) -> None:
        await screen.put_up(picture(nested_pool()))
        await screen.press(key)
        await screen.until(lambda: told in screen.text("status"))
        assert wished(screen.feed, wish) == [value]

    on_screen(test)


def test_a_frozen_screen_stays_while_the_watch_goes_on() -> None:
    async def test(screen: Screen) -> None:
        await screen.put_up(picture(nested_pool()))
        await screen.press("z")
        offered = screen.app.frames.tally.offered
        screen.feed.offer(picture(scene(idle_main())))
        await screen.until(lambda: screen.app.frames.tally.offered > offered)
        await screen.press("l")  # one can look around in it
        await screen.until(lambda: "What kdiag did" in screen.shown)
        assert "HEALTHY" not in screen.text("headline")

        await screen.press("z")
        await screen.put_up(picture(scene(idle_main())))
        assert "HEALTHY" in screen.text("headline")

    on_screen(test)


def test_what_a_key_changes_is_what_there_is_now_though_the_picture_stands_still() -> None:
    async def test(screen: Screen) -> None:
        await screen.put_up(picture(nested_pool()))
        await screen.press("z", "space")
        await screen.until(lambda: (now := screen.app.frames.newest) is not None and now.state == "paused")
        await screen.press("space")
        assert wished(screen.feed, "pause") == [True, False]

    on_screen(test)


def test_every_view_has_a_key_and_tab_goes_through_all_of_them() -> None:
    async def test(screen: Screen) -> None:
        await screen.put_up(picture(nested_pool(), inside=True))
        views = screen.app.main.views
        for view in views:
            await screen.press(view.key)
            assert screen.app.main.view is view
        for view in views:
            await screen.press("tab")
            assert screen.app.main.view is view
        await screen.press("shift+tab")
        assert screen.app.main.view is views[-2]

    on_screen(test)


@pytest.mark.parametrize(("name", "begins"), [("r.md", "## critical"), ("r.json", "{"), ("r.txt", "CRITICAL ")])
def test_the_report_is_written_in_the_format_that_the_files_name_says(tmp_path: Path, name: str, begins: str) -> None:
    async def test(screen: Screen) -> None:
        await screen.put_up(picture(nested_pool()))
        await screen.press("e")
        await screen.write(str(tmp_path / name))
        assert (tmp_path / name).read_text().startswith(begins)

    on_screen(test)


def test_a_file_that_cannot_be_written_is_said() -> None:
    async def test(screen: Screen) -> None:
        await screen.put_up(picture(nested_pool()))
        await screen.press("e")
        await screen.write("/nowhere/r.md")
        await screen.until(lambda: any("Cannot write" in note.message for note in screen.app._notifications))

    on_screen(test)


def test_a_key_can_be_clicked_where_it_is_told() -> None:
    async def test(screen: Screen) -> None:
        await screen.put_up(picture(nested_pool()))
        told = screen.app.main.query_one(KeyBar).render().plain
        await screen.pilot.click(KeyBar, offset=(told.index("Help"), 0))
        await screen.until(lambda: isinstance(screen.app.screen, HelpScreen))
        await screen.press("escape")
        await screen.pilot.click(KeyBar, offset=(told.index("palette"), 0))
        await screen.until(lambda: isinstance(screen.app.screen, CommandPalette))

    on_screen(test)


def test_keys_are_told_as_long_as_they_do_something() -> None:
    async def test(screen: Screen) -> None:
        await screen.put_up(picture(nested_pool()))
        await screen.until(lambda: "f Follow" not in screen.keys)
        await screen.press("2")
        await screen.until(lambda: "f Follow" in screen.keys)
        await screen.press("1")
        await screen.until(lambda: "f Follow" not in screen.keys)
        await screen.until(lambda: "a Attach" in screen.keys)
        await screen.put_up(picture(nested_pool(), inside=True))
        await screen.until(lambda: "a Attach" not in screen.keys)
        await screen.until(lambda: "space Pause" in screen.keys)
        await screen.put_up(picture(nested_pool(), state="ended"))
        await screen.until(lambda: "a Attach" not in screen.keys)
        await screen.until(lambda: "space Pause" not in screen.keys)
        await screen.press("o")  # nobody is there who would choose another process
        assert screen.app.is_running

    on_screen(test)


def test_80_columns_have_room_for_the_views_and_their_keys() -> None:
    async def test(screen: Screen) -> None:
        bar = screen.app.main.query_one(ViewBar)
        await screen.until(lambda: "1Findings 2Threads" in bar.render().plain)
        assert bar.render().plain.rstrip().endswith("lLog")

    on_screen(test)


def test_help_tells_every_key() -> None:
    async def test(screen: Screen) -> None:
        await screen.press("question_mark")
        assert isinstance(screen.app.screen, HelpScreen)
        await screen.until(lambda: screen.shown)
        for word in (
            "Pause",
            "Attach",
            "Export",
            "Findings",
            "Log",
            "Judge a longer time",
            "Follow",
            "Zoom in",
            "A page down",
        ):
            assert word in screen.shown
        assert all(len(line) <= 80 for line in screen.shown.splitlines())
        await screen.press("escape")
        await screen.put_up(picture(nested_pool(), inside=True))
        await screen.press("question_mark")
        await screen.until(lambda: "Dark or light" in screen.shown)
        assert "Attach" not in screen.shown
        assert "A recording:" not in screen.shown
        await screen.press("question_mark")
        await screen.until(lambda: screen.on_main)

    on_screen(test)


def test_a_target_that_cannot_be_observed_ends_the_screen_with_its_exit_code() -> None:
    async def run() -> KdiagError | None:
        feed = ShownFeed().offer(KdiagError("no-such-process", "Gone.", exit_code=3))
        async with screen_of(feed) as screen:
            await screen.until(lambda: screen.app.error)
            return screen.app.error

    error = asyncio.run(run())
    assert error is not None
    assert error.reference == "no-such-process"


def test_of_many_pictures_only_the_newest_are_made_into_frames() -> None:
    async def test(screen: Screen) -> None:
        seen = picture(nested_pool())
        await screen.put_up(*(replace(seen, at=float(n)) for n in range(200)))

        tally = screen.app.frames.tally
        assert tally.offered == 200
        assert tally.dropped > 100

    on_screen(test)


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (200, 60)])
def test_it_fits_whatever_the_terminals_size(size: tuple[int, int]) -> None:
    async def test(screen: Screen) -> None:
        await screen.put_up(picture(nested_pool(), inside=True))
        for view in screen.app.main.views:
            await screen.press(view.key)
        assert all(line.rstrip() == line or len(line) <= size[0] for line in screen.text("signs").splitlines())

    on_screen(test, size=size)


def test_what_is_shown_follows_the_terminals_size() -> None:
    async def test(screen: Screen) -> None:
        await screen.put_up(picture(nested_pool(), inside=True))
        await screen.until(lambda: len(screen.text("signs").splitlines()) == 1)
        await screen.pilot.resize_terminal(80, 24)
        await screen.until(lambda: len(screen.text("signs").splitlines()) == 2)

    on_screen(test, size=(200, 60))


def test_in_a_recording_one_goes_back_and_on() -> None:
    async def test(screen: Screen) -> None:
        recorded = replace(picture(nested_pool()), at=20.0, span_s=60.0)
        await screen.put_up(recorded)
        assert "0:20 of 1:00" in screen.text("status")
        assert screen.app.main.query_one(TimeLine).display
        await screen.press("full_stop")
        await screen.until(lambda: "0:21 of" in screen.text("status"))
        await screen.press("less_than_sign")
        await screen.until(lambda: "0:11 of" in screen.text("status"))
        await screen.pilot.click(TimeLine, offset=(40, 0))
        await screen.until(lambda: len(wished(screen.feed, "seek")) == 3)

        await screen.press("a")  # nothing can be let into it
        assert screen.on_main
        await screen.press("plus")
        await screen.until(lambda: any("Plays 2 times" in note.message for note in screen.app._notifications))

        await screen.put_up(replace(picture(scene(idle_main())), span_s=60.0))
        assert "No finding so far" in screen.shown
        assert "Press a" not in screen.shown

    on_screen(test)


def test_a_live_target_has_no_time_line() -> None:
    async def test(screen: Screen) -> None:
        await screen.put_up(picture(nested_pool()))
        await screen.press("full_stop")
        assert wished(screen.feed, "seek") == []
        assert not screen.app.main.query_one(TimeLine).display

    on_screen(test)


def test_the_log_tells_what_was_done_and_what_the_screen_takes() -> None:
    async def test(screen: Screen) -> None:
        await screen.put_up(*(replace(picture(nested_pool(), inside=True), at=float(n)) for n in range(20)))
        await screen.press("l")
        await screen.until(lambda: "pictures came" in screen.shown)
        assert "a probe got in by ptrace" in screen.shown
        assert "20 pictures came" in screen.shown
        assert all(len(line) <= 76 for line in screen.shown.splitlines())
        assert "samples" in screen.shown

    on_screen(test)
