"""The memory's page of a picture, without a screen."""

from __future__ import annotations

from dataclasses import replace

from kdiag.core.model import HeapCount, HeapSample, Keeper, Keepers, ThreadStart
from kdiag.tui.present.memory import memory_page
from tests.support.feeds import picture
from tests.support.inside import with_probe
from tests.support.windows import app, idle_main, scene

MIB = 1024 * 1024
KEEPER = Keeper("shop", ".SESSIONS", "/srv/shop.py", 0, "list", 1, 100, 700, 6.0, (("Session", 8),), 2_048)


def test_from_outside_memory_types_descriptors_and_threads() -> None:
    window = scene(
        idle_main(), rss=lambda at: (100 + at) * MIB, descriptors=lambda at: 20 + int(at),
        threads=lambda at: 4 + int(at), descriptor_names=lambda at: {"socket TCP": 3 + int(at), "file": 2},
    )  # fmt: skip
    heap = tuple(
        HeapSample(at, {"Row": 300}, HeapCount({"Row": 1_000 + int(at * 100), "Same": 500}, 10_000, 10_000, 1))
        for at in (1.0, 4.0, 7.0)
    )
    text = memory_page(picture(replace(window, heap=heap)), 90).plain
    lines = text.splitlines()
    assert lines[0].startswith("Resident 110 MiB (+10 MiB in 10 s, +60 MiB/min); objects that the collector watches")
    assert "   110 MiB▕" in text
    assert "+600     6,000  1,700  Row" in text
    assert "Of 900 objects that had just been created, 100% Row." in text
    assert "threads       4   14   +10" in text
    assert "file         20   30   +10" in text
    assert "30 of at most 1,024 descriptors are open." in text
    assert " +10  socket TCP" in text
    assert "Press a to let a probe in." in " ".join(text.split())
    assert "Containers that grow" not in text


def test_from_inside_who_keeps_what_grows_and_who_starts_threads() -> None:
    window = with_probe(scene(idle_main()))
    starts = (ThreadStart((app(12, "spawn"),), 40),)
    last = replace(window.probe[-1], blocks=1_500, keepers=Keepers(3, 4_000, True, (KEEPER,)), starts=starts)
    text = memory_page(picture(replace(window, probe=(*window.probe[:-1], last)), inside=True), 90).plain
    assert "blocks 1,500 (+500 in 10 s, +3,000/min)" in " ".join(text.split())
    assert "shop.SESSIONS (list)" in text
    assert "40  threads started  app.py:12 spawn" in text
    assert "let a probe in" not in text

    none = replace(last, keepers=Keepers(3, 4_000, True, ()))
    text = memory_page(picture(replace(window, probe=(none,)), inside=True), 90).plain
    assert "None. Where memory grows slowly, look for longer: ] judges a longer time." in text


def test_without_the_kernels_word_it_says_so() -> None:
    window = scene(idle_main())
    text = memory_page(picture(replace(window, process=())), 90).plain
    assert "was not seen yet" in text
    assert "They were not counted yet." in text
    blind = tuple(replace(sample, descriptors=None) for sample in window.process)
    assert "could not be read" in memory_page(picture(replace(window, process=blind)), 90).plain
