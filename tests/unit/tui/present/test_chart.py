"""Gauges and curves."""

from __future__ import annotations

import pytest

from kdiag.tui.present.chart import chart, gauge


@pytest.mark.parametrize(("value", "bar", "style"), [
    (0.0, "░░┃░░░░┃░░░░░░░░░░░░", "dim"), (0.05, "█░┃░░░░┃░░░░░░░░░░░░", "green"),
    (0.25, "██┃██░░┃░░░░░░░░░░░░", "bold yellow"), (2.0, "██┃████┃████████████", "bold red"),
])  # fmt: skip
def test_a_gauge_tells_the_thresholds_and_which_are_passed(value: float, bar: str, style: str) -> None:
    text = gauge(value, (0.1, 0.35), 1.0, 20)
    assert text.plain == bar
    assert style in [span.style for span in text.spans if span.start == 0 and span.end]


def test_a_curve_has_its_extremes_at_the_left_and_the_newest_at_the_right() -> None:
    lines = [line.plain for line in chart([0.0, 0.25, 0.5], "ratio", 40, 2, zero=True, full=0.5)]
    assert lines == ["       50 %▕  █", "        0 %▕▁██"]
    memory = [line.plain for line in chart([1024.0 * n for n in range(100)], "bytes", 20, 3, zero=False)]
    assert memory[0].startswith("     99 KiB▕")
    assert memory[2].startswith("     92 KiB▕▁")
    assert {len(line) for line in memory} == {20}
    assert chart([], "bytes", 20, 3, zero=False) == []
    assert [line.plain[12:] for line in chart([5.0] * 3, "bytes", 20, 2, zero=False)] == ["   ", "▁▁▁"]
