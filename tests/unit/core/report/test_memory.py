"""What `kdiag memory` writes: tables for people, the same as data, and words where there is nothing to tell."""

from __future__ import annotations

import json

import pytest

from kdiag.core.heap import HeapGrowth, TypeGrowth
from kdiag.core.model import AllocationLine, Allocations, Creation, Frame, Keeper, Keepers
from kdiag.core.report import memory
from kdiag.core.report.style import PLAIN

GROWN = HeapGrowth((TypeGrowth("Session", 1_000, 4_000),), 6.0, 3, 0.5, 500_000)
KEEPER = Keeper(
    "shop.cache", ".SESSIONS[…]", "/srv/shop/cache.py", 0, "list", 3, 100, 700, 6.0, (("shop.Session", 8),), 2_048
)
SEEN = Keepers(3, 4_000, True, (KEEPER,))
LINES = (
    AllocationLine((Frame("/usr/lib/python3.11/json/decoder.py", 3, ""), Frame("/srv/shop/api.py", 9, "")), 40, 80_000),
)


def test_all_there_is() -> None:
    created = Creation("socket", LINES[0].frames, 7)
    traced = Allocations("done", 5.0, False, LINES, (created,))
    assert list(memory.render(GROWN, SEEN, traced, PLAIN, 120)) == [
        "Types that grow (500,000 objects looked at, 50% of all, the newest, in 6.0 s)",
        "  MORE  A MINUTE    NOW  TYPE",
        "+3,000    30,000  4,000  Session",
        "",
        "Containers that grow (3 walks from all modules, 4,000 objects looked at)",
        "MORE  A MINUTE         ABOUT  CONTAINER                      OF",
        "+600     6,000  11.7 MiB/min  shop.cache.SESSIONS[…] (list)  shop.Session",
        "",
        "Allocated in 5.0 s, and still alive",
        "   BYTES  BLOCKS  AT",
        "78.1 KiB      40  api.py:9",
        "",
        "Opened or started in 5.0 s, and still there",
        "COUNT  OF       AT",
        "    7  sockets  api.py:9",
    ]
    told = memory.to_json(GROWN, SEEN, traced)
    json.dumps(told)
    assert told["keepers"]["growing"][0]["name"] == "shop.cache.SESSIONS[…]"
    assert told["allocations"]["lines"][0]["frames"][1] == {"file": "/srv/shop/api.py", "line": 9}
    assert told["allocations"]["created"][0]["count"] == 7


@pytest.mark.parametrize(
    ("state", "words"), [("too-many", "try a shorter time"), ("switched-off", "itself"), ("tracing", "did not end")]
)
def test_nothing(state: str, words: str) -> None:
    nothing = Keepers(1, 40, False, ())
    text = "\n".join(memory.render(None, nothing, Allocations(state, 0.0, False, ()), PLAIN, 120))
    assert "could not be counted by type" in text
    assert "None. Watch for longer" in text
    assert words in text
    flat = "\n".join(memory.render(HeapGrowth((), 6.0, 3, 1.0, 500), nothing, None, PLAIN, 120))
    assert "None of those that the collector watches" in flat
    assert memory.to_json(None, nothing, None)["types"] is None


def test_a_row() -> None:
    assert memory.row(1.0, 22 << 20, 44_950, None).split() == ["1.0", "s", "22", "MiB", "44,950", "-"]
    assert len(memory.row(1.0, 22 << 20, 44_950, 13_285)) == len(memory.heading(PLAIN))
