"""The tasks' keys, and what they change on the screen."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from kdiag.core.model import WaitsSample
from kdiag.tui.widgets.filter import Filter
from kdiag.tui.widgets.lines import Lines
from tests.support.feeds import ShownFeed, picture, wished
from tests.support.inside import awaits, runs
from tests.support.screens import screen_of
from tests.support.windows import LOOP, app, idle_main, scene

if TYPE_CHECKING:
    from kdiag.engine.live import Picture


def many(numbers: range) -> Picture:
    """Tasks that are all at lines of their own."""
    tasks = tuple(awaits(n, f"job-{n}", app(n, "inner"), app(n, f"outer_{n}"), kind="sleep", thread=1) for n in numbers)
    look = WaitsSample(1.0, (runs(1, "MainThread", *LOOP),), tasks, len(tasks))
    return replace(picture(scene(idle_main()), inside=True), tasks=(look,))


def test_the_keys_of_the_tasks() -> None:
    async def test() -> None:
        async with screen_of(ShownFeed()) as screen:
            await screen.put_up(many(range(100, 150)))
            await screen.press("3")
            assert wished(screen.feed, "want") == [frozenset({"tasks"})]
            await screen.until(lambda: "50 tasks" in screen.shown)

            assert "outer_120" not in screen.shown
            await screen.press("s")
            await screen.until(lambda: "outer_120" in screen.shown)
            await screen.press("s")
            await screen.until(lambda: "outer_120" not in screen.shown)

            await screen.press("slash", *"job-13")
            await screen.until(lambda: "10 lines of the tree" in screen.shown)
            await screen.press("enter")
            await screen.until(lambda: isinstance(screen.app.focused, Lines))
            assert screen.app.main.view.query_one(Filter).display
            await screen.press("slash", "escape")
            await screen.until(lambda: "job-149" in screen.shown)
            assert not screen.app.main.view.query_one(Filter).display

            lines = screen.app.main.view.query_one(Lines)
            lines.scroll_to(y=20, animate=False, immediate=True)
            await screen.pilot.pause()
            top = lines.plain.splitlines()[lines.scroll_offset.y]
            await screen.put_up(many(range(90, 150)))
            assert lines.plain.splitlines()[lines.scroll_offset.y] == top

    asyncio.run(test())
