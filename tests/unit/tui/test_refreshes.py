"""The screen over a thousand refreshes: nothing of them stays."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import objgraph
import pytest

from tests.support.feeds import ShownFeed, picture
from tests.support.screens import Screen, screen_of
from tests.support.windows import FUTURE_RESULT, FUTURES_TASK, app, idle_main, scene, stuck

if TYPE_CHECKING:
    from kdiag.engine.live import Picture
    from kdiag.tui.views.view import View

REFRESHES = 1_000  # of all views together
WARM = 20  # of each view: what the toolkit makes once is there then


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_thousand_refreshes_leave_nothing_behind() -> None:
    workers = [stuck(f"report_{n}", *FUTURE_RESULT, app(30, "Reports.make"), *FUTURES_TASK) for n in range(4)]
    seen = picture(scene(idle_main(), *workers), inside=True)

    async def run() -> dict[str, Counter[str]]:
        grown = {}
        async with screen_of(ShownFeed(), (60, 16)) as screen:
            views = screen.app.main.views
            for number, view in enumerate(views):
                screen.app.main.open_view(number)
                await refresh(screen, view, seen, WARM)
                counts = [types()]
                for _ in range(2):  # what leaks does so again and again
                    await refresh(screen, view, seen, REFRESHES // len(views) // 2)
                    counts.append(types())
                grown[view.name_] = (counts[1] - counts[0]) & (counts[2] - counts[1])
        return grown

    for view, grown in asyncio.run(run()).items():
        leaks = {name: count for name, count in grown.items() if count >= WARM}
        assert not leaks, f"{view}: {leaks}"


async def refresh(screen: Screen, view: View[Any], seen: Picture, times: int) -> None:
    """Put up so many pictures that differ."""
    for number in range(times):
        frame, _ = screen.app.frames.made(replace(seen, at=seen.at + number), view, 60)
        screen.app.main.show(frame)
        await screen.pilot.pause(0)


def types() -> Counter[str]:
    """How many objects there are of each type."""
    gc.collect()
    return Counter(objgraph.typestats(shortnames=False))
