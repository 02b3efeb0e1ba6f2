"""The containers of a picture as rows, and what is told of each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kdiag.core.model import ConflictSide, MapAccount, MapConflict, SuspectMap, WatchedMap
from kdiag.tui.present.maps import containers
from kdiag.tui.present.table import line
from tests.support.feeds import picture
from tests.support.inside import with_probe
from tests.support.windows import app, idle_main, scene

if TYPE_CHECKING:
    from kdiag.engine.live import Picture
    from kdiag.tui.present.listing import Listing

LOOP = ConflictSide("scraper", 2, 1.0, (app(7, "scrape"), app(20, "main")))
WRITE = ConflictSide("request-1", 3, 1.0, (app(9, "observe"),))
BROKEN = MapConflict("changed-while-iterated", 1, "shop.SERIES", "dict", 1, 0.0, 1.0, LOOP, WRITE, None, seen=True)
UNLOCKED = replace(BROKEN, kind="unlocked-writes", iterates=None)
SERIES = WatchedMap(1, "shop.SERIES", "dict", 0.0, 40, "watcher", ("request-1",))
CACHE = WatchedMap(2, "shop.CACHE", "set", 0.0, 0, "code", ())
SUSPECT = SuspectMap("shop.STOCK", "dict", ("a", "b"), 9, locked=False, path="shop:STOCK")


def watching(*conflicts: MapConflict, suspects: tuple[SuspectMap, ...] = (), limits: tuple[str, ...] = ()) -> Picture:
    """Two watched containers, and these conflicts at each look."""
    window = with_probe(scene(idle_main()))
    maps = MapAccount((CACHE, SERIES), conflicts, suspects, limits)
    return picture(replace(window, probe=tuple(replace(each, maps=maps) for each in window.probe)), inside=True)


def told(listing: Listing) -> list[str]:
    return [line(listing.table.columns, row).plain for row in listing.table.rows]


def below(listing: Listing, number: int) -> str:
    return "\n".join(text.plain for text in listing.below(listing.table.rows[number], 76))


def test_those_that_are_fought_over_come_first_with_both_sides() -> None:
    listing = containers(watching(BROKEN, UNLOCKED, suspects=(SUSPECT,)), 96, "")
    rows = told(listing)

    assert listing.summary.plain == "2 watched, 20 conflicts, 1 more that several threads write to"
    assert rows[0].startswith("✖  shop.SERIES")
    assert "20 × changed" in rows[0]
    assert "request-1" in rows[0]
    assert "shop.CACHE" in rows[1]
    assert "no lock in common" in rows[2]
    assert "scraper iterates" in below(listing, 0)
    assert f"{app(9).file}:9 observe" in below(listing, 0)
    assert "without a common lock" not in below(listing, 0)  # it says less of the same
    assert "none was found" in below(listing, 1)
    assert "Press i" in below(listing, 2)


def test_one_that_nobody_fights_over_is_said_to_be_watched() -> None:
    listing = containers(watching(limits=("no-watchers",)), 76, "series")

    assert [row.key for row in listing.table.rows] == [1]
    assert "Each write to it is seen" in below(listing, 0)
    assert any("no way to watch a dict" in text.plain for text in listing.nothing)


def test_all_that_are_looked_at_are_counted() -> None:
    listing = containers(replace(watching(suspects=(SUSPECT,)), scanned=212), 96, "")
    assert "1 more of 212 that are looked at" in listing.summary.plain
    none = containers(replace(picture(with_probe(scene(idle_main())), inside=True), scanned=212), 76, "").nothing
    assert "Press s to look at them no longer" in " ".join(text.plain for text in none)


def test_without_any_it_is_said_how_to_have_one_watched() -> None:
    nothing = containers(picture(with_probe(scene(idle_main())), inside=True), 76, "").nothing
    assert "Press i" in "\n".join(text.plain for text in nothing)
    assert "Press a" in "\n".join(text.plain for text in containers(picture(scene(idle_main())), 76, "").nothing)
    assert "No container's name" in containers(watching(), 76, "nowhere").nothing[0].plain
