"""The threads' keys, and that what is chosen stays chosen."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual.widgets import Static

from kdiag.tui.screens.page import PageScreen
from kdiag.tui.widgets.filter import Filter
from kdiag.tui.widgets.table import Table
from tests.support.feeds import ShownFeed, picture
from tests.support.screens import Screen, screen_of
from tests.support.windows import APP, app, computing, idle_main, moving, scene

if TYPE_CHECKING:
    from kdiag.core.model import Window

SOURCE = "\n".join(f"line_{number} = {number}" for number in range(1, 80))


def some(*, busy: bool = False, ended: bool = False) -> Window:
    """A main thread, two alike workers and one of its own, which may compute at another line, or be gone."""
    alone = computing("alone", app(20, "crunch")) if busy else moving("alone", app(30, "rest"))
    workers = [moving(f"worker_{n}", app(10, "wait")) for n in range(2)]
    return scene(idle_main(), *workers, *([] if ended else [alone]), seconds=3.0)


def summary(screen: Screen) -> str:
    return str(screen.app.main.view.query_one(".summary", Static).content)


def chosen(screen: Screen) -> str:
    return next(line for line in screen.table.splitlines() if line.startswith("▸"))


def test_the_keys_of_the_threads() -> None:
    async def test() -> None:
        async with screen_of(ShownFeed(files={APP: SOURCE})) as screen:
            await screen.put_up(picture(some()))
            await screen.press("2")
            await screen.until(lambda: "4 threads, 3 groups" in summary(screen))
            assert "wait" in chosen(screen)
            assert "2 threads: worker_0, worker_1" in screen.shown

            await screen.press("g")
            await screen.until(lambda: "most CPU first" in summary(screen))
            assert "worker_0" in chosen(screen)
            await screen.press("s")
            await screen.until(lambda: "by name" in summary(screen))
            assert screen.table.index("alone") < screen.table.index("worker_1")
            await screen.press("home", "end", "pageup", "down", "j", "k", "up")
            assert "MainThread" in chosen(screen)

            await screen.press("slash", *"WORKER")
            await screen.until(lambda: "alone" not in screen.table)
            await screen.press("enter")
            await screen.until(lambda: isinstance(screen.app.focused, Table))
            await screen.press("escape")
            await screen.until(lambda: "alone" in screen.table)
            assert not screen.app.main.view.query_one(Filter).display

            await screen.press("enter")
            await screen.until(lambda: isinstance(screen.app.screen, PageScreen) and screen.shown)
            await screen.press("c")
            await screen.until(lambda: screen.app.clipboard == screen.shown)
            await screen.press("escape")
            await screen.until(lambda: screen.on_main)
            await screen.press("c", "J", "K")
            await screen.until(lambda: screen.app.clipboard.startswith("1 thread: "))

    asyncio.run(test())


def test_what_is_chosen_stays_chosen_and_who_is_followed_stays_so_wherever_it_goes() -> None:
    async def test() -> None:
        async with screen_of(ShownFeed(), size=(200, 60)) as screen:
            await screen.put_up(picture(some()))
            await screen.press("2")
            await screen.until(lambda: "wait" in screen.table)
            await screen.put_up(picture(some(busy=True)))
            assert "crunch" in screen.table.splitlines()[1]
            assert "wait" in chosen(screen)

            await screen.press("home", "f")
            await screen.until(lambda: "follows alone" in summary(screen))
            await screen.put_up(picture(some()))
            assert "rest" in chosen(screen)
            assert screen.shown.startswith("1 thread: alone")
            await screen.put_up(picture(some(ended=True)))
            assert "has ended" in summary(screen)

            await screen.put_up(picture(some()))
            assert "rest" in chosen(screen)
            await screen.press("home")  # who goes elsewhere follows nobody
            await screen.until(lambda: "follows" not in summary(screen))

            await screen.press("z")  # one can look around in a picture that stands still
            screen.feed.offer(picture(some(ended=True)))
            await screen.press("g")
            await screen.until(lambda: "most CPU first" in summary(screen))
            assert "alone" in screen.table

            await screen.pilot.click(Table, offset=(4, 2))
            assert chosen(screen) == screen.table.splitlines()[2]
            await screen.pilot.click(Table, offset=(4, 2), times=2)
            await screen.until(lambda: isinstance(screen.app.screen, PageScreen))

    asyncio.run(test())
