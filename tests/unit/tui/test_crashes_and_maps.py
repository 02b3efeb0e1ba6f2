"""The keys of the crashes and of the containers."""

from __future__ import annotations

import asyncio

from kdiag.errors import KdiagError
from kdiag.tui.screens.page import PageScreen
from tests.support.feeds import ShownFeed, picture, wished
from tests.support.screens import screen_of
from tests.support.windows import idle_main, scene
from tests.unit.tui.present.test_crashes import ENDED, SOURCES, SWALLOWED, crashing
from tests.unit.tui.present.test_maps import BROKEN, SUSPECT, watching


def test_the_keys_of_the_crashes() -> None:
    async def test() -> None:
        async with screen_of(ShownFeed(files=SOURCES)) as screen:
            await screen.put_up(picture(scene(idle_main())))
            await screen.press("7")
            await screen.until(lambda: "Press a" in screen.shown)

            await screen.put_up(crashing(ENDED))
            assert "node was None" in screen.shown
            await screen.put_up(crashing(SWALLOWED, ENDED))
            await screen.press("down")
            await screen.until(lambda: "shop.TooLate" in screen.shown)
            await screen.put_up(crashing(SWALLOWED))
            assert "shop.TooLate" in screen.shown

            await screen.press("enter")
            await screen.until(lambda: isinstance(screen.app.screen, PageScreen))
            await screen.until(lambda: "return node.name" in screen.shown)
            await screen.press("escape")
            await screen.until(lambda: screen.on_main)
            await screen.press("slash", *"attribute")
            await screen.until(lambda: "None of them holds" in screen.shown)

    asyncio.run(test())


def test_a_container_is_watched_by_its_name() -> None:
    async def test() -> None:
        feed = ShownFeed()
        async with screen_of(feed) as screen:
            await screen.put_up(picture(scene(idle_main())))
            await screen.press("8")
            await screen.until(lambda: "Press a" in screen.shown)
            await screen.press("s", "i")  # which there is nothing to do for yet
            assert screen.on_main
            assert "i Watch" not in screen.keys

            await screen.put_up(watching(BROKEN, suspects=(SUSPECT,)))
            assert "scraper iterates" in screen.shown
            await screen.until(lambda: "i Watch" in screen.keys)
            await screen.press("i")
            await screen.write("shop:CACHE")
            await screen.until(lambda: wished(feed, "guard") == ["shop:CACHE"])
            await screen.press("end", "i")
            await screen.asked()
            await screen.press("enter")  # a suspect's name stands there already
            await screen.until(lambda: wished(feed, "guard") == ["shop:CACHE", "shop:STOCK"])
            await screen.press("i")
            await screen.until(lambda: not screen.on_main)
            await screen.press("escape")
            await screen.until(lambda: screen.on_main)

            await screen.press("s")
            await screen.until(lambda: not screen.on_main)
            await screen.press("n")
            await screen.until(lambda: screen.on_main)
            await screen.press("s")
            await screen.until(lambda: not screen.on_main)
            await screen.press("y")
            await screen.until(lambda: (frame := screen.app.main.frame) is not None and frame.picture.scanned)
            await screen.press("s")
            await screen.until(lambda: wished(feed, "scan") == [True, False])

            feed.refusal = KdiagError("no-such-name", "There is no shop.NOWHERE.", hint="kdiag guard PID --scan")
            await screen.press("i")
            await screen.write("shop:NOWHERE")
            await screen.until(lambda: any("There is no" in each.message for each in screen.app._notifications))

    asyncio.run(test())
