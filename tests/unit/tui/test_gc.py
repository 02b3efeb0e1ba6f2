"""The collector's key, and what stays in place."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from kdiag.core.model import Collection
from kdiag.tui.widgets.lines import Lines
from tests.support.feeds import ShownFeed, picture, wished
from tests.support.inside import with_probe
from tests.support.screens import screen_of
from tests.support.windows import idle_main, scene

if TYPE_CHECKING:
    from kdiag.engine.live import Picture


def traced(count: int) -> Picture:
    trace = tuple(Collection(float(n), 0.01, 0, n, 0, "", (), asked=False) for n in range(count))
    return replace(picture(with_probe(scene(idle_main())), inside=True), trace=trace)


def test_the_trace_alone_and_what_one_looks_at_in_it_stays() -> None:
    async def test() -> None:
        async with screen_of(ShownFeed()) as screen:
            await screen.put_up(traced(100))
            await screen.press("4")
            assert wished(screen.feed, "want") == [frozenset({"trace"})]
            await screen.until(lambda: "of the time goes" in screen.shown)
            await screen.press("t")
            await screen.until(lambda: "of the time goes" not in screen.shown)

            lines = screen.app.main.view.query_one(Lines)
            lines.scroll_to(y=10, animate=False, immediate=True)
            await screen.pilot.pause()
            top = lines.plain.splitlines()[lines.scroll_offset.y]
            await screen.put_up(traced(130))
            await screen.pilot.pause()
            assert lines.plain.splitlines()[lines.scroll_offset.y] == top

            await screen.press("t")
            await screen.until(lambda: "of the time goes" in screen.shown)

    asyncio.run(test())
