"""The flame graph's keys, and that its cursor stays at its box."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual.widgets import Static

from kdiag.tui.widgets.flame import FlameGraph
from tests.support.feeds import ShownFeed, picture
from tests.support.screens import Screen, screen_of
from tests.support.windows import idle_main, scene
from tests.unit.tui.present.test_flame import profiled

if TYPE_CHECKING:
    from kdiag.tui.views.view import View


def test_the_keys_of_the_flame_graph() -> None:
    async def test() -> None:
        async with screen_of(ShownFeed()) as screen:
            await screen.put_up(picture(profiled()))
            await screen.press("9")
            graph = screen.app.main.view.query_one(FlameGraph)
            await screen.until(lambda: "dumps" in graph.plain)
            assert graph.plain.splitlines()[0].startswith("▸all")

            await screen.press("down", "down", "right")
            assert "▸dumps" in graph.plain
            await screen.until(lambda: "orjson/__init__.py:4" in told(screen))
            assert "25 % of 80 samples" in told(screen)
            await screen.press("left", "up", "j", "k", "h")
            assert "▸serve" in graph.plain

            await screen.press("down", "enter")
            assert graph.plain.splitlines() == ["▸crunch".ljust(graph.size.width)]
            await screen.put_up(picture(profiled()))
            assert graph.plain.startswith("▸crunch")
            await screen.press("backspace")
            assert graph.plain.startswith("▏serve")
            await screen.press("escape")
            assert graph.plain.startswith("▏all")

            await screen.press("slash", *"orj")
            await screen.until(lambda: "*dumps" in graph.plain)
            assert "is in 25 %" in summary(screen)
            await screen.press("enter", "n", "N")
            assert "▸*dumps" in graph.plain
            await screen.press("escape")
            await screen.until(lambda: "*dumps" not in graph.plain)

            await screen.press("w")
            await screen.until(lambda: "while they wait" in summary(screen))
            await screen.press("t")
            await screen.until(lambda: "by thread" in summary(screen))
            await screen.press("f")
            await screen.until(lambda: "from own code" not in summary(screen))

            await screen.press("w")
            await screen.pilot.click(FlameGraph, offset=(1, 1), times=2)
            await screen.until(lambda: graph.zoomed)
            await screen.put_up(picture(scene(idle_main())))
            await screen.until(lambda: "Nothing computed" in told(screen))
            await screen.press("down", "enter", "n", "backspace")

    asyncio.run(test())


def view(screen: Screen) -> View[object]:
    return screen.app.main.view


def summary(screen: Screen) -> str:
    return str(view(screen).query_one(".summary", Static).content)


def told(screen: Screen) -> str:
    return str(view(screen).query_one(".told", Static).content)
