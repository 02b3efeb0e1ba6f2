"""Numbers as pictures of several lines: a gauge with its threshold, and a curve with its extremes. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from kdiag.core.report.quantity import quantity

if TYPE_CHECKING:
    from collections.abc import Sequence

_BLOCKS = " ▁▂▃▄▅▆▇█"
_STEPS = len(_BLOCKS) - 1
_LABEL = 11  # columns
_LEVELS = ("green", "bold yellow", "bold red")


def gauge(value: float, marks: Sequence[float], full: float, width: int) -> Text:
    """A bar that is `width` columns at `full`, with a mark where each threshold is; full beyond it."""
    filled = max(0, min(width, round(width * value / full)))
    level = sum(value >= mark for mark in marks)
    text = Text("█" * filled + "░" * (width - filled), no_wrap=True)
    text.stylize(_LEVELS[min(level, len(_LEVELS) - 1)], 0, filled)
    text.stylize("dim", filled, width)
    plain = list(text.plain)
    for mark in marks:
        if 0 < mark < full:
            plain[min(width - 1, round(width * mark / full))] = "┃"
    text.plain = "".join(plain)
    return text


def chart(values: Sequence[float], unit: str, width: int, height: int, *, zero: bool, full: float = 0.0) -> list[Text]:
    """The last values as a curve of `height` lines, the newest at the right, with its extremes at the left.

    Args:
        values: what is drawn, one a column.
        unit: theirs, as `quantity` has it.
        width: columns in all.
        height: lines.
        zero: the lowest line stands for nothing, not for the least value.
        full: what the highest line stands for at least.
    """
    shown = list(values[-max(1, width - _LABEL - 1) :])
    if not shown:
        return []
    low = 0.0 if zero else min(shown)
    high = max(*shown, full, low)
    span = (high - low) or 1.0
    levels = [max(1, round((value - low) / span * height * _STEPS)) for value in shown]
    lines = []
    for row in reversed(range(height)):
        label = quantity(high, unit) if row == height - 1 else quantity(low, unit) if row == 0 else ""
        bars = "".join(_BLOCKS[max(0, min(_STEPS, level - row * _STEPS))] for level in levels)
        lines.append(Text.assemble((label.rjust(_LABEL), "dim"), ("▕", "dim"), (bars, "cyan"), no_wrap=True))
    return lines
