"""The collector's account in lines and as data."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kdiag.core.heap import Churn, HeapGrowth, TypeGrowth
from kdiag.core.model import Allocator, Collection, CollectorAccount, Frame
from kdiag.core.report import collector
from kdiag.core.report.style import PLAIN

STANDARD = Frame("/usr/lib/python3.11/copy.py", 128, "deepcopy")
FILL = Frame("/srv/shop/orders.py", 29, "Order.fill")
OURS = Frame("<kdiag>/probe/sensors/gc.py", 9, "drain")
ALLOCATORS = (
    Allocator((OURS,), 3, "", 1, 0.001, 0),
    Allocator((STANDARD, FILL), 1, "worker\n", 90, 0.399, 0),
    Allocator((FILL,), 1, "worker", 9, 0.1, 9),
)
ACCOUNT = CollectorAccount(
    1.0,
    (0.1, 0.1, 0.3),
    (1_200, 100, 10),
    (5_000, 0, 1),
    (0, 0, 0),
    0.127,
    9,
    1_310,
    (700, 10, 10),
    True,
    0,
    ALLOCATORS,
)
COLLECTION = Collection(4.5, 0.0123, 2, 1_200, 0, "worker", (STANDARD, FILL), False)


def render(account: CollectorAccount, pauses: tuple[tuple[int, int], ...] = ()) -> str:
    return "\n".join(collector.render(replace(account, pauses=pauses), PLAIN, 100))


def test_a_row_stands_under_its_heading() -> None:
    head, row = collector.heading(PLAIN), collector.row(ACCOUNT, 1.04)
    assert row.split() == ["1.0", "s", "50%", "1,200", "100", "10", "127", "ms", "5,001"]
    assert len(head) == len(row)
    assert head.index("SHARE") + len("SHARE") == row.index("50%") + len("50%")


def test_a_second_without_a_collection_has_no_longest_one() -> None:
    idle = replace(ACCOUNT, seconds=(0.0,) * 3, collections=(0,) * 3, collected=(0,) * 3, longest_s=0.0)
    assert collector.row(idle, 2.0).split() == ["2.0", "s", "0%", "0", "0", "0", "-", "0"]
    assert render(replace(idle, allocators=(), asked=0)).splitlines()[0] == (
        "0% of the time goes to the collector: 0 collections in 1.0 s."
    )


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "    4.500 s  gen 2    12.3 ms  freed 1,200  orders.py:29 Order.fill [worker]"),
        ({"frames": (), "thread": ""}, "    4.500 s  gen 2    12.3 ms  freed 1,200"),
        ({"asked": True, "uncollectable": 3, "frames": (), "thread": ""},
         "    4.500 s  gen 2    12.3 ms  freed 1,200, 3 uncollectable, by hand"),
    ],
)  # fmt: skip
def test_one_collection(changes: dict[str, object], line: str) -> None:
    assert collector.traced(replace(COLLECTION, **changes)) == line  # type: ignore[arg-type]


def test_the_sum_says_who_makes_it_work() -> None:
    text = render(ACCOUNT, ((17, 1_200), (24, 100), (27, 9), (31, 1)))
    assert "50% of the time goes to the collector: 1,310 collections in 1.0 s, 500 ms in all" in text
    assert "Thresholds 700, 10, 10. At least 9 collections were asked for by hand." in text
    rows = [line.split() for line in text.splitlines()]
    assert ["0", "1,200", "1,200", "100", "ms", "5,000", "700"] in rows
    assert ["under", "1", "ms", "1,200", "█" * 20] in rows
    assert ["8", "to", "134", "ms", "109", "██"] in rows
    assert ["over", "1.1", "s", "1", "█"] in rows
    assert ["80%", "90", "orders.py:29", "Order.fill", "worker"] in rows
    assert ["20%", "9", "orders.py:29", "Order.fill", "(by", "hand)", "worker"] in rows
    assert ["0%", "1", "kdiag's", "own", "probe", "-"] in rows
    assert "\n\n\n" not in text


def test_what_is_special_is_said() -> None:
    text = " ".join(render(replace(ACCOUNT, enabled=False, frozen=5_000, timed=1_000)).split())
    assert "switched off" in text
    assert "5,000 objects are frozen" in text
    assert "310 of them were not timed" in text
    assert "500 more" in collector.missed(500)


def test_the_same_as_data() -> None:
    data = collector.to_json(replace(ACCOUNT, pauses=((17, 1_200),)), pid=7, interrupted=True)
    assert (data["pid"], data["share"], data["interrupted"]) == (7, 0.5, True)
    assert data["pauses"] == [{"from_ns": 65_536, "to_ns": 131_072, "collections": 1_200}]
    assert [each["asked"] for each in data["places"]] == [0, 9, 0]
    assert data["places"][0]["frames"][1] == {"file": FILL.file, "line": 29, "function": "Order.fill"}
    assert collector.trace_to_json(COLLECTION)["at_s"] == 4.5


def test_the_types_that_it_works_for_are_told() -> None:
    made = Churn((("list", 650), ("Line", 300)), 1_000, 4)
    grown = HeapGrowth((TypeGrowth("Order", 100, 900),), 8.0, 4, 1.0, 12_000)
    text = "\n".join(collector.types(made, grown, PLAIN, 100))
    assert "Of 1,000 objects that had just been created, 65% list, 30% Line." in text
    assert "+800" in text
    data = collector.types_to_json(made, grown)
    assert data["created"]["shares"][0] == {"type": "list", "share": 0.65}
    assert data["growing"]["growing"] == [{"type": "Order", "before": 100, "after": 900}]

    assert "could not be counted" in "\n".join(collector.types(None, None, PLAIN, 100))
    assert collector.types_to_json(None, None) == {"created": None, "growing": None}
