"""Drives the screen in tests: offers pictures, waits until they are put up, and reads what stands there."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.pilot import Pilot
from textual.widgets import Input, Static

from kdiag.tui.app import KdiagApp
from kdiag.tui.widgets.keybar import KeyBar
from kdiag.tui.widgets.lines import Lines
from kdiag.tui.widgets.table import Table
from tests.support.feeds import ShownFeed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from kdiag.engine.live import Picture

_WITHIN_S = 40.0
_HOPS = 5  # at most, from a key to what it does: application, screen, widget, and a message of that back through them


async def press(pilot: Pilot[Any], *keys: str) -> None:
    """Press keys, and wait after each until all that it asks for is done, but for what other threads do.

    The pilot goes on as soon as this process computes nothing, which on a busy machine says little.
    """
    for key in keys:
        await pilot.press(key)
        for _ in range(_HOPS):
            if not pilot.app._exit:
                await pilot._wait_for_screen()


@dataclass
class Screen:
    """The application on a screen of its own."""

    app: KdiagApp
    feed: ShownFeed
    pilot: Pilot[int]

    async def put_up(self, *pictures: Picture) -> None:
        """Offer pictures and wait until the last one is on the screen."""
        self.feed.offer(*pictures)
        await self.until(lambda: self.app.main.frame is not None and self.app.main.frame.picture is pictures[-1])

    async def press(self, *keys: str) -> None:
        """Press keys, and let the screen do what they ask for."""
        await press(self.pilot, *keys)
        await self.pilot.pause()

    async def write(self, text: str) -> None:
        """Answer a question for a line of text."""
        await self.asked()
        self.app.screen.query_one(Input).value = text
        await self.press("enter")

    async def asked(self) -> None:
        """Wait until a line of text is asked for, and keys go into it."""
        await self.until(lambda: not self.on_main and isinstance(self.app.focused, Input))

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for what comes from other threads."""
        async with asyncio.timeout(_WITHIN_S):
            while not condition():
                await self.pilot.pause(0.01)
        await self.pilot.pause()

    def text(self, name: str) -> str:
        """What stands in one of the parts above the views: "status", "headline", "signs"."""
        return str(self.app.main.query_one(f"#{name}", Static).content)

    @property
    def keys(self) -> str:
        """The keys that the main screen tells."""
        return self.app.main.query_one(KeyBar).render().plain

    @property
    def on_main(self) -> bool:
        """Whether no other screen lies above the main one."""
        return self.app.screen is self.app.main

    @property
    def table(self) -> str:
        """The rows of the view that is open, the one at the cursor marked."""
        return self.app.main.view.query_one(Table).plain

    @property
    def shown(self) -> str:
        """The lines of the view or screen that is open."""
        root = self.app.main.view if self.on_main else self.app.screen
        return "\n".join(lines.plain for lines in root.query(Lines))


@asynccontextmanager
async def screen_of(feed: ShownFeed, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Screen]:
    """The application, showing this feed."""
    app = KdiagApp(feed)
    async with app.run_test(size=size) as pilot:
        async with asyncio.timeout(_WITHIN_S):
            while not app.main.query(KeyBar):  # the last of its parts
                await pilot.pause(0.01)
        yield Screen(app, feed, pilot)
