"""The exceptions of a picture as rows, and what is told of each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kdiag.core.model import CrashAccount, CrashGroup
from kdiag.tui.present.crashes import Explained, fingerprints
from kdiag.tui.present.table import line
from tests.support.crashes import LISTED, crash, marked
from tests.support.feeds import picture
from tests.support.inside import with_probe
from tests.support.windows import idle_main, scene

if TYPE_CHECKING:
    from kdiag.engine.live import Picture
    from kdiag.tui.present.listing import Listing

NIL, SOURCES = crash(LISTED)
ENDED = replace(NIL, count=3, ended=1, by={"threading.excepthook": 3})
SWALLOWED = replace(NIL, number=2, type="shop.TooLate", message="", kind="other", count=7, by={"sys.monitoring": 7})


def crashing(*groups: CrashGroup, raises: bool = True) -> Picture:
    """Fingerprints, told of in the third look of the probe."""
    window = with_probe(scene(idle_main()))
    told = [
        replace(each, crashes=CrashAccount(("logging",), raises, groups if number == 2 else ()))
        for number, each in enumerate(window.probe)
    ]
    return picture(replace(window, probe=tuple(told), sources=SOURCES), inside=True)


def shown(seen: Picture, wanted: str = "") -> Listing:
    return fingerprints(seen, 76, wanted, lambda file: SOURCES.get(file, ""), Explained())


def test_each_fingerprint_is_a_row_with_what_became_of_it() -> None:
    listing = shown(crashing(SWALLOWED, ENDED, raises=False))
    rows = [line(listing.table.columns, row).plain for row in listing.table.rows]
    (culprit,) = marked(LISTED, "CULPRIT")

    assert "10 exceptions in 10 s, at 2 places; swallowed ones are not seen" in listing.summary.plain
    assert rows[0].split()[:6] == ["▲", "AttributeError", "3", "0.3/s", "1", "ended"]
    assert f"cache.py:{culprit} place" in rows[0]
    assert "TooLate" in rows[1]
    assert "7 swallowed" in rows[1]


def test_of_a_none_it_is_told_first_where_it_came_from() -> None:
    listing = shown(crashing(ENDED))
    (origin,), row = marked(LISTED, "ORIGIN"), listing.table.rows[0]
    below = "\n".join(text.plain for text in listing.below(row, 80))

    assert "node was None" in below
    assert f"cache.py:{origin}" in below
    assert "It was raised 3 times and ended thread 'worker'. threading.excepthook" in below
    assert below.index("node was None") < below.index("cache.py:11  main")
    assert listing.page is not None
    assert "❱  9" in "\n".join(text.plain for text in listing.page(row, 80))


def test_what_was_found_out_of_a_none_is_kept() -> None:
    explained = Explained()
    first = explained.of(NIL, SOURCES)

    assert explained.of(NIL, {}) is first
    assert explained.of(replace(NIL, frames=NIL.frames[:1]), SOURCES) is not first
    assert explained.of(SWALLOWED, SOURCES) is None


def test_a_filter_is_a_part_of_a_type_a_function_or_a_thread() -> None:
    seen = crashing(SWALLOWED, ENDED)

    assert [row.key for row in shown(seen, "toolate").table.rows] == [2]
    assert len(shown(seen, "worker").table.rows) == 2
    assert "None of them holds" in shown(seen, "nowhere").nothing[0].plain


def test_without_a_probe_it_is_said_how_to_let_one_in() -> None:
    assert "Press a" in "\n".join(text.plain for text in shown(picture(scene(idle_main()))).nothing)
    assert "None was seen" in shown(crashing()).nothing[0].plain
