"""The keys of the drawing of who waits for whom."""

from __future__ import annotations

import asyncio

from kdiag.tui.widgets.choices import Choices
from tests.support.feeds import ShownFeed, picture
from tests.support.inside import runs, waits, with_probe
from tests.support.screens import screen_of
from tests.support.windows import APP, app, idle_main, scene


def test_the_cursor_stays_at_whom_it_is_at_and_opens_all_frames() -> None:
    threads = (
        runs(5, "clerk", app(60, "book")),
        waits(6, "t-one", app(61, "next"), lock=50, owner=5, what="app.desk"),
        waits(7, "t-two", app(62, "t-two"), lock=50, owner=5, what="app.desk"),
    )
    before = (waits(4, "t-new", app(59, "first"), lock=50, owner=5, what="app.desk"), *threads)

    async def test() -> None:
        async with screen_of(ShownFeed()) as screen:
            await screen.put_up(picture(with_probe(scene(idle_main()), threads=lambda _: threads), inside=True))
            await screen.press("6")
            await screen.until(lambda: "clerk" in screen.shown)
            choices = screen.app.main.view.query_one(Choices)
            assert choices.cursor is None
            await screen.press("enter", "down", "down", "down")
            assert choices.cursor == ("thread", 7)

            await screen.put_up(picture(with_probe(scene(idle_main()), threads=lambda _: before), inside=True))
            assert "t-new" in screen.shown
            assert choices.cursor == ("thread", 7)

            assert f"{APP}:62  t-two" not in screen.shown
            await screen.press("enter")
            await screen.until(lambda: f"{APP}:62  t-two" in screen.shown)
            await screen.press("enter", "up")
            await screen.until(lambda: f"{APP}:62  t-two" not in screen.shown)
            assert choices.cursor == ("thread", 6)

            await screen.put_up(picture(with_probe(scene(idle_main()), threads=lambda _: threads[:1]), inside=True))
            await screen.press("up")
            assert choices.cursor is None

    asyncio.run(test())
