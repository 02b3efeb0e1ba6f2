"""The collector's page of a picture, without a screen."""

from __future__ import annotations

from dataclasses import replace

from kdiag.core.model import Allocator, Collection
from kdiag.tui.present.collector import collector_page
from tests.support.feeds import picture
from tests.support.inside import account, with_probe
from tests.support.windows import app, idle_main, scene

FILL = app(29, "fill")
ALLOCATORS = (Allocator((FILL,), 1, "worker", 5, 0.1, 0), Allocator((app(40, "tidy"),), 2, "tidier", 1, 0.01, 1))


def test_from_inside_all_is_told() -> None:
    window = with_probe(
        scene(idle_main()),
        collector=lambda _: replace(
            account(0.5, allocators=ALLOCATORS, asked=1, longest_s=0.2), pauses=((17, 9), (28, 1)), young=(1000, 400)
        ),
    )
    trace = tuple(Collection(float(n), 0.01, n % 3, n, 0, "worker", (FILL,), asked=False) for n in range(5))
    page = collector_page(replace(picture(window, inside=True), trace=trace), 76, trace_only=False)
    lines = page.plain.splitlines()
    assert "50 % of the time; ┃ 10%, 40%" in lines[0].replace("50%", "50 %")
    assert lines[0].count("┃") == 3
    text = " ".join(page.plain.split())
    assert "50% of the time goes to the collector: 200 collections in 10.0 s" in text
    assert "0 200 20 5 s 2,000 700" in text
    assert "under 1 ms 180" in text
    assert "134 ms to 1.1 s 20" in text
    assert "91% 100 app.py:29 fill worker" in text
    assert "9% 20 app.py:40 tidy (by hand) tidier" in text
    assert text.count("Of the youngest objects") == 1
    assert [key for key in page.keys if key is not None] == [(4.0, 1), (3.0, 0), (2.0, 2), (1.0, 1), (0.0, 0)]

    only = collector_page(replace(picture(window, inside=True), trace=trace), 76, trace_only=True).plain.splitlines()
    assert only[0] == "Collections, the newest first"
    assert len(only) == 6


def test_from_outside_what_the_flag_and_the_counters_tell() -> None:
    busy = picture(scene(idle_main(), collecting=lambda _: 40))
    text = " ".join(collector_page(busy, 76, trace_only=False).plain.split())
    assert "50% (" in text
    assert "352 collections in 9.6 s, by 2,640 reads of its flag." in text
    assert "0 320 33.3 - - 700" in text
    assert "Press a to let a probe in." in text
    unread = collector_page(picture(scene(idle_main(), collecting=None)), 76, trace_only=False).plain
    assert "could not be read" in unread
